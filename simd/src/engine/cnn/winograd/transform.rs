//! The transforms of F(4, 3) along one edge, with the points 0, ±1, ±2, ∞.

use fearless_simd::{f32x16, prelude::*};

/// Outputs of a tile along one edge.
pub const OUTPUTS: usize = 4;

/// Inputs of a tile along one edge, and elements of a transformed tile.
pub const INPUTS: usize = 6;

/// Elements of a transformed tile.
pub const PLACES: usize = INPUTS * INPUTS;

/// G g of a filter g.
#[inline(always)]
pub fn filter<S: Simd>(simd: S, [a, b, c]: [f32x16<S>; 3]) -> [f32x16<S>; INPUTS] {
    let [quarter, sixth, twelfth, last] =
        [1.0 / 4.0, 1.0 / 6.0, 1.0 / 12.0, 1.0 / 24.0].map(|x| f32x16::splat(simd, x));
    let (even, wide) = (-(a + c) * sixth, sixth.mul_add(c, a * last));
    let (odd, far) = (b * sixth, b * twelfth);
    [a * quarter, even - odd, even + odd, wide + far, wide - far, c]
}

/// Bᵀ d of inputs d.
#[inline(always)]
pub fn inputs<S: Simd>(simd: S, d: [S::f32s; INPUTS]) -> [S::f32s; INPUTS] {
    let [two, four, less, five] = [2.0, 4.0, -4.0, -5.0].map(|x| S::f32s::splat(simd, x));
    let (a, b) = (less.mul_add(d[2], d[4]), less.mul_add(d[1], d[3]));
    let (c, e) = (d[4] - d[2], d[3] - d[1]);
    [
        four.mul_add(d[0], five.mul_add(d[2], d[4])),
        a + b,
        a - b,
        two.mul_add(e, c),
        c - two * e,
        four.mul_add(d[1], five.mul_add(d[3], d[5])),
    ]
}

/// Aᵀ m of products m.
#[inline(always)]
pub fn outputs<S: Simd>(simd: S, m: [S::f32s; INPUTS]) -> [S::f32s; OUTPUTS] {
    let [two, four, eight] = [2.0, 4.0, 8.0].map(|x| S::f32s::splat(simd, x));
    let (a, b) = (m[1] + m[2], m[1] - m[2]);
    let (c, e) = (m[3] + m[4], m[3] - m[4]);
    [m[0] + a + c, two.mul_add(e, b), four.mul_add(c, a), eight.mul_add(e, b) + m[5]]
}

/// A dy: the transpose of [`outputs`].
#[inline(always)]
pub fn output_gradient<S: Simd>(simd: S, y: [S::f32s; OUTPUTS]) -> [S::f32s; INPUTS] {
    let [two, four] = [2.0, 4.0].map(|x| S::f32s::splat(simd, x));
    let (a, b) = (y[0] + y[2], y[1] + y[3]);
    let (c, e) = (four.mul_add(y[2], y[0]), two * four.mul_add(y[3], y[1]));
    [y[0], a + b, a - b, c + e, c - e, y[3]]
}

/// Gᵀ m: the transpose of [`filter`].
#[inline(always)]
pub fn filter_gradient<S: Simd>(simd: S, m: [f32x16<S>; INPUTS]) -> [f32x16<S>; 3] {
    let [quarter, sixth, twelfth, last] =
        [1.0 / 4.0, 1.0 / 6.0, 1.0 / 12.0, 1.0 / 24.0].map(|x| f32x16::splat(simd, x));
    let (a, b) = ((m[1] + m[2]) * sixth, (m[2] - m[1]) * sixth);
    let (c, e) = (m[3] + m[4], m[3] - m[4]);
    [quarter.mul_add(m[0], last.mul_add(c, -a)), twelfth.mul_add(e, b), sixth.mul_add(c, m[5]) - a]
}

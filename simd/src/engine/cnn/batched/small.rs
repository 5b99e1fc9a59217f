//! F(2 × 2, 3 × 3) on planes of at most 2 × 2 with a padding of 1: one tile, of whose 4 × 4 inputs only the inner ones are not
//! in the padding. The points are 0, ±1, ∞.

use crate::engine::cnn::convolution::{Epilogue, Taps};
use crate::engine::cnn::planes::{GROUP_LEN, Pixel, Planes};
use crate::engine::cnn::register_tiles::height;
use fearless_simd::{f32x16, prelude::*};

/// Elements of a transformed tile along one edge.
const EDGE: usize = 4;

/// Elements of a transformed tile.
pub const PLACES: usize = EDGE * EDGE;

/// Bᵀ d of the inputs (0, a, b, 0).
#[inline(always)]
fn inputs<S: Simd>([a, b]: [f32x16<S>; 2]) -> [f32x16<S>; EDGE] {
    [-b, a + b, b - a, a]
}

/// Aᵀ m of products m.
#[inline(always)]
fn outputs<S: Simd>(m: [f32x16<S>; EDGE]) -> [f32x16<S>; 2] {
    [m[0] + (m[1] + m[2]), (m[1] - m[2]) - m[3]]
}

/// A dy: the transpose of [`outputs`].
#[inline(always)]
fn output_gradient<S: Simd>([a, b]: [f32x16<S>; 2]) -> [f32x16<S>; EDGE] {
    [a, a + b, a - b, -b]
}

/// G g of a filter g.
#[inline(always)]
fn filter<S: Simd>([a, b, c]: [f32x16<S>; 3]) -> [f32x16<S>; EDGE] {
    let even = (a + c) * 0.5;
    let odd = b * 0.5;
    [a, even + odd, even - odd, c]
}

/// Gᵀ m: the transpose of [`filter`].
#[inline(always)]
fn filter_gradient<S: Simd>(m: [f32x16<S>; EDGE]) -> [f32x16<S>; 3] {
    let (even, odd) = ((m[1] + m[2]) * 0.5, (m[1] - m[2]) * 0.5);
    [m[0] + even, odd, even + m[3]]
}

/// Writes Bᵀ d B of all channels, or A dy Aᵀ if `gradient`.
///
/// # Layout
/// `to` (places, channels), with `pitch` pixels from one place to the next.
#[inline(always)]
pub fn read<S: Simd>(simd: S, gradient: bool, x: (&[Pixel], &Planes), to: &mut [Pixel], pitch: usize) {
    let zero = f32x16::splat(simd, 0.0);
    for channel in 0..x.1.channels {
        let mut d = [[zero; 2]; 2];
        for (row, line) in d.iter_mut().zip(x.1.rows(channel)) {
            row.iter_mut().zip(&x.0[line]).for_each(|(d, x)| *d = f32x16::from_slice(simd, x));
        }
        let transform = |d| if gradient { output_gradient(d) } else { inputs(d) };
        let half = d.map(transform);
        for c in 0..EDGE {
            let column = transform([half[0][c], half[1][c]]);
            for (r, x) in column.into_iter().enumerate() {
                x.store_slice(&mut to[(r * EDGE + c) * pitch + channel]);
            }
        }
    }
}

/// Writes the outputs Aᵀ m A of all channels.
///
/// # Layout
/// `from` (places, channels, N), of which a group has element `at`.
#[inline(always)]
pub fn write<S: Simd>(
    simd: S,
    from: &[Pixel],
    (count, at): (usize, usize),
    y: (&mut [Pixel], &Planes),
    epilogue: &Epilogue,
) {
    let zero = f32x16::splat(simd, 0.0);
    let pitch = y.1.channels * count;
    for channel in 0..y.1.channels {
        let bias = f32x16::splat(simd, epilogue.bias.get(channel).copied().unwrap_or(0.0));
        let mut half = [[zero; EDGE]; 2];
        for c in 0..EDGE {
            let mut column = [zero; EDGE];
            for (r, m) in column.iter_mut().enumerate() {
                *m = f32x16::from_slice(simd, &from[(r * EDGE + c) * pitch + channel * count + at]);
            }
            let [a, b] = outputs(column);
            (half[0][c], half[1][c]) = (a, b);
        }
        for (half, line) in half.into_iter().zip(y.1.rows(channel)) {
            for (x, y) in outputs(half).into_iter().zip(&mut y.0[line]) {
                let mut sum = x + bias;
                if epilogue.add {
                    sum += f32x16::from_slice(simd, y);
                }
                if epilogue.relu {
                    sum = sum.simd_lt(zero).select(zero, sum);
                }
                sum.store_slice(y);
            }
        }
    }
}

/// Writes G g Gᵀ of all filters.
///
/// # Layout
/// `weight` (O, I, 3, 3); `packed` (places; tiles of outputs; inputs; outputs of the tile).
#[inline(always)]
pub fn pack<S: Simd>(
    simd: S,
    taps: &Taps,
    (inputs, outputs): (usize, usize),
    weight: &[f32],
    packed: &mut [f32],
) {
    let mut output = 0;
    while output < outputs {
        let height = height(output, outputs);
        let filters = output * inputs..(output + height) * inputs;
        for first in filters.clone().step_by(GROUP_LEN) {
            let count = GROUP_LEN.min(filters.end - first);
            let mut g = [[[0.0; GROUP_LEN]; 3]; 3];
            for (lane, at) in (first - filters.start..filters.len()).take(count).enumerate() {
                for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                    g[a][b][lane] = weight[taps.at(output + at % height, at / height, [a, b])];
                }
            }
            let g = g.map(|row| filter(row.map(|x| f32x16::from_slice(simd, &x))));
            for c in 0..EDGE {
                let column = filter([g[0][c], g[1][c], g[2][c]]);
                for (r, x) in column.into_iter().enumerate() {
                    let to = &mut packed[(r * EDGE + c) * inputs * outputs + first..][..count];
                    to.copy_from_slice(&x.as_slice()[..count]);
                }
            }
        }
        output += height;
    }
}

/// Adds Gᵀ m G of the sums from number `first` of 16 filters on to a part of the gradient, (O, I, 3, 3).
///
/// # Layout
/// `sums` (places, O, blocks of 16 inputs).
#[inline(always)]
pub fn transform_sums<S: Simd>(simd: S, sums: &[Pixel], first: usize, gradient: &mut [f32]) {
    let pitch = sums.len() / PLACES;
    let gradient = gradient.as_chunks_mut::<9>().0.as_chunks_mut::<GROUP_LEN>().0;
    for (at, filters) in (first..).zip(gradient) {
        let mut half = [[f32x16::splat(simd, 0.0); EDGE]; 3];
        for c in 0..EDGE {
            let place = |r: usize| f32x16::from_slice(simd, &sums[(r * EDGE + c) * pitch + at]);
            let column = filter_gradient([place(0), place(1), place(2), place(3)]);
            for (row, x) in half.iter_mut().zip(column) {
                row[c] = x;
            }
        }
        for (a, row) in half.into_iter().enumerate() {
            for (b, x) in filter_gradient(row).into_iter().enumerate() {
                let lanes = x.as_slice();
                filters.iter_mut().zip(lanes).for_each(|(filter, x)| filter[a * 3 + b] += x);
            }
        }
    }
}

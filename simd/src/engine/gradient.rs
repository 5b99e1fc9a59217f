//! What a step does to the gradient before control points move: weight decay, tangent removal
//! ([`valleys_core::engine::tangent`]), the limit of its norm.

use super::moves::{add_scaled, vectors, vectors_mut};
use super::slots::Slots;
use fearless_simd::{Level, dispatch, prelude::*};
use valleys_core::engine::{Mix, tangent};
use valleys_core::simplex::MAX_VERTICES;

/// Removes the given share of the component of g in the span of the differences of the mix's control points. All slices
/// have the stride of the slots.
pub fn remove_tangent(level: Level, slots: &Slots, share: f32, mix: &Mix, gradient: &mut [f32]) {
    dispatch!(level, simd => {
        // The number of directions is constant, so that their sums stay in registers. Mixes of more than four control
        // points are rare: directions of length 0 fill them up, and change nothing.
        match mix.len() {
            0 | 1 => {}
            2 => remove::<_, 1>(simd, slots, mix, share, gradient),
            3 => remove::<_, 2>(simd, slots, mix, share, gradient),
            4 => remove::<_, 3>(simd, slots, mix, share, gradient),
            _ => remove::<_, { MAX_VERTICES - 1 }>(simd, slots, mix, share, gradient),
        }
    });
}

/// g ← g + λθ.
pub fn add_decay(level: Level, decay: f32, theta: &[f32], gradient: &mut [f32]) {
    dispatch!(level, simd => add_scaled(simd, decay, theta, gradient));
}

/// Scales a vector down to a Euclidean norm if it is longer. Its padding is 0.
pub fn limit_norm(level: Level, norm: f32, gradient: &mut [f32]) {
    dispatch!(level, simd => {
        let mut square = 0.0;
        // Sums of f32 are short, so that they neither lose digits nor depend on the length.
        for part in gradient.chunks(1 << 10) {
            square += f64::from(square_sum(simd, part));
        }
        let factor = f64::from(norm) / square.sqrt();
        if factor < 1.0 {
            scale_all(simd, factor as f32, gradient);
        }
    });
}

#[inline(always)]
fn square_sum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let mut sum = S::f32s::splat(simd, 0.0);
    for x in vectors::<S>(x) {
        let x = S::f32s::from_slice(simd, x);
        sum = x.mul_add(x, sum);
    }
    sum.as_slice().iter().sum()
}

#[inline(always)]
fn scale_all<S: Simd>(simd: S, factor: f32, x: &mut [f32]) {
    let factor = S::f32s::splat(simd, factor);
    vectors_mut::<S>(x).for_each(|x| (factor * S::f32s::from_slice(simd, x)).store_slice(x));
}

#[inline(always)]
fn remove<S: Simd, const N: usize>(simd: S, slots: &Slots, mix: &Mix, share: f32, gradient: &mut [f32]) {
    let base = slots.point(mix[0].0 as usize);
    let mut others = [base; N];
    others.iter_mut().zip(&mix[1..]).for_each(|(other, &(slot, _))| *other = slots.point(slot as usize));
    let zero = S::f32s::splat(simd, 0.0);
    let (mut gram, mut product) = ([[zero; N]; N], [zero; N]);
    for start in (0..gradient.len()).step_by(S::f32s::LEN) {
        let at = start..start + S::f32s::LEN;
        let load = |x: &[f32]| S::f32s::from_slice(simd, &x[at.clone()]);
        let (b, g) = (load(base), load(gradient));
        let mut d = [zero; N];
        for i in 0..N {
            d[i] = load(others[i]) - b;
            product[i] = d[i].mul_add(g, product[i]);
            for j in 0..=i {
                gram[i][j] = d[i].mul_add(d[j], gram[i][j]);
            }
        }
    }
    let sum = |x: S::f32s| x.as_slice().iter().map(|&x| f64::from(x)).sum::<f64>();
    let (mut products, mut grams) = ([0.0; MAX_VERTICES], [[0.0; MAX_VERTICES]; MAX_VERTICES]);
    for i in 0..N {
        products[i] = sum(product[i]);
        for j in 0..=i {
            grams[i][j] = sum(gram[i][j]);
            grams[j][i] = grams[i][j];
        }
    }
    let coefficients = tangent::coefficients(grams, products, N);
    let mut minus = [zero; N];
    for i in 0..N {
        minus[i] = S::f32s::splat(simd, -share * coefficients[i] as f32);
    }
    for start in (0..gradient.len()).step_by(S::f32s::LEN) {
        let at = start..start + S::f32s::LEN;
        let load = |x: &[f32]| S::f32s::from_slice(simd, &x[at.clone()]);
        let b = load(base);
        let mut g = load(gradient);
        for i in 0..N {
            g = minus[i].mul_add(load(others[i]) - b, g);
        }
        g.store_slice(&mut gradient[at]);
    }
}

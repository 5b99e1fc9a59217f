//! The part of a gradient across a simplex; see [`valleys_core::engine::tangent`].

use super::sgd::{Sgd, each, vectors};
use fearless_simd::prelude::*;
use valleys_core::engine::{Mix, StepParams, tangent};
use valleys_core::simplex::MAX_VERTICES;

/// g ← g + λθ, then less the course's share of its part along the differences of the mix's control points.
#[inline(always)]
pub fn project<S: Simd>(
    simd: S,
    slots: &Sgd,
    course: &StepParams,
    mix: &Mix,
    theta: &[f32],
    gradient: &mut [f32],
) {
    let decay = S::f32s::splat(simd, course.weight_decay);
    for (g, theta) in each::<S>(gradient).zip(vectors::<S>(theta)) {
        decay.mul_add(S::f32s::from_slice(simd, theta), S::f32s::from_slice(simd, g)).store_slice(g);
    }
    let share = course.tangent_removal;
    // The number of directions is a constant of the loops, so that their sums stay in registers.
    match mix.len() {
        0 | 1 => {}
        2 => remove::<S, 1>(simd, slots, mix, share, gradient),
        3 => remove::<S, 2>(simd, slots, mix, share, gradient),
        4 => remove::<S, 3>(simd, slots, mix, share, gradient),
        5 => remove::<S, 4>(simd, slots, mix, share, gradient),
        6 => remove::<S, 5>(simd, slots, mix, share, gradient),
        7 => remove::<S, 6>(simd, slots, mix, share, gradient),
        _ => remove::<S, 7>(simd, slots, mix, share, gradient),
    }
}

#[inline(always)]
fn remove<S: Simd, const N: usize>(simd: S, slots: &Sgd, mix: &Mix, share: f32, gradient: &mut [f32]) {
    let base = slots.centre(mix[0].0 as usize);
    let others: [&[f32]; N] = core::array::from_fn(|i| slots.centre(mix[i + 1].0 as usize));
    let zero = S::f32s::splat(simd, 0.0);
    let (mut gram, mut product) = ([[zero; N]; N], [zero; N]);
    for start in (0..gradient.len()).step_by(S::f32s::LEN) {
        let at = start..start + S::f32s::LEN;
        let load = |x: &[f32]| S::f32s::from_slice(simd, &x[at.clone()]);
        let (b, g) = (load(base), load(gradient));
        let d: [S::f32s; N] = core::array::from_fn(|i| load(others[i]) - b);
        for i in 0..N {
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
    let minus: [S::f32s; N] = core::array::from_fn(|i| S::f32s::splat(simd, -share * coefficients[i] as f32));
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

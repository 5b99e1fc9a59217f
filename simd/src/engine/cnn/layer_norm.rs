//! Layer norm over all elements of a sample.

use super::planes::{Pixel, Planes};
use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use valleys_core::kernels::batch_norm::EPSILON;

/// y = γ (x − mean) / √(variance + ε) + β. `parameters`: γ, then β, both (C, H, W).
pub fn forward(level: Level, parameters: &[f32], x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => forward_with(simd, parameters, x, y));
}

#[inline(always)]
fn forward_with<S: Simd>(simd: S, parameters: &[f32], x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    let (gamma, beta) = parameters.split_at(parameters.len() / 2);
    let [mean, inverse] = moments(simd, x);
    let mut parameters = gamma.iter().zip(beta);
    for (from, to) in x.1.all_rows().zip(y.1.all_rows()) {
        for ((x, y), (&gamma, &beta)) in x.0[from].iter().zip(&mut y.0[to]).zip(&mut parameters) {
            let normalised = (f32x16::from_slice(simd, x) - mean) * inverse;
            normalised.mul_add(f32x16::splat(simd, gamma), f32x16::splat(simd, beta)).store_slice(y);
        }
    }
}

/// dx = (g − mean(g) − x̂ mean(g x̂)) / √(variance + ε) for g = γ dy and the normalised input x̂, added to dx if `add`; dγ and
/// dβ are added to the gradient of the parameters. Without dx only the latter.
pub fn backward(
    level: Level,
    gamma: &[f32],
    add: bool,
    x: (&[Pixel], &Planes),
    dy: (&[Pixel], &Planes),
    gradient: &mut [f32],
    dx: Option<(&mut [Pixel], &Planes)>,
) {
    dispatch!(level, simd => backward_with(simd, gamma, add, x, dy, gradient, dx));
}

#[inline(always)]
fn backward_with<S: Simd>(
    simd: S,
    gamma: &[f32],
    add: bool,
    x: (&[Pixel], &Planes),
    dy: (&[Pixel], &Planes),
    gradient: &mut [f32],
    dx: Option<(&mut [Pixel], &Planes)>,
) {
    let [mean, inverse] = moments(simd, x);
    let zero = f32x16::splat(simd, 0.0);
    let (dgamma, dbeta) = gradient.split_at_mut(gamma.len());
    let mut parameters = gamma.iter().zip(dgamma.iter_mut().zip(dbeta));
    // Sums of a row are added to those of the others: the error of an f32 sum grows with its length.
    let (mut sum, mut product) = (zero, zero);
    for (from, to) in x.1.all_rows().zip(dy.1.all_rows()) {
        let mut of_row = [zero; 2];
        for ((x, dy), (&gamma, (dgamma, dbeta))) in x.0[from].iter().zip(&dy.0[to]).zip(&mut parameters) {
            let normalised = (f32x16::from_slice(simd, x) - mean) * inverse;
            let dy = f32x16::from_slice(simd, dy);
            *dgamma += (dy * normalised).reduce_sum();
            *dbeta += dy.reduce_sum();
            let g = f32x16::splat(simd, gamma) * dy;
            of_row = [of_row[0] + g, g.mul_add(normalised, of_row[1])];
        }
        sum += of_row[0];
        product += of_row[1];
    }
    let Some((to, planes)) = dx else { return };
    let share = f32x16::splat(simd, 1.0 / gamma.len() as f32);
    let (sum, product) = (sum * share, product * share);
    let mut gamma = gamma.iter();
    for ((from, at), into) in x.1.all_rows().zip(dy.1.all_rows()).zip(planes.all_rows()) {
        let rows = x.0[from].iter().zip(&dy.0[at]).zip(&mut to[into]);
        for (((x, dy), dx), &gamma) in rows.zip(&mut gamma) {
            let normalised = (f32x16::from_slice(simd, x) - mean) * inverse;
            let g = f32x16::splat(simd, gamma) * f32x16::from_slice(simd, dy);
            let slope = inverse * (g - sum - normalised * product);
            let slope = if add { slope + f32x16::from_slice(simd, dx) } else { slope };
            slope.store_slice(dx);
        }
    }
}

/// Mean of each sample, and 1 / √(biased variance + ε).
#[inline(always)]
fn moments<S: Simd>(simd: S, x: (&[Pixel], &Planes)) -> [f32x16<S>; 2] {
    let zero = f32x16::splat(simd, 0.0);
    let count = f32x16::splat(simd, (x.1.channels * x.1.height * x.1.width) as f32);
    let load = |x: &Pixel| f32x16::from_slice(simd, x);
    let mut sum = zero;
    for row in x.1.all_rows() {
        sum += x.0[row].iter().fold(zero, |sum, x| sum + load(x));
    }
    let mean = sum / count;
    let mut squares = zero;
    for row in x.1.all_rows() {
        squares += x.0[row].iter().fold(zero, |sum, x| {
            let gap = load(x) - mean;
            gap.mul_add(gap, sum)
        });
    }
    let deviation = (squares / count + f32x16::splat(simd, EPSILON as f32)).sqrt();
    [mean, f32x16::splat(simd, 1.0) / deviation]
}

//! y = γ (x − mean) / √(variance + ε) + β, mean and variance over all elements of a sample, forward and backward
//! (Ba, Kiros and Hinton 2016).
//!
//! # Layout
//! `parameters` and their gradient: γ (N), then β (N), N the elements of a sample. `x`, `y`, `dx`, `dy` (B, N).

use super::batch_norm::EPSILON;
use nalgebra::{RealField, convert};

/// Normalises each sample by its own mean and biased variance.
pub fn forward<T: RealField + Copy>(parameters: &[T], x: &[T], y: &mut [T]) {
    let (gamma, beta) = parameters.split_at(parameters.len() / 2);
    for (x, y) in x.chunks_exact(gamma.len()).zip(y.chunks_exact_mut(gamma.len())) {
        let (mean, inverse) = moments(x);
        for (((y, &x), &gamma), &beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
            *y = (x - mean) * inverse * gamma + beta;
        }
    }
}

/// With x̂ the normalised input and g = γ dy: dβ = Σ dy, dγ = Σ dy x̂ over the samples, overwritten, and
/// dx += (g − mean(g) − x̂ mean(g x̂)) / √(variance + ε); an empty dx is not wanted.
pub fn backward<T: RealField + Copy>(parameters: &[T], x: &[T], dy: &[T], gradient: &mut [T], dx: &mut [T]) {
    let len = parameters.len() / 2;
    let gamma = &parameters[..len];
    let count = convert::<f64, T>(len as f64);
    gradient.fill(T::zero());
    let (dgamma, dbeta) = gradient.split_at_mut(len);
    for (sample, (x, dy)) in x.chunks_exact(len).zip(dy.chunks_exact(len)).enumerate() {
        let (mean, inverse) = moments(x);
        let (mut sum, mut product) = (T::zero(), T::zero());
        for i in 0..len {
            let normalised = (x[i] - mean) * inverse;
            dgamma[i] += dy[i] * normalised;
            dbeta[i] += dy[i];
            sum += gamma[i] * dy[i];
            product += gamma[i] * dy[i] * normalised;
        }
        let Some(dx) = dx.chunks_exact_mut(len).nth(sample) else { continue };
        for i in 0..len {
            let normalised = (x[i] - mean) * inverse;
            dx[i] += inverse * (gamma[i] * dy[i] - (sum + normalised * product) / count);
        }
    }
}

/// Mean, and 1 / √(biased variance + ε).
fn moments<T: RealField + Copy>(x: &[T]) -> (T, T) {
    let count = convert::<f64, T>(x.len() as f64);
    let mean = x.iter().fold(T::zero(), |sum, &x| sum + x) / count;
    let squares = x.iter().fold(T::zero(), |sum, &x| sum + (x - mean) * (x - mean));
    (mean, T::one() / (squares / count + convert(EPSILON)).sqrt())
}

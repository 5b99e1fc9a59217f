//! y = γ (x − mean) / √(variance + ε) + β per channel, forward and backward (Ioffe and Szegedy 2015).
//!
//! # Layout
//! `parameters` and their gradient: γ (C), then β (C). `statistics`: means (C), then variances (C). `x`, `y`, `dx`, `dy`
//! (B, C, H, W).

use nalgebra::{RealField, convert};

/// ε, as PyTorch has it.
pub const EPSILON: f64 = 1e-5;

/// Normalises with the statistics given, or with the batch's own: its mean and biased variance.
pub fn forward<T: RealField + Copy>(
    parameters: &[T],
    statistics: Option<&[T]>,
    x: &[T],
    y: &mut [T],
    batch: usize,
) {
    let channels = parameters.len() / 2;
    let area = x.len() / (channels * batch);
    for c in 0..channels {
        let (mean, variance) = match statistics {
            Some(given) => (given[c], given[channels + c]),
            None => moments(x, c, channels, area),
        };
        let scale = parameters[c] * inverse_deviation(variance);
        let y = y.chunks_exact_mut(area).skip(c).step_by(channels).flatten();
        for (y, &x) in y.zip(channel(x, c, channels, area).flatten()) {
            *y = (x - mean) * scale + parameters[channels + c];
        }
    }
}

/// Gradients through the batch's own statistics: with x̂ the normalised input and n = B·H·W,
/// dβ = Σ dy, dγ = Σ dy x̂, overwritten, and dx += γ / √(variance + ε) · (dy − (dβ + x̂ dγ) / n); an empty dx is not wanted.
pub fn backward<T: RealField + Copy>(
    parameters: &[T],
    x: &[T],
    dy: &[T],
    gradient: &mut [T],
    dx: &mut [T],
    batch: usize,
) {
    let channels = parameters.len() / 2;
    let area = x.len() / (channels * batch);
    let count = convert::<f64, T>((batch * area) as f64);
    for c in 0..channels {
        let (mean, variance) = moments(x, c, channels, area);
        let inverse = inverse_deviation(variance);
        let (mut dgamma, mut dbeta) = (T::zero(), T::zero());
        for (x, dy) in channel(x, c, channels, area).zip(channel(dy, c, channels, area)) {
            dbeta += sum(dy.iter().copied());
            dgamma += sum(x.iter().zip(dy).map(|(&x, &dy)| dy * (x - mean) * inverse));
        }
        (gradient[c], gradient[channels + c]) = (dgamma, dbeta);
        let dx = dx.chunks_exact_mut(area).skip(c).step_by(channels).flatten();
        let x = channel(x, c, channels, area).flatten();
        for ((dx, &dy), &x) in dx.zip(channel(dy, c, channels, area).flatten()).zip(x) {
            let normalised = (x - mean) * inverse;
            *dx += parameters[c] * inverse * (dy - (dbeta + normalised * dgamma) / count);
        }
    }
}

/// Adds `share` times the batch's mean and unbiased variance (divided by n − 1; by n where n = 1) to `statistics`.
pub fn accumulate<T: RealField + Copy>(x: &[T], batch: usize, share: T, statistics: &mut [T]) {
    let channels = statistics.len() / 2;
    let area = x.len() / (channels * batch);
    let count = batch * area;
    let unbiased = convert::<f64, T>(count as f64 / count.saturating_sub(1).max(1) as f64);
    for c in 0..channels {
        let (mean, variance) = moments(x, c, channels, area);
        statistics[c] += share * mean;
        statistics[channels + c] += share * variance * unbiased;
    }
}

/// Mean and biased variance of a channel.
fn moments<T: RealField + Copy>(x: &[T], c: usize, channels: usize, area: usize) -> (T, T) {
    let count = convert::<f64, T>((x.len() / channels) as f64);
    // Plane by plane: the error of an f32 sum grows with its length.
    let mean = sum(channel(x, c, channels, area).map(|x| sum(x.iter().copied()))) / count;
    let squares = |x: &[T]| sum(x.iter().map(|&x| (x - mean) * (x - mean)));
    (mean, sum(channel(x, c, channels, area).map(squares)) / count)
}

/// The planes of a channel, sample after sample.
fn channel<T>(x: &[T], c: usize, channels: usize, area: usize) -> impl Iterator<Item = &[T]> {
    x.chunks_exact(area).skip(c).step_by(channels)
}

fn inverse_deviation<T: RealField + Copy>(variance: T) -> T {
    T::one() / (variance + convert(EPSILON)).sqrt()
}

fn sum<T: RealField + Copy>(terms: impl Iterator<Item = T>) -> T {
    terms.fold(T::zero(), |sum, term| sum + term)
}

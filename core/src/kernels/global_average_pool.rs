//! The mean of each channel, forward and backward.
//!
//! # Layout
//! `x`, `dx` (B, C, H, W), `y`, `dy` (B, C).

use nalgebra::{RealField, convert};

/// y = Σ x / (H·W).
pub fn forward<T: RealField + Copy>(x: &[T], y: &mut [T]) {
    let area = x.len() / y.len();
    let share = T::one() / convert(area as f64);
    for (x, y) in x.chunks_exact(area).zip(y) {
        *y = x.iter().fold(T::zero(), |sum, &x| sum + x) * share;
    }
}

/// dx += dy / (H·W).
pub fn backward<T: RealField + Copy>(dy: &[T], dx: &mut [T]) {
    let area = (dx.len() / dy.len()).max(1);
    let share = T::one() / convert(area as f64);
    for (dx, &dy) in dx.chunks_exact_mut(area).zip(dy) {
        dx.iter_mut().for_each(|dx| *dx += dy * share);
    }
}

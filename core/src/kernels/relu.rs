//! y = max(x, 0), forward and backward.

use nalgebra::RealField;

/// y = max(x, 0); a NaN stays one, so that a diverged network is seen.
///
/// # Layout
/// `x`, `y` of equal length.
pub fn forward<T: RealField + Copy>(x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = if x < T::zero() { T::zero() } else { x };
    }
}

/// dx += dy where y > 0 (as PyTorch: not at x = 0).
///
/// # Layout
/// `y` the output of [`forward`]; `dy`, `dx` of its length.
pub fn backward<T: RealField + Copy>(y: &[T], dy: &[T], dx: &mut [T]) {
    for ((dx, &dy), &y) in dx.iter_mut().zip(dy).zip(y) {
        *dx += if y > T::zero() { dy } else { T::zero() };
    }
}

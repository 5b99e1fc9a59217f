//! y = a + b, forward and backward: the end of a residual block.

use nalgebra::RealField;

/// y = a + b.
///
/// # Layout
/// All of equal length.
pub fn forward<T: RealField + Copy>(a: &[T], b: &[T], y: &mut [T]) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = a + b;
    }
}

/// dx += dy, once for each of the two terms.
///
/// # Layout
/// Of equal length.
pub fn backward<T: RealField + Copy>(dy: &[T], dx: &mut [T]) {
    for (dx, &dy) in dx.iter_mut().zip(dy) {
        *dx += dy;
    }
}

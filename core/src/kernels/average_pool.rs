//! The mean of each window, forward and backward. Padding counts as zeros, as by default in PyTorch.
//!
//! # Layout
//! `x`, `dx` (B, C, H, W), `y`, `dy` (B, C, H', W').

use super::Window;
use nalgebra::{RealField, convert};

/// y = Σ x / K² over the window.
pub fn forward<T: RealField + Copy>(window: &Window, x: &[T], y: &mut [T]) {
    let (rows, columns) = window.output();
    let share = share::<T>(window);
    let planes = x.chunks_exact(window.height * window.width).zip(y.chunks_exact_mut(rows * columns));
    for (x, y) in planes {
        for (place, y) in y.iter_mut().enumerate() {
            let mut sum = T::zero();
            elements(window, place, |i| sum += x[i]);
            *y = sum * share;
        }
    }
}

/// dx += dy / K² for every element of the window.
pub fn backward<T: RealField + Copy>(window: &Window, dy: &[T], dx: &mut [T]) {
    let (rows, columns) = window.output();
    let share = share::<T>(window);
    let planes = dy.chunks_exact(rows * columns).zip(dx.chunks_exact_mut(window.height * window.width));
    for (dy, dx) in planes {
        for (place, &dy) in dy.iter().enumerate() {
            elements(window, place, |i| dx[i] += dy * share);
        }
    }
}

fn share<T: RealField + Copy>(window: &Window) -> T {
    T::one() / convert((window.kernel * window.kernel) as f64)
}

/// The elements of a plane in the window at a place.
fn elements(window: &Window, place: usize, mut visit: impl FnMut(usize)) {
    let columns = window.output().1;
    let (rows, first_row) = window.taps(window.height, place / columns);
    let (taps, first_column) = window.taps(window.width, place % columns);
    for row in (0..rows.len()).map(|a| first_row + a * window.dilation) {
        (0..taps.len()).for_each(|b| visit(row * window.width + first_column + b * window.dilation));
    }
}

//! The largest element in each window, forward and backward. What lies in the padding is never the largest.
//!
//! # Layout
//! `x`, `dx` (B, C, H, W), `y`, `dy` (B, C, H', W').

use super::Window;
use nalgebra::RealField;

/// y = max x over the window; a NaN in it is the largest, so that a diverged network is seen.
pub fn forward<T: RealField + Copy>(window: &Window, x: &[T], y: &mut [T]) {
    let (rows, columns) = window.output();
    let planes = x.chunks_exact(window.height * window.width).zip(y.chunks_exact_mut(rows * columns));
    for (x, y) in planes {
        y.iter_mut().enumerate().for_each(|(place, y)| *y = x[arg_max(window, x, place)]);
    }
}

/// dx += dy at the largest element of each window, the first of equal ones.
pub fn backward<T: RealField + Copy>(window: &Window, x: &[T], dy: &[T], dx: &mut [T]) {
    let (rows, columns) = window.output();
    let area = window.height * window.width;
    let planes = x.chunks_exact(area).zip(dy.chunks_exact(rows * columns)).zip(dx.chunks_exact_mut(area));
    for ((x, dy), dx) in planes {
        dy.iter().enumerate().for_each(|(place, &dy)| dx[arg_max(window, x, place)] += dy);
    }
}

/// Where in a plane the largest element of a window is.
fn arg_max<T: RealField + Copy>(window: &Window, x: &[T], place: usize) -> usize {
    let columns = window.output().1;
    let (rows, first_row) = window.taps(window.height, place / columns);
    let (taps, first_column) = window.taps(window.width, place % columns);
    let mut best = first_row * window.width + first_column;
    for row in (0..rows.len()).map(|a| first_row + a * window.dilation) {
        for i in (0..taps.len()).map(|b| row * window.width + first_column + b * window.dilation) {
            let not_a_number = x[i].partial_cmp(&x[i]).is_none();
            if x[i] > x[best] || not_a_number {
                best = i;
            }
        }
    }
    best
}

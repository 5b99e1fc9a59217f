//! y = x ∗ w + b (as usual in networks a correlation: the kernel is not flipped), forward and backward.
//!
//! # Layout
//! `parameters` and their gradient: w (O, I, K, K), then b (O) where there is one. `x`, `dx` (B, I, H, W), `y`, `dy`
//! (B, O, H', W').

use super::Window;
use core::ops::Range;
use nalgebra::RealField;

/// y = x ∗ w + b.
pub fn forward<T: RealField + Copy>(window: &Window, parameters: &[T], x: &[T], y: &mut [T], batch: usize) {
    let (inputs, outputs) = channels(window, x, y, batch);
    let (weight, bias) = parameters.split_at(outputs * inputs * window.kernel * window.kernel);
    let (rows, columns) = window.output();
    for (plane, y) in y.chunks_exact_mut(rows * columns).enumerate() {
        y.fill(bias.get(plane % outputs).copied().unwrap_or(T::zero()));
    }
    runs(window, inputs, outputs, batch, |tap, run, first| {
        let weight = weight[tap];
        if window.stride == 1 {
            // The common case, without a stride that the compiler does not know.
            let x = &x[first..first + run.len()];
            y[run].iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
        } else {
            let x = x[first..].iter().step_by(window.stride);
            y[run].iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
        }
    });
}

/// dx += dy ∗ flipped w: the gradient of the inputs, added to what is there.
pub fn backward_data<T: RealField + Copy>(
    window: &Window,
    parameters: &[T],
    dy: &[T],
    dx: &mut [T],
    batch: usize,
) {
    let (inputs, outputs) = channels(window, dx, dy, batch);
    runs(window, inputs, outputs, batch, |tap, run, first| {
        let weight = parameters[tap];
        let dx = dx[first..].iter_mut().step_by(window.stride);
        dx.zip(&dy[run]).for_each(|(dx, &dy)| *dx += weight * dy);
    });
}

/// dw = x ∗ dy, db = Σ dy, overwritten.
pub fn backward_weights<T: RealField + Copy>(
    window: &Window,
    x: &[T],
    dy: &[T],
    gradient: &mut [T],
    batch: usize,
) {
    let (inputs, outputs) = channels(window, x, dy, batch);
    gradient.fill(T::zero());
    let (weight, bias) = gradient.split_at_mut(outputs * inputs * window.kernel * window.kernel);
    runs(window, inputs, outputs, batch, |tap, run, first| {
        let x = x[first..].iter().step_by(window.stride);
        weight[tap] += dy[run].iter().zip(x).fold(T::zero(), |sum, (&dy, &x)| sum + dy * x);
    });
    let (rows, columns) = window.output();
    if !bias.is_empty() {
        for (plane, dy) in dy.chunks_exact(rows * columns).enumerate() {
            bias[plane % outputs] += dy.iter().fold(T::zero(), |sum, &dy| sum + dy);
        }
    }
}

/// Input and output channels.
fn channels<T>(window: &Window, x: &[T], y: &[T], batch: usize) -> (usize, usize) {
    let (rows, columns) = window.output();
    (x.len() / (batch * window.height * window.width), y.len() / (batch * rows * columns))
}

/// Calls `visit` for every row of outputs that a weight joins to inputs: with the number of the weight, the range of
/// the outputs, and the first of the inputs, which are a stride apart.
fn runs(
    window: &Window,
    inputs: usize,
    outputs: usize,
    batch: usize,
    mut visit: impl FnMut(usize, Range<usize>, usize),
) {
    let Window { height, width, kernel, stride, padding } = *window;
    let (rows, columns) = window.output();
    for sample in 0..batch {
        for (o, i) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
            for (a, b) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                let tap = ((o * inputs + i) * kernel + a) * kernel + b;
                let inside = window.inside(width, b);
                if inside.is_empty() {
                    continue;
                }
                for row in window.inside(height, a) {
                    let y = ((sample * outputs + o) * rows + row) * columns;
                    let x = ((sample * inputs + i) * height + row * stride + a - padding) * width;
                    let first = x + inside.start * stride + b - padding;
                    visit(tap, y + inside.start..y + inside.end, first);
                }
            }
        }
    }
}

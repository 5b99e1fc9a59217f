//! y = x ∗ w + b (as usual in networks a correlation: the kernel is not flipped), forward and backward.
//!
//! With G groups, output channel o reads the I/G input channels of its group, o·G/O.
//!
//! # Layout
//! `parameters` and their gradient: w (O, I/G, K, K), then b (O) where there is one. `x`, `dx` (B, I, H, W), `y`, `dy`
//! (B, O, H', W').

use super::Window;
use core::ops::Range;
use nalgebra::RealField;

/// y = x ∗ w + b.
pub fn forward<T: RealField + Copy>(
    window: &Window,
    groups: usize,
    parameters: &[T],
    x: &[T],
    y: &mut [T],
    batch: usize,
) {
    let channels = Channels::new(window, groups, x, y, batch);
    let (weight, bias) = parameters.split_at(channels.weight_len(window));
    let (rows, columns) = window.output();
    for (plane, y) in y.chunks_exact_mut(rows * columns).enumerate() {
        y.fill(bias.get(plane % channels.outputs).copied().unwrap_or(T::zero()));
    }
    runs(window, channels, batch, |tap, run, first| {
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

/// dx += dy ∗ flipped w: the gradient of the inputs, added to what is there; an empty dx is not wanted.
pub fn backward_data<T: RealField + Copy>(
    window: &Window,
    groups: usize,
    parameters: &[T],
    dy: &[T],
    dx: &mut [T],
    batch: usize,
) {
    if dx.is_empty() {
        return;
    }
    runs(window, Channels::new(window, groups, dx, dy, batch), batch, |tap, run, first| {
        let weight = parameters[tap];
        let dx = dx[first..].iter_mut().step_by(window.stride);
        dx.zip(&dy[run]).for_each(|(dx, &dy)| *dx += weight * dy);
    });
}

/// dw = x ∗ dy, db = Σ dy, overwritten.
pub fn backward_weights<T: RealField + Copy>(
    window: &Window,
    groups: usize,
    x: &[T],
    dy: &[T],
    gradient: &mut [T],
    batch: usize,
) {
    let channels = Channels::new(window, groups, x, dy, batch);
    gradient.fill(T::zero());
    let (weight, bias) = gradient.split_at_mut(channels.weight_len(window));
    runs(window, channels, batch, |tap, run, first| {
        let x = x[first..].iter().step_by(window.stride);
        weight[tap] += dy[run].iter().zip(x).fold(T::zero(), |sum, (&dy, &x)| sum + dy * x);
    });
    let (rows, columns) = window.output();
    if !bias.is_empty() {
        for (plane, dy) in dy.chunks_exact(rows * columns).enumerate() {
            bias[plane % channels.outputs] += dy.iter().fold(T::zero(), |sum, &dy| sum + dy);
        }
    }
}

/// Input channels of a group, output channels of a group, groups, and all output channels.
#[derive(Clone, Copy)]
struct Channels {
    group_inputs: usize,
    group_outputs: usize,
    groups: usize,
    outputs: usize,
}

impl Channels {
    fn new<T>(window: &Window, groups: usize, x: &[T], y: &[T], batch: usize) -> Self {
        let (rows, columns) = window.output();
        let inputs = x.len() / (batch * window.height * window.width);
        let outputs = y.len() / (batch * rows * columns);
        Self { group_inputs: inputs / groups, group_outputs: outputs / groups, groups, outputs }
    }

    fn weight_len(&self, window: &Window) -> usize {
        self.outputs * self.group_inputs * window.kernel * window.kernel
    }
}

/// Calls `visit` for every row of outputs that a weight joins to inputs: with the number of the weight, the range of
/// the outputs, and the first of the inputs, which are a stride apart.
fn runs(
    window: &Window,
    channels: Channels,
    batch: usize,
    mut visit: impl FnMut(usize, Range<usize>, usize),
) {
    let Window { height, width, kernel, stride, padding, dilation } = *window;
    let Channels { group_inputs, group_outputs, groups, outputs } = channels;
    let inputs = group_inputs * groups;
    let (rows, columns) = window.output();
    for sample in 0..batch {
        for (o, k) in (0..outputs).flat_map(|o| (0..group_inputs).map(move |k| (o, k))) {
            let i = o / group_outputs * group_inputs + k;
            for (a, b) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                let tap = ((o * group_inputs + k) * kernel + a) * kernel + b;
                let inside = window.inside(width, b);
                if inside.is_empty() {
                    continue;
                }
                for row in window.inside(height, a) {
                    let y = ((sample * outputs + o) * rows + row) * columns;
                    let x = ((sample * inputs + i) * height + row * stride + a * dilation - padding) * width;
                    let first = x + inside.start * stride + b * dilation - padding;
                    visit(tap, y + inside.start..y + inside.end, first);
                }
            }
        }
    }
}

//! Convolution of any window: in groups, with dilation, of any stride and padding.
//!
//! One weight at a time is multiplied with a row of inputs. So nothing is read between the windows of a stride or the taps
//! of a dilation, and a row of sums stays in the first-level cache.

use super::convolution::Epilogue;
use super::planes::{Pixel, Planes};
use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use valleys_core::kernels::Window;

/// A convolution in groups, or its data gradient.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    window: Window,
    groups: usize,
    /// Channels of a group.
    inputs: usize,
    outputs: usize,
    /// Whether it gives dx from dy.
    backward: bool,
    /// Offset of its weights among the packed ones.
    packed: usize,
}

/// A weight, with where it is applied.
struct Tap {
    /// Offset in w (O, I / groups, K, K).
    weight: usize,
    /// Input channel and row.
    x: [usize; 2],
    /// Columns of outputs from `first` on, whose inputs begin at `left`.
    first: usize,
    count: usize,
    left: usize,
}

impl Plain {
    /// y = x ∗ w. Its packed weights start at `packed`.
    pub fn forward(window: &Window, groups: usize, inputs: usize, outputs: usize, packed: usize) -> Self {
        let (inputs, outputs) = (inputs / groups, outputs / groups);
        Self { window: *window, groups, inputs, outputs, backward: false, packed }
    }

    /// dx = dy ∗ mirrored w.
    pub fn backward(window: &Window, groups: usize, inputs: usize, outputs: usize, packed: usize) -> Self {
        Self { backward: true, ..Self::forward(window, groups, inputs, outputs, packed) }
    }

    /// Number of its packed weights, which are those of θ.
    pub const fn packed_len(&self) -> usize {
        self.groups * self.outputs * self.inputs * self.window.kernel * self.window.kernel
    }

    /// Copies the weights.
    pub fn pack(&self, weight: &[f32], packed: &mut [f32]) {
        packed.copy_from_slice(weight);
    }

    /// Computes y, or dx.
    pub fn run(
        &self,
        level: Level,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        epilogue: Epilogue,
    ) {
        let weights = &packed[self.packed..][..self.packed_len()];
        dispatch!(level, simd => {
            if self.backward {
                self.backward_with(simd, weights, x, y, epilogue.add);
            } else {
                self.forward_with(simd, weights, x, y, epilogue);
            }
        });
    }

    /// The taps that meet a row of an output channel.
    #[inline(always)]
    fn taps(&self, output: usize, row: usize, mut visit: impl FnMut(Tap)) {
        let Window { height, width, kernel, stride, padding, dilation } = self.window;
        let group = output / self.outputs;
        let (rows, top) = self.window.taps(height, row);
        for input in 0..self.inputs {
            for (number, a) in rows.clone().enumerate() {
                for b in 0..kernel {
                    let columns = self.window.inside(width, b);
                    if columns.is_empty() {
                        continue;
                    }
                    visit(Tap {
                        weight: ((output * self.inputs + input) * kernel + a) * kernel + b,
                        x: [group * self.inputs + input, top + number * dilation],
                        first: columns.start,
                        count: columns.len(),
                        left: columns.start * stride + b * dilation - padding,
                    });
                }
            }
        }
    }

    #[inline(always)]
    fn forward_with<S: Simd>(
        &self,
        simd: S,
        weights: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        epilogue: Epilogue,
    ) {
        let zero = f32x16::splat(simd, 0.0);
        for row in 0..y.1.height {
            for output in 0..y.1.channels {
                let at = y.1.row(output, row);
                let bias = epilogue.bias.get(output).copied().unwrap_or(0.0);
                y.0[at.clone()].as_flattened_mut().fill(bias);
                let to = &mut y.0[at.clone()];
                self.taps(output, row, |tap| {
                    let weight = f32x16::splat(simd, weights[tap.weight]);
                    let from = &x.0[x.1.row(tap.x[0], tap.x[1])][tap.left..];
                    let from = from.iter().step_by(self.window.stride);
                    for (y, x) in to[tap.first..][..tap.count].iter_mut().zip(from) {
                        let sum = weight.mul_add(f32x16::from_slice(simd, x), f32x16::from_slice(simd, y));
                        sum.store_slice(y);
                    }
                });
                if epilogue.relu {
                    for y in to {
                        let sum = f32x16::from_slice(simd, y);
                        sum.simd_lt(zero).select(zero, sum).store_slice(y);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn backward_with<S: Simd>(
        &self,
        simd: S,
        weights: &[f32],
        dy: (&[Pixel], &Planes),
        dx: (&mut [Pixel], &Planes),
        add: bool,
    ) {
        if !add {
            dx.1.all_rows().for_each(|row| dx.0[row].as_flattened_mut().fill(0.0));
        }
        for row in 0..dy.1.height {
            for output in 0..dy.1.channels {
                let from = &dy.0[dy.1.row(output, row)];
                self.taps(output, row, |tap| {
                    let weight = f32x16::splat(simd, weights[tap.weight]);
                    let to = &mut dx.0[dx.1.row(tap.x[0], tap.x[1])][tap.left..];
                    let to = to.iter_mut().step_by(self.window.stride);
                    for (dy, dx) in from[tap.first..][..tap.count].iter().zip(to) {
                        let sum = weight.mul_add(f32x16::from_slice(simd, dy), f32x16::from_slice(simd, dx));
                        sum.store_slice(dx);
                    }
                });
            }
        }
    }

    /// Adds the contribution of a sample group to the gradient of the weights.
    pub fn add_gradient(
        &self,
        level: Level,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
    ) {
        dispatch!(level, simd => self.add_gradient_with(simd, x, dy, gradient));
    }

    #[inline(always)]
    fn add_gradient_with<S: Simd>(
        &self,
        simd: S,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
    ) {
        let Window { height, width, kernel, stride, padding, dilation } = self.window;
        let zero = f32x16::splat(simd, 0.0);
        for output in 0..dy.1.channels {
            let group = output / self.outputs;
            for input in 0..self.inputs {
                for (a, b) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                    let columns = self.window.inside(width, b);
                    if columns.is_empty() {
                        continue;
                    }
                    let left = columns.start * stride + b * dilation - padding;
                    // Four sums, because an addition waits for the one before.
                    let mut sums = [zero; 4];
                    for row in self.window.inside(height, a) {
                        let from =
                            x.1.row(group * self.inputs + input, row * stride + a * dilation - padding);
                        let x = x.0[from][left..].iter().step_by(stride);
                        let dy = &dy.0[dy.1.row(output, row)][columns.clone()];
                        for (i, (x, dy)) in x.zip(dy).enumerate() {
                            let [x, dy] = [x, dy].map(|pixel| f32x16::from_slice(simd, pixel));
                            sums[i % 4] = x.mul_add(dy, sums[i % 4]);
                        }
                    }
                    let total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
                    gradient[((output * self.inputs + input) * kernel + a) * kernel + b] +=
                        total.reduce_sum();
                }
            }
        }
    }
}

//! Direct convolution y = Σ w · x: forward, and backward to the inputs.
//!
//! The gradient of the inputs of a convolution of stride s consists of s² convolutions of stride 1, one for each phase of
//! the inputs. Each uses the mirrored taps that meet its phase, with input and output channels swapped.

use super::planes::{GROUP_LEN, Pixel, Planes};
use super::register_tiles::{Tiled, cover, height, unroll};
use fearless_simd::{Level, dispatch, prelude::*};
use std::ops::Range;
use valleys_core::kernels::Window;

/// What is done with a sum before it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// The initial value of the sums of each output channel; empty for 0.
    pub bias: &'a [f32],
    /// Whether a ReLU is applied. A NaN stays NaN.
    pub relu: bool,
    /// Whether the sum is added to the output.
    pub add: bool,
}

/// A direct convolution of some outputs.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Input and output channels.
    inputs: usize,
    outputs: usize,
    /// Rows and columns of the window.
    kernel: [usize; 2],
    /// Rows and columns by which the first window starts before the first input.
    before: [usize; 2],
    /// Inputs from one window to the next.
    step: usize,
    /// Rows and columns of outputs.
    size: [usize; 2],
    /// The first row and the first column that is written.
    first: [usize; 2],
    /// From one written row or column to the next.
    stride: usize,
    taps: Taps,
    /// Offset of its weights among the packed ones.
    packed: usize,
}

/// Where the weights of a window are in θ, (O, I, K, K).
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    /// Rows, and columns, of w.
    edge: usize,
    /// Strides of output and input channels.
    channels: [usize; 2],
    /// For rows and columns: the first tap, and the step to the next one.
    steps: [[isize; 2]; 2],
}

impl Taps {
    /// The taps of a convolution.
    pub const fn forward(inputs: usize, edge: usize) -> Self {
        Self { edge, channels: [inputs * edge * edge, edge * edge], steps: [[0, 1]; 2] }
    }

    /// The taps of its data gradient, for stride 1: input and output channels are swapped, and the last tap comes first.
    pub const fn mirrored(inputs: usize, edge: usize) -> Self {
        let channels = [edge * edge, inputs * edge * edge];
        Self { edge, channels, steps: [[edge as isize - 1, -1]; 2] }
    }

    /// Offset of the weight of an output, an input, a row and a column of the window.
    pub const fn at(&self, output: usize, input: usize, tap: [usize; 2]) -> usize {
        let [[first, step], [left, right]] = self.steps;
        let row = (first + step * tap[0] as isize) as usize;
        let column = (left + right * tap[1] as isize) as usize;
        output * self.channels[0] + input * self.channels[1] + row * self.edge + column
    }
}

impl Convolution {
    /// Whether it supports a window: without groups and dilation, with less padding than taps, and so that every phase of
    /// the inputs meets its first tap at its own position or before.
    pub fn supports(window: &Window, groups: usize) -> bool {
        let meets = |a: usize| {
            let (s, k) = (window.stride, window.kernel);
            let least = (a + window.padding) % s;
            let count = k.saturating_sub(least).div_ceil(s);
            count == 0 || (a + window.padding - least) / s < count
        };
        groups == 1 && window.dilation == 1 && window.padding < window.kernel && (0..window.stride).all(meets)
    }

    /// y = x ∗ w. Its packed weights start at `packed`.
    pub fn forward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Self {
        let (rows, columns) = window.output();
        let edge = window.kernel;
        Self {
            inputs,
            outputs,
            kernel: [edge; 2],
            before: [window.padding; 2],
            step: window.stride,
            size: [rows, columns],
            first: [0; 2],
            stride: 1,
            taps: Taps::forward(inputs, edge),
            packed,
        }
    }

    /// dx = dy ∗ mirrored w, one convolution for each phase. Their packed weights start at `packed`.
    pub fn backward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Vec<Self> {
        let mut all = Vec::new();
        let mut end = packed;
        for (a, b) in (0..window.stride).flat_map(|a| (0..window.stride).map(move |b| (a, b))) {
            let (rows, columns) = (phase(window, a), phase(window, b));
            let convolution = Self {
                inputs: outputs,
                outputs: inputs,
                kernel: [rows.0, columns.0],
                before: [rows.1, columns.1],
                step: 1,
                size: [
                    window.height.saturating_sub(a).div_ceil(window.stride),
                    window.width.saturating_sub(b).div_ceil(window.stride),
                ],
                first: [a, b],
                stride: window.stride,
                taps: Taps { steps: [rows.2, columns.2], ..Taps::mirrored(inputs, window.kernel) },
                packed: end,
            };
            end += convolution.packed_len();
            all.push(convolution);
        }
        all
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        self.outputs * self.inputs * self.kernel[0] * self.kernel[1]
    }

    /// Columns of zeros that it reads on either side of its inputs.
    pub fn halo(&self, width: usize) -> usize {
        let end = (self.size[1].max(1) - 1) * self.step + self.kernel[1];
        self.before[1].max(end.saturating_sub(self.before[1] + width))
    }

    /// Writes the weights in the order in which [`run`](Self::run) reads them.
    ///
    /// # Layout
    /// `weight` (O, I, K, K); `packed` (tiles of outputs; rows, inputs, columns; outputs of the tile).
    pub fn pack(&self, weight: &[f32], packed: &mut [f32]) {
        let mut to = packed.iter_mut();
        let mut output = 0;
        while output < self.outputs {
            let height = height(output, self.outputs);
            for a in 0..self.kernel[0] {
                for input in 0..self.inputs {
                    for b in 0..self.kernel[1] {
                        for (o, to) in (output..output + height).zip(&mut to) {
                            *to = weight[self.taps.at(o, input, [a, b])];
                        }
                    }
                }
            }
            output += height;
        }
    }

    /// Computes the outputs.
    pub fn run(
        &self,
        level: Level,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        epilogue: Epilogue,
    ) {
        dispatch!(level, simd => self.run_with(simd, packed, x, y, epilogue));
    }

    #[inline(always)]
    fn run_with<S: Simd>(
        &self,
        simd: S,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        epilogue: Epilogue,
    ) {
        let packed = &packed[self.packed..][..self.packed_len()];
        for row in 0..self.size[0] {
            // The rows of the window that meet the inputs.
            let top = row * self.step;
            let rows = self.before[0].saturating_sub(top)..(x.1.height + self.before[0]).saturating_sub(top);
            let rows = rows.start.min(self.kernel[0])..rows.end.min(self.kernel[0]);
            let (y, planes) = (&mut *y.0, y.1);
            let mut of_row = OutputRow { of: self, row, rows, packed, x, y, planes, epilogue: &epilogue };
            cover(simd, self.outputs, self.size[1], &mut of_row);
        }
    }
}

/// For phase `a` of the inputs along one edge: the number of taps that meet it, by how many positions the first of them
/// starts before the position of the same number, and the first tap with the step to the next one.
fn phase(window: &Window, a: usize) -> (usize, usize, [isize; 2]) {
    let (s, k) = (window.stride, window.kernel);
    // Tap t of output o meets input o·s + t − padding.
    let least = (a + window.padding) % s;
    let count = k.saturating_sub(least).div_ceil(s);
    // Tap `least` belongs to the output that is `ahead` positions later.
    let ahead = (a + window.padding - least) / s;
    let last = least + s * count.saturating_sub(1);
    (count, count.saturating_sub(1).saturating_sub(ahead), [last as isize, -(s as isize)])
}

/// One row of outputs, with windows `step` apart. The rows of a tile are output channels, its columns are pixels.
struct OutputRow<'a> {
    of: &'a Convolution,
    row: usize,
    rows: Range<usize>,
    packed: &'a [f32],
    x: (&'a [Pixel], &'a Planes),
    y: &'a mut [Pixel],
    planes: &'a Planes,
    epilogue: &'a Epilogue<'a>,
}

impl<S: Simd> Tiled<S> for OutputRow<'_> {
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, output: usize, column: usize) {
        let Convolution { inputs, kernel, before, step, stride, .. } = *self.of;
        let (x, planes) = self.x;
        let packed = &self.packed[output * inputs * kernel[0] * kernel[1]..];
        let packed = &packed.as_chunks::<R>().0[..inputs * kernel[0] * kernel[1]];
        let zero = S::f32s::splat(simd, 0.0);
        let left = planes.halo - before[1] + column * step;
        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
            let mut sums = [[zero; P]; R];
            if let Some(bias) = self.epilogue.bias.get(output..output + R) {
                unroll!(R, r => sums[r] = [S::f32s::splat(simd, bias[r]); P]);
            }
            for a in self.rows.clone() {
                let row = self.row * step + a - before[0];
                for input in 0..inputs {
                    let x = &x[planes.start(input, row) + left..][..(P - 1) * step + kernel[1]];
                    let weights = &packed[(a * inputs + input) * kernel[1]..][..kernel[1]];
                    for (x, weight) in x.windows((P - 1) * step + 1).zip(weights) {
                        let mut w = [zero; R];
                        unroll!(R, r => w[r] = S::f32s::splat(simd, weight[r]));
                        unroll!(P, p => {
                            let x = S::f32s::from_slice(simd, &x[p * step][lane..][..S::f32s::LEN]);
                            unroll!(R, r => sums[r][p] = w[r].mul_add(x, sums[r][p]));
                        });
                    }
                }
            }
            unroll!(R, r => {
                let row = self.of.first[0] + self.row * stride;
                let first = self.planes.row(output + r, row).start + self.of.first[1] + column * stride;
                let y = &mut self.y[first..][..(P - 1) * stride + 1];
                unroll!(P, p => {
                    let y = &mut y[p * stride][lane..][..S::f32s::LEN];
                    let mut sum = sums[r][p];
                    if self.epilogue.add {
                        sum += S::f32s::from_slice(simd, y);
                    }
                    if self.epilogue.relu {
                        sum = sum.simd_lt(zero).select(zero, sum);
                    }
                    sum.store_slice(y);
                });
            });
        }
    }
}

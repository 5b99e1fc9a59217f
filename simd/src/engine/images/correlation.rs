//! y = Σ w·x through a moving window: what a convolution does forward, and backward to its inputs.
//!
//! The gradient of the inputs of a convolution of stride s is s² correlations of stride 1, one for each phase of the
//! inputs, with the kernel mirrored and its channels swapped: each reads the taps that meet its phase.

use super::planes::{Pixel, Planes, SAMPLES};
use super::tiles::{Tiled, cover, height, unroll};
use fearless_simd::prelude::*;
use std::ops::Range;
use valleys_core::kernels::Window;

/// Which outputs a window makes from which inputs.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// Input and output channels.
    inputs: usize,
    outputs: usize,
    /// Rows and columns of the window.
    kernel: [usize; 2],
    /// Rows and columns by which the first window begins before the first input.
    before: [usize; 2],
    /// From one window to the next.
    step: usize,
    /// Outputs made: how many rows and columns, the first of each, and from one to the next.
    size: [usize; 2],
    first: [usize; 2],
    stride: usize,
    taps: Taps,
    /// Where its weights lie among the packed ones.
    packed: usize,
}

/// Where the weights of a window lie in θ, (O, I, K, K).
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    /// Rows, and columns, of w.
    edge: usize,
    /// From one output to the next, and from one input.
    channels: [usize; 2],
    /// Of rows and columns: the first tap, and from one to the next.
    steps: [[isize; 2]; 2],
}

impl Taps {
    /// Those of a convolution.
    pub const fn forward(inputs: usize, edge: usize) -> Self {
        Self { edge, channels: [inputs * edge * edge, edge * edge], steps: [[0, 1]; 2] }
    }

    /// Those of its gradient, for stride 1: inputs become outputs, and the last tap is the first.
    pub const fn mirrored(inputs: usize, edge: usize) -> Self {
        let channels = [edge * edge, inputs * edge * edge];
        Self { edge, channels, steps: [[edge as isize - 1, -1]; 2] }
    }

    /// The weight of an output, an input, a row and a column of the window.
    pub const fn at(&self, output: usize, input: usize, tap: [usize; 2]) -> usize {
        let [[first, step], [left, right]] = self.steps;
        let row = (first + step * tap[0] as isize) as usize;
        let column = (left + right * tap[1] as isize) as usize;
        output * self.channels[0] + input * self.channels[1] + row * self.edge + column
    }
}

impl Correlation {
    /// y = x ∗ w.
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

    /// dx = dy ∗ mirrored w, phase after phase; they begin among the packed weights at `packed`.
    pub fn backward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Vec<Self> {
        let mut all = Vec::new();
        let mut end = packed;
        for (a, b) in (0..window.stride).flat_map(|a| (0..window.stride).map(move |b| (a, b))) {
            let (rows, columns) = (phase(window, a), phase(window, b));
            let correlation = Self {
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
            end += correlation.packed_len();
            all.push(correlation);
        }
        all
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        self.outputs * self.inputs * self.kernel[0] * self.kernel[1]
    }

    /// Columns of zeros that it reads beside its inputs.
    pub fn halo(&self, width: usize) -> usize {
        let end = (self.size[1].max(1) - 1) * self.step + self.kernel[1];
        self.before[1].max(end.saturating_sub(self.before[1] + width))
    }

    /// Puts the weights in the order in which they are read.
    ///
    /// # Layout
    /// `weight` as θ has it, (O, I, K, K); packed (tiles of outputs; rows, inputs, columns; outputs of the tile).
    pub fn pack(&self, weight: &[f32], packed: &mut [f32]) {
        let mut to = packed[self.packed..][..self.packed_len()].iter_mut();
        let mut output = 0;
        while output < self.outputs {
            let high = height(output, self.outputs);
            for a in 0..self.kernel[0] {
                for input in 0..self.inputs {
                    for b in 0..self.kernel[1] {
                        for (o, to) in (output..output + high).zip(&mut to) {
                            *to = weight[self.taps.at(o, input, [a, b])];
                        }
                    }
                }
            }
            output += high;
        }
    }

    /// y = bias + Σ w·x, or y += Σ w·x where it is to be added; then ReLU where asked for (a NaN stays one).
    #[inline(always)]
    pub fn run<S: Simd>(
        &self,
        simd: S,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        end: End,
    ) {
        let packed = &packed[self.packed..][..self.packed_len()];
        for row in 0..self.size[0] {
            // The rows of the window that meet the inputs.
            let top = row * self.step;
            let rows = self.before[0].saturating_sub(top)..(x.1.height + self.before[0]).saturating_sub(top);
            let rows = rows.start.min(self.kernel[0])..rows.end.min(self.kernel[0]);
            let (y, planes) = (&mut *y.0, y.1);
            if self.step == 1 {
                let mut strip = Strip::<1> { of: self, row, rows, packed, x, y, planes, end: &end };
                cover(simd, self.outputs, self.size[1], &mut strip);
            } else {
                let mut strip = Strip::<2> { of: self, row, rows, packed, x, y, planes, end: &end };
                cover(simd, self.outputs, self.size[1], &mut strip);
            }
        }
    }
}

/// What becomes of a sum.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Where sums begin, one for each output; at 0 where there is none.
    pub bias: &'a [f32],
    /// Whether negative sums become 0.
    pub relu: bool,
    /// Whether they are added to what is there.
    pub add: bool,
}

/// Of the positions of a phase along one edge: how many taps meet it, by how many the first begins before the
/// position of the same number, and first tap and step.
fn phase(window: &Window, a: usize) -> (usize, usize, [isize; 2]) {
    let (s, k) = (window.stride, window.kernel);
    // Tap t of output o meets input o·s + t − padding.
    let least = (a + window.padding) % s;
    let count = k.saturating_sub(least).div_ceil(s);
    // The tap `least` belongs to the output that is so many after the position.
    let ahead = (a + window.padding - least) / s;
    let last = least + s * count.saturating_sub(1);
    (count, count.saturating_sub(1).saturating_sub(ahead), [last as isize, -(s as isize)])
}

/// One row of outputs, with windows `STEP` apart.
struct Strip<'a, const STEP: usize> {
    of: &'a Correlation,
    row: usize,
    rows: Range<usize>,
    packed: &'a [f32],
    x: (&'a [Pixel], &'a Planes),
    y: &'a mut [Pixel],
    planes: &'a Planes,
    end: &'a End<'a>,
}

impl<S: Simd, const STEP: usize> Tiled<S> for Strip<'_, STEP> {
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, output: usize, column: usize) {
        let Correlation { inputs, kernel, before, stride, .. } = *self.of;
        let (x, planes) = self.x;
        let packed = &self.packed[output * inputs * kernel[0] * kernel[1]..];
        let packed = &packed.as_chunks::<R>().0[..inputs * kernel[0] * kernel[1]];
        let zero = S::f32s::splat(simd, 0.0);
        let left = planes.halo - before[1] + column * STEP;
        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
            let mut sums = [[zero; P]; R];
            if let Some(bias) = self.end.bias.get(output..output + R) {
                unroll!(R, r => sums[r] = [S::f32s::splat(simd, bias[r]); P]);
            }
            for a in self.rows.clone() {
                let row = self.row * STEP + a - before[0];
                for input in 0..inputs {
                    let x = &x[planes.start(input, row) + left..][..(P - 1) * STEP + kernel[1]];
                    let weights = &packed[(a * inputs + input) * kernel[1]..][..kernel[1]];
                    for (x, weight) in x.windows((P - 1) * STEP + 1).zip(weights) {
                        let mut w = [zero; R];
                        unroll!(R, r => w[r] = S::f32s::splat(simd, weight[r]));
                        unroll!(P, p => {
                            let x = S::f32s::from_slice(simd, &x[p * STEP][lane..][..S::f32s::LEN]);
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
                    if self.end.add {
                        sum += S::f32s::from_slice(simd, y);
                    }
                    if self.end.relu {
                        sum = sum.simd_lt(zero).select(zero, sum);
                    }
                    sum.store_slice(y);
                });
            });
        }
    }
}

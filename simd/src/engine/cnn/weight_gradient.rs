//! dw = x ∗ dy and db = Σ dy of a direct convolution.

use super::planes::{GROUP_LEN, Pixel, Planes};
use super::register_tiles::{Tiled, cover, unroll};
use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use std::ops::Range;
use valleys_core::kernels::Window;

/// Outputs of a channel that are processed together, so that those of four channels fit into the first-level cache.
const BAND_LEN: usize = 64;

/// Adds the contribution of a sample group to the gradient of the weights, (O, I, K, K).
pub fn add_weight_gradient(
    level: Level,
    window: &Window,
    x: (&[Pixel], &Planes),
    dy: (&[Pixel], &Planes),
    gradient: &mut [f32],
) {
    let (outputs, taps) = (dy.1.channels, x.1.channels * window.kernel);
    let (rows, columns) = window.output();
    let band = (BAND_LEN / columns).max(1);
    dispatch!(level, simd => {
        for first in (0..rows).step_by(band) {
            let rows = first..rows.min(first + band);
            cover(simd, outputs, taps, &mut Band { window, rows, x, dy, gradient });
        }
    });
}

/// Adds the contribution of a sample group to the gradient of the biases; nothing if `gradient` is empty.
pub fn add_bias_gradient(level: Level, dy: (&[Pixel], &Planes), gradient: &mut [f32]) {
    dispatch!(level, simd => {
        for (channel, gradient) in gradient.iter_mut().enumerate() {
            let mut sum = f32x16::splat(simd, 0.0);
            for row in dy.1.rows(channel) {
                dy.0[row].iter().for_each(|dy| sum += f32x16::from_slice(simd, dy));
            }
            *gradient += sum.reduce_sum();
        }
    });
}

/// Some rows of outputs. The rows of a tile are output channels, its columns are pairs of an input channel and a column of
/// the window.
struct Band<'a> {
    window: &'a Window,
    rows: Range<usize>,
    x: (&'a [Pixel], &'a Planes),
    dy: (&'a [Pixel], &'a Planes),
    gradient: &'a mut [f32],
}

impl<S: Simd> Tiled<S> for Band<'_> {
    #[inline(always)]
    fn tile<const R: usize, const T: usize>(&mut self, simd: S, output: usize, tap: usize) {
        let Window { kernel, stride: step, padding, height, .. } = *self.window;
        let columns = self.window.output().1;
        let inputs = self.x.1.channels;
        let zero = S::f32s::splat(simd, 0.0);
        for a in 0..kernel {
            let inside = self.window.inside(height, a);
            let inside = inside.start.max(self.rows.start)..inside.end.min(self.rows.end);
            let mut totals = [[0.0; T]; R];
            for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                let mut sums = [[zero; T]; R];
                for row in inside.clone() {
                    let mut dy: [&[Pixel]; R] = [&[]; R];
                    unroll!(R, r => {
                        dy[r] = &self.dy.0[self.dy.1.row(output + r, row).start..][..columns];
                    });
                    let mut x: [&[Pixel]; T] = [&[]; T];
                    unroll!(T, t => {
                        let (input, b) = ((tap + t) / kernel, (tap + t) % kernel);
                        let first =
                            self.x.1.start(input, row * step + a - padding) + self.x.1.halo - padding + b;
                        x[t] = &self.x.0[first..][..(columns - 1) * step + 1];
                    });
                    for column in 0..columns {
                        let mut d = [zero; R];
                        unroll!(R, r => {
                            d[r] = S::f32s::from_slice(simd, &dy[r][column][lane..][..S::f32s::LEN]);
                        });
                        unroll!(T, t => {
                            let x = S::f32s::from_slice(simd, &x[t][column * step][lane..][..S::f32s::LEN]);
                            unroll!(R, r => sums[r][t] = d[r].mul_add(x, sums[r][t]));
                        });
                    }
                }
                unroll!(R, r => unroll!(T, t => totals[r][t] += sums[r][t].reduce_sum()));
            }
            for (r, totals) in totals.iter().enumerate() {
                for (t, total) in totals.iter().enumerate() {
                    let (input, b) = ((tap + t) / kernel, (tap + t) % kernel);
                    self.gradient[(((output + r) * inputs + input) * kernel + a) * kernel + b] += total;
                }
            }
        }
    }
}

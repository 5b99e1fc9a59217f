//! dw = x ∗ dy of a convolution: the gradient of its weights.

use super::planes::{Pixel, Planes, SAMPLES};
use super::tiles::{Tiled, cover, unroll};
use fearless_simd::{f32x16, prelude::*};
use std::ops::Range;
use valleys_core::kernels::Window;

/// Outputs that are worked on before a sum leaves its register: as many of four channels as a first-level cache holds.
const BAND: usize = 64;

/// Adds a panel's part to the gradient of the weights.
///
/// # Layout
/// `gradient` (O, I, K, K).
#[inline(always)]
pub fn gradient<S: Simd>(
    simd: S,
    window: &Window,
    x: (&[Pixel], &Planes),
    dy: (&[Pixel], &Planes),
    gradient: &mut [f32],
) {
    let (rows, columns) = window.output();
    let band = (BAND / columns).max(1);
    for first in (0..rows).step_by(band) {
        let band = first..rows.min(first + band);
        let (outputs, taps) = (dy.1.channels, x.1.channels * window.kernel);
        if window.stride == 1 {
            cover(simd, outputs, taps, &mut Band::<1> { window, rows: band, x, dy, gradient });
        } else {
            cover(simd, outputs, taps, &mut Band::<2> { window, rows: band, x, dy, gradient });
        }
    }
}

/// Adds Σ dy over the panel.
#[inline(always)]
pub fn bias_gradient<S: Simd>(simd: S, dy: (&[Pixel], &Planes), gradient: &mut [f32]) {
    for (channel, gradient) in gradient.iter_mut().enumerate() {
        let mut sum = f32x16::splat(simd, 0.0);
        for row in dy.1.rows(channel) {
            dy.0[row].iter().for_each(|dy| sum += f32x16::from_slice(simd, dy));
        }
        *gradient += sum.reduce_sum();
    }
}

/// Some rows of outputs. The rows of a tile are output channels, its columns pairs of input channel and column of the
/// window.
struct Band<'a, const STEP: usize> {
    window: &'a Window,
    rows: Range<usize>,
    x: (&'a [Pixel], &'a Planes),
    dy: (&'a [Pixel], &'a Planes),
    gradient: &'a mut [f32],
}

impl<S: Simd, const STEP: usize> Tiled<S> for Band<'_, STEP> {
    #[inline(always)]
    fn tile<const R: usize, const T: usize>(&mut self, simd: S, output: usize, tap: usize) {
        let Window { kernel, padding, height, .. } = *self.window;
        let columns = self.window.output().1;
        let inputs = self.x.1.channels;
        let zero = S::f32s::splat(simd, 0.0);
        for a in 0..kernel {
            let inside = self.window.inside(height, a);
            let inside = inside.start.max(self.rows.start)..inside.end.min(self.rows.end);
            let mut totals = [[0.0; T]; R];
            for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
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
                            self.x.1.start(input, row * STEP + a - padding) + self.x.1.halo - padding + b;
                        x[t] = &self.x.0[first..][..(columns - 1) * STEP + 1];
                    });
                    for column in 0..columns {
                        let mut d = [zero; R];
                        unroll!(R, r => {
                            d[r] = S::f32s::from_slice(simd, &dy[r][column][lane..][..S::f32s::LEN]);
                        });
                        unroll!(T, t => {
                            let x = S::f32s::from_slice(simd, &x[t][column * STEP][lane..][..S::f32s::LEN]);
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

//! Tiles on their way into the transformed space and back.

use super::transform::{inputs, outputs, slopes};
use super::{INPUTS, OUTPUTS};
use crate::engine::images::correlation::End;
use crate::engine::images::planes::{Pixel, Planes, SAMPLES};
use crate::engine::images::tiles::unroll;
use fearless_simd::prelude::*;

/// Neighbouring tiles of one row of tiles.
#[derive(Clone, Copy)]
pub struct Strip {
    /// First row of outputs.
    pub row: usize,
    /// First tile, and how many.
    pub first: usize,
    pub count: usize,
}

impl Strip {
    /// Bᵀ d B of all channels.
    ///
    /// # Layout
    /// `to` (places, channels, tiles), places `pitch` apart.
    #[inline(never)]
    pub fn read<S: Simd>(self, simd: S, x: (&[Pixel], &Planes), to: &mut [Pixel], pitch: usize) {
        simd.vectorize(
            #[inline(always)]
            || {
                let planes = x.1;
                let zero = S::f32s::splat(simd, 0.0);
                for channel in 0..planes.channels {
                    for tile in 0..self.count {
                        let left = planes.halo + (self.first + tile) * OUTPUTS - 1;
                        let mut rows: [&[Pixel]; INPUTS] = [&[]; INPUTS];
                        for (row, r) in rows.iter_mut().zip(self.row..) {
                            if r >= 1 && r <= planes.height {
                                *row = &x.0[planes.start(channel, r - 1) + left..][..INPUTS];
                            }
                        }
                        let at = channel * self.count + tile;
                        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
                            let mut half = [[zero; INPUTS]; INPUTS];
                            unroll!(INPUTS, c => {
                                let mut column = [zero; INPUTS];
                                unroll!(INPUTS, r => if let Some(x) = rows[r].get(c) {
                                    column[r] = S::f32s::from_slice(simd, &x[lane..][..S::f32s::LEN]);
                                });
                                let column = inputs(simd, column);
                                unroll!(INPUTS, r => half[r][c] = column[r]);
                            });
                            unroll!(INPUTS, r => {
                                let row = inputs(simd, half[r]);
                                unroll!(INPUTS, c => {
                                    let to = &mut to[(r * INPUTS + c) * pitch + at];
                                    row[c].store_slice(&mut to[lane..][..S::f32s::LEN]);
                                });
                            });
                        }
                    }
                }
            },
        );
    }

    /// Aᵀ m A of all channels, with what becomes of sums.
    #[inline(never)]
    pub fn write<S: Simd>(
        self,
        simd: S,
        from: &[Pixel],
        pitch: usize,
        y: (&mut [Pixel], &Planes),
        end: &End,
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                let planes = y.1;
                let zero = S::f32s::splat(simd, 0.0);
                for channel in 0..planes.channels {
                    let bias = S::f32s::splat(simd, end.bias.get(channel).copied().unwrap_or(0.0));
                    for tile in 0..self.count {
                        let at = channel * self.count + tile;
                        let left = (self.first + tile) * OUTPUTS;
                        let wide = OUTPUTS.min(planes.width - left);
                        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
                            let mut half = [[zero; INPUTS]; OUTPUTS];
                            unroll!(INPUTS, c => {
                                let mut column = [zero; INPUTS];
                                unroll!(INPUTS, r => {
                                    let from = &from[(r * INPUTS + c) * pitch + at];
                                    column[r] = S::f32s::from_slice(simd, &from[lane..][..S::f32s::LEN]);
                                });
                                let column = outputs(simd, column);
                                unroll!(OUTPUTS, r => half[r][c] = column[r]);
                            });
                            unroll!(OUTPUTS, r => if self.row + r < planes.height {
                                let row = outputs(simd, half[r]);
                                let first = planes.row(channel, self.row + r).start + left;
                                let y = &mut y.0[first..][..wide];
                                unroll!(OUTPUTS, c => if let Some(y) = y.get_mut(c) {
                                    let y = &mut y[lane..][..S::f32s::LEN];
                                    let mut sum = row[c] + bias;
                                    if end.add {
                                        sum += S::f32s::from_slice(simd, y);
                                    }
                                    if end.relu {
                                        sum = sum.simd_lt(zero).select(zero, sum);
                                    }
                                    sum.store_slice(y);
                                });
                            });
                        }
                    }
                }
            },
        );
    }

    /// A dy Aᵀ of all channels.
    ///
    /// # Layout
    /// As of `read`.
    #[inline(never)]
    pub fn read_outputs<S: Simd>(self, simd: S, dy: (&[Pixel], &Planes), to: &mut [Pixel], pitch: usize) {
        simd.vectorize(
            #[inline(always)]
            || {
                let planes = dy.1;
                let zero = S::f32s::splat(simd, 0.0);
                for channel in 0..planes.channels {
                    for tile in 0..self.count {
                        let left = (self.first + tile) * OUTPUTS;
                        let wide = OUTPUTS.min(planes.width - left);
                        let mut rows: [&[Pixel]; OUTPUTS] = [&[]; OUTPUTS];
                        for (row, r) in rows.iter_mut().zip(self.row..planes.height) {
                            *row = &dy.0[planes.row(channel, r).start + left..][..wide];
                        }
                        let at = channel * self.count + tile;
                        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
                            let mut half = [[zero; OUTPUTS]; INPUTS];
                            unroll!(OUTPUTS, c => {
                                let mut column = [zero; OUTPUTS];
                                unroll!(OUTPUTS, r => if let Some(dy) = rows[r].get(c) {
                                    column[r] = S::f32s::from_slice(simd, &dy[lane..][..S::f32s::LEN]);
                                });
                                let column = slopes(simd, column);
                                unroll!(INPUTS, r => half[r][c] = column[r]);
                            });
                            unroll!(INPUTS, r => {
                                let row = slopes(simd, half[r]);
                                unroll!(INPUTS, c => {
                                    let to = &mut to[(r * INPUTS + c) * pitch + at];
                                    row[c].store_slice(&mut to[lane..][..S::f32s::LEN]);
                                });
                            });
                        }
                    }
                }
            },
        );
    }
}

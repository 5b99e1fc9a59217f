//! Transforms of whole tiles, between buffers of pixels and of transformed pixels.

use super::transform::{INPUTS, OUTPUTS, inputs, output_gradient, outputs};
use crate::engine::cnn::convolution::Epilogue;
use crate::engine::cnn::planes::{GROUP_LEN, Pixel, Planes};
use crate::engine::cnn::register_tiles::unroll;
use fearless_simd::prelude::*;

/// Where transformed pixels are: (places, channels, tiles).
#[derive(Clone, Copy)]
pub struct PlaceLayout {
    /// Pixels from one place to the next.
    pub pitch: usize,
    /// Pixels from one channel to the next.
    pub stride: usize,
    /// The first tile of a channel.
    pub first: usize,
}

/// Adjacent tiles of one row of tiles.
#[derive(Clone, Copy)]
pub struct Strip {
    /// First row of outputs.
    pub row: usize,
    /// First tile.
    pub first: usize,
    /// Number of tiles.
    pub count: usize,
}

impl Strip {
    /// Writes Bᵀ d B of the inputs of all channels.
    ///
    /// # Layout
    /// `to` as `layout` says.
    #[inline(never)]
    pub fn read<S: Simd>(self, simd: S, x: (&[Pixel], &Planes), to: &mut [Pixel], layout: PlaceLayout) {
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
                        let at = channel * layout.stride + layout.first + tile;
                        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                            let mut half = [[zero; INPUTS]; INPUTS];
                            unroll!(6, c => {
                                let mut column = [zero; INPUTS];
                                unroll!(6, r => if let Some(x) = rows[r].get(c) {
                                    column[r] = S::f32s::from_slice(simd, &x[lane..][..S::f32s::LEN]);
                                });
                                let column = inputs(simd, column);
                                unroll!(6, r => half[r][c] = column[r]);
                            });
                            unroll!(6, r => {
                                let row = inputs(simd, half[r]);
                                unroll!(6, c => {
                                    let to = &mut to[(r * INPUTS + c) * layout.pitch + at];
                                    row[c].store_slice(&mut to[lane..][..S::f32s::LEN]);
                                });
                            });
                        }
                    }
                }
            },
        );
    }

    /// Writes the outputs Aᵀ m A of all channels.
    #[inline(never)]
    pub fn write<S: Simd>(
        self,
        simd: S,
        from: &[Pixel],
        layout: PlaceLayout,
        y: (&mut [Pixel], &Planes),
        epilogue: &Epilogue,
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                let planes = y.1;
                let zero = S::f32s::splat(simd, 0.0);
                for channel in 0..planes.channels {
                    let bias = S::f32s::splat(simd, epilogue.bias.get(channel).copied().unwrap_or(0.0));
                    for tile in 0..self.count {
                        let at = channel * layout.stride + layout.first + tile;
                        let left = (self.first + tile) * OUTPUTS;
                        let wide = OUTPUTS.min(planes.width - left);
                        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                            let mut half = [[zero; INPUTS]; OUTPUTS];
                            unroll!(6, c => {
                                let mut column = [zero; INPUTS];
                                unroll!(6, r => {
                                    let from = &from[(r * INPUTS + c) * layout.pitch + at];
                                    column[r] = S::f32s::from_slice(simd, &from[lane..][..S::f32s::LEN]);
                                });
                                let column = outputs(simd, column);
                                unroll!(4, r => half[r][c] = column[r]);
                            });
                            unroll!(4, r => if self.row + r < planes.height {
                                let row = outputs(simd, half[r]);
                                let first = planes.row(channel, self.row + r).start + left;
                                let y = &mut y.0[first..][..wide];
                                unroll!(4, c => if let Some(y) = y.get_mut(c) {
                                    let y = &mut y[lane..][..S::f32s::LEN];
                                    let mut sum = row[c] + bias;
                                    if epilogue.add {
                                        sum += S::f32s::from_slice(simd, y);
                                    }
                                    if epilogue.relu {
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

    /// Writes A dy Aᵀ of the gradients of the outputs of all channels, with the layout of [`read`](Self::read).
    #[inline(never)]
    pub fn read_outputs<S: Simd>(
        self,
        simd: S,
        dy: (&[Pixel], &Planes),
        to: &mut [Pixel],
        layout: PlaceLayout,
    ) {
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
                        let at = channel * layout.stride + layout.first + tile;
                        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                            let mut half = [[zero; OUTPUTS]; INPUTS];
                            unroll!(4, c => {
                                let mut column = [zero; OUTPUTS];
                                unroll!(4, r => if let Some(dy) = rows[r].get(c) {
                                    column[r] = S::f32s::from_slice(simd, &dy[lane..][..S::f32s::LEN]);
                                });
                                let column = output_gradient(simd, column);
                                unroll!(6, r => half[r][c] = column[r]);
                            });
                            unroll!(6, r => {
                                let row = output_gradient(simd, half[r]);
                                unroll!(6, c => {
                                    let to = &mut to[(r * INPUTS + c) * layout.pitch + at];
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

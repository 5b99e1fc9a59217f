//! Winograd convolution, forward and backward to the inputs.

use super::strip::{PlaceLayout, Strip};
use super::transform::{OUTPUTS, PLACES, filter};
use crate::engine::cnn::convolution::{Epilogue, Taps};
use crate::engine::cnn::planes::{GROUP_LEN, Pixel, Planes};
use crate::engine::cnn::register_tiles::{Tiled, cover, height, unroll};
use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use valleys_core::kernels::Window;

/// Channels from which on the transforms cost less than they save.
const MIN_CHANNELS: usize = 8;

/// Transformed pixels of a place that are processed together. Those of all places, before and after the products, fit into
/// the second-level cache.
const STRIP_LEN: usize = 128;

/// Channels from which on a strip has four tiles, whatever the cache holds.
const MANY_CHANNELS: usize = 256;

/// A Winograd convolution of planes of one size.
#[derive(Clone, Debug)]
pub struct Winograd {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    height: usize,
    width: usize,
    /// Where its weights are in θ.
    pub taps: Taps,
    /// Offset of its weights among the packed ones.
    pub packed: usize,
}

impl Winograd {
    /// y = x ∗ w; its packed weights start at `packed`. None for windows that are not supported, and for so few channels
    /// that a direct convolution is faster.
    pub fn forward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Option<Self> {
        Self::new(window, inputs, outputs, Taps::forward(inputs, window.kernel), packed)
    }

    /// dx = dy ∗ mirrored w; see [`forward`](Self::forward).
    pub fn backward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Option<Self> {
        Self::new(window, outputs, inputs, Taps::mirrored(inputs, window.kernel), packed)
    }

    fn new(window: &Window, inputs: usize, outputs: usize, taps: Taps, packed: usize) -> Option<Self> {
        let &Window { kernel, stride, padding, height, width, .. } = window;
        let pays = [kernel, stride, padding] == [3, 1, 1] && inputs.min(outputs) >= MIN_CHANNELS;
        pays.then_some(Self { inputs, outputs, height, width, taps, packed })
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        PLACES * self.inputs * self.outputs
    }

    /// Columns of zeros that it reads on either side of its inputs.
    pub const fn halo(&self) -> usize {
        self.width.next_multiple_of(OUTPUTS) - self.width + 1
    }

    /// Rows and columns of tiles of a plane.
    pub const fn tiles(&self) -> [usize; 2] {
        [self.height.div_ceil(OUTPUTS), self.width.div_ceil(OUTPUTS)]
    }

    /// The strips of a plane, from top to bottom.
    pub(super) fn strips(&self) -> impl Iterator<Item = Strip> + use<> {
        let (tiles, most) = (self.width.div_ceil(OUTPUTS), self.strip_len());
        (0..self.height).step_by(OUTPUTS).flat_map(move |row| {
            (0..tiles).step_by(most).map(move |first| Strip { row, first, count: most.min(tiles - first) })
        })
    }

    /// Tiles of a strip.
    pub(super) fn strip_len(&self) -> usize {
        let channels = self.inputs.max(self.outputs);
        // Of very many channels the cache holds no strip. Then weights should be read for several tiles at least.
        let least = if channels >= MANY_CHANNELS { 4 } else { 1 };
        (STRIP_LEN / channels).max(least).min(self.width.div_ceil(OUTPUTS))
    }

    /// Pixels from one place of a strip to the next. One more than there are, so that the places of a tile are in different
    /// sets of a cache.
    pub(super) fn pitch(&self, channels: usize) -> usize {
        self.strip_len() * channels + 1
    }

    /// Pixels of scratch memory of [`run`](Self::run).
    pub fn scratch_len(&self) -> usize {
        PLACES * (self.pitch(self.inputs) + self.pitch(self.outputs))
    }

    /// Writes G g Gᵀ of all filters, in the order in which [`run`](Self::run) reads them.
    ///
    /// # Layout
    /// `weight` (O, I, 3, 3); `packed` (places; tiles of outputs; inputs; outputs of the tile).
    pub fn pack(&self, level: Level, weight: &[f32], packed: &mut [f32]) {
        dispatch!(level, simd => self.pack_with(simd, weight, packed));
    }

    #[inline(always)]
    fn pack_with<S: Simd>(&self, simd: S, weight: &[f32], packed: &mut [f32]) {
        let mut output = 0;
        while output < self.outputs {
            let height = height(output, self.outputs);
            let filters = output * self.inputs..(output + height) * self.inputs;
            for first in filters.clone().step_by(GROUP_LEN) {
                let count = GROUP_LEN.min(filters.end - first);
                let mut taps = [[[0.0; GROUP_LEN]; 3]; 3];
                for (lane, at) in (first - filters.start..filters.len()).take(count).enumerate() {
                    for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                        taps[a][b][lane] = weight[self.taps.at(output + at % height, at / height, [a, b])];
                    }
                }
                let zero = f32x16::splat(simd, 0.0);
                let mut half = [[zero; 3]; 6];
                unroll!(3, b => {
                    let mut column = [zero; 3];
                    unroll!(3, a => column[a] = f32x16::from_slice(simd, &taps[a][b]));
                    let column = filter(simd, column);
                    unroll!(6, r => half[r][b] = column[r]);
                });
                let mut places = packed[first..].chunks_mut(self.inputs * self.outputs);
                unroll!(6, r => {
                    let row = filter(simd, half[r]);
                    unroll!(6, c => if let Some(to) = places.next() {
                        match to.first_chunk_mut::<GROUP_LEN>() {
                            Some(to) if count == GROUP_LEN => row[c].store_slice(to),
                            _ => to[..count].copy_from_slice(&row[c].as_slice()[..count]),
                        }
                    });
                });
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
        scratch: &mut [Pixel],
    ) {
        dispatch!(level, simd => self.run_with(simd, packed, x, y, epilogue, scratch));
    }

    #[inline(always)]
    fn run_with<S: Simd>(
        &self,
        simd: S,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        epilogue: Epilogue,
        scratch: &mut [Pixel],
    ) {
        let packed = &packed[self.packed..][..self.packed_len()];
        let pitch = [self.pitch(self.inputs), self.pitch(self.outputs)];
        let (before, after) = scratch[..self.scratch_len()].split_at_mut(PLACES * pitch[0]);
        for strip in self.strips() {
            let layout = pitch.map(|pitch| PlaceLayout { pitch, stride: strip.count, first: 0 });
            strip.read(simd, x, before, layout[0]);
            let weights = packed.chunks_exact(self.inputs * self.outputs);
            let places = before.chunks_exact(pitch[0]).zip(after.chunks_exact_mut(pitch[1]));
            for (weights, (x, y)) in weights.zip(places) {
                let mut product = Product { weights, x, y, inputs: self.inputs, count: strip.count };
                cover(simd, self.outputs, strip.count, &mut product);
            }
            strip.write(simd, after, layout[1], (&mut *y.0, y.1), &epilogue);
        }
    }
}

/// The products at one place, summed over input channels. The rows of a tile are output channels, its columns are tiles.
pub struct Product<'a> {
    /// Of the place, (tiles of outputs; inputs; outputs of the tile).
    pub weights: &'a [f32],
    /// (inputs, count).
    pub x: &'a [Pixel],
    /// (outputs, count).
    pub y: &'a mut [Pixel],
    /// Input channels.
    pub inputs: usize,
    /// Tiles.
    pub count: usize,
}

impl<S: Simd> Tiled<S> for Product<'_> {
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, output: usize, tile: usize) {
        let Self { inputs, count, .. } = *self;
        let weights = &self.weights[output * inputs..].as_chunks::<R>().0[..inputs];
        let zero = S::f32s::splat(simd, 0.0);
        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
            let mut sums = [[zero; P]; R];
            for (x, weight) in self.x.chunks_exact(count).zip(weights) {
                let x = &x[tile..][..P];
                let mut w = [zero; R];
                unroll!(R, r => w[r] = S::f32s::splat(simd, weight[r]));
                unroll!(P, p => {
                    let x = S::f32s::from_slice(simd, &x[p][lane..][..S::f32s::LEN]);
                    unroll!(R, r => sums[r][p] = w[r].mul_add(x, sums[r][p]));
                });
            }
            unroll!(R, r => {
                let y = &mut self.y[(output + r) * count + tile..][..P];
                unroll!(P, p => sums[r][p].store_slice(&mut y[p][lane..][..S::f32s::LEN]));
            });
        }
    }
}

//! Convolutions of 3 × 3 taps, one apart, by minimal filtering F(4 × 4, 3 × 3): 36 products make the 4 × 4 outputs of a
//! tile that take 144 one by one.
//!
//! Y = Aᵀ (G g Gᵀ ⊙ Bᵀ d B) A for a filter g, 6 × 6 inputs d and 4 × 4 outputs Y, with the points 0, ±1, ±2, ∞ (Lavin
//! and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, section 4.3). Sums over input channels are made
//! between Bᵀ d B and Aᵀ: a product of matrices for each of the 36 places. Its rounding error is some ten times that of
//! sums one by one.

mod gradient;
mod strip;
mod transform;

use super::correlation::{End, Taps};
use super::planes::{Pixel, Planes, SAMPLES};
use super::tiles::{Tiled, cover, height, unroll};
use fearless_simd::{f32x16, prelude::*};
use strip::Strip;
use transform::spread;
use valleys_core::kernels::Window;

/// Outputs of a tile along one edge, and inputs.
const OUTPUTS: usize = 4;
const INPUTS: usize = 6;

/// Places of a transformed tile.
const PLACES: usize = INPUTS * INPUTS;

/// Channels from which on the transforms cost less than they spare.
const CHANNELS: usize = 8;

/// Transformed pixels of a place that are worked on at once: so many that a second-level cache holds those of all places,
/// before and after the products.
const STRIP: usize = 128;

/// A convolution by minimal filtering.
#[derive(Clone, Debug)]
pub struct Winograd {
    inputs: usize,
    outputs: usize,
    height: usize,
    width: usize,
    taps: Taps,
    /// Where its weights lie among the packed ones.
    packed: usize,
}

impl Winograd {
    /// y = x ∗ w of a window for which it pays; packed weights begin at `packed`.
    pub fn forward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Option<Self> {
        Self::new(window, inputs, outputs, Taps::forward(inputs, window.kernel), packed)
    }

    /// dx = dy ∗ mirrored w.
    pub fn backward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Option<Self> {
        Self::new(window, outputs, inputs, Taps::mirrored(inputs, window.kernel), packed)
    }

    fn new(window: &Window, inputs: usize, outputs: usize, taps: Taps, packed: usize) -> Option<Self> {
        let &Window { kernel, stride, padding, height, width, .. } = window;
        let pays = [kernel, stride, padding] == [3, 1, 1] && inputs.min(outputs) >= CHANNELS;
        pays.then_some(Self { inputs, outputs, height, width, taps, packed })
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        PLACES * self.inputs * self.outputs
    }

    /// Columns of zeros that it reads beside its inputs.
    pub const fn halo(&self) -> usize {
        self.width.next_multiple_of(OUTPUTS) - self.width + 1
    }

    /// The strips of a plane, from above.
    fn strips(&self) -> impl Iterator<Item = Strip> + use<> {
        let (tiles, most) = (self.width.div_ceil(OUTPUTS), self.strip());
        (0..self.height).step_by(OUTPUTS).flat_map(move |row| {
            (0..tiles).step_by(most).map(move |first| Strip { row, first, count: most.min(tiles - first) })
        })
    }

    /// Tiles that are worked on at once.
    fn strip(&self) -> usize {
        (STRIP / self.inputs.max(self.outputs)).clamp(1, self.width.div_ceil(OUTPUTS))
    }

    /// Pixels from one place of a strip to the next, for so many channels. One more than there are, so that the places
    /// of a tile do not meet in one set of a cache.
    fn pitch(&self, channels: usize) -> usize {
        self.strip() * channels + 1
    }

    /// Pixels of scratch memory.
    pub fn scratch_len(&self) -> usize {
        PLACES * (self.pitch(self.inputs) + self.pitch(self.outputs))
    }

    /// G g Gᵀ of all filters, in the order in which they are read.
    ///
    /// # Layout
    /// `weight` as θ has it, (O, I, 3, 3); packed (places; tiles of outputs; inputs; outputs of the tile).
    #[inline(always)]
    pub fn pack<S: Simd>(&self, simd: S, weight: &[f32], packed: &mut [f32]) {
        let packed = &mut packed[self.packed..][..self.packed_len()];
        let mut output = 0;
        while output < self.outputs {
            let high = height(output, self.outputs);
            let filters = output * self.inputs..(output + high) * self.inputs;
            // Sixteen at a time.
            for first in filters.clone().step_by(SAMPLES) {
                let count = SAMPLES.min(filters.end - first);
                let mut taps = [[[0.0; SAMPLES]; 3]; 3];
                for (lane, at) in (first - filters.start..filters.len()).take(count).enumerate() {
                    for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                        taps[a][b][lane] = weight[self.taps.at(output + at % high, at / high, [a, b])];
                    }
                }
                let zero = f32x16::splat(simd, 0.0);
                let mut half = [[zero; 3]; INPUTS];
                unroll!(3, b => {
                    let mut column = [zero; 3];
                    unroll!(3, a => column[a] = f32x16::from_slice(simd, &taps[a][b]));
                    let column = spread(simd, column);
                    unroll!(INPUTS, r => half[r][b] = column[r]);
                });
                let mut places = packed[first..].chunks_mut(self.inputs * self.outputs);
                unroll!(INPUTS, r => {
                    let row = spread(simd, half[r]);
                    unroll!(INPUTS, c => if let Some(to) = places.next() {
                        match to.first_chunk_mut::<SAMPLES>() {
                            Some(to) if count == SAMPLES => row[c].store_slice(to),
                            _ => to[..count].copy_from_slice(&row[c].as_slice()[..count]),
                        }
                    });
                });
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
        scratch: &mut [Pixel],
    ) {
        let packed = &packed[self.packed..][..self.packed_len()];
        let pitch = [self.pitch(self.inputs), self.pitch(self.outputs)];
        let (before, after) = scratch[..self.scratch_len()].split_at_mut(PLACES * pitch[0]);
        for strip in self.strips() {
            strip.read(simd, x, before, pitch[0]);
            let weights = packed.chunks_exact(self.inputs * self.outputs);
            let places = before.chunks_exact(pitch[0]).zip(after.chunks_exact_mut(pitch[1]));
            for (weights, (x, y)) in weights.zip(places) {
                let mut product = Product { weights, x, y, inputs: self.inputs, count: strip.count };
                cover(simd, self.outputs, strip.count, &mut product);
            }
            strip.write(simd, after, pitch[1], (&mut *y.0, y.1), &end);
        }
    }
}

/// The sums over input channels at one place.
struct Product<'a> {
    weights: &'a [f32],
    x: &'a [Pixel],
    y: &'a mut [Pixel],
    inputs: usize,
    count: usize,
}

impl<S: Simd> Tiled<S> for Product<'_> {
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, output: usize, tile: usize) {
        let Self { inputs, count, .. } = *self;
        let weights = &self.weights[output * inputs..].as_chunks::<R>().0[..inputs];
        let zero = S::f32s::splat(simd, 0.0);
        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
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

#[cfg(test)]
mod tests;

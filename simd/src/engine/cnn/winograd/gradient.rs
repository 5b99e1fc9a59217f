//! The gradient of the weights: dg = Gᵀ (Σ Bᵀ x B ⊙ A dy Aᵀ) G, summed over tiles and samples.
//!
//! A sum over samples is a sum over the lanes of a vector. To avoid it, the transformed inputs are transposed: a vector then
//! holds 16 channels of one sample, and is multiplied with one element of the transformed dy at a time.

use super::convolution::Winograd;
use super::strip::PlaceLayout;
use super::transform::{INPUTS, PLACES, filter_gradient};
use crate::engine::cnn::planes::{GROUP_LEN, Pixel, Planes};
use crate::engine::cnn::register_tiles::{Tiled, cover, unroll};
use crate::transpose::transpose_16;
use fearless_simd::{Level, dispatch, f32x16, prelude::*};

impl Winograd {
    /// Whether [`add_gradient`](Self::add_gradient) supports this convolution: it needs whole vectors of channels.
    pub const fn has_gradient(&self) -> bool {
        self.inputs.is_multiple_of(GROUP_LEN)
    }

    /// Pixels of scratch memory of [`add_gradient`](Self::add_gradient).
    pub fn gradient_scratch_len(&self) -> usize {
        self.scratch_len() + self.strip_len() * self.inputs + PLACES * self.outputs * self.inputs / GROUP_LEN
    }

    /// Adds the contribution of a sample group to the gradient of the weights, (O, I, 3, 3).
    pub fn add_gradient(
        &self,
        level: Level,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        dispatch!(level, simd => self.add_gradient_with(simd, x, dy, gradient, scratch));
    }

    #[inline(always)]
    fn add_gradient_with<S: Simd>(
        &self,
        simd: S,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        let pitch = [self.pitch(self.inputs), self.pitch(self.outputs)];
        let blocks = self.inputs / GROUP_LEN;
        let (before, scratch) = scratch.split_at_mut(PLACES * pitch[0]);
        let (after, scratch) = scratch.split_at_mut(PLACES * pitch[1]);
        let (transposed, scratch) = scratch.split_at_mut(self.strip_len() * self.inputs);
        // (places, outputs, blocks of 16 inputs)
        let sums = &mut scratch[..PLACES * self.outputs * blocks];
        sums.as_flattened_mut().fill(0.0);
        for strip in self.strips() {
            let layout = pitch.map(|pitch| PlaceLayout { pitch, stride: strip.count, first: 0 });
            strip.read(simd, x, before, layout[0]);
            strip.read_outputs(simd, dy, after, layout[1]);
            let places = before.chunks_exact(pitch[0]).zip(after.chunks_exact(pitch[1]));
            for (sums, (x, dy)) in sums.chunks_exact_mut(self.outputs * blocks).zip(places) {
                transpose_all(simd, x, strip.count, blocks, transposed);
                let mut product = GradientProduct { x: transposed, dy, sums, blocks, count: strip.count };
                cover(simd, self.outputs, blocks, &mut product);
            }
        }
        transform_sums(simd, sums, 0, gradient);
    }
}

/// Transposes the inputs of a place.
///
/// # Layout
/// `from` (channels, tiles; 16 samples), `to` (tiles, samples, blocks; 16 channels).
#[inline(never)]
pub fn transpose_all<S: Simd>(simd: S, from: &[Pixel], tiles: usize, blocks: usize, to: &mut [Pixel]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (tile, block) in (0..tiles).flat_map(|tile| (0..blocks).map(move |block| (tile, block))) {
                let mut square = [f32x16::splat(simd, 0.0); GROUP_LEN];
                // With indices, sixteen multiplications and bounds checks would take longer than the shuffles.
                let from = from[block * GROUP_LEN * tiles + tile..].chunks(tiles);
                for (line, from) in square.iter_mut().zip(from) {
                    *line = f32x16::from_slice(simd, &from[0]);
                }
                let to = to[tile * GROUP_LEN * blocks + block..].chunks_mut(blocks);
                for (line, to) in transpose_16(square).into_iter().zip(to) {
                    line.store_slice(&mut to[0]);
                }
            }
        },
    );
}

/// The products at one place. The rows of a tile are output channels, its columns are blocks of 16 input channels.
pub struct GradientProduct<'a> {
    /// (tiles, samples, blocks; 16 channels).
    pub x: &'a [Pixel],
    /// (outputs, tiles).
    pub dy: &'a [Pixel],
    /// (outputs, blocks), to which the products are added.
    pub sums: &'a mut [Pixel],
    /// Blocks of 16 input channels.
    pub blocks: usize,
    /// Tiles.
    pub count: usize,
}

impl<S: Simd> Tiled<S> for GradientProduct<'_> {
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, output: usize, block: usize) {
        let Self { blocks, count, .. } = *self;
        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
            // Two sums for each product if there are enough registers, because an addition waits for the one before.
            let other = if const { R * P <= 8 } { 1 } else { 0 };
            let mut sums = [[[S::f32s::splat(simd, 0.0); P]; R]; 2];
            for (tile, x) in self.x.chunks_exact(GROUP_LEN * blocks).take(count).enumerate() {
                let mut dy = [&[0.0; GROUP_LEN]; R];
                unroll!(R, r => dy[r] = &self.dy[(output + r) * count + tile]);
                for sample in (0..GROUP_LEN).step_by(2) {
                    for (set, sample) in [(0, sample), (other, sample + 1)] {
                        let x = &x[sample * blocks + block..][..P];
                        let mut d = [S::f32s::splat(simd, 0.0); R];
                        unroll!(R, r => d[r] = S::f32s::splat(simd, dy[r][sample]));
                        unroll!(P, p => {
                            let x = S::f32s::from_slice(simd, &x[p][lane..][..S::f32s::LEN]);
                            unroll!(R, r => sums[set][r][p] = d[r].mul_add(x, sums[set][r][p]));
                        });
                    }
                }
            }
            unroll!(R, r => {
                let to = &mut self.sums[(output + r) * blocks + block..][..P];
                unroll!(P, p => {
                    let to = &mut to[p][lane..][..S::f32s::LEN];
                    let sum = sums[0][r][p] + sums[1][r][p] + S::f32s::from_slice(simd, to);
                    sum.store_slice(to);
                });
            });
        }
    }
}

/// Adds Gᵀ m G of the sums from number `first` of 16 filters on to a part of the gradient.
///
/// # Layout
/// `sums` (places, outputs, blocks of 16 inputs).
#[inline(never)]
pub fn transform_sums<S: Simd>(simd: S, sums: &[Pixel], first: usize, gradient: &mut [f32]) {
    let pitch = sums.len() / PLACES;
    simd.vectorize(
        #[inline(always)]
        || {
            let gradient = gradient.as_chunks_mut::<9>().0.as_chunks_mut::<GROUP_LEN>().0;
            for (at, filters) in (first..).zip(gradient) {
                let zero = f32x16::splat(simd, 0.0);
                let mut half = [[zero; INPUTS]; 3];
                for c in 0..INPUTS {
                    let mut column = [zero; INPUTS];
                    for (r, m) in column.iter_mut().enumerate() {
                        *m = f32x16::from_slice(simd, &sums[(r * INPUTS + c) * pitch + at]);
                    }
                    for (row, x) in half.iter_mut().zip(filter_gradient(simd, column)) {
                        row[c] = x;
                    }
                }
                for (a, row) in half.into_iter().enumerate() {
                    for (b, x) in filter_gradient(simd, row).into_iter().enumerate() {
                        let mut lanes = [0.0; GROUP_LEN];
                        x.store_slice(&mut lanes);
                        filters.iter_mut().zip(lanes).for_each(|(filter, x)| filter[a * 3 + b] += x);
                    }
                }
            }
        },
    );
}

//! The gradient of the weights: dg = Gᵀ (Σ Bᵀ x B ⊙ A dy Aᵀ) G, over tiles and samples.
//!
//! Sums over samples are sums over the lanes of a vector. So the transformed inputs are turned: 16 channels take the place of
//! 16 samples, whose numbers of dy meet them one by one.

use super::transform::gather;
use super::{INPUTS, PLACES, Winograd};
use crate::engine::images::planes::{Pixel, Planes, SAMPLES};
use crate::engine::images::tiles::{Tiled, cover, unroll};
use crate::transpose::turn;
use fearless_simd::{f32x16, prelude::*};

impl Winograd {
    /// Whether the gradient can be had in this way, too: 16 channels make a vector.
    pub const fn has_gradient(&self) -> bool {
        self.inputs.is_multiple_of(SAMPLES)
    }

    /// Pixels of scratch memory.
    pub fn gradient_scratch_len(&self) -> usize {
        self.scratch_len() + self.strip() * self.inputs + PLACES * self.outputs * self.inputs / SAMPLES
    }

    /// Adds the part of at most 16 samples to the gradient of the weights.
    ///
    /// # Layout
    /// `gradient` (O, I, 3, 3).
    #[inline(always)]
    pub fn gradient<S: Simd>(
        &self,
        simd: S,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        let pitch = [self.pitch(self.inputs), self.pitch(self.outputs)];
        let blocks = self.inputs / SAMPLES;
        let (before, scratch) = scratch.split_at_mut(PLACES * pitch[0]);
        let (after, scratch) = scratch.split_at_mut(PLACES * pitch[1]);
        let (turned, scratch) = scratch.split_at_mut(self.strip() * self.inputs);
        // (places, outputs, blocks of 16 inputs)
        let sums = &mut scratch[..PLACES * self.outputs * blocks];
        sums.as_flattened_mut().fill(0.0);
        for strip in self.strips() {
            strip.read(simd, x, before, pitch[0]);
            strip.read_outputs(simd, dy, after, pitch[1]);
            let places = before.chunks_exact(pitch[0]).zip(after.chunks_exact(pitch[1]));
            for (sums, (x, dy)) in sums.chunks_exact_mut(self.outputs * blocks).zip(places) {
                turn_all(simd, x, strip.count, blocks, turned);
                let mut product = Product { x: turned, dy, sums, blocks, count: strip.count };
                cover(simd, self.outputs, blocks, &mut product);
            }
        }
        finish(simd, sums, self.outputs, blocks, gradient);
    }
}

/// Turns the inputs of a place.
///
/// # Layout
/// `from` (channels, tiles) of samples, `to` (tiles, samples, blocks) of channels.
#[inline(never)]
fn turn_all<S: Simd>(simd: S, from: &[Pixel], tiles: usize, blocks: usize, to: &mut [Pixel]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (tile, block) in (0..tiles).flat_map(|tile| (0..blocks).map(move |block| (tile, block))) {
                let mut square = [f32x16::splat(simd, 0.0); SAMPLES];
                // Chunks, not indices: sixteen products and checks a block take longer than its shuffles.
                let from = from[block * SAMPLES * tiles + tile..].chunks(tiles);
                for (line, from) in square.iter_mut().zip(from) {
                    *line = f32x16::from_slice(simd, &from[0]);
                }
                let to = to[tile * SAMPLES * blocks + block..].chunks_mut(blocks);
                for (line, to) in turn(square).into_iter().zip(to) {
                    line.store_slice(&mut to[0]);
                }
            }
        },
    );
}

/// The sums at one place. The rows of a tile are output channels, its columns blocks of input channels.
struct Product<'a> {
    x: &'a [Pixel],
    dy: &'a [Pixel],
    sums: &'a mut [Pixel],
    blocks: usize,
    count: usize,
}

impl<S: Simd> Tiled<S> for Product<'_> {
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, output: usize, block: usize) {
        let Self { blocks, count, .. } = *self;
        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
            // Two sums for each where there is room: an addition waits for the one before.
            let other = if const { R * P <= 8 } { 1 } else { 0 };
            let mut sums = [[[S::f32s::splat(simd, 0.0); P]; R]; 2];
            for (tile, x) in self.x.chunks_exact(SAMPLES * blocks).take(count).enumerate() {
                let mut dy = [&[0.0; SAMPLES]; R];
                unroll!(R, r => dy[r] = &self.dy[(output + r) * count + tile]);
                for sample in (0..SAMPLES).step_by(2) {
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

/// Gᵀ m G of all sums.
#[inline(never)]
fn finish<S: Simd>(simd: S, sums: &[Pixel], outputs: usize, blocks: usize, gradient: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let gradient = gradient.as_chunks_mut::<9>().0.as_chunks_mut::<SAMPLES>().0;
            for (at, filters) in gradient.iter_mut().enumerate() {
                let zero = f32x16::splat(simd, 0.0);
                let mut half = [[zero; INPUTS]; 3];
                for c in 0..INPUTS {
                    let mut column = [zero; INPUTS];
                    for (r, m) in column.iter_mut().enumerate() {
                        let place = (r * INPUTS + c) * outputs * blocks;
                        *m = f32x16::from_slice(simd, &sums[place + at]);
                    }
                    for (row, x) in half.iter_mut().zip(gather(simd, column)) {
                        row[c] = x;
                    }
                }
                for (a, row) in half.into_iter().enumerate() {
                    for (b, x) in gather(simd, row).into_iter().enumerate() {
                        let mut lanes = [0.0; SAMPLES];
                        x.store_slice(&mut lanes);
                        filters.iter_mut().zip(lanes).for_each(|(filter, x)| filter[a * 3 + b] += x);
                    }
                }
            }
        },
    );
}

//! The products of all sample groups, place by place.

use super::BatchedConvolution;
use super::small;
use crate::engine::cnn::planes::{GROUP_LEN, Pixel};
use crate::engine::cnn::register_tiles::cover;
use crate::engine::cnn::winograd::{GradientProduct, Product, transform_sums, transpose_all};
use crate::floats::AlignedFloats;
use fearless_simd::{Level, dispatch};
use rayon::prelude::*;

/// Sums of 16 filters that are transformed by one task.
const FILTERS: usize = 1 << 10;

/// What the groups of a batch transformed, each (places, channels, tiles) with `pitch` pixels from one place to the next.
#[derive(Clone, Debug)]
pub struct Transformed<'a> {
    /// Of each group.
    pub groups: Vec<&'a [Pixel]>,
    /// Channels.
    pub channels: usize,
    /// Tiles of a plane.
    pub tiles: usize,
    /// Pixels from one place to the next.
    pub pitch: usize,
}

impl Transformed<'_> {
    /// Tiles of all groups.
    pub fn count(&self) -> usize {
        self.groups.len() * self.tiles
    }

    /// Pixels of a place.
    pub fn place_len(&self) -> usize {
        self.channels * self.count()
    }

    /// Copies a place: `to` (channels, groups, tiles).
    fn gather(&self, place: usize, to: &mut [Pixel]) {
        for (channel, to) in to.chunks_exact_mut(self.count()).enumerate() {
            let first = place * self.pitch + channel * self.tiles;
            for (to, from) in to.chunks_exact_mut(self.tiles).zip(&self.groups) {
                to.copy_from_slice(&from[first..][..self.tiles]);
            }
        }
    }
}

/// The products with the weights, summed over input channels: `y` (places, outputs, groups, tiles).
pub fn data_products(
    level: Level,
    convolution: &BatchedConvolution,
    weights: &[f32],
    x: &Transformed,
    y: &mut [Pixel],
) {
    let (inputs, outputs, count) = (convolution.inputs(), convolution.outputs(), x.count());
    let weights = weights.par_chunks_exact(inputs * outputs);
    let places = weights.zip(y.par_chunks_exact_mut(outputs * count)).enumerate();
    let memory = || AlignedFloats::new(x.place_len() * GROUP_LEN);
    places.for_each_init(memory, |memory, (place, (weights, y))| {
        let from: &mut [Pixel] = memory.get_mut().as_chunks_mut().0;
        x.gather(place, from);
        dispatch!(level, simd => {
            let mut product = Product { weights, x: from, y, inputs, count };
            cover(simd, outputs, count, &mut product);
        });
    });
}

/// Adds the gradient of the weights, (O, I, 3, 3), of all groups. `sums` is scratch memory of as many pixels as there are
/// packed weights, by 16.
pub fn weight_products(
    level: Level,
    convolution: &BatchedConvolution,
    (x, dy): (&Transformed, &Transformed),
    sums: &mut [Pixel],
    gradient: &mut [f32],
) {
    let (outputs, blocks, count) = (convolution.outputs(), convolution.inputs() / GROUP_LEN, x.count());
    let sums = &mut sums[..convolution.places() * outputs * blocks];
    let memory = || {
        let pixels = |len: usize| AlignedFloats::new(len * GROUP_LEN);
        [pixels(x.place_len()), pixels(x.place_len()), pixels(dy.place_len())]
    };
    let places = sums.par_chunks_exact_mut(outputs * blocks).enumerate();
    places.for_each_init(memory, |memory, (place, sums)| {
        let [from, transposed, slopes] = memory.each_mut().map(|memory| memory.get_mut().as_chunks_mut().0);
        x.gather(place, from);
        dy.gather(place, slopes);
        sums.as_flattened_mut().fill(0.0);
        dispatch!(level, simd => {
            transpose_all(simd, from, count, blocks, transposed);
            let mut product = GradientProduct { x: transposed, dy: slopes, sums, blocks, count };
            cover(simd, outputs, blocks, &mut product);
        });
    });
    let (sums, is_small) = (&*sums, convolution.is_small());
    gradient.par_chunks_mut(9 * GROUP_LEN * FILTERS).enumerate().for_each(|(i, gradient)| {
        let first = i * FILTERS;
        dispatch!(level, simd => {
            if is_small {
                small::transform_sums(simd, sums, first, gradient);
            } else {
                transform_sums(simd, sums, first, gradient);
            }
        });
    });
}

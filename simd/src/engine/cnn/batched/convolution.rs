//! A convolution of all samples of a batch together: transforms of a sample group.

use super::small;
use crate::engine::cnn::convolution::Epilogue;
use crate::engine::cnn::planes::{Pixel, Planes};
use crate::engine::cnn::winograd::{OUTPUTS, PLACES, PlaceLayout, Strip, Winograd};
use fearless_simd::{Level, dispatch};
use valleys_core::kernels::Window;

/// Weights of a channel pair from which on they are read for all samples at once.
const MIN_PAIRS: usize = 1 << 15;

/// Tiles of a plane up to which the transformed inputs of all samples are kept at once.
const MAX_TILES: usize = 16;

/// A convolution of 3 × 3 taps, stride 1 and padding 1 of all samples of a batch.
#[derive(Clone, Debug)]
pub struct BatchedConvolution {
    winograd: Winograd,
    /// Whether planes have at most 2 × 2 elements.
    is_small: bool,
}

/// A convolution, and the one that gives the gradient of its inputs.
#[derive(Clone, Debug)]
pub struct BatchedPair {
    /// y = x ∗ w.
    pub forward: BatchedConvolution,
    /// dx = dy ∗ mirrored w; none for the samples.
    pub backward: Option<BatchedConvolution>,
}

impl BatchedPair {
    /// The convolutions of a window, if it pays; `backward` says whether the gradient of the inputs is wanted. Their packed
    /// weights start at `packed`.
    pub fn new(
        window: &Window,
        groups: usize,
        [inputs, outputs]: [usize; 2],
        backward: bool,
        packed: usize,
    ) -> Option<Self> {
        let whole = inputs.is_multiple_of(16) && outputs.is_multiple_of(16);
        let tiles = window.height.div_ceil(OUTPUTS) * window.width.div_ceil(OUTPUTS);
        let plain = groups == 1 && window.dilation == 1;
        if !whole || !plain || inputs * outputs < MIN_PAIRS || tiles > MAX_TILES {
            return None;
        }
        let is_small = window.height <= 2 && window.width <= 2;
        let forward = Winograd::forward(window, inputs, outputs, packed)?;
        let forward = BatchedConvolution { winograd: forward, is_small };
        let end = packed + forward.packed_len();
        let backward = match backward {
            true => Some(Winograd::backward(window, inputs, outputs, end)?),
            false => None,
        };
        let backward = backward.map(|winograd| BatchedConvolution { winograd, is_small });
        Some(Self { forward, backward })
    }

    /// Both.
    pub fn each(&self) -> impl Iterator<Item = &BatchedConvolution> {
        [&self.forward].into_iter().chain(&self.backward)
    }
}

impl BatchedConvolution {
    /// Input channels.
    pub const fn inputs(&self) -> usize {
        self.winograd.inputs
    }

    /// Output channels.
    pub const fn outputs(&self) -> usize {
        self.winograd.outputs
    }

    /// Elements of a transformed tile.
    pub const fn places(&self) -> usize {
        if self.is_small { small::PLACES } else { PLACES }
    }

    /// Whether planes have at most 2 × 2 elements.
    pub const fn is_small(&self) -> bool {
        self.is_small
    }

    /// Tiles of a plane.
    pub fn tiles(&self) -> usize {
        let [rows, columns] = self.winograd.tiles();
        if self.is_small { 1 } else { rows * columns }
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        self.places() * self.inputs() * self.outputs()
    }

    /// Its packed weights.
    pub fn weights<'a>(&self, packed: &'a [f32]) -> &'a [f32] {
        &packed[self.winograd.packed..][..self.packed_len()]
    }

    /// Columns of zeros that it reads on either side of its inputs.
    pub const fn halo(&self) -> usize {
        if self.is_small { 0 } else { self.winograd.halo() }
    }

    /// Pixels from one place of transformed inputs, or of outputs, of a group to the next; one more than there are, so that
    /// places are in different sets of a cache.
    pub fn pitch(&self, channels: usize) -> usize {
        channels * self.tiles() + 1
    }

    /// Writes the weights, (O, I, 3, 3), in the order in which they are read.
    pub fn pack(&self, level: Level, weight: &[f32], packed: &mut [f32]) {
        if self.is_small {
            let Winograd { taps, inputs, outputs, .. } = &self.winograd;
            dispatch!(level, simd => small::pack(simd, taps, (*inputs, *outputs), weight, packed));
        } else {
            self.winograd.pack(level, weight, packed);
        }
    }

    /// Transforms the inputs of a group: `to` (places, inputs, tiles).
    pub fn transform(&self, level: Level, x: (&[Pixel], &Planes), to: &mut [Pixel]) {
        let pitch = self.pitch(self.inputs());
        dispatch!(level, simd => {
            if self.is_small {
                small::read(simd, false, x, to, pitch);
            } else {
                for (strip, first) in self.strips() {
                    strip.read(simd, x, to, PlaceLayout { pitch, stride: self.tiles(), first });
                }
            }
        });
    }

    /// Transforms the gradient of the outputs of a group: `to` (places, outputs, tiles).
    pub fn transform_gradient(&self, level: Level, dy: (&[Pixel], &Planes), to: &mut [Pixel]) {
        let pitch = self.pitch(self.outputs());
        dispatch!(level, simd => {
            if self.is_small {
                small::read(simd, true, dy, to, pitch);
            } else {
                for (strip, first) in self.strips() {
                    strip.read_outputs(simd, dy, to, PlaceLayout { pitch, stride: self.tiles(), first });
                }
            }
        });
    }

    /// Writes the outputs of group `group` of `groups`.
    ///
    /// # Layout
    /// `from` (places, outputs, groups, tiles).
    pub fn inverse(
        &self,
        level: Level,
        from: &[Pixel],
        (group, groups): (usize, usize),
        y: (&mut [Pixel], &Planes),
        epilogue: &Epilogue,
    ) {
        let count = groups * self.tiles();
        dispatch!(level, simd => {
            if self.is_small {
                small::write(simd, from, (count, group), y, epilogue);
            } else {
                let pitch = self.outputs() * count;
                for (strip, first) in self.strips() {
                    let layout = PlaceLayout { pitch, stride: count, first: group * self.tiles() + first };
                    strip.write(simd, from, layout, (&mut *y.0, y.1), epilogue);
                }
            }
        });
    }

    /// The rows of tiles of a plane, with the number of the first of them.
    fn strips(&self) -> impl Iterator<Item = (Strip, usize)> + use<> {
        let [rows, columns] = self.winograd.tiles();
        (0..rows).map(move |row| (Strip { row: row * OUTPUTS, first: 0, count: columns }, row * columns))
    }
}

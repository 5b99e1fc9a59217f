//! The layout of images: 16 samples side by side.

use crate::floats::AlignedFloats;
use std::ops::Range;

/// Samples of a group: one AVX-512 vector of f32.
pub const GROUP_LEN: usize = 16;

/// One position of one channel, of the samples of a group.
pub type Pixel = [f32; GROUP_LEN];

/// Where the rows of an image are in a buffer of pixels.
///
/// # Layout
/// (height, channels, halo + width + halo) pixels. The rows of all channels are next to each other: whole planes one after
/// the other would start a multiple of 4096 bytes apart, and share a few sets of a cache. The halo is always 0, so that no
/// convolution has to check whether its window leaves the image on the left or on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Channels C.
    pub channels: usize,
    /// Rows H.
    pub height: usize,
    /// Columns W.
    pub width: usize,
    /// Columns of zeros on either side.
    pub halo: usize,
}

impl Planes {
    /// Pixels from one row to the next.
    pub const fn pitch(&self) -> usize {
        self.width + 2 * self.halo
    }

    /// Pixels of the buffer.
    pub const fn len(&self) -> usize {
        self.channels * self.height * self.pitch()
    }

    /// Numbers of a sample.
    pub const fn sample_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// First pixel of a row with its halo.
    pub const fn start(&self, channel: usize, row: usize) -> usize {
        (row * self.channels + channel) * self.pitch()
    }

    /// A row without its halo.
    pub const fn row(&self, channel: usize, row: usize) -> Range<usize> {
        let first = self.start(channel, row) + self.halo;
        first..first + self.width
    }

    /// Pieces that hold all pixels of this layout and of another that differs in nothing but its halo, in the order of the
    /// memory: rows, or all at once where there is no halo.
    pub fn runs(&self, other: Self) -> impl Iterator<Item = [Range<usize>; 2]> + use<> {
        let planes = [*self, other];
        let whole = self.halo == 0 && other.halo == 0;
        let count = if whole { 1 } else { self.height * self.channels };
        (0..count).map(move |i| {
            planes.map(|planes| {
                let first = i * planes.pitch() + planes.halo;
                first..first + if whole { planes.len() } else { planes.width }
            })
        })
    }

    /// The rows of a channel, without halo, in order.
    pub fn rows(&self, channel: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let planes = *self;
        (0..planes.height).map(move |row| planes.row(channel, row))
    }

    /// The rows of all channels, without halo, in order of the channels.
    pub fn all_rows(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let planes = *self;
        (0..planes.channels).flat_map(move |channel| planes.rows(channel))
    }
}

/// A buffer of the images of a sample group.
#[derive(Debug)]
pub struct ImageBuffer {
    planes: Planes,
    floats: AlignedFloats,
}

impl ImageBuffer {
    /// Images of zeros.
    pub fn new(planes: Planes) -> Self {
        Self { planes, floats: AlignedFloats::new(planes.len() * GROUP_LEN) }
    }

    /// The pixels and their layout.
    pub fn view(&self) -> (&[Pixel], &Planes) {
        (self.floats.get().as_chunks().0, &self.planes)
    }

    /// The pixels, to write, and their layout.
    pub fn view_mut(&mut self) -> (&mut [Pixel], &Planes) {
        (self.floats.get_mut().as_chunks_mut().0, &self.planes)
    }
}

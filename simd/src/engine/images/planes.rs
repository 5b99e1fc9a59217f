//! Images of 16 samples side by side in memory.

use std::ops::Range;

/// Samples side by side: one AVX-512 vector of f32.
pub const SAMPLES: usize = 16;

/// One place of one channel, of [`SAMPLES`] samples.
pub type Pixel = [f32; SAMPLES];

/// Where the planes of an image lie.
///
/// # Layout
/// (height, channels, halo + width + halo) pixels. The rows of all channels are neighbours: planes one after the other
/// would put them a multiple of 4096 bytes apart, all in the same few sets of a cache. The halo is 0 for ever, so that
/// no convolution asks where its window ends on the left and on the right.
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

    /// Pixels in memory.
    pub const fn len(&self) -> usize {
        self.channels * self.height * self.pitch()
    }

    /// Where a row begins, halo included.
    pub const fn start(&self, channel: usize, row: usize) -> usize {
        (row * self.channels + channel) * self.pitch()
    }

    /// A row, without halo.
    pub const fn row(&self, channel: usize, row: usize) -> Range<usize> {
        let first = self.start(channel, row) + self.halo;
        first..first + self.width
    }

    /// The rows of a channel, without halo, in order.
    pub fn rows(&self, channel: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let planes = *self;
        (0..planes.height).map(move |row| planes.row(channel, row))
    }

    /// The rows of all channels, without halo, in order.
    pub fn all_rows(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let planes = *self;
        (0..planes.channels).flat_map(move |channel| planes.rows(channel))
    }
}

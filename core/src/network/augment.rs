//! Changes of training images that leave their class as it is.

use super::Shape;
use crate::rng::Stream;

/// A random shift, and a mirror image or not: a crop of the size of the image from the image with a border around it,
/// flipped left to right with probability ½.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropFlip<'a> {
    /// Shape of the images.
    pub shape: Shape,
    /// Width of the border: the largest shift either way.
    pub padding: usize,
    /// The number that fills the border of each channel: what black is after normalisation.
    pub border: &'a [f32],
}

impl CropFlip<'_> {
    /// Writes a changed copy of `image` to `copy`. The stream belongs to the image and the epoch.
    ///
    /// # Panics
    /// If a length is not that of the shape.
    pub fn apply(&self, stream: &mut Stream, image: &[f32], copy: &mut [f32]) {
        let Shape { channels, height, width } = self.shape;
        assert!(
            image.len() == self.shape.len() && copy.len() == image.len() && self.border.len() == channels
        );
        let shifts = 2 * self.padding as u32 + 1;
        let (down, right) = (stream.below(shifts) as usize, stream.below(shifts) as usize);
        let mirrored = stream.bits() & 1 == 1;
        for (i, pixel) in copy.iter_mut().enumerate() {
            let (channel, row, column) = (i / (height * width), i / width % height, i % width);
            let column = if mirrored { width - 1 - column } else { column };
            // Within the image with its border.
            let (row, column) = (row + down, column + right);
            let inside = (self.padding..self.padding + height).contains(&row)
                && (self.padding..self.padding + width).contains(&column);
            *pixel = if inside {
                image[(channel * height + row - self.padding) * width + column - self.padding]
            } else {
                self.border[channel]
            };
        }
    }
}

//! Augmentation of training images.

use super::Shape;
use crate::rng::Stream;
use core::ops::Deref;

/// Random crop and horizontal flip: a crop of the size of the image from the image with a border around it, flipped left
/// to right with probability ½. The border `B` is the caller's: a slice on a device, a vector on a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropFlip<B> {
    /// Shape of the images.
    pub shape: Shape,
    /// Width of the border: the largest shift either way.
    pub padding: usize,
    /// The number that fills the border of each channel: what black is after normalisation.
    pub border: B,
}

/// The crop and flip of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropFlipDraw {
    /// Rows from the top, 0 to twice the border.
    pub down: u32,
    /// Columns from the left.
    pub right: u32,
    /// Left to right.
    pub mirrored: bool,
}

impl CropFlipDraw {
    /// Draws the crop and flip of an image with a border of this width: the same in every engine.
    pub fn draw(stream: &mut Stream, padding: usize) -> Self {
        let shifts = 2 * padding as u32 + 1;
        let (down, right) = (stream.below(shifts), stream.below(shifts));
        Self { down, right, mirrored: stream.bits() & 1 == 1 }
    }
}

impl CropFlip<&[f32]> {
    /// The width of the border that images are trained with.
    pub const PADDING: usize = 4;
}

impl<B: Deref<Target = [f32]>> CropFlip<B> {
    /// Writes an augmented copy of `image` to `copy`. The stream belongs to the image and the epoch.
    ///
    /// # Panics
    /// If a length is not that of the shape.
    pub fn apply(&self, stream: &mut Stream, image: &[f32], copy: &mut [f32]) {
        let Shape { channels, height, width } = self.shape;
        assert!(
            image.len() == self.shape.len() && copy.len() == image.len() && self.border.len() == channels
        );
        let CropFlipDraw { down, right, mirrored } = CropFlipDraw::draw(stream, self.padding);
        let (down, right) = (down as usize, right as usize);
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

//! The windows that convolution and pooling look through.

use core::ops::Range;

/// A square window that moves over a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows of the input plane.
    pub height: usize,
    /// Columns of the input plane.
    pub width: usize,
    /// Rows, and columns, of the window.
    pub kernel: usize,
    /// From one position to the next.
    pub stride: usize,
    /// Rows and columns of padding around the plane.
    pub padding: usize,
    /// From one element of the window to the next, in the input plane.
    pub dilation: usize,
}

impl Window {
    /// Rows and columns of the output plane: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
    pub const fn output(&self) -> (usize, usize) {
        (self.positions(self.height), self.positions(self.width))
    }

    /// Whether there is a window, and at least one position for it.
    pub const fn fits(&self) -> bool {
        let room = if self.height < self.width { self.height } else { self.width };
        self.kernel > 0
            && self.stride > 0
            && self.dilation > 0
            && room > 0
            && room + 2 * self.padding >= self.extent()
    }

    /// Rows, and columns, of the input plane that the window covers: dilation·(kernel − 1) + 1.
    pub const fn extent(&self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }

    /// Positions along an edge of `len` elements.
    const fn positions(&self, len: usize) -> usize {
        (len + 2 * self.padding - self.extent()) / self.stride + 1
    }

    /// The positions along an edge of `len` elements whose element `tap` lies in the plane, not in the padding.
    pub fn inside(&self, len: usize, tap: usize) -> Range<usize> {
        let offset = tap * self.dilation;
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride);
        let end = (len + self.padding).saturating_sub(offset).div_ceil(self.stride).min(self.positions(len));
        first.min(end)..end
    }

    /// The elements of the window, along an edge of `len` elements, that lie in the plane where the window is at `position`;
    /// with the first of them in the plane.
    pub fn taps(&self, len: usize, position: usize) -> (Range<usize>, usize) {
        let corner = position * self.stride;
        let first = self.padding.saturating_sub(corner).div_ceil(self.dilation);
        let end = (len + self.padding).saturating_sub(corner).div_ceil(self.dilation).min(self.kernel);
        (first.min(end)..end, (corner + first * self.dilation).saturating_sub(self.padding))
    }
}

//! Persistence images.

use super::super::error::enough;
use super::super::{Error, Interval};
use crate::math;

/// Persistence image (Adams et al. 2017): every finite interval is a Gaussian at (birth, length), times a weight of
/// its length; a pixel is the integral of their sum over its rectangle.
///
/// # Layout
/// Pixels are (rows, columns): row 0 holds the shortest lengths, column 0 the earliest births.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PersistenceImage {
    /// Least and largest birth of the picture.
    pub births: (f64, f64),
    /// Least and largest length of the picture.
    pub lengths: (f64, f64),
    /// Columns, along births.
    pub columns: usize,
    /// Rows, along lengths.
    pub rows: usize,
    /// Standard deviation of the Gaussians.
    pub sigma: f64,
}

impl PersistenceImage {
    /// Writes the pixels of a diagram. A weight that is continuous and 0 at length 0 makes the image stable;
    /// the usual one is the length itself, divided by some constant. Essential intervals are left out.
    ///
    /// ```
    /// use valleys_core::topology::{PersistenceImage, Interval};
    /// let image = PersistenceImage { births: (-9.0, 9.0), lengths: (-8.0, 10.0), columns: 3, rows: 2, sigma: 1.0 };
    /// let mut pixels = [0.0; 6];
    /// image.write_pixels(&[Interval::new(0.0, 1.0)], |length| length, &mut pixels)?;
    /// assert!((pixels.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Interval`] names an interval that is none; [`Error::Short`].
    ///
    /// # Cost
    /// O(rows · columns) error functions an interval.
    pub fn write_pixels(
        &self,
        intervals: &[Interval],
        weight: impl Fn(f64) -> f64,
        pixels: &mut [f64],
    ) -> Result<(), Error> {
        let count = self.rows.saturating_mul(self.columns);
        enough("pixels", count, pixels.len())?;
        pixels[..count].fill(0.0);
        for (number, interval) in intervals.iter().enumerate() {
            let interval = interval.checked(0, number)?;
            if interval.is_essential() {
                continue;
            }
            let (length, weight) = (interval.length(), weight(interval.length()));
            for (row, pixels) in pixels[..count].chunks_exact_mut(self.columns.max(1)).enumerate() {
                let across = weight * self.share(length, self.lengths, row, self.rows);
                for (column, pixel) in pixels.iter_mut().enumerate() {
                    *pixel += across * self.share(interval.birth, self.births, column, self.columns);
                }
            }
        }
        Ok(())
    }

    /// The part of a Gaussian at `x` in one of `cells` equal cells of a range.
    fn share(&self, x: f64, (from, to): (f64, f64), cell: usize, cells: usize) -> f64 {
        let below = |i: usize| {
            let edge = from + (to - from) * (i as f64 / cells as f64);
            math::erf((edge - x) / (self.sigma * core::f64::consts::SQRT_2))
        };
        (below(cell + 1) - below(cell)) / 2.0
    }
}

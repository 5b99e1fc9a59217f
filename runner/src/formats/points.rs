//! Point clouds.

use super::csv_reader::rectangle;
use super::{Npy, Numbers, data_error};
use crate::error::Result;

/// Points of R^d, one after the other.
#[derive(Clone, PartialEq, Debug)]
pub struct Points {
    /// d.
    pub dim: usize,
    /// d finite numbers a point.
    pub coordinates: Numbers,
}

impl Points {
    /// Reads CSV, one point a line and no header, or a 2-D `.npy`.
    ///
    /// ```
    /// let points = valleys::formats::Points::parse("square", b"0,0\n1,0\n1,1\n0,1\n")?;
    /// assert_eq!((points.len(), points.dim), (4, 2));
    /// let error = valleys::formats::Points::parse("square", b"0,0\n1,nan\n").unwrap_err();
    /// assert_eq!(error.to_string(), "square, line 2: field 2: `nan` is not finite");
    /// # Ok::<(), valleys::error::CliError>(())
    /// ```
    ///
    /// # Errors
    /// Names the line or the element.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let (dim, coordinates) = if Npy::is_npy(bytes) {
            let Npy { shape, numbers } = Npy::parse(name, bytes)?;
            let [_, dim] = *shape else {
                return Err(data_error(
                    name,
                    format_args!("an array of shape {shape:?}; points have 2 axes"),
                ));
            };
            if dim == 0 && shape[0] > 0 {
                return Err(data_error(name, format_args!("{} points without coordinates", shape[0])));
            }
            (dim, numbers)
        } else {
            let (numbers, _, dim) = rectangle(name, bytes)?;
            (dim, Numbers::F64(numbers))
        };
        Ok(Self { dim, coordinates })
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.coordinates.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

//! Point clouds.

use super::dtype::Kind;
use super::read_info::ReadInfo;
use super::table::{Columns, Rectangle, Table, TableOptions};
use super::{Input, Npy, Numbers, data_error};
use crate::error::Result;

/// Points of R^d, one after the other.
#[derive(Clone, PartialEq, Debug)]
pub struct Points {
    /// d.
    pub dim: usize,
    /// d finite numbers a point.
    pub coordinates: Numbers,
    /// What the file calls the points, if it does.
    pub labels: Option<Vec<String>>,
}

impl Points {
    /// Reads a table, one point a line, or an array (n, d) of NumPy.
    ///
    /// ```
    /// use valleys::formats::{Input, Points, TableOptions};
    /// let input = Input::new("square", "x;y\n0;0\n1;0\n1;1\n0;1\n");
    /// let (points, read) = Points::read(&input, &TableOptions::default())?;
    /// assert_eq!((points.len(), points.dim, read.delimiter), (4, 2, Some("semicolon")));
    /// let error = Points::read(&Input::new("square", "0,0\n1,nan\n"), &TableOptions::default()).unwrap_err();
    /// assert_eq!(error.to_string(), "square, line 2: field 2: `nan` is not finite");
    /// # Ok::<(), valleys::error::CliError>(())
    /// ```
    ///
    /// # Errors
    /// Names the line or the element.
    pub fn read(input: &Input, options: &TableOptions) -> Result<(Self, ReadInfo)> {
        let name = &input.name;
        let (points, mut info) = match Npy::read(input, options)? {
            Some((array, mut info)) => {
                let dim = dim(name, &array.shape)?;
                array.check(name, false)?;
                if array.dtype.kind == Kind::Bool {
                    info.note("truth values are taken as 0 and 1");
                }
                (Self { dim, coordinates: array.numbers, labels: None }, info)
            }
            None => {
                let (bytes, mut info) = input.text("CSV")?;
                let table = Table::open(name, &bytes, Columns::Alike, options, &mut info)?;
                let Rectangle { numbers, columns, labels, .. } = Rectangle::read(table, false)?;
                (Self { dim: columns, coordinates: Numbers::F64(numbers), labels }, info)
            }
        };
        if points.is_empty() {
            info.note("no points are in it");
        }
        if points.look_like_distances() {
            info.note(
                "a symmetric square with zeros on its diagonal, as distances have: `barcode distances` reads it as such",
            );
        }
        Ok((points, info))
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.coordinates.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether somebody may have meant distances.
    fn look_like_distances(&self) -> bool {
        let n = self.dim;
        let at = |i: usize, j: usize| self.coordinates.get(i * n + j);
        n > 2 && self.len() == n && (0..n).all(|i| at(i, i) == 0.0 && (0..i).all(|j| at(i, j) == at(j, i)))
    }
}

/// The number of coordinates in an array of points.
fn dim(name: &str, shape: &[usize]) -> Result<usize> {
    let what = match *shape {
        [n, 0] if n > 0 => format!("{n} points without coordinates"),
        [_, dim] => return Ok(dim),
        [n] => format!(
            "an array of shape [{n}], but points have 2 axes, (points, coordinates): points on a line are \
             a.reshape(-1, 1); values of a function are for `barcode grid`, condensed distances for `barcode distances`"
        ),
        _ => format!("an array of shape {shape:?}, but points have 2 axes, (points, coordinates)"),
    };
    Err(data_error(name, what))
}

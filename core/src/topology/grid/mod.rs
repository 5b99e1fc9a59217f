//! Sublevel sets of functions on rectangular grids.
//!
//! Three complexes have a value for each grid point ([`GridComplex`]): a triangulation, whose bars depend on the
//! orientation of the grid, and two cubical complexes, whose bars do not.

#[cfg(feature = "alloc")]
mod complex;
#[cfg(feature = "alloc")]
mod cubes;
mod merge_tree;
mod neighbours;

use super::error::enough;
use super::{Bar, Error};
use merge_tree::{Direction, merge_tree};

/// The complex whose sublevel sets are those of a function on a grid.
///
/// | | points of a sublevel set are connected to | points outside of it to |
/// |---|---|---|
/// | `Freudenthal` | 2 on a line, 6 in the plane, 14 in space | as many |
/// | `Vertices` | 2, 4, 6 | 2, 8, 26 |
/// | `Cells` | 2, 8, 26 | 2, 4, 6 |
///
/// On a line all three have the same bars. An axis of one point is no axis of the complex.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GridComplex {
    /// Points are vertices, and a vertex is joined to those that lie ahead of it by 0 or 1 on every axis: in the plane
    /// squares are cut along the diagonal from (i, j) to (i + 1, j + 1). Every simplex has the largest value of its
    /// vertices (lower-star filtration). The bars depend on the orientation: the mirrored grid has other diagonals.
    #[default]
    Freudenthal,
    /// Points are vertices of cubes, and every cube has the largest value of its vertices (GUDHI:
    /// `CubicalComplex(vertices=...)`).
    Vertices,
    /// Points are cubes of the top dimension, and every face has the smallest value of the cubes that it belongs to (GUDHI:
    /// `CubicalComplex(top_dimensional_cells=...)`).
    Cells,
}

impl GridComplex {
    /// All, the default first.
    pub const ALL: [Self; 3] = [Self::Freudenthal, Self::Vertices, Self::Cells];

    /// The name: `freudenthal`, `vertices`, `cells`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freudenthal => "freudenthal",
            Self::Vertices => "vertices",
            Self::Cells => "cells",
        }
    }
}

/// Values on a grid of one, two or three axes, and a complex.
///
/// A point with the value +∞ never enters: a class that only such a point would close is essential, and nothing is
/// born there.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a> {
    values: &'a [f64],
    /// Lengths of the axes, the last one contiguous; axes that are not there have length 1.
    shape: [usize; 3],
    complex: GridComplex,
}

impl<'a> Grid<'a> {
    /// Values with the last axis contiguous, row by row in the plane, and [`GridComplex::Freudenthal`].
    ///
    /// # Errors
    /// [`Error::Value`] names the first value that is −∞ or not a number; [`Error::Shape`] unless there are one to three
    /// axes with as many points as values; [`Error::TooMany`].
    pub fn new(values: &'a [f64], axes: &[usize]) -> Result<Self, Error> {
        let points = axes.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
        if !(1..=3).contains(&axes.len()) || points != Some(values.len()) {
            return Err(Error::Shape {
                axes: axes.len(),
                points: points.unwrap_or(usize::MAX),
                given: values.len(),
            });
        }
        if values.len() >= u32::MAX as usize {
            return Err(Error::TooMany { what: "grid points", given: values.len() });
        }
        if let Some(position) = values.iter().position(|&x| x.is_nan() || x == f64::NEG_INFINITY) {
            return Err(Error::Value { position, value: values[position] });
        }
        let mut shape = [1; 3];
        shape[3 - axes.len()..].copy_from_slice(axes);
        Ok(Self { values, shape, complex: GridComplex::default() })
    }

    /// The same values on another complex.
    ///
    /// ```
    /// use valleys_core::topology::{Grid, GridComplex};
    /// // Low values on a diagonal: one component where diagonals connect, two where they do not.
    /// let values = [1.0, 0.0, 0.0, 1.0];
    /// let components = |complex| -> Result<usize, valleys_core::topology::Error> {
    ///     let grid = Grid::new(&values, &[2, 2])?.with_complex(complex);
    ///     let mut count = 0;
    ///     grid.merge_tree_bars(&mut [0; 4], &mut [0; 10], |bar| count += usize::from(bar.dim == 0))?;
    ///     Ok(count)
    /// };
    /// assert_eq!(components(GridComplex::Cells)?, 1);
    /// assert_eq!(components(GridComplex::Vertices)?, 2);
    /// assert_eq!(components(GridComplex::Freudenthal)?, 2); // one for the mirror image
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    pub const fn with_complex(self, complex: GridComplex) -> Self {
        Self { complex, ..self }
    }

    /// The complex.
    pub const fn complex(&self) -> GridComplex {
        self.complex
    }

    /// Axes of more than one point.
    pub fn dim(&self) -> usize {
        self.shape.iter().filter(|&&axis| axis > 1).count()
    }

    /// Number of grid points.
    pub fn points(&self) -> usize {
        self.values.len()
    }

    /// Bars of positive length of dimension 0 and, on a grid of two or three axes, of the top dimension, which is 1 or
    /// 2: in the plane these are all bars. They come in no particular order. The grid points whose values are birth and
    /// death stand for their simplices.
    ///
    /// ```
    /// use valleys_core::topology::Grid;
    /// let values = [0.0, 1.0, 0.0, 1.0, 5.0, 2.0, 0.0, 3.0, 0.5]; // a ring of low values around a hill
    /// let grid = Grid::new(&values, &[3, 3])?;
    /// let (mut order, mut parent) = ([0; 9], [0; 20]);
    /// let mut circles = Vec::new();
    /// grid.merge_tree_bars(&mut order, &mut parent, |bar| if bar.dim == 1 { circles.push((bar.birth, bar.death)) })?;
    /// assert_eq!(circles, [(3.0, 5.0)]);
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Layout
    /// `order` has one entry a point, `parent` two, and two more: 16 bytes a point.
    ///
    /// # Errors
    /// [`Error::Short`].
    ///
    /// # Cost
    /// Two passes over the grid, each followed by a few over the points where components meet, and a sort of those
    /// that are left: O(n log n). Holes of the top dimension are components of what is above, with one more point
    /// outside that touches the border and is above all (Alexander duality); they die in its order. Points above are
    /// connected as in the table of [`GridComplex`].
    pub fn merge_tree_bars(
        &self,
        order: &mut [u64],
        parent: &mut [u32],
        mut emit: impl FnMut(Bar),
    ) -> Result<(), Error> {
        let points = self.points();
        enough("order of the grid", points, order.len())?;
        enough("parents of the grid", 2 * points + 2, parent.len())?;
        let (parent, first) = parent[..2 * points + 2].split_at_mut(points + 1);
        merge_tree(self, Direction::Up, &mut order[..points], parent, first, &mut emit);
        if self.dim() > 1 {
            merge_tree(self, Direction::Down, &mut order[..points], parent, first, &mut emit);
        }
        Ok(())
    }

    /// Coordinates of a point.
    fn coordinates(&self, point: usize) -> [usize; 3] {
        let [_, rows, columns] = self.shape;
        [point / (rows * columns), point / columns % rows, point % columns]
    }

    /// Coordinates of the point after one.
    fn next(&self, mut at: [usize; 3]) -> [usize; 3] {
        at[2] += 1;
        for axis in [2, 1] {
            if at[axis] == self.shape[axis] {
                at[axis] = 0;
                at[axis - 1] += 1;
            }
        }
        at
    }

    /// The steps from a point to those that lie ahead by 0 or 1 on every axis, with the difference of their places: 2^dim − 1.
    #[cfg(feature = "alloc")]
    fn steps(&self) -> impl Iterator<Item = ([usize; 3], usize)> + Clone {
        let [_, rows, columns] = self.shape;
        let step = move |mask: usize| {
            let step = [mask >> 2 & 1, mask >> 1 & 1, mask & 1];
            (step, (step[0] * rows + step[1]) * columns + step[2])
        };
        let fits = |(step, _): &([usize; 3], usize)| (0..3).all(|axis| step[axis] < self.shape[axis]);
        (1..8).map(step).filter(fits)
    }
}

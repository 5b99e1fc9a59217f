//! Sublevel sets of functions on rectangular grids.
//!
//! The grid is triangulated after Freudenthal: a vertex is joined to those that lie ahead of it by 0 or 1 on every
//! axis, so in the plane squares are cut along the diagonal from (i, j) to (i + 1, j + 1). Every simplex has the
//! largest value of its vertices (lower-star filtration).

#[cfg(feature = "alloc")]
mod complex;
mod merge_tree;
mod neighbours;

use super::error::enough;
use super::{Bar, Error};
use merge_tree::{Direction, merge_tree};

/// Values on a grid of one, two or three axes.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a> {
    values: &'a [f64],
    /// Lengths of the axes, the last one contiguous; axes that are not there have length 1.
    shape: [usize; 3],
}

impl<'a> Grid<'a> {
    /// Values with the last axis contiguous: row by row in the plane.
    ///
    /// # Errors
    /// [`Error::Value`] names the first value that is not finite; [`Error::Shape`] unless there are one to three
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
        if let Some(position) = values.iter().position(|x| !x.is_finite()) {
            return Err(Error::Value { position, value: values[position] });
        }
        let mut shape = [1; 3];
        shape[3 - axes.len()..].copy_from_slice(axes);
        Ok(Self { values, shape })
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
    /// outside that touches the border and is above all (Alexander duality); they die in its order.
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

    /// The steps from a point to those ahead of it, by axis, with the difference of their places: 2^dim − 1.
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

//! The cubical complexes of a grid.
//!
//! A cube is named by doubled coordinates: along an axis, an even number 2i is the corner i, and an odd one 2i + 1 the
//! edge from corner i to corner i + 1.

use alloc::vec::Vec;

use super::super::{Error, Filtration, NONE};
use super::{Grid, GridComplex};

/// A cube of any dimension, by its doubled coordinates.
#[derive(Clone, Copy)]
pub(super) struct Cube([usize; 3]);

impl Cube {
    /// Its dimension.
    pub fn dim(self) -> usize {
        self.0.iter().filter(|x| **x % 2 == 1).count()
    }

    /// Doubled coordinates of its faces of one dimension less: 2 along every axis that it extends along.
    fn facets(self) -> impl Iterator<Item = Self> {
        let extended = (0..3).filter(move |&axis| self.0[axis] % 2 == 1);
        extended.flat_map(move |axis| {
            [self.0[axis] - 1, self.0[axis] + 1].map(|x| {
                let mut facet = self;
                facet.0[axis] = x;
                facet
            })
        })
    }
}

impl Grid<'_> {
    /// Doubled coordinates along every axis, from 0; none where there is no point.
    fn doubled(&self) -> [usize; 3] {
        self.shape.map(|axis| match (self.complex, axis) {
            (_, 0) => 0,
            (GridComplex::Cells, 2..) => 2 * axis + 1,
            _ => 2 * axis - 1,
        })
    }

    /// The first and the last point along an axis of those that a cube has its value from.
    fn span(&self, axis: usize, x: usize) -> [usize; 2] {
        match self.complex {
            GridComplex::Cells => [x.saturating_sub(1) / 2, (x / 2).min(self.shape[axis] - 1)],
            _ => [x / 2, x.div_ceil(2)],
        }
    }

    /// The points that a cube has its value from: its vertices, or the cubes of the top dimension that it belongs to.
    fn sources(&self, cube: Cube) -> impl Iterator<Item = usize> + use<> {
        let [_, rows, columns] = self.shape;
        let [planes, within, along] = [0, 1, 2].map(|axis| self.span(axis, cube.0[axis]));
        let range = |[first, last]: [usize; 2]| first..=last;
        range(planes).flat_map(move |i| {
            range(within).flat_map(move |j| range(along).map(move |k| (i * rows + j) * columns + k))
        })
    }

    fn value(&self, cube: Cube) -> f64 {
        let values = self.sources(cube).map(|point| self.values[point]);
        match self.complex {
            GridComplex::Cells => values.fold(f64::INFINITY, f64::min),
            _ => values.fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The cubes of dimension `max_dim` at most with finite values.
    pub(super) fn finite_cubes(&self, max_dim: usize) -> impl Iterator<Item = Cube> {
        let [planes, rows, columns] = self.doubled();
        let all = (0..planes)
            .flat_map(move |i| (0..rows).flat_map(move |j| (0..columns).map(move |k| Cube([i, j, k]))));
        all.filter(move |&cube| cube.dim() <= max_dim && self.value(cube) < f64::INFINITY)
    }

    /// Number of cubes of each dimension, whatever their values.
    pub(super) fn count_cubes(&self) -> [u64; 4] {
        let mut counts = [1, 0, 0, 0];
        for len in self.doubled() {
            // Corners and edges along the axis.
            let (corners, edges) = (len.div_ceil(2) as u64, (len / 2) as u64);
            for dim in (0..4).rev() {
                counts[dim] = counts[dim] * corners + if dim > 0 { counts[dim - 1] * edges } else { 0 };
            }
        }
        counts
    }

    /// The number of a corner.
    fn corner(&self, [i, j, k]: [usize; 3]) -> u32 {
        let [_, rows, columns] = self.doubled().map(|len| len.div_ceil(2));
        ((i * rows + j) * columns + k) as u32
    }

    /// The cubes of dimension `max_dim` at most with finite values as a filtration.
    pub(super) fn cubes(&self, max_dim: usize) -> Result<Filtration<'static>, Error> {
        let doubled = self.doubled();
        let all = doubled.iter().try_fold(1usize, |product, &len| product.checked_mul(len));
        // 8 vertices a cube at most, and one word is kept for "none".
        let Some(all) = all.filter(|&all| all < NONE as usize / 8) else {
            return Err(Error::TooMany { what: "cubes", given: all.unwrap_or(usize::MAX) });
        };
        let place = |Cube([i, j, k]): Cube| (i * doubled[1] + j) * doubled[2] + k;
        let mut entries = alloc::vec![NONE; all];
        let (mut values, mut ends) = (Vec::new(), Vec::new());
        let (mut vertices, mut facets) = (Vec::new(), Vec::new());
        for (cube, entry) in self.finite_cubes(max_dim).zip(0..) {
            entries[place(cube)] = entry;
            values.push(self.value(cube));
            let range = |axis: usize| cube.0[axis] / 2..=cube.0[axis].div_ceil(2);
            for i in range(0) {
                vertices.extend(
                    range(1).flat_map(|j| range(2).map(move |k| [i, j, k])).map(|at| self.corner(at)),
                );
            }
            ends.push(vertices.len() as u32);
        }
        for cube in self.finite_cubes(max_dim) {
            // A face enters with the cube or before it, so it is there. A vertex gets itself, for want of any.
            let start = facets.len();
            facets.extend(cube.facets().map(|facet| entries[place(facet)]));
            facets.resize(start + (1 << cube.dim()), entries[place(cube)]);
        }
        Ok(Filtration::of_cubes(values, &ends, &vertices, &facets))
    }

    /// The cube of the top dimension with the smallest value of those around a cube with these vertices; of several,
    /// the last.
    pub(super) fn lowest_around(&self, vertices: &[u32]) -> usize {
        let (Some(&first), Some(&last)) = (vertices.first(), vertices.last()) else { return 0 };
        let [_, rows, columns] = self.doubled().map(|len| len.div_ceil(2));
        let at = |corner: u32| {
            let corner = corner as usize;
            [corner / (rows * columns), corner / columns % rows, corner % columns]
        };
        let cube = Cube([0, 1, 2].map(|axis| at(first)[axis] + at(last)[axis]));
        let least = |a: usize, b: usize| if self.values[b] <= self.values[a] { b } else { a };
        self.sources(cube).reduce(least).unwrap_or(0)
    }
}

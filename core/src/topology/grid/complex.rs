//! The complex of a grid, explicitly: for the dimensions between the lowest and the top, and to check the others.

use alloc::{vec, vec::Vec};

use super::super::{Bar, Error, Filtration, ReductionMatrix, reduce_sparse};
use super::{Grid, GridComplex};

impl Grid<'_> {
    /// The cells of dimension `max_dim` at most with finite values, as a filtration. Cells are simplices or cubes.
    ///
    /// Its vertices are the grid points; for [`GridComplex::Cells`] they are the corners of the cubes, one more than points
    /// along every axis that is longer than 1, numbered with the last axis fastest.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    ///
    /// # Cost
    /// In the plane 6 simplices or 4 cubes a point, in space 26 or 8: some 60 bytes for each.
    pub fn filtration(&self, max_dim: usize) -> Result<Filtration<'static>, Error> {
        if self.complex != GridComplex::Freudenthal {
            return self.cubes(max_dim);
        }
        let mut cells: Vec<(Chain, f64)> = Vec::new();
        self.chains(max_dim, &mut |chain, value| cells.push((chain, value)));
        Filtration::new(cells.iter().map(|&(chain, value)| (chain.points(), value)))
    }

    /// Number of cells of each dimension with finite values.
    ///
    /// # Cost
    /// None, unless a value is +∞: then all cells are looked at.
    pub fn cells_len(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        if self.points() == 0 {
            return counts;
        }
        let is_finite = self.values.iter().all(|x| x.is_finite());
        match (self.complex, is_finite) {
            (GridComplex::Freudenthal, true) => self.count_chains([1; 3], 0, &mut counts),
            (GridComplex::Freudenthal, false) => self.chains(3, &mut |chain, _| counts[chain.len - 1] += 1),
            (_, true) => counts = self.count_cubes(),
            (_, false) => self.finite_cubes(3).for_each(|cube| counts[cube.dim()] += 1),
        }
        counts
    }

    /// All bars of positive length, ordered by dimension, birth, death; grid points stand for their cells.
    ///
    /// In the plane these are the bars of [`Grid::merge_tree_bars`]; in space those of dimension 1 come from a
    /// reduction of the complex up to dimension 2.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub fn bars(&self) -> Result<Vec<Bar>, Error> {
        let mut bars = Vec::new();
        let (mut order, mut parent) = (vec![0; self.points()], vec![0; 2 * self.points() + 2]);
        self.merge_tree_bars(&mut order, &mut parent, |bar| bars.push(bar))?;
        drop((order, parent));
        if self.dim() == 3 {
            let filtration = self.filtration(2)?;
            let mut partner = vec![0; filtration.len()];
            let pairing = reduce_sparse(&filtration, ReductionMatrix::Coboundary, 1, &mut partner)?;
            let point = |cell: usize| self.point_of(filtration.vertices(cell));
            bars.extend(pairing.bars().filter(|bar| bar.dim == 1).map(|bar| Bar {
                birth_simplex: point(bar.birth_simplex),
                death_simplex: bar.death_simplex.map(point),
                ..bar
            }));
        }
        bars.sort_unstable_by(Bar::order);
        Ok(bars)
    }

    /// The grid point whose value a cell of [`Grid::filtration`] has, from the vertices of the cell; of several, the
    /// last.
    pub fn point_of(&self, vertices: &[u32]) -> usize {
        match self.complex {
            GridComplex::Freudenthal | GridComplex::Vertices => {
                let vertices = vertices.iter().map(|&v| v as usize);
                vertices.max_by(|&a, &b| self.values[a].total_cmp(&self.values[b])).unwrap_or(0)
            }
            GridComplex::Cells => self.lowest_around(vertices),
        }
    }

    /// Visits the simplices of the triangulation of dimension `max_dim` at most with finite values.
    fn chains(&self, max_dim: usize, visit: &mut impl FnMut(Chain, f64)) {
        (0..self.points()).for_each(|point| self.chains_from(Chain::new(point), [0; 3], max_dim, visit));
    }

    /// Visits a chain and all that go on from it, axis after axis not yet gone along.
    fn chains_from(
        &self,
        chain: Chain,
        gone: [usize; 3],
        max_dim: usize,
        visit: &mut impl FnMut(Chain, f64),
    ) {
        let value = chain.points().fold(f64::NEG_INFINITY, |m, v| m.max(self.values[v as usize]));
        if value == f64::INFINITY {
            return;
        }
        visit(chain, value);
        if chain.len > max_dim {
            return;
        }
        let last = chain.points[chain.len - 1] as usize;
        let at = self.coordinates(last);
        for (step, offset) in self.steps() {
            if (0..3).all(|axis| gone[axis] + step[axis] < 2 && at[axis] + step[axis] < self.shape[axis]) {
                let gone = [0, 1, 2].map(|axis| gone[axis] + step[axis]);
                self.chains_from(chain.then(last + offset), gone, max_dim, visit);
            }
        }
    }

    /// Counts the simplices of the triangulation: chains of steps along axes that no other step goes along. `free` is 1 for
    /// an axis that is not yet gone along.
    fn count_chains(&self, free: [usize; 3], dim: usize, counts: &mut [u64; 4]) {
        counts[dim] += (0..3).map(|axis| (self.shape[axis] - (1 - free[axis])) as u64).product::<u64>();
        for (step, _) in self.steps() {
            if (0..3).all(|axis| step[axis] <= free[axis]) {
                self.count_chains([0, 1, 2].map(|axis| free[axis] - step[axis]), dim + 1, counts);
            }
        }
    }
}

/// Points of a simplex, each ahead of the one before.
#[derive(Clone, Copy)]
struct Chain {
    points: [u32; 4],
    len: usize,
}

impl Chain {
    fn new(point: usize) -> Self {
        Self { points: [point as u32, 0, 0, 0], len: 1 }
    }

    fn then(mut self, point: usize) -> Self {
        self.points[self.len] = point as u32;
        self.len += 1;
        self
    }

    fn points(self) -> impl Iterator<Item = u32> + Clone {
        self.points.into_iter().take(self.len)
    }
}

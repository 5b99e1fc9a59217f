//! The triangulated grid as an explicit complex, for the dimensions between the lowest and the top.

use alloc::{vec, vec::Vec};

use super::super::{Bar, Error, Filtration, ReductionMatrix, reduce_sparse};
use super::Grid;

impl Grid<'_> {
    /// The simplices of dimension `max_dim` at most, as a filtration whose vertices are the grid points.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    ///
    /// # Cost
    /// In the plane 6 simplices a point, in space 26: some 60 bytes for each.
    pub fn filtration(&self, max_dim: usize) -> Result<Filtration<'static>, Error> {
        let mut cells: Vec<(Chain, f64)> = Vec::new();
        for point in 0..self.points() {
            self.chains(Chain::new(point), [0; 3], max_dim, &mut cells);
        }
        Filtration::new(cells.iter().map(|&(chain, value)| (chain.points(), value)))
    }

    /// All bars of positive length, ordered by dimension, birth, death; grid points stand for their simplices.
    ///
    /// In the plane these are the bars of [`Grid::merge_tree_bars`]; in space those of dimension 1 come from a
    /// reduction of the complex up to triangles.
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
            // A simplex stands for the vertex whose value it has; of several, the last.
            let point = |cell: usize| {
                let vertices = filtration.vertices(cell).iter().map(|&v| v as usize);
                vertices.max_by(|&a, &b| self.values[a].total_cmp(&self.values[b])).unwrap_or(0)
            };
            bars.extend(pairing.bars().filter(|bar| bar.dim == 1).map(|bar| Bar {
                birth_simplex: point(bar.birth_simplex),
                death_simplex: bar.death_simplex.map(point),
                ..bar
            }));
        }
        bars.sort_unstable_by(Bar::order);
        Ok(bars)
    }

    /// Adds a chain and all that go on from it, axis after axis not yet gone along.
    fn chains(&self, chain: Chain, gone: [usize; 3], max_dim: usize, cells: &mut Vec<(Chain, f64)>) {
        let value = chain.points().fold(f64::NEG_INFINITY, |m, v| m.max(self.values[v as usize]));
        cells.push((chain, value));
        if chain.len > max_dim {
            return;
        }
        let last = chain.points[chain.len - 1] as usize;
        let at = self.coordinates(last);
        for (step, offset) in self.steps() {
            if (0..3).all(|axis| gone[axis] + step[axis] < 2 && at[axis] + step[axis] < self.shape[axis]) {
                let gone = [0, 1, 2].map(|axis| gone[axis] + step[axis]);
                self.chains(chain.then(last + offset), gone, max_dim, cells);
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

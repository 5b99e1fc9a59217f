//! A simplex cut into n^r equal cells.

use super::{MAX_VERTICES, lattice::Barycentric, sort_falling};
use crate::rng::Stream;

/// The edgewise subdivision of a simplex of r + 1 vertices into n^r cells of equal volume.
///
/// In the coordinates x_i = t_{i+1} + … + t_{r+1} the simplex is { 1 ≥ x_1 ≥ … ≥ x_r ≥ 0 }, the unit cube modulo the
/// order of its coordinates. A cell is a word of r digits below n: the points of the cube whose coordinates n·x_i have
/// these whole parts and falling fractions, sorted (Edelsbrunner and Grayson, *Edgewise subdivision of a simplex*,
/// 2000, in other words). One cell is the whole simplex: [`uniform`](super::uniform) for any number of vertices.
///
/// ```
/// use valleys_core::simplex::EdgewiseSubdivision;
/// let cells = EdgewiseSubdivision::new(3, 12);
/// assert_eq!(cells.len(), 144);
/// assert_eq!(EdgewiseSubdivision::new(2, 2).barycentre(0), [0.75, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgewiseSubdivision {
    vertices: usize,
    n: u32,
}

impl EdgewiseSubdivision {
    /// The cells with `n` ≥ 1 intervals on an edge of a simplex of 1 to [`MAX_VERTICES`] vertices.
    ///
    /// # Panics
    /// If `vertices` or `n` is out of range.
    pub const fn new(vertices: usize, n: u32) -> Self {
        assert!(1 <= vertices && vertices <= MAX_VERTICES && n > 0);
        Self { vertices, n }
    }

    /// Number of cells: n^r.
    pub const fn len(&self) -> usize {
        (self.n as usize).pow(self.vertices as u32 - 1)
    }

    /// Always false.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The barycentre of a cell.
    pub fn barycentre(&self, cell: usize) -> Barycentric {
        let r = self.vertices - 1;
        self.point(cell, &(0..r).map(|i| (r - i) as f64 / self.vertices as f64).collect())
    }

    /// A uniform point of a cell.
    pub fn sample(&self, cell: usize, stream: &mut Stream) -> Barycentric {
        let mut fractions: Barycentric = (1..self.vertices).map(|_| stream.unit()).collect();
        sort_falling(&mut fractions, |x| *x);
        self.point(cell, &fractions)
    }

    /// The point of a cell with these falling fractions.
    fn point(&self, mut cell: usize, fractions: &Barycentric) -> Barycentric {
        let n = self.n as usize;
        let mut x: Barycentric = fractions
            .iter()
            .map(|fraction| {
                let digit = cell % n;
                cell /= n;
                (digit as f64 + fraction) / n as f64
            })
            .collect();
        sort_falling(&mut x, |x| *x);
        (0..self.vertices)
            .map(|i| {
                let upper = if i == 0 { 1.0 } else { x[i - 1] };
                upper - x.get(i).copied().unwrap_or(0.0)
            })
            .collect()
    }
}

//! Persistence of Vietoris–Rips complexes, without building them.
//!
//! Implicit cohomology after Bauer (*Ripser*, 2021), over Z/2 and no other field: simplices are numbers, cofacets are
//! enumerated, only the columns of the reduction are stored; with clearing, apparent and emergent pairs, and the
//! enclosing radius as threshold.

mod columns;
mod pivot_table;
mod radix_heap;
mod simplices;

use alloc::vec::Vec;

use super::union_find::find;
use super::{Bar, Error, Metric};
use columns::Columns;
use simplices::{MAX_DIM, SimplexKey, Simplices};

/// What to compute of a Vietoris–Rips complex, and with how much memory.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rips {
    /// The largest dimension wanted, 5 at most.
    pub max_dim: usize,
    /// The largest diameter of a simplex, inclusive; infinite for none.
    pub threshold: f64,
    /// Bytes of working memory that may be used.
    pub budget: usize,
}

impl Rips {
    /// The largest homology dimension that can be computed.
    pub const MAX_DIM: usize = MAX_DIM;

    /// Bytes needed at least for so many points: the distances, and the edges if all are short enough. Columns of
    /// the reduction come on top, which cannot be bounded beforehand: they are counted as they grow.
    pub const fn least_budget(points: usize) -> usize {
        let edges = points.saturating_mul(points.saturating_sub(1)) / 2;
        Simplices::bytes(points).saturating_add(edges.saturating_mul(size_of::<SimplexKey>()))
    }

    /// The bars of positive length of dimension 0 to `max_dim`, ordered by dimension, birth, death. The value of a
    /// simplex is its diameter; classes alive beyond the threshold are essential.
    ///
    /// A key of a bar is the number Σ C(v_i, i + 1) of a simplex with vertices v_0 < v_1 < … among those of its
    /// dimension (combinatorial number system); [`Rips::vertices`] reads it.
    ///
    /// ```
    /// use valleys_core::topology::{Euclidean, Rips};
    /// let square = Euclidean::new(&[0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0], 2)?;
    /// let bars = Rips { max_dim: 1, threshold: f64::INFINITY, budget: 1 << 20 }.bars(&square)?;
    /// assert_eq!((bars[4].dim, bars[4].birth, bars[4].death), (1, 1.0, 2f64.sqrt()));
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Distance`] names a distance that is negative or NaN, or infinite where no edges are missing; [`Error::Memory`] says how much is
    /// missing, and in which dimension; [`Error::TooMany`] where there are more simplices than numbers for them.
    ///
    /// # Cost
    /// n² distances; then in the worst case the cube of the number of simplices, in practice near linear in the
    /// number of cofacets.
    pub fn bars<M: Metric + ?Sized>(&self, space: &M) -> Result<Vec<Bar>, Error> {
        let points = space.points();
        let least = Self::least_budget(points);
        self.check(least, 0)?;
        let (simplices, edges) = Simplices::new(space, self.max_dim, self.threshold)?;
        let mut bars = Vec::new();
        let mut columns = components(&simplices, &edges, &mut bars);
        let mut lower = edges;
        for dim in 1..=self.max_dim {
            let mut reduction = Columns::new(&simplices, dim);
            reduction.reduce(&columns, &mut bars, |bytes| self.check(least.saturating_add(bytes), dim))?;
            if dim == self.max_dim {
                break;
            }
            let last = dim + 1 == self.max_dim;
            (lower, columns) =
                reduction.next(&lower, last, |bytes| self.check(least.saturating_add(bytes), dim + 1))?;
        }
        bars.sort_unstable_by(Bar::order);
        Ok(bars)
    }

    /// The vertices of a key of the given dimension, ascending.
    pub fn vertices(simplex: usize, dimension: usize) -> Vec<u32> {
        simplices::vertices(simplex as u64, dimension)
    }

    fn check(&self, needed: usize, dim: usize) -> Result<(), Error> {
        if needed > self.budget { Err(Error::Memory { needed, given: self.budget, dim }) } else { Ok(()) }
    }
}

/// Dimension 0 by union-find over the edges, ascending; what is left are the columns of dimension 1, descending, but
/// for apparent pairs.
fn components(simplices: &Simplices, edges: &[SimplexKey], bars: &mut Vec<Bar>) -> Vec<SimplexKey> {
    let points = simplices.points() as u32;
    let mut parent: Vec<u32> = (0..points).collect();
    let mut columns = Vec::new();
    for &edge in edges {
        let [a, b] = simplices.ends(edge);
        let (a, b) = (find(&mut parent, a), find(&mut parent, b));
        if a == b {
            if simplices.apparent_cofacet(edge, 1).is_none() {
                columns.push(edge);
            }
            continue;
        }
        let (elder, younger) = (a.min(b), a.max(b));
        parent[younger as usize] = elder;
        if simplices.diameter(edge) > 0.0 {
            bars.push(bar(simplices, 0, (0.0, younger as usize), Some(edge)));
        }
    }
    let roots = (0..points).filter(|&v| parent[v as usize] == v);
    bars.extend(roots.map(|v| bar(simplices, 0, (0.0, v as usize), None)));
    columns.reverse();
    columns
}

fn bar(
    simplices: &Simplices,
    dim: usize,
    (birth, birth_simplex): (f64, usize),
    death: Option<SimplexKey>,
) -> Bar {
    Bar {
        dim,
        birth,
        death: death.map_or(f64::INFINITY, |key| simplices.diameter(key)),
        birth_simplex,
        death_simplex: death.map(|key| simplices.vertices(key, dim + 1).number()),
    }
}

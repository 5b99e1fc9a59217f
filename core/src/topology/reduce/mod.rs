//! Reduction over Z/2 with clearing, of the boundary matrix or its anti-transpose.
//!
//! Both matrices have one block for each dimension k, between the simplices of dimension k and of k + 1, and give the
//! same pairs (de Silva, Morozov, Vejdemo-Johansson, *Dualities in persistent (co)homology*, 2011). Columns
//! are reduced from left to right until their pivots differ; a pivot is a simplex whose own column is known to
//! reduce to zero and is skipped (clearing: Chen, Kerber, *Persistent homology computation with a twist*, 2011).
//!
//! | | [`ReductionMatrix::Boundary`] | [`ReductionMatrix::Coboundary`] |
//! |---|---|---|
//! | columns of block k | simplices of dimension k + 1, ascending | simplices of dimension k, descending |
//! | pivot | latest facet | earliest cofacet |
//! | order of the blocks, for clearing | descending k | ascending k |

#[cfg(feature = "alloc")]
mod bit_tree;
mod cycles;
mod dense;
#[cfg(feature = "alloc")]
mod sparse;

pub use cycles::{cycles, cycles_len};
pub use dense::{reduce, reduce_len};
#[cfg(feature = "alloc")]
pub use sparse::{barcode, reduce_sparse};

use super::Filtration;

/// Which matrix is reduced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReductionMatrix {
    /// Boundaries: homology, the textbook algorithm.
    Boundary,
    /// Coboundaries, the anti-transpose: cohomology, which clears most columns of a complex that has more
    /// simplices the higher their dimension.
    Coboundary,
}

impl ReductionMatrix {
    /// The blocks for the indices up to `max_dim`, in the order that clearing needs.
    fn blocks(self, filtration: &Filtration<'_>, max_dim: usize) -> impl Iterator<Item = usize> {
        let count = filtration.dim().unwrap_or(0).min(max_dim.saturating_add(1));
        (0..count).map(move |i| if self == Self::Boundary { count - 1 - i } else { i })
    }
}

/// The place of a simplex among the ascending simplices of its dimension.
fn rank(cells: &[u32], cell: u32) -> usize {
    cells.partition_point(|&other| other < cell)
}

//! Proved bounds of the largest loss on a simplex, by branch and bound.
//!
//! A lattice and a search between its points *find* large losses on a fitted simplex; they do not exclude larger ones.
//! Here the domain of the map ψ is cut into cells on which ψ is affine. For each cell an upper bound of the loss on all
//! of the cell, and a lower bound of the loss at one of its corners, are computed in f64 with the rounding counted in.
//! The cell with the largest upper bound is split, again and again: the largest upper bound of all cells is at any time
//! a proved upper bound of the loss on the simplex, the largest lower bound a proved lower bound of its maximum.
//!
//! What is proved is a statement about real numbers: the loss L, evaluated exactly, at ψ(t), evaluated exactly, for the
//! control points as they are stored in f32. It assumes that `exp`, `ln` and `sqrt` of libm are exact to 4 units in the
//! last place, which is more than they err.
//!
//! - [`BranchAndBound`]: the cells of one simplex (feature `alloc`);
//! - [`FunctionBounds`]: known functions, by interval arithmetic;
//! - [`NetworkBounds`]: multilayer perceptrons with ReLU on data, by affine arithmetic on the cell.

#[cfg(feature = "alloc")]
mod branch;
mod function;
mod interval;
mod network;

#[cfg(feature = "alloc")]
pub use branch::{BranchAndBound, Cell};
pub use function::FunctionBounds;
pub use interval::Interval;
pub use network::NetworkBounds;

/// The most vertices of a simplex that can be certified: tetrahedra.
pub const MAX_CORNERS: usize = 4;

/// Convex weights over the control points of an affine piece of ψ: one corner of a cell.
pub type Corner = [f64; MAX_CORNERS];

/// What is proved of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// A number that the loss at one of the corners reaches.
    pub lower: f64,
    /// A number that the loss exceeds nowhere on the cell; infinite where nothing is known.
    pub upper: f64,
}

/// A loss with proved bounds on simplices of parameter space.
pub trait CertifiedLoss {
    /// What can go wrong.
    type Error;

    /// Bounds of the loss on a cell: the convex hull of its corners, corner c being Σ_j `corners[c][j]` · `points[j]`.
    ///
    /// `corners` has as many elements as `points`, each with weights that are not negative, sum to 1 exactly, and are 0
    /// from `points.len()` on.
    ///
    /// # Errors
    /// As the implementation states; never for numbers: where nothing can be proved, the bounds are infinite.
    fn bounds(&mut self, points: &[&[f32]], corners: &[Corner]) -> Result<Bounds, Self::Error>;
}

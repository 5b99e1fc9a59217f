//! Minimum spanning trees of point clouds: persistent homology of dimension 0.
//!
//! The finite bars of dimension 0 of the Vietoris–Rips filtration are the edges of a minimum spanning tree. This module
//! computes the tree of [`valleys_core::topology::spanning_tree`], to the last bit of every length, in less time:
//!
//! 1. One pass over all pairs, as blocked matrix products in single precision, gives a lower bound of every distance
//!    (`lower_bound`), and for every point a short list of the points that may be nearest (`candidates`).
//! 2. Borůvka's algorithm takes the edges from these lists (`boruvka`). Wherever a bound leaves a doubt it computes
//!    distances in double precision, with the metrics of the core. So the result depends neither on the vector width nor
//!    on the number of threads.
//!
//! Coordinates are shifted and scaled before they are rounded to single precision (`narrowing`).

mod boruvka;
mod candidates;
mod fingerprint;
mod lower_bound;
mod narrowing;
mod pairs;

use boruvka::BoruvkaForest;
use fearless_simd::Level;
use narrowing::{Narrow, Narrowing};
use valleys_core::topology::{Cosine, Edge, Error, Euclidean, Metric};

/// The metric of a point cloud.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distance {
    /// √Σ (x − y)²; see [`Euclidean`].
    Euclidean,
    /// 1 − x·y / (|x| |y|); see [`Cosine`].
    Cosine,
}

/// A type of coordinates: `f32` or `f64`.
pub trait Scalar: Narrow + Sized {
    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self {
        Self::round(x)
    }

    /// [`spanning_tree`] of points with coordinates of this type.
    #[doc(hidden)]
    fn spanning_tree(
        points: &[Self],
        dim: usize,
        distance: Distance,
        threads: usize,
    ) -> Result<Vec<Edge>, Error>;
}

// Compiled here, once, not in every crate that calls it.
impl Scalar for f32 {
    fn spanning_tree(
        points: &[Self],
        dim: usize,
        distance: Distance,
        threads: usize,
    ) -> Result<Vec<Edge>, Error> {
        tree_of(points, dim, distance, threads)
    }
}

impl Scalar for f64 {
    fn spanning_tree(
        points: &[Self],
        dim: usize,
        distance: Distance,
        threads: usize,
    ) -> Result<Vec<Edge>, Error> {
        tree_of(points, dim, distance, threads)
    }
}

/// The minimum spanning tree of points with `dim` coordinates each, stored one after the other: n − 1 edges for n points,
/// ascending by length.
///
/// Of edges with equal length those with smaller numbers of points come first, in the tree and in the choice of the tree.
/// The lengths are those of [`valleys_core::topology::spanning_tree`], to the last bit, for any number of `threads`.
///
/// # Example
/// ```
/// use valleys_simd::spanning_tree::{Distance, spanning_tree};
/// let tree = spanning_tree(&[0.0f32, 0.0, 3.0, 4.0, 3.0, 4.0, 0.0, 1.0], 2, Distance::Euclidean, 1)?;
/// assert!(tree.iter().map(|edge| edge.length).eq([0.0, 1.0, 18f64.sqrt()]));
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// Those of [`Euclidean::new`] and [`Cosine::new`]: a coordinate that is not finite, coordinates that do not divide into
/// points, a point without direction. [`Error::TooMany`] for more than 2³¹ − 1 points. [`Error::Distance`] if the length
/// of an edge overflows.
///
/// # Cost
/// n² · `dim` multiplications and additions in single precision. Memory: about 110 bytes for each point, 64 more for each
/// thread after the first, and about 1.2 kB for each coordinate and thread. Where many distances are equal, or differ by
/// less than single precision resolves, up to n² / 2 distances in double precision come on top; in the worst case these
/// take a few times as long as the rest.
pub fn spanning_tree<T: Scalar>(
    points: &[T],
    dim: usize,
    distance: Distance,
    threads: usize,
) -> Result<Vec<Edge>, Error> {
    T::spanning_tree(points, dim, distance, threads)
}

fn tree_of<T: Narrow>(
    points: &[T],
    dim: usize,
    distance: Distance,
    threads: usize,
) -> Result<Vec<Edge>, Error> {
    let space = Euclidean::new(points, dim)?;
    let count = space.points();
    if count > i32::MAX as usize {
        return Err(Error::TooMany { what: "points", given: count });
    }
    let level = Level::new();
    match distance {
        Distance::Euclidean => {
            let cloud = Narrowing::euclidean(level, points, dim);
            BoruvkaForest::new(level, &space, &cloud, threads).into_tree()
        }
        Distance::Cosine => {
            let mut norms = vec![0.0; count];
            let space = Cosine::new(points, dim, &mut norms)?;
            let cloud = Narrowing::cosine(points, dim, space.norms());
            BoruvkaForest::new(level, &space, &cloud, threads).into_tree()
        }
    }
}

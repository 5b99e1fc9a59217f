//! Minimum spanning trees of point clouds, fast: index 0 of their persistence.
//!
//! One pass over all pairs, as blocked products of matrices in single precision, gives every pair a lower bound of its
//! distance (`screen`) and every point a list of those that may be nearest (`nearest`). Borůvka's algorithm picks the
//! edges from these lists (`forest`), with distances from the core in double precision wherever a bound leaves a
//! doubt. So the lengths are the core's, whatever the vector width and the number of threads.

mod boruvka;
mod candidates;
mod lower_bound;
mod narrowing;
mod pairs;
mod point_tile;

use boruvka::BoruvkaForest;
use fearless_simd::Level;
use narrowing::Narrowing;
pub use narrowing::Scalar;
use valleys_core::topology::{Cosine, Edge, Error, Euclidean, Metric};

/// How far apart two points are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distance {
    /// [`Euclidean`].
    Euclidean,
    /// [`Cosine`].
    Cosine,
}

/// The minimum spanning tree of points with `dim` coordinates each, one after the other: n − 1 edges, ascending by
/// length; between edges of equal length the one of smaller numbers is preferred. The lengths are those of
/// [`valleys_core::topology::spanning_tree`], to the last bit.
///
/// ```
/// use valleys_simd::spanning_tree::{Distance, spanning_tree};
/// let tree = spanning_tree(&[0.0f32, 0.0, 3.0, 4.0, 3.0, 4.0, 0.0, 1.0], 2, Distance::Euclidean, 1)?;
/// assert!(tree.iter().map(|edge| edge.length).eq([0.0, 1.0, 18f64.sqrt()]));
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// As [`Euclidean::new`] and [`Cosine::new`]: a coordinate that is not finite, coordinates that do not divide into
/// points, a point without direction; [`Error::Distance`] where the length of an edge overflows.
///
/// # Cost
/// n² dim multiplications and additions in single precision. Memory: about 110 bytes a point, 64 more for each thread
/// but the first, and about 1.2 kB a coordinate for each thread. Clouds of which many distances are equal or differ by
/// less than single precision shows cost up to n²/2 distances in double precision more, in the worst case a few times
/// that.
pub fn spanning_tree<T: Scalar>(
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
            let narrowing = Narrowing::euclidean(level, points, dim);
            BoruvkaForest::new(&space, &narrowing, threads).grow()
        }
        Distance::Cosine => {
            let mut norms = vec![0.0; count];
            let space = Cosine::new(points, dim, &mut norms)?;
            let narrowing = Narrowing::cosine(level, points, dim, space.norms());
            BoruvkaForest::new(&space, &narrowing, threads).grow()
        }
    }
}

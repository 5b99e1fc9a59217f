//! Persistence of dimension 0 of finite metric spaces: point clouds and distance matrices.
//!
//! The Vietoris–Rips filtration gives a simplex its diameter, and vertices 0. Its classes of dimension 0 die at the
//! lengths of a minimum spanning tree, so that tree is all there is to compute.

use super::error::enough;
use super::metric::checked_distance;
use super::{Error, Interval, Metric};

/// An edge of a minimum spanning tree: the class that dies at `length`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Edge {
    /// Distance of the two points, 0 for duplicates and for nothing else; +∞ where no edge joins two components.
    pub length: f64,
    /// One point.
    pub a: u32,
    /// The other point.
    pub b: u32,
}

impl Edge {
    /// The bar of dimension 0 that ends with this edge, from 0 to its length.
    pub fn interval(&self) -> Interval {
        Interval::new(0.0, self.length)
    }
}

/// A minimum spanning tree of a metric space of n points, ascending by length: n − 1 edges written to `tree`,
/// which is all the memory it takes, 16 bytes a point. No matrix of distances is made.
///
/// The n − 1 finite bars of dimension 0 are the edges' [`Edge::interval`]s, those of length 0 are duplicates; one
/// more class is essential, and so is one for each edge of infinite length. A threshold t, inclusive, leaves the edges of length t at most, and makes every
/// other one an essential class.
///
/// ```
/// use valleys_core::topology::{Edge, Euclidean, spanning_tree};
/// let points = Euclidean::new(&[0.0f32, 0.0, 3.0, 4.0, 3.0, 4.0, 0.0, 1.0], 2)?;
/// let mut tree = [Edge::default(); 3];
/// let lengths = spanning_tree(&points, &mut tree)?.iter().map(|edge| edge.length);
/// assert!(lengths.eq([0.0, 1.0, 18f64.sqrt()]));
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// [`Error::Short`] for a short slice; [`Error::Distance`] where a distance is negative or NaN, or infinite where no
/// edges are missing ([`Metric::has_missing_edges`]).
///
/// # Cost
/// n (n − 1) / 2 distances (Prim's algorithm).
pub fn spanning_tree<'t, M: Metric + ?Sized>(space: &M, tree: &'t mut [Edge]) -> Result<&'t [Edge], Error> {
    let points = space.points();
    if points > u32::MAX as usize {
        return Err(Error::TooMany { what: "points", given: points });
    }
    let edges = points.saturating_sub(1);
    enough("edges of the tree", edges, tree.len())?;
    let tree = &mut tree[..edges];
    // Behind the edges that are chosen, `tree` holds every point outside as `b`, with the nearest one inside.
    for (b, edge) in (1..).zip(tree.iter_mut()) {
        *edge = Edge { length: f64::INFINITY, a: 0, b };
    }
    let mut newest = 0;
    for chosen in 0..edges {
        let mut nearest = chosen;
        for i in chosen..edges {
            let Edge { mut length, b, .. } = tree[i];
            if let Some(distance) = space.distance_up_to(newest as usize, b as usize, length)
                && checked_distance(space, (newest as usize, b as usize), distance)? < length
            {
                length = distance;
                tree[i] = Edge { length, a: newest, b };
            }
            let least = &tree[nearest];
            if length < least.length || (length == least.length && b < least.b) {
                nearest = i;
            }
        }
        newest = tree[nearest].b;
        // In the order of the points, which are read one after the other then.
        tree[chosen..=nearest].rotate_right(1);
    }
    tree.sort_unstable_by(|x, y| x.length.total_cmp(&y.length).then_with(|| (x.a, x.b).cmp(&(y.a, y.b))));
    Ok(tree)
}

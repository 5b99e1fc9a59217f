//! Losses on the lattice of a simplex, and their maxima.
//!
//! Method: section 4; Voronkova et al., Algorithm 2.

mod search;

use crate::engine::{Engine, Split, Value};
use crate::error::{Error, length, range};
use crate::simplex::{ControlPoints, Lattice, Mix};

pub use search::{MaxLoss, search, search_len};

/// Measures a simplex on its lattice.
///
/// `points` (at least 1) is the memory of the points that go to the landscape in one call. The values come in the
/// order of [`Lattice::points`].
///
/// # Errors
/// The landscape's; slices of the wrong length; [`Error::NotFinite`] naming the lattice point.
///
/// # Cost
/// One pass over the split a lattice point.
pub fn evaluate_lattice<L: Engine + ?Sized>(
    engine: &mut L,
    frame: &ControlPoints,
    n: u32,
    split: Split,
    points: &mut [Mix],
    values: &mut [Value],
) -> Result<(), L::Error> {
    let lattice = Lattice::new(frame.vertices(), n);
    range("points of a call", 1, usize::MAX, points.len())?;
    length("values of the lattice", lattice.len(), values.len())?;
    let mut at = lattice.points();
    for values in values.chunks_mut(points.len()) {
        let points = &mut points[..values.len()];
        for (point, t) in points.iter_mut().zip(&mut at) {
            *point = frame.mix(&t);
        }
        engine.values(split, points, values)?;
    }
    match values.iter().position(|v| !v.loss.is_finite()) {
        Some(at) => Err(Error::NotFinite { what: "the loss on the lattice", at: at as u64 }.into()),
        None => Ok(()),
    }
}

/// The largest losses of a triangle (Algorithm 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Largest losses on the edges, opposite to vertex 2, 1, 0: h₁₂, h₁₃, h₂₃.
    pub edges: [f64; 3],
    /// h₁, the largest loss on the three edges.
    pub birth: f64,
    /// h₂, the largest loss on the whole triangle.
    pub death: f64,
}

/// The segment [h₁, h₂] of a triangle from its losses on the lattice with `n` intervals.
///
/// # Errors
/// Not C(n + 2, 2) losses; a loss that is not finite.
///
/// ```
/// use valleys_core::evaluation::segment;
/// let s = segment(1, &[0.1, 0.3, 0.2])?;
/// assert_eq!((s.birth, s.death), (0.3, 0.3));
/// # Ok::<(), valleys_core::error::Error>(())
/// ```
pub fn segment(n: u32, losses: &[f64]) -> Result<Segment, Error> {
    let lattice = Lattice::new(3, n);
    length("losses of a triangle", lattice.len(), losses.len())?;
    let mut segment =
        Segment { edges: [f64::NEG_INFINITY; 3], birth: f64::NEG_INFINITY, death: f64::NEG_INFINITY };
    for (at, (k, &loss)) in lattice.numerators().zip(losses).enumerate() {
        if !loss.is_finite() {
            return Err(Error::NotFinite { what: "the loss on the lattice", at: at as u64 });
        }
        for (edge, opposite) in segment.edges.iter_mut().zip([2, 1, 0]) {
            if k[opposite] == 0 {
                *edge = edge.max(loss);
            }
        }
        segment.death = segment.death.max(loss);
    }
    segment.birth = segment.edges.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    Ok(segment)
}

//! Losses on the lattice of a fitted simplex, and the largest of them.
//!
//! Method: section 4; Voronkova et al., Algorithm 2.

mod search;

use crate::engine::{Engine, Split, Subset, Value};
use crate::error::{Error, length, range};
use crate::simplex::{ControlPoints, Lattice, Mix};

pub use search::{MaxLoss, REMEASURED, remeasure_highest, search_max_loss, search_max_loss_len};

/// Which points of a lattice are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatticePart {
    /// All.
    All,
    /// Those inside the simplex: on the boundary, the losses are those of the faces.
    Interior,
}

impl LatticePart {
    /// Number of points of this part of a lattice.
    pub fn len(self, lattice: &Lattice) -> usize {
        lattice.numerators().filter(|numerators| self.contains(numerators)).count()
    }

    /// Whether it has the point with these numerators.
    pub fn contains(self, numerators: &[u32]) -> bool {
        self == Self::All || !numerators.contains(&0)
    }
}

/// Evaluates the lattice of a simplex on some splits, on all their samples or on a subset; the values are in the order of
/// [`Lattice::points`], all splits of a point together.
///
/// `points` (at least 1) is the memory of the points that go to the engine in one call; no result depends on its length.
///
/// # Errors
/// The engine's; slices of the wrong length; [`Error::NotFinite`] with the number of the lattice point.
///
/// # Cost
/// One pass over each split a lattice point.
pub fn evaluate_lattice<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    n: u32,
    splits: &[Split],
    subset: Option<Subset>,
    points: &mut [Mix],
    values: &mut [Value],
) -> Result<(), E::Error> {
    let part = LatticePart::All;
    resume_lattice(engine, control_points, n, part, splits, subset, points, values, 0, |_| false).map(drop)
}

/// [`evaluate_lattice`] for a part of the lattice, from its point `done` on, to the end or to where `pause` says so.
/// `pause` is called after every call of the engine with the values so far. Returns how many points have values.
///
/// # Errors
/// As [`evaluate_lattice`].
#[expect(clippy::too_many_arguments, reason = "the caller owns the memory")]
pub fn resume_lattice<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    n: u32,
    part: LatticePart,
    splits: &[Split],
    subset: Option<Subset>,
    points: &mut [Mix],
    values: &mut [Value],
    mut done: usize,
    mut pause: impl FnMut(&[Value]) -> bool,
) -> Result<usize, E::Error> {
    let lattice = Lattice::new(control_points.vertices(), n);
    range("points of a call", 1, usize::MAX, points.len())?;
    let (each, len) = (splits.len(), part.len(&lattice));
    length("values of the lattice", len * each, values.len())?;
    range("values that are there", 0, len, done)?;
    // The points of the part, with their numbers in the lattice.
    let all = lattice.numerators().zip(lattice.points()).enumerate();
    let of_part = all.filter(|(_, (k, _))| part.contains(k)).map(|(number, (_, t))| (number, t));
    let mut next_points = of_part.clone().skip(done);
    while done < len {
        let count = points.len().min(len - done);
        for (point, (_, t)) in points[..count].iter_mut().zip(&mut next_points) {
            *point = control_points.mix(&t);
        }
        let next = &mut values[done * each..(done + count) * each];
        engine.values(splits, subset, &points[..count], next)?;
        if let Some(i) = next.iter().position(|v| !v.loss.is_finite()) {
            let at = of_part.clone().nth(done + i / each).map_or(0, |(number, _)| number as u64);
            return Err(Error::NotFinite { what: "the loss on the lattice", at }.into());
        }
        done += count;
        if done < len && pause(&values[..done * each]) {
            break;
        }
    }
    Ok(done)
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

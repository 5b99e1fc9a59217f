//! The maximum of a simplex between the points of its lattice.

use crate::engine::{Engine, Split, Value};
use crate::error::{Error, length, range};
use crate::simplex::{ControlPoints, Lattice, Mix, Point};
use heapless::Vec;

/// Places from which the search climbs, the highest lattice points that are not next to one another.
const STARTS: usize = 6;

/// The steps end at this share of the lattice's spacing.
const FINEST: f64 = 1.0 / 32.0;

/// Points of one round of [`search`]: the least number that its memory must hold.
pub const fn search_len(vertices: usize) -> usize {
    STARTS * vertices * (vertices - 1)
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxLoss {
    /// The largest loss seen, never below the lattice's.
    pub loss: f64,
    /// Where.
    pub at: Point,
    /// Points measured beside those of the lattice.
    pub evaluations: u32,
}

/// Climbs from the highest lattice points, by steps of half the lattice's spacing and then ever smaller ones, until a
/// round at a step of 1/32 of the spacing changes no place by more than `tolerance` times the loss.
///
/// `losses` are those of the lattice with `n` intervals, in its order; `points` and `values` are memory of
/// [`search_len`]`(vertices)` elements each. The result is a lower bound of the simplex's true maximum, tighter than
/// the lattice's.
///
/// # Errors
/// The landscape's; slices of the wrong length; [`Error::NotFinite`] for a loss that is not.
///
/// # Cost
/// At most a few hundred passes over the split, six starts and r(r + 1) directions a round.
#[expect(clippy::too_many_arguments, reason = "the caller owns the memory")]
pub fn search<L: Engine + ?Sized>(
    engine: &mut L,
    frame: &ControlPoints,
    n: u32,
    losses: &[f64],
    split: Split,
    tolerance: f64,
    points: &mut [Mix],
    values: &mut [Value],
) -> Result<MaxLoss, L::Error> {
    let lattice = Lattice::new(frame.vertices(), n);
    length("losses of the lattice", lattice.len(), losses.len())?;
    length("points of a search", search_len(frame.vertices()), points.len())?;
    length("values of a search", search_len(frame.vertices()), values.len())?;
    range("intervals of the lattice", 1, u32::MAX as usize, n as usize)?;
    let mut places = starts(&lattice, losses);
    let mut evaluations = 0;
    let spacing = 1.0 / f64::from(n);
    let mut step = spacing / 2.0;
    while frame.vertices() > 1 && step >= FINEST * spacing {
        let before = places.clone();
        let mut count = 0;
        for (point, (_, t)) in points.iter_mut().zip(moves(&before, step)) {
            *point = frame.mix(&t);
            count += 1;
        }
        let values = &mut values[..count];
        engine.values(split, &points[..count], values)?;
        evaluations += count as u32;
        let mut moved = false;
        for ((start, t), value) in moves(&before, step).zip(&*values) {
            if !value.loss.is_finite() {
                return Err(Error::NotFinite { what: "the loss near a peak", at: start as u64 }.into());
            }
            let (at, loss) = &mut places[start];
            if value.loss > *loss {
                moved |= value.loss - *loss > tolerance * value.loss.abs();
                (*at, *loss) = (t, value.loss);
            }
        }
        if !moved {
            step /= 2.0;
        }
    }
    let highest = places.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    let (at, loss) =
        highest.ok_or(Error::Range { what: "starts of a search", least: 1, most: 8, given: 0 })?;
    Ok(MaxLoss { loss, at, evaluations })
}

/// The highest lattice points, none next to another.
fn starts(lattice: &Lattice, losses: &[f64]) -> Vec<(Point, f64), STARTS> {
    let apart = 1.5 / f64::from(lattice.n());
    let mut chosen: Vec<(Point, f64), STARTS> = Vec::new();
    while !chosen.is_full() {
        let far = |t: &Point| chosen.iter().all(|(c, _)| t.iter().zip(c).any(|(a, b)| (a - b).abs() > apart));
        let open = lattice.points().zip(losses).filter(|(t, _)| far(t));
        let Some((t, loss)) = open.reduce(|a, b| if b.1 > a.1 { b } else { a }) else { break };
        let _ = chosen.push((t, *loss));
    }
    chosen
}

/// The points one step away from each place, with the place's number.
fn moves(places: &[(Point, f64)], step: f64) -> impl Iterator<Item = (usize, Point)> {
    places.iter().enumerate().flat_map(move |(start, (at, _))| {
        let vertices = at.len();
        let pairs = (0..vertices).flat_map(move |from| (0..vertices).map(move |to| (from, to)));
        pairs.filter(move |&(from, to)| from != to && at[from] >= step).map(move |(from, to)| {
            let mut t = at.clone();
            t[from] -= step;
            t[to] += step;
            (start, t)
        })
    })
}

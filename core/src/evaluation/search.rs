//! The largest loss of a simplex between the points of its lattice.

use crate::engine::{Engine, Split, Subset, Value};
use crate::error::{Error, enough, length, range};
use crate::simplex::{Barycentric, ControlPoints, Lattice, MAX_VERTICES, Mix};
use heapless::Vec;

/// Points from which the search climbs: the highest local maxima of the lattice first, then the highest lattice points of
/// which no two are neighbours; a control point takes the place of a lower one.
const STARTS: usize = 6;

/// The search ends at steps of this share of the lattice's spacing.
const FINEST: f64 = 1.0 / 32.0;

/// The same on a subset of the samples, whose losses are not those of all samples.
const FINEST_ON_SUBSET: f64 = 1.0 / 4.0;

/// Places of a simplex that are measured again on all samples, at most, where its lattice was measured on a subset.
pub const REMEASURED: usize = 3;

/// Points of one round of [`search_max_loss`]: the least length of its memory.
pub const fn search_max_loss_len(vertices: usize) -> usize {
    STARTS * vertices * (vertices - 1)
}

/// The largest loss that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxLoss {
    /// The largest loss seen, never below the lattice's.
    pub loss: f64,
    /// Where.
    pub at: Barycentric,
    /// Points measured beside those of the lattice.
    pub evaluations: u32,
}

/// Climbs from the highest local maxima of the lattice, and from control points, where ψ has its bends and which a lattice
/// may miss. Steps are half the lattice's spacing at first. When a round changes no loss by more than `tolerance` times
/// the loss, the step is halved; at 1/32 of the spacing the search ends.
///
/// `losses` are those of the lattice with `n` intervals, in its order; `points` and `values` are memory of at least
/// [`search_max_loss_len`]`(vertices)` elements each. The result is the largest loss *found*: a lower estimate of the
/// simplex's true maximum, closer than the lattice's (method: section 8).
///
/// With a subset, `losses` are those on the subset, and so are those that the search compares; it ends at a quarter of the
/// spacing. The three highest places are then measured again on all training samples, and the result is the largest loss
/// there.
///
/// # Errors
/// The engine's; slices of the wrong length; [`Error::NotFinite`] for a loss that is not.
///
/// # Cost
/// A pass over the training samples, or the subset, for each control point between lattice points, and at most a few hundred: six starts and
/// r(r + 1) directions a round.
#[expect(clippy::too_many_arguments, reason = "the caller owns the memory")]
pub fn search_max_loss<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    n: u32,
    losses: &[f64],
    subset: Option<Subset>,
    tolerance: f64,
    points: &mut [Mix],
    values: &mut [Value],
) -> Result<MaxLoss, E::Error> {
    let vertices = control_points.vertices();
    let lattice = Lattice::new(vertices, n);
    length("losses of the lattice", lattice.len(), losses.len())?;
    enough("points of a search", search_max_loss_len(vertices), points.len())?;
    enough("values of a search", search_max_loss_len(vertices), values.len())?;
    range("intervals of the lattice", 1, u32::MAX as usize, n as usize)?;
    let mut places = starts(&lattice, losses);
    let mut evaluations = 0;
    let spacing = 1.0 / f64::from(n);
    let mut missed = (0..).zip(control_points.ids()).filter(|(_, id)| !id.is_on_lattice(n)).peekable();
    while missed.peek().is_some() {
        let mut slots: Vec<(u32, Barycentric), { STARTS * 2 }> = Vec::new();
        for (point, (slot, id)) in points.iter_mut().take(slots.capacity()).zip(missed.by_ref()) {
            *point = [(slot, 1.0)].into_iter().collect();
            let _ = slots.push((slot, id.coordinates()[..vertices].iter().copied().collect()));
        }
        let values = &mut values[..slots.len()];
        engine.values(&[Split::Train], subset, &points[..slots.len()], values)?;
        evaluations += slots.len() as u32;
        for ((slot, t), value) in slots.into_iter().zip(&*values) {
            if !value.loss.is_finite() {
                return Err(Error::NotFinite { what: "the loss at a control point", at: slot.into() }.into());
            }
            offer(&mut places, t, value.loss, 1.5 * spacing);
        }
    }
    let mut step = spacing / 2.0;
    let finest = if subset.is_some() { FINEST_ON_SUBSET } else { FINEST };
    while vertices > 1 && step >= finest * spacing {
        let before = places.clone();
        let mut count = 0;
        for (point, (_, t)) in points.iter_mut().zip(neighbours(&before, step)) {
            *point = control_points.mix(&t);
            count += 1;
        }
        let values = &mut values[..count];
        engine.values(&[Split::Train], subset, &points[..count], values)?;
        evaluations += count as u32;
        let mut moved = false;
        for ((start, t), value) in neighbours(&before, step).zip(&*values) {
            if !value.loss.is_finite() {
                let what = "the loss near a local maximum";
                return Err(Error::NotFinite { what, at: start as u64 }.into());
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
    if subset.is_some() {
        places.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
        places.truncate(REMEASURED);
        evaluations += measure_on_all(engine, control_points, &mut places, points, values)?;
    }
    highest(places, evaluations)
}

/// Measures the highest points of a lattice again, on all training samples, and returns the largest loss there: what to
/// do with `losses` of a subset where there is no search. With `on_boundary`, only points of the boundary.
///
/// Memory is that of [`search_max_loss`].
///
/// # Errors
/// The engine's; slices of the wrong length; [`Error::NotFinite`] for a loss that is not.
///
/// # Cost
/// Three passes over the training samples.
pub fn remeasure_highest<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    n: u32,
    losses: &[f64],
    on_boundary: bool,
    points: &mut [Mix],
    values: &mut [Value],
) -> Result<MaxLoss, E::Error> {
    let lattice = Lattice::new(control_points.vertices(), n);
    length("losses of the lattice", lattice.len(), losses.len())?;
    let mut places = Vec::new();
    add_highest(&lattice, losses, &mut places, |t| !on_boundary || t.contains(&0.0));
    places.truncate(REMEASURED);
    let evaluations = measure_on_all(engine, control_points, &mut places, points, values)?;
    highest(places, evaluations)
}

/// Measures places on all training samples. Returns how many there are.
fn measure_on_all<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    places: &mut [(Barycentric, f64)],
    points: &mut [Mix],
    values: &mut [Value],
) -> Result<u32, E::Error> {
    enough("points of a search", places.len(), points.len())?;
    enough("values of a search", places.len(), values.len())?;
    let (points, values) = (&mut points[..places.len()], &mut values[..places.len()]);
    points.iter_mut().zip(&*places).for_each(|(point, (t, _))| *point = control_points.mix(t));
    engine.values(&[Split::Train], None, points, values)?;
    for (number, ((_, loss), value)) in places.iter_mut().zip(values).enumerate() {
        if !value.loss.is_finite() {
            return Err(Error::NotFinite { what: "the loss at a maximum", at: number as u64 }.into());
        }
        *loss = value.loss;
    }
    Ok(places.len() as u32)
}

fn highest<E: From<Error>>(places: Vec<(Barycentric, f64), STARTS>, evaluations: u32) -> Result<MaxLoss, E> {
    let highest = places.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    let (at, loss) =
        highest.ok_or(Error::Range { what: "starts of a search", least: 1, most: 8, given: 0 })?;
    Ok(MaxLoss { loss, at, evaluations })
}

/// The highest local maxima of the lattice; then the highest points of which no two are neighbours.
fn starts(lattice: &Lattice, losses: &[f64]) -> Vec<(Barycentric, f64), STARTS> {
    let mut chosen: Vec<(Barycentric, f64), STARTS> = Vec::new();
    let mut maxima: Vec<(usize, f64), STARTS> = Vec::new();
    for (number, numerators) in lattice.numerators().enumerate() {
        let loss = losses[number];
        if maxima.is_full() && maxima.last().is_some_and(|(_, least)| loss <= *least) {
            continue;
        }
        if is_local_maximum(lattice, losses, number, numerators) {
            if maxima.is_full() {
                maxima.pop();
            }
            let at = maxima.iter().position(|(_, other)| *other < loss).unwrap_or(maxima.len());
            let _ = maxima.insert(at, (number, loss));
        }
    }
    for (number, loss) in maxima {
        chosen.extend(lattice.points().nth(number).map(|t| (t, loss)));
    }
    add_highest(lattice, losses, &mut chosen, |_| true);
    chosen
}

/// Adds the highest lattice points that are no neighbours of chosen ones, while there is room.
fn add_highest(
    lattice: &Lattice,
    losses: &[f64],
    chosen: &mut Vec<(Barycentric, f64), STARTS>,
    is_allowed: impl Fn(&Barycentric) -> bool,
) {
    let apart = 1.5 / f64::from(lattice.n());
    while !chosen.is_full() {
        let far =
            |t: &Barycentric| chosen.iter().all(|(c, _)| t.iter().zip(c).any(|(a, b)| (a - b).abs() > apart));
        let open = lattice.points().zip(losses).filter(|(t, _)| is_allowed(t) && far(t));
        let Some((t, loss)) = open.reduce(|a, b| if b.1 > a.1 { b } else { a }) else { break };
        let _ = chosen.push((t, *loss));
    }
}

/// Whether no neighbour of a lattice point has a larger loss, and none before it the same.
fn is_local_maximum(
    lattice: &Lattice,
    losses: &[f64],
    number: usize,
    mut numerators: Vec<u32, MAX_VERTICES>,
) -> bool {
    let vertices = numerators.len();
    for from in 0..vertices {
        if numerators[from] == 0 {
            continue;
        }
        numerators[from] -= 1;
        for to in (0..vertices).filter(|&to| to != from) {
            numerators[to] += 1;
            let other = lattice.index(&numerators);
            numerators[to] -= 1;
            if losses[other] > losses[number] || (losses[other] == losses[number] && other < number) {
                return false;
            }
        }
        numerators[from] += 1;
    }
    true
}

/// Makes a point a start, in the place of a lower one: of its neighbour if it has one, else of the lowest.
fn offer(starts: &mut Vec<(Barycentric, f64), STARTS>, t: Barycentric, loss: f64, apart: f64) {
    let near = |(c, _): &(Barycentric, f64)| t.iter().zip(c).all(|(a, b)| (a - b).abs() <= apart);
    let lowest = (0..starts.len()).reduce(|a, b| if starts[b].1 < starts[a].1 { b } else { a });
    match starts.iter().position(near) {
        Some(at) if starts[at].1 < loss => starts[at] = (t, loss),
        Some(_) => {}
        None if !starts.is_full() => _ = starts.push((t, loss)),
        None => {
            if let Some(at) = lowest.filter(|&at| starts[at].1 < loss) {
                starts[at] = (t, loss);
            }
        }
    }
}

/// The points one step away from each place, with the place's number.
fn neighbours(places: &[(Barycentric, f64)], step: f64) -> impl Iterator<Item = (usize, Barycentric)> {
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

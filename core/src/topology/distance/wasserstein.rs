//! The q-Wasserstein distance, exactly.

use alloc::{vec, vec::Vec};

use super::super::sum::compensated_sum;
use super::super::{Error, Interval};
use super::cost::Cost;
use super::dynamic_programme::{have_equal_births, optimal_alignment};
use super::shortest_paths::Assignment;
use super::{GroundMetric, Match, moved, split};
use crate::math;

/// q-Wasserstein distance W_q of two diagrams: (Σ cost^q)^(1/q) over the matching of their points with each
/// other or the diagonal where that is least.
///
/// The same to the bit when the diagrams are exchanged, or their intervals reordered. Infinite if the numbers
/// of essential classes of a kind differ.
///
/// ```
/// use valleys_core::topology::{GroundMetric, Interval, wasserstein};
/// let (a, b) = ([Interval::new(0.0, 4.0), Interval::new(1.0, 2.0)], [Interval::new(0.5, 4.25)]);
/// assert_eq!(wasserstein(&a, &b, 1.0, GroundMetric::L_INFINITY)?, 1.0);
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// [`Error::Exponent`] unless 1 ≤ q < ∞; [`Error::Interval`] names an interval that is none: an end is NaN, birth +∞,
/// death −∞, or they are in the wrong order.
///
/// # Cost
/// An optimal assignment by shortest augmenting paths (Jonker, Volgenant 1987), whose edges are found in a
/// k-d tree weighted with the dual variables; the matching is optimal up to rounding in its costs. n paths, each
/// local because the diagonal is never far. 200 bytes a point. Where all births are equal (dimension 0 of clouds), a
/// one-dimensional alignment by dynamic programming: |a| |b| steps, a quarter as many bytes.
pub fn wasserstein(a: &[Interval], b: &[Interval], q: f64, ground: GroundMetric) -> Result<f64, Error> {
    Ok(wasserstein_matching(a, b, q, ground)?.0)
}

/// [`wasserstein`] with a matching that attains it, in the order of the first diagram, then points of the second
/// that are matched to the diagonal. Points that lie on the diagonal are not listed; nothing is where the
/// distance is infinite.
///
/// # Errors
/// As [`wasserstein`].
pub fn wasserstein_matching(
    a: &[Interval],
    b: &[Interval],
    q: f64,
    ground: GroundMetric,
) -> Result<(f64, Vec<Match>), Error> {
    if !(1.0..f64::INFINITY).contains(&q) {
        return Err(Error::Exponent { what: "Wasserstein distance", value: q });
    }
    let (mut order_a, mut order_b) = (vec![0; a.len()], vec![0; b.len()]);
    let (finite_a, essential_a) = split(0, a, &mut order_a)?;
    let (finite_b, essential_b) = split(1, b, &mut order_b)?;
    if essential_a != essential_b {
        return Ok((f64::INFINITY, Vec::new()));
    }
    let mut matches = Vec::with_capacity(a.len() + finite_b);
    for (&x, &y) in order_a[finite_a..].iter().zip(&order_b[finite_b..]).take(essential_a) {
        let cost = moved(a[x as usize], b[y as usize]);
        if cost == f64::INFINITY {
            return Ok((cost, Vec::new()));
        }
        matches.push(Match { a: Some(x as usize), b: Some(y as usize), cost });
    }

    // One order of points and one orientation, whatever the input's: then so are all roundings.
    let (points_a, points_b) = (sorted(a, &mut order_a[..finite_a]), sorted(b, &mut order_b[..finite_b]));
    let ends = |points: &[Interval]| points.iter().map(|x| (x.birth, x.death)).collect::<Vec<_>>();
    let exchanged = ends(&points_a).partial_cmp(&ends(&points_b)) == Some(core::cmp::Ordering::Greater);
    let cost = Cost::new(q, ground);
    let (from, to) = if exchanged { (&points_b, &points_a) } else { (&points_a, &points_b) };
    let mate = if have_equal_births(from, to) {
        optimal_alignment(from, to, cost)
    } else {
        Assignment::solve(from, to, cost)
    };
    let (from_order, to_order) = if exchanged { (&order_b, &order_a) } else { (&order_a, &order_b) };
    let mut alone = vec![true; to.len()];
    let mut push = |x: Option<usize>, y: Option<usize>, cost| {
        let (x, y) = (x.map(|x| from_order[x] as usize), y.map(|y| to_order[y] as usize));
        let (a, b) = if exchanged { (y, x) } else { (x, y) };
        matches.push(Match { a, b, cost });
    };
    for (x, &y) in mate.iter().enumerate() {
        match y {
            Some(y) => {
                alone[y] = false;
                push(Some(x), Some(y), ground.distance(from[x], to[y]));
            }
            None => push(Some(x), None, ground.to_diagonal(from[x])),
        }
    }
    for y in (0..to.len()).filter(|&y| alone[y]) {
        push(None, Some(y), ground.to_diagonal(to[y]));
    }
    let distance = norm(q, matches.iter().map(|m| m.cost));
    matches.sort_unstable_by_key(|m| (m.a.is_none(), m.a, m.b));
    Ok((distance, matches))
}

/// The intervals with these numbers, by birth, then death; the numbers in the same order.
fn sorted(intervals: &[Interval], order: &mut [u32]) -> Vec<Interval> {
    let of = |number: u32| intervals[number as usize];
    order.sort_unstable_by(|&x, &y| {
        let (x, y, numbers) = (of(x), of(y), x.cmp(&y));
        x.birth.total_cmp(&y.birth).then(x.death.total_cmp(&y.death)).then(numbers)
    });
    order.iter().map(|&number| of(number)).collect()
}

/// (Σ x^q)^(1/q) of numbers that are not negative, scaled by the largest.
fn norm(q: f64, numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = numbers.clone().fold(0.0, f64::max);
    if largest == 0.0 || largest == f64::INFINITY {
        return largest;
    }
    let powers = numbers.map(|x| if q == 1.0 { x / largest } else { math::pow(x / largest, q) });
    let sum = compensated_sum(powers);
    largest * if q == 1.0 { sum } else { math::pow(sum, 1.0 / q) }
}

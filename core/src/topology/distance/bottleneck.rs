//! The bottleneck distance, exactly.

use super::super::error::enough;
use super::super::{Error, Interval};
use super::hopcroft_karp::Matching;
use super::{GroundMetric, moved, split};

/// Words of `u32` that [`bottleneck`] needs for diagrams of so many intervals.
pub const fn bottleneck_len(a: usize, b: usize) -> usize {
    4 * (a + b)
}

/// Bottleneck distance W∞ of two diagrams: the least r such that a matching of the points with each other or the
/// diagonal moves none farther than r.
///
/// Exact: the value is a computed distance of two of the points, or of one and the diagonal, and is the same to
/// the bit when the diagrams are exchanged. Infinite if the numbers of essential classes of a kind differ.
///
/// ```
/// use valleys_core::topology::{GroundMetric, Interval, bottleneck, bottleneck_len};
/// let (a, b) = ([Interval::new(0.0, 4.0), Interval::new(1.0, 2.0)], [Interval::new(0.5, 4.25)]);
/// let mut scratch = [0; bottleneck_len(2, 1)];
/// assert_eq!(bottleneck(&a, &b, GroundMetric::L_INFINITY, &mut scratch)?, 0.5);
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// [`Error::Interval`] names an interval that is none: an end is NaN, birth +∞, death −∞, or they are in the wrong
/// order; [`Error::Short`].
///
/// # Cost
/// A matching that covers the far points of both diagrams exists where one exists for each (Mendelsohn, Dulmage
/// 1958), so each is covered on its own: at most 64 radii, for each some phases of augmenting paths of
/// O(n log n), by a k-d tree with deletion (Efrat, Itai, Katz 2001). 16 bytes a point.
pub fn bottleneck(
    a: &[Interval],
    b: &[Interval],
    ground: GroundMetric,
    scratch: &mut [u32],
) -> Result<f64, Error> {
    enough("scratch of the distance", bottleneck_len(a.len(), b.len()), scratch.len())?;
    let (order_a, scratch) = scratch.split_at_mut(a.len());
    let (order_b, scratch) = scratch.split_at_mut(b.len());
    let (finite_a, essential_a) = split(0, a, order_a)?;
    let (finite_b, essential_b) = split(1, b, order_b)?;
    if essential_a != essential_b {
        return Ok(f64::INFINITY);
    }
    let essential = order_a[finite_a..].iter().zip(&order_b[finite_b..]).take(essential_a);
    let radius = essential.map(|(&x, &y)| moved(a[x as usize], b[y as usize])).fold(0.0, f64::max);
    if radius == f64::INFINITY {
        return Ok(radius);
    }

    let (points_a, points_b) = (&mut order_a[..finite_a], &mut order_b[..finite_b]);
    let radius = Matching::new((a, points_a), (b, points_b), ground, scratch).least_radius(radius);
    Ok(Matching::new((b, points_b), (a, points_a), ground, scratch).least_radius(radius))
}

/// [`bottleneck`] with a matching that attains it, in the order of the first diagram, then points of the second
/// that are matched to the diagonal. Points that lie on the diagonal are not listed; nothing is where the
/// distance is infinite.
///
/// # Errors
/// As [`bottleneck`].
#[cfg(feature = "alloc")]
pub fn bottleneck_matching(
    a: &[Interval],
    b: &[Interval],
    ground: GroundMetric,
) -> Result<(f64, alloc::vec::Vec<super::Match>), Error> {
    use alloc::{vec, vec::Vec};

    use super::super::NONE;
    use super::Match;

    let mut scratch = vec![0; bottleneck_len(a.len(), b.len())];
    let radius = bottleneck(a, b, ground, &mut scratch)?;
    if radius == f64::INFINITY {
        return Ok((radius, Vec::new()));
    }
    let (mut order_a, mut order_b) = (vec![0; a.len()], vec![0; b.len()]);
    let (finite_a, essential) = split(0, a, &mut order_a)?;
    let (finite_b, _) = split(1, b, &mut order_b)?;
    // Mates of each diagram's points, by the numbers of intervals, from the side that has to be covered.
    let mut mates = |from, points: &[u32], to, others: &[u32]| {
        let mut others = others.to_vec();
        let mut cover = Matching::new((from, points), (to, &mut others), ground, &mut scratch);
        let covered = cover.try_radius(radius);
        debug_assert!(covered.is_ok(), "the distance is a radius that covers");
        let mut mate = vec![NONE; from.len()];
        for (i, &place) in cover.mate.iter().enumerate().filter(|(_, place)| **place != NONE) {
            mate[points[i] as usize] = cover.near.order[place as usize];
        }
        mate
    };
    let mut mate = mates(a, &order_a[..finite_a], b, &order_b[..finite_b]);
    let mate_b = mates(b, &order_b[..finite_b], a, &order_a[..finite_a]);
    let mut mate_of = vec![NONE; b.len()];
    (0..).zip(&mate).filter(|(_, m)| **m != NONE).for_each(|(x, &m)| mate_of[m as usize] = x);
    // From every point of the second diagram that is uncovered, follow both matchings in turn and change over.
    for start in order_b[..finite_b].iter().copied() {
        let mut y = start;
        while mate_of[y as usize] == NONE && mate_b[y as usize] != NONE {
            let x = mate_b[y as usize];
            let lost = mate[x as usize];
            (mate[x as usize], mate_of[y as usize]) = (y, x);
            if lost == NONE {
                break;
            }
            mate_of[lost as usize] = NONE;
            y = lost;
        }
    }
    let mut matches = Vec::new();
    for &x in &order_a[..finite_a] {
        let partner = mate[x as usize];
        let b_number = (partner != NONE).then_some(partner as usize);
        let cost = match b_number {
            Some(y) => ground.distance(a[x as usize], b[y]),
            None => ground.to_diagonal(a[x as usize]),
        };
        matches.push(Match { a: Some(x as usize), b: b_number, cost });
    }
    for (&x, &y) in order_a[finite_a..].iter().zip(&order_b[finite_b..]).take(essential) {
        let cost = moved(a[x as usize], b[y as usize]);
        matches.push(Match { a: Some(x as usize), b: Some(y as usize), cost });
    }
    matches.sort_unstable_by_key(|m| m.a);
    for &y in order_b[..finite_b].iter().filter(|y| mate_of[**y as usize] == NONE) {
        matches.push(Match { a: None, b: Some(y as usize), cost: ground.to_diagonal(b[y as usize]) });
    }
    Ok((radius, matches))
}

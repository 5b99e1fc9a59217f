//! Distances between diagrams.
//!
//! Points are matched to each other or to the diagonal; essential classes among those of their kind (without a death,
//! without a birth, without both), in the order of their finite ends. Unequal numbers of a kind are infinitely far apart.

mod bottleneck;
#[cfg(feature = "alloc")]
mod cost;
#[cfg(feature = "alloc")]
mod dynamic_programme;
mod ground_metric;
mod hopcroft_karp;
mod kd_tree;
#[cfg(feature = "alloc")]
mod shortest_paths;
#[cfg(feature = "alloc")]
mod wasserstein;
#[cfg(feature = "alloc")]
mod weighted_kd_tree;

#[cfg(feature = "alloc")]
pub use bottleneck::bottleneck_matching;
pub use bottleneck::{bottleneck, bottleneck_len};
pub use ground_metric::GroundMetric;
#[cfg(feature = "alloc")]
pub use wasserstein::{wasserstein, wasserstein_matching};

use super::{Error, Interval};

/// A point of one diagram with its point of the other, or with the diagonal (`None`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Match {
    /// Number of the interval in the first diagram.
    pub a: Option<usize>,
    /// Number of the interval in the second diagram.
    pub b: Option<usize>,
    /// Their distance.
    pub cost: f64,
}

/// Checks a diagram, number 0 or 1 of the two, and splits the numbers of its intervals: those off the diagonal
/// come first in `order`, then the essential ones, by birth and death: those without a birth come first among them. Returns
/// how many there are of each.
///
/// Points on the diagonal are left out: they cost nothing, and no other point gains by being matched to them.
fn split(diagram: usize, intervals: &[Interval], order: &mut [u32]) -> Result<(usize, usize), Error> {
    let (mut finite, mut essential) = (0, 0);
    for (number, interval) in intervals.iter().enumerate() {
        let Interval { birth, death } = interval.checked(diagram, number)?;
        if interval.is_essential() {
            essential += 1;
            order[intervals.len() - essential] = number as u32;
        } else if birth < death {
            order[finite] = number as u32;
            finite += 1;
        }
    }
    let last = intervals.len() - essential;
    order.copy_within(last.., finite);
    let of = |number: u32| intervals[number as usize];
    order[finite..finite + essential].sort_unstable_by(|&x, &y| {
        let (a, b) = (of(x), of(y));
        a.birth.total_cmp(&b.birth).then(a.death.total_cmp(&b.death)).then(x.cmp(&y))
    });
    Ok((finite, essential))
}

/// How far an essential class is from another: the difference of their finite ends, infinite for two of different kinds.
/// In the order of [`split`] each is matched to the one in its place, which is optimal for numbers on a line.
fn moved(x: Interval, y: Interval) -> f64 {
    let end = |x: f64, y: f64| if x == y { 0.0 } else { (x - y).abs() };
    end(x.birth, y.birth).max(end(x.death, y.death))
}

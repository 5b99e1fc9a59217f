//! Assignment of points with equal births: a problem in one dimension.

use alloc::{vec, vec::Vec};

use super::super::Interval;
use super::cost::Cost;

/// Which way an optimal alignment of two beginnings goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The last points are matched.
    Pair = 0,
    /// The last of the first diagram goes to the diagonal.
    First = 1,
    /// The last of the second does.
    Second = 2,
}

/// Whether all points of two diagrams have one birth.
pub(super) fn have_equal_births(a: &[Interval], b: &[Interval]) -> bool {
    let mut births = a.iter().chain(b).map(|x| x.birth);
    let first = births.next();
    births.all(|birth| Some(birth) == first)
}

/// An optimal partner of each of `a`, none for the diagonal. Both are ascending by death, and the cost grows at least
/// linearly with the difference of deaths: so no two pairs need to cross, and the best alignment of all beginnings
/// follows from shorter ones, in |a| |b| steps and a quarter as many bytes.
pub(super) fn optimal_alignment(a: &[Interval], b: &[Interval], cost: Cost) -> Vec<Option<usize>> {
    let width = b.len().div_ceil(4);
    let mut steps = vec![0u8; a.len() * width];
    let alone: Vec<f64> = b.iter().map(|&y| cost.to_diagonal(y)).collect();
    // least[j]: the beginnings of a so far and the first j of b.
    let mut least = vec![0.0; b.len() + 1];
    for j in 0..b.len() {
        least[j + 1] = least[j] + alone[j];
    }
    for (i, x) in a.iter().enumerate() {
        let single = cost.to_diagonal(*x);
        let mut before = least[0];
        least[0] += single;
        let mut left = least[0];
        for (j, y) in b.iter().enumerate() {
            let pair = before + cost.of(0.0, x.death - y.death);
            let first = least[j + 1] + single;
            let second = left + alone[j];
            before = least[j + 1];
            let (mut best, mut step) = (pair, Step::Pair);
            if first < best {
                (best, step) = (first, Step::First);
            }
            if second < best {
                (best, step) = (second, Step::Second);
            }
            (left, least[j + 1]) = (best, best);
            steps[i * width + j / 4] |= (step as u8) << (2 * (j % 4));
        }
    }
    let mut mate = vec![None; a.len()];
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        let step = steps[(i - 1) * width + (j - 1) / 4] >> (2 * ((j - 1) % 4)) & 3;
        if step == Step::Pair as u8 {
            mate[i - 1] = Some(j - 1);
        }
        i -= usize::from(step != Step::Second as u8);
        j -= usize::from(step != Step::First as u8);
    }
    mate
}

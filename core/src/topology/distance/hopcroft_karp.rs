//! Matching all far points of one diagram into the other, within a radius.

use super::super::{Interval, NONE};
use super::GroundMetric;
use super::kd_tree::KdTree;

/// The points of one diagram, to be matched to those of another that are `near`; a point within the radius of
/// the diagonal need not be.
pub(super) struct Matching<'a> {
    pub(super) intervals: &'a [Interval],
    /// Numbers of the intervals to match.
    pub(super) points: &'a [u32],
    pub(super) near: KdTree<'a>,
    /// The place in `near` of each point's mate.
    pub(super) mate: &'a mut [u32],
    /// The point whose mate is at each place of `near`.
    pub(super) mate_of: &'a mut [u32],
    /// A path from a point without mate: its points, and the places between them.
    path: &'a mut [u32],
    steps: &'a mut [u32],
}

impl<'a> Matching<'a> {
    /// 3 words a point, 3 words a place.
    pub(super) fn new(
        (intervals, points): (&'a [Interval], &'a [u32]),
        (others, order): (&'a [Interval], &'a mut [u32]),
        ground: GroundMetric,
        words: &'a mut [u32],
    ) -> Self {
        let (mate, words) = words.split_at_mut(points.len());
        let (path, words) = words.split_at_mut(points.len());
        let (steps, words) = words.split_at_mut(points.len());
        let (mate_of, words) = words.split_at_mut(order.len());
        let (left, _) = words.split_at_mut(order.len());
        mate.fill(NONE);
        mate_of.fill(NONE);
        Self { intervals, points, near: KdTree::new(others, ground, order, left), mate, mate_of, path, steps }
    }

    fn interval(&self, point: usize) -> Interval {
        self.intervals[self.points[point] as usize]
    }

    fn to_diagonal(&self, point: usize) -> f64 {
        self.near.ground.to_diagonal(self.interval(point))
    }

    pub(super) fn cost(&self, point: usize) -> f64 {
        match self.mate[point] {
            NONE => self.to_diagonal(point),
            place => self.near.ground.distance(self.interval(point), self.near.point(place as usize)),
        }
    }

    /// The least radius at which all points that are farther from the diagonal can be matched; it is known to
    /// be `low` at least. Exact: a computed distance of two points, or of a point and the diagonal, or `low`.
    ///
    /// Bisection over the numbers of f64, never more than 64 of them: where a radius suffices, the largest
    /// distance used is the next upper bound; where it does not, the points that compete for too few others
    /// show the next lower bound.
    pub(super) fn least_radius(&mut self, mut low: f64) -> f64 {
        match self.try_radius(low) {
            Ok(()) => return low,
            Err(bound) => low = bound,
        }
        let mut high = (0..self.points.len()).fold(low, |high, point| high.max(self.to_diagonal(point)));
        while low < high {
            let middle = f64::from_bits(low.to_bits().midpoint(high.to_bits()));
            match self.try_radius(middle) {
                Ok(()) => high = (0..self.points.len()).fold(low, |high, point| high.max(self.cost(point))),
                Err(bound) => low = bound,
            }
        }
        high
    }

    /// Matches all points that are farther than `radius` from the diagonal within it, or gives the least radius
    /// at which that is not yet known to be impossible.
    pub(super) fn try_radius(&mut self, radius: f64) -> Result<(), f64> {
        for point in 0..self.points.len() {
            let place = self.mate[point];
            if place != NONE && (self.cost(point) > radius || self.to_diagonal(point) <= radius) {
                self.mate[point] = NONE;
                self.mate_of[place as usize] = NONE;
            }
        }
        loop {
            // In one phase no place is looked at twice, so it takes O(n log n) steps or little more.
            self.near.restore();
            let (mut found, mut missed) = (false, false);
            for point in 0..self.points.len() {
                if self.mate[point] != NONE || self.to_diagonal(point) <= radius {
                    continue;
                }
                if self.augment(point, radius) {
                    found = true;
                } else if found {
                    missed = true;
                } else {
                    return Err(self.next_radius(point));
                }
            }
            if !missed {
                return Ok(());
            }
        }
    }

    /// Looks for a path from a point without mate to a place without one, and exchanges the mates along it.
    fn augment(&mut self, point: usize, radius: f64) -> bool {
        let mut len = 1;
        self.path[0] = point as u32;
        while len > 0 {
            let last = self.path[len - 1];
            let Some(place) = self.near.within(self.interval(last as usize), radius) else {
                len -= 1;
                continue;
            };
            self.near.remove(place);
            self.steps[len - 1] = place as u32;
            let next = self.mate_of[place];
            if next != NONE {
                self.path[len] = next;
                len += 1;
                continue;
            }
            for (&point, &place) in self.path.iter().zip(&*self.steps).take(len) {
                self.mate[point as usize] = place;
                self.mate_of[place as usize] = point;
            }
            return true;
        }
        false
    }

    /// After the first search of a phase has failed: the points it came by compete for fewer places than there
    /// are of them. Nothing changes until one of them reaches another place or the diagonal.
    fn next_radius(&self, point: usize) -> f64 {
        let bound = |least: f64, point: usize| {
            self.near.nearest(self.interval(point), least.min(self.to_diagonal(point)))
        };
        let passed = (0..self.near.len()).filter(|&place| !self.near.holds(place));
        passed.map(|place| self.mate_of[place] as usize).fold(bound(f64::INFINITY, point), bound)
    }
}

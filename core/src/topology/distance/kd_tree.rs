//! Points of the plane in a tree that finds those nearby, and forgets the ones it is told to.

use super::super::Interval;
use super::GroundMetric;

/// A balanced k-d tree on some of the intervals of a diagram, in two words a point.
///
/// A node is a range of `order` with its median in the middle; even depths split by birth, odd by death.
pub(super) struct KdTree<'a> {
    pub(super) intervals: &'a [Interval],
    pub(super) ground: GroundMetric,
    /// Numbers of intervals; the tree speaks of their places here.
    pub(super) order: &'a mut [u32],
    /// Points left in the node whose median is here.
    left: &'a mut [u32],
}

fn coordinate(x: Interval, depth: u32) -> f64 {
    if depth.is_multiple_of(2) { x.birth } else { x.death }
}

impl<'a> KdTree<'a> {
    pub(super) fn new(
        intervals: &'a [Interval],
        ground: GroundMetric,
        order: &'a mut [u32],
        left: &'a mut [u32],
    ) -> Self {
        build(intervals, order, 0);
        let mut near = Self { intervals, ground, order, left };
        near.restore();
        near
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn point(&self, place: usize) -> Interval {
        self.intervals[self.order[place] as usize]
    }

    /// Takes all points back.
    pub(super) fn restore(&mut self) {
        fn fill(left: &mut [u32]) {
            let len = left.len();
            if len > 0 {
                left[len / 2] = len as u32;
                fill(&mut left[..len / 2]);
                fill(&mut left[len / 2 + 1..]);
            }
        }
        fill(self.left);
    }

    /// Forgets a point.
    pub(super) fn remove(&mut self, place: usize) {
        let (mut low, mut high) = (0, self.order.len());
        loop {
            let middle = low + (high - low) / 2;
            self.left[middle] -= 1;
            match place.cmp(&middle) {
                core::cmp::Ordering::Equal => return,
                core::cmp::Ordering::Less => high = middle,
                core::cmp::Ordering::Greater => low = middle + 1,
            }
        }
    }

    /// Whether a point is still there.
    pub(super) fn holds(&self, place: usize) -> bool {
        let (mut low, mut high) = (0, self.order.len());
        loop {
            let middle = low + (high - low) / 2;
            match place.cmp(&middle) {
                core::cmp::Ordering::Equal => return self.node_holds(low, high),
                core::cmp::Ordering::Less => high = middle,
                core::cmp::Ordering::Greater => low = middle + 1,
            }
        }
    }

    /// Whether the median of a node is still there.
    fn node_holds(&self, low: usize, high: usize) -> bool {
        let middle = low + (high - low) / 2;
        self.left[middle] > self.left_in(low, middle) + self.left_in(middle + 1, high)
    }

    fn left_in(&self, low: usize, high: usize) -> u32 {
        if low < high { self.left[low + (high - low) / 2] } else { 0 }
    }

    /// A point within `radius` of `x`, not always the nearest.
    pub(super) fn within(&self, x: Interval, radius: f64) -> Option<usize> {
        self.search(0, self.order.len(), 0, x, radius)
    }

    fn search(&self, low: usize, high: usize, depth: u32, x: Interval, radius: f64) -> Option<usize> {
        if self.left_in(low, high) == 0 {
            return None;
        }
        let middle = low + (high - low) / 2;
        let y = self.point(middle);
        if self.ground.distance(x, y) <= radius && self.node_holds(low, high) {
            return Some(middle);
        }
        // Rounding is monotone: what lies beyond the split is at least as far as the split.
        let beyond = coordinate(x, depth) - coordinate(y, depth);
        let (lower, upper) = ((low, middle), (middle + 1, high));
        let (near, far) = if beyond < 0.0 { (lower, upper) } else { (upper, lower) };
        let found = self.search(near.0, near.1, depth + 1, x, radius);
        if found.is_some() || beyond.abs() > radius {
            return found;
        }
        self.search(far.0, far.1, depth + 1, x, radius)
    }

    /// The distance of the nearest point, if less than `best`; else `best`.
    pub(super) fn nearest(&self, x: Interval, best: f64) -> f64 {
        self.descend(0, self.order.len(), 0, x, best)
    }

    fn descend(&self, low: usize, high: usize, depth: u32, x: Interval, mut best: f64) -> f64 {
        if self.left_in(low, high) == 0 {
            return best;
        }
        let middle = low + (high - low) / 2;
        let y = self.point(middle);
        if self.node_holds(low, high) {
            best = best.min(self.ground.distance(x, y));
        }
        let beyond = coordinate(x, depth) - coordinate(y, depth);
        let (lower, upper) = ((low, middle), (middle + 1, high));
        let (near, far) = if beyond < 0.0 { (lower, upper) } else { (upper, lower) };
        best = self.descend(near.0, near.1, depth + 1, x, best);
        if beyond.abs() < best { self.descend(far.0, far.1, depth + 1, x, best) } else { best }
    }
}

fn build(intervals: &[Interval], order: &mut [u32], depth: u32) {
    if order.len() < 2 {
        return;
    }
    let key = |number: u32| coordinate(intervals[number as usize], depth);
    let middle = order.len() / 2;
    // Equal coordinates may end up on both sides: searches allow for that.
    order.select_nth_unstable_by(middle, |&x, &y| key(x).total_cmp(&key(y)));
    let (lower, upper) = order.split_at_mut(middle);
    build(intervals, lower, depth + 1);
    build(intervals, &mut upper[1..], depth + 1);
}

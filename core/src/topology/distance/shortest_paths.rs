//! Optimal partial assignment of points in the plane, where staying alone has a price too.

use alloc::collections::BinaryHeap;
use alloc::{vec, vec::Vec};
use core::cmp::Ordering;

use super::super::{Interval, NONE};
use super::cost::Cost;
use super::weighted_kd_tree::WeightedKdTree;

/// Where a shortest path ends: a place without mate, or a point that goes to the diagonal.
#[derive(Clone, Copy)]
enum End {
    Place(usize),
    Diagonal(usize),
}

/// A point of the heap: the least comes first.
struct Reached {
    distance: f64,
    place: u32,
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Reached {}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then_with(|| other.place.cmp(&self.place))
    }
}

/// The state of the method of shortest augmenting paths. With dual variables u of points, v of places and δ the
/// cost of the diagonal: u ≤ δ, v ≤ δ, u + v ≤ cost, with equality for mates, and u = δ or v = δ where alone.
pub(super) struct Assignment {
    cost: Cost,
    points: Vec<Interval>,
    places: WeightedKdTree,
    u: Vec<f64>,
    /// Place of each point's mate, point of each place's mate.
    mate: Vec<u32>,
    mate_of: Vec<u32>,
    /// Length of the shortest path found to a place, and the point before it; infinite if not reached.
    distance: Vec<f64>,
    before: Vec<u32>,
    settled: Vec<bool>,
    reached: Vec<u32>,
    heap: BinaryHeap<Reached>,
}

impl Assignment {
    /// The mate among `places` of each of `points`, none for the diagonal, at least cost altogether.
    pub(super) fn solve(points: &[Interval], places: &[Interval], cost: Cost) -> Vec<Option<usize>> {
        // Scaled by a power of two, exactly, so that powers neither overflow nor vanish.
        let longest = points.iter().chain(places).fold(0.0f64, |m, x| m.max(x.length()));
        let scale = f64::from_bits((2046 - (longest.to_bits() >> 52).clamp(1, 2045)) << 52);
        let scaled = |x: &Interval| Interval::new(x.birth * scale, x.death * scale);
        let points: Vec<Interval> = points.iter().map(scaled).collect();
        let places = WeightedKdTree::new(places.iter().map(scaled), |x| cost.to_diagonal(x));
        let (n, m) = (points.len(), places.len());
        let mut assignment = Self {
            cost,
            points,
            places,
            u: vec![0.0; n],
            mate: vec![NONE; n],
            mate_of: vec![NONE; m],
            distance: vec![f64::INFINITY; m],
            before: vec![NONE; m],
            settled: vec![false; m],
            reached: Vec::new(),
            heap: BinaryHeap::new(),
        };
        // Long intervals first: their paths are long, and cheap while few places are taken.
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&x, &y| assignment.points[y].length().total_cmp(&assignment.points[x].length()));
        order.iter().for_each(|&point| assignment.enter(point));
        let number = |&place: &u32| (place != NONE).then(|| assignment.places.number(place as usize));
        assignment.mate.iter().map(number).collect()
    }

    /// Adds a point, by the shortest path from it to an end.
    fn enter(&mut self, point: usize) {
        let mut best = f64::INFINITY;
        let mut end = End::Diagonal(point);
        // Points and places of the tree of shortest paths, with their distances.
        let mut tree = vec![(point, 0.0)];
        self.scan(point, 0.0, &mut best, &mut end);
        while let Some(Reached { distance, place }) = self.heap.pop() {
            let place = place as usize;
            if distance >= best {
                break;
            }
            if self.settled[place] {
                continue;
            }
            self.settled[place] = true;
            let next = self.mate_of[place] as usize;
            tree.push((next, distance));
            self.scan(next, distance, &mut best, &mut end);
        }
        for (i, &(point, distance)) in tree.iter().enumerate() {
            let raise = best - distance;
            self.u[point] += raise;
            // But for the root, each point was reached by its mate.
            if i > 0 {
                self.places.lower(self.mate[point] as usize, raise);
            }
        }
        self.exchange(end);
        for place in self.reached.drain(..) {
            self.distance[place as usize] = f64::INFINITY;
            self.settled[place as usize] = false;
        }
        self.heap.clear();
    }

    /// Looks from a point for ends and places that are nearer than what is known.
    fn scan(&mut self, point: usize, distance: f64, best: &mut f64, end: &mut End) {
        let x = self.points[point];
        let base = distance - self.u[point];
        let alone = base + self.cost.to_diagonal(x);
        if alone < *best {
            (*best, *end) = (alone, End::Diagonal(point));
        }
        let Self { cost, places, mate_of, distance, before, settled, reached, heap, .. } = self;
        places.visit(x, *cost, *best - base, |place, reduced| {
            let length = base + reduced;
            if length < distance[place] && length < *best && !settled[place] {
                if distance[place] == f64::INFINITY {
                    reached.push(place as u32);
                }
                (distance[place], before[place]) = (length, point as u32);
                if mate_of[place] == NONE {
                    (*best, *end) = (length, End::Place(place));
                } else {
                    heap.push(Reached { distance: length, place: place as u32 });
                }
            }
            *best - base
        });
    }

    /// Exchanges mates along the path that leads to an end.
    fn exchange(&mut self, end: End) {
        let mut place = match end {
            End::Place(place) => place as u32,
            End::Diagonal(point) => core::mem::replace(&mut self.mate[point], NONE),
        };
        while place != NONE {
            let point = self.before[place as usize];
            self.mate_of[place as usize] = point;
            place = core::mem::replace(&mut self.mate[point as usize], place);
        }
    }
}

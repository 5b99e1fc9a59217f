//! Borůvka's algorithm on lists of nearest points, exact where a bound leaves a doubt.

use super::candidates::{CandidateList, Candidates, CandidatesBelow, NO_POINT};
use super::lower_bound::{Formula, LowerBound};
use super::narrowing::{Narrowing, Scalar};
use super::pairs::DistinctPoints;
use super::point_tile::{Fingerprint, norms, point_tiles, weights};
use crate::floats::LANES;
use fearless_simd::{dispatch, prelude::*};
use valleys_core::topology::{Edge, Error, Metric};

/// Dimensions up to which differences cost no more than products: what is done with the bounds costs the time.
const FLAT: usize = 32;

/// Points that are compared exactly at a time: in the worst case to all others, which are kept meanwhile.
const EXACTLY: usize = 256;

/// Components of a minimum spanning tree. A component's shortest edge to another one belongs to the tree; edges are
/// ordered by length and then by their points, so there is one such edge and one such tree.
pub struct BoruvkaForest<'a, M, T> {
    space: &'a M,
    distinct: DistinctPoints<'a, T>,
    threads: usize,
    nearest: Vec<CandidateList>,
    /// Of each point the shortest edge out of its component among those in the list, once it is known.
    best: Vec<Edge>,
    /// Size of the component when the point was last compared by bounds to all outside, and whether that was of use.
    asked: Vec<(u32, bool)>,
    /// Who is outside and has a lower bound has been looked at, and the best edge is the best of these.
    looked: Vec<f32>,
    /// A point of the component, the same for all its points.
    labels: Vec<u32>,
    tree: Vec<Edge>,
}

/// Longer than every edge.
const NONE: Edge = Edge { length: f64::INFINITY, a: NO_POINT, b: NO_POINT };

impl<'a, M: Metric + Sync, T: Scalar> BoruvkaForest<'a, M, T> {
    /// Finds equal points and their edges of length 0; the others are components of their own.
    pub fn new(space: &'a M, narrowing: &'a Narrowing<'a, T>, threads: usize) -> Self {
        let mut norms = Vec::new();
        let mut fingerprints = Vec::new();
        dispatch!(narrowing.level, simd => measure(simd, narrowing, space.points() as u32, &mut norms, &mut fingerprints));
        fingerprints.sort_unstable();
        let (mut points, mut tree) = (Vec::new(), Vec::new());
        let row = |p: u32| &narrowing.points[p as usize * narrowing.dim..][..narrowing.dim];
        for same in fingerprints.chunk_by(|a, b| a.0 == b.0) {
            let first = points.len();
            for &(_, b) in same {
                match points[first..].iter().find(|&&a| row(a) == row(b)) {
                    Some(&a) => tree.push(Edge { length: 0.0, a, b }),
                    None => points.push(b),
                }
            }
        }
        points.sort_unstable();
        let mut norms: Vec<f32> = points.iter().map(|&p| norms[p as usize]).collect();
        norms.resize(points.len().next_multiple_of(LANES), 0.0);
        let count = points.len();
        let distinct = DistinctPoints { narrowing, points, norms };
        let labels = (0..count as u32).collect();
        let (best, asked, looked) =
            (vec![NONE; count], vec![(0, true); count], vec![f32::NEG_INFINITY; count]);
        Self { space, distinct, threads, nearest: Vec::new(), best, asked, looked, labels, tree }
    }

    /// The tree, ascending.
    ///
    /// # Errors
    /// [`Error::Distance`] where an edge has no finite length.
    pub fn grow(mut self) -> Result<Vec<Edge>, Error> {
        let count = self.labels.len();
        let formula =
            if self.distinct.narrowing.dim > FLAT { Formula::Products } else { Formula::Differences };
        self.nearest = self.distinct.nearest(self.bound(formula), self.threads);
        let mut sizes = vec![1u32; count];
        let mut components = count;
        if formula == Formula::Products && components > 1 {
            let edges = self.shortest();
            if self.doubtful(&edges).len() > count / 4 {
                self.nearest = self.distinct.nearest(self.bound(Formula::Differences), self.threads);
                self.best.fill(NONE);
            }
        }
        while components > 1 {
            let edges = self.shortest();
            let doubtful = self.doubtful(&edges);
            let mut doubts = vec![0u32; count];
            doubtful.iter().for_each(|&i| doubts[self.labels[i as usize] as usize] += 1);
            let mut parent = self.labels.clone();
            let before = components;
            for label in 0..count {
                let edge = edges[label];
                if self.labels[label] as usize == label && doubts[label] == 0 && self.join(&mut parent, edge)
                {
                    components -= 1;
                }
            }
            if (before - components) * 16 < before {
                // The component with the most doubts can wait: others will join it.
                let wait = (0..count).max_by_key(|&label| doubts[label]).unwrap_or(0) as u32;
                let doubtful = doubtful.into_iter().filter(|&i| self.labels[i as usize] != wait).collect();
                self.resolve(doubtful, &edges, &sizes);
            }
            sizes.fill(0);
            for i in 0..count {
                self.labels[i] = find(&mut parent, i as u32);
                sizes[self.labels[i] as usize] += 1;
            }
        }
        self.tree.sort_unstable_by(order);
        match self.tree.last() {
            Some(&Edge { length, a, b }) if !length.is_finite() => {
                Err(Error::Distance { a: a as usize, b: b as usize, distance: length })
            }
            _ => Ok(self.tree),
        }
    }

    fn bound(&self, formula: Formula) -> LowerBound {
        LowerBound::new(formula, self.distinct.narrowing.dim, self.distinct.narrowing.least())
    }

    /// The shortest edge out of each component, by label, among those that are listed.
    fn shortest(&mut self) -> Vec<Edge> {
        let count = self.labels.len();
        let mut edges = vec![NONE; count];
        // Those points whose best edge is not known, with the least bound of each component's.
        let mut hopeful = vec![(f32::INFINITY, NO_POINT); count];
        for i in 0..count {
            let label = self.labels[i] as usize;
            if self.best[i].b != NO_POINT && self.labels[self.best[i].b as usize] as usize != label {
                edges[label] = least(edges[label], self.named(self.best[i]));
                continue;
            }
            if self.best[i].b != NO_POINT {
                (self.best[i], self.looked[i]) = (NONE, f32::NEG_INFINITY);
            }
            if let Some((bound, _)) = self.outside(i).next()
                && bound < hopeful[label].0
            {
                hopeful[label] = (bound, i as u32);
            }
        }
        for label in 0..count {
            if hopeful[label].1 != NO_POINT {
                self.look(hopeful[label].1 as usize, &mut edges[label]);
            }
        }
        for i in 0..count {
            let label = self.labels[i] as usize;
            let limit = self.distinct.narrowing.square(edges[label].length);
            if self.best[i].b == NO_POINT
                && self.outside(i).next().is_some_and(|(bound, _)| f64::from(bound) < limit)
            {
                self.look(i, &mut edges[label]);
            }
        }
        edges
    }

    /// Those listed with a point that are outside its component.
    fn outside(&self, i: usize) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.nearest[i].iter().filter(move |&(_, j)| self.labels[j as usize] != self.labels[i])
    }

    /// Finds the best edge of a point, as far as it is listed.
    fn look(&mut self, i: usize, edge: &mut Edge) {
        let mut best = NONE;
        for (bound, j) in self.outside(i) {
            if f64::from(bound) >= self.distinct.narrowing.square(best.length) {
                break;
            }
            best = least(best, self.edge(i as u32, j));
        }
        self.best[i] = best;
        *edge = least(*edge, self.named(best));
    }

    /// The edge from i to j, which are numbers of distinct points.
    fn edge(&self, i: u32, j: u32) -> Edge {
        let [a, b] = [i, j].map(|i| self.distinct.points[i as usize] as usize);
        Edge { length: self.space.distance(a, b), a: i, b: j }
    }

    /// The edge with the lesser point first.
    fn named(&self, Edge { length, a, b }: Edge) -> Edge {
        Edge { length, a: a.min(b), b: a.max(b) }
    }

    /// Points that may be nearer to another component than what is listed.
    fn doubtful(&self, edges: &[Edge]) -> Vec<u32> {
        let doubtful = |&i: &u32| {
            let (i, label) = (i as usize, self.labels[i as usize] as usize);
            let limit = f64::from(self.nearest[i].limit().max(self.looked[i]));
            edges[label].b == NO_POINT || limit < self.distinct.narrowing.square(edges[label].length)
        };
        (0..self.labels.len() as u32).filter(doubtful).collect()
    }

    /// Compares points to all outside their component: by bounds, or exactly to all whose bounds are not large enough
    /// if that has been tried.
    fn resolve(&mut self, doubtful: Vec<u32>, edges: &[Edge], sizes: &[u32]) {
        let size = |i: u32| sizes[self.labels[i as usize] as usize];
        let (exactly, quickly): (Vec<u32>, Vec<u32>) = doubtful
            .into_iter()
            .partition(|&i| self.asked[i as usize].0 == size(i) || !self.asked[i as usize].1);
        let bound = self.bound(Formula::Differences);
        let none = vec![CandidateList::NONE; quickly.len()];
        let lists = self.distinct.outside(&quickly, &self.labels, &none, bound, self.threads);
        for (i, list) in quickly.into_iter().zip(lists) {
            self.asked[i as usize] = (size(i), true);
            self.nearest[i as usize] = list;
            self.best[i as usize] = NONE;
        }
        for some in exactly.chunks(EXACTLY) {
            let within = some.iter().map(|&i| {
                let square = self.distinct.narrowing.square(edges[self.labels[i as usize] as usize].length);
                CandidatesBelow { limit: (square as f32).next_up(), points: Vec::new() }
            });
            let within: Vec<CandidatesBelow> = within.collect();
            let found = self.distinct.outside(some, &self.labels, &within, bound, self.threads);
            for (&i, found) in some.iter().zip(found) {
                let best = found.points.iter().fold(NONE, |best, &j| self.shorter(best, i, j));
                self.asked[i as usize].1 = false;
                self.best[i as usize] = best;
                self.looked[i as usize] = found.limit;
            }
        }
    }

    /// The edge from i to j, or the best of i so far if that is shorter.
    fn shorter(&self, best: Edge, i: u32, j: u32) -> Edge {
        let [a, b] = [i, j].map(|i| self.distinct.points[i as usize] as usize);
        match self.space.distance_up_to(a, b, best.length) {
            Some(length) => least(best, Edge { length, a: i, b: j }),
            None => best,
        }
    }

    /// Adds an edge, if it joins two components.
    fn join(&mut self, parent: &mut [u32], edge: Edge) -> bool {
        let (a, b) = (find(parent, edge.a), find(parent, edge.b));
        if a != b {
            parent[a.max(b) as usize] = a.min(b);
            let [a, b] = [edge.a, edge.b].map(|i| self.distinct.points[i as usize]);
            self.tree.push(Edge { length: edge.length, a, b });
        }
        a != b
    }
}

/// The order of edges: by length, then by points.
fn order(x: &Edge, y: &Edge) -> std::cmp::Ordering {
    x.length.total_cmp(&y.length).then_with(|| (x.a, x.b).cmp(&(y.a, y.b)))
}

fn least(x: Edge, y: Edge) -> Edge {
    if order(&y, &x).is_lt() { y } else { x }
}

/// The root of a point; paths are halved on the way.
fn find(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

/// Norms of all points in the narrowing, and fingerprints with the points' numbers.
#[inline(always)]
fn measure<S: Simd, T: Scalar>(
    simd: S,
    narrowing: &Narrowing<'_, T>,
    count: u32,
    all: &mut Vec<f32>,
    fingerprints: &mut Vec<(Fingerprint, u32)>,
) {
    let (mut tile, weights) = (point_tiles(1, narrowing.dim), weights(narrowing.dim));
    for begin in (0..count).step_by(LANES) {
        let points: Vec<u32> = (begin..count.min(begin + LANES as u32)).collect();
        narrowing.pack(simd, &points, tile.lines_mut());
        let (norm, fingerprint) = norms(simd, tile.lines(), &weights);
        all.extend_from_slice(&norm[..points.len()]);
        fingerprints.extend(fingerprint.into_iter().zip(points));
    }
}

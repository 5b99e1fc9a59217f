//! Borůvka's algorithm on candidate lists, exact wherever lower bounds leave a doubt.

use super::candidates::{CandidateList, Candidates, CandidatesBelow, NO_POINT};
use super::fingerprint::{norms, weights};
use super::lower_bound::{Formula, LowerBound};
use super::narrowing::NarrowedCloud;
use super::pairs::{DistinctPoints, point_tiles};
use crate::floats::LINE_LEN;
use fearless_simd::Level;
use valleys_core::topology::{Edge, Error, Metric, find_root};

/// Dimension up to which differences are as fast as products, because processing the bounds takes most of the time.
const MAX_DIFFERENCES_DIM: usize = 32;

/// Points whose exact distances are computed together. In the worst case each has all other points as candidates, so this
/// limits the memory.
const EXACT_POINTS: usize = 256;

/// The forest of Borůvka's algorithm. In every round the shortest edge that leaves a component joins the tree. Edges are
/// ordered by length, then by their points, so the shortest edge and the tree are unique.
pub struct BoruvkaForest<'a> {
    space: &'a (dyn Metric + Sync),
    distinct: DistinctPoints<'a>,
    threads: usize,
    /// The candidate list of each point.
    candidates: Vec<CandidateList>,
    /// The shortest edge that leaves the component of each point, among its candidates; `NONE` while it is not known.
    best: Vec<Edge>,
    /// For each point: the size of its component at the last comparison with all points outside, and whether lower bounds
    /// may still help.
    compared: Vec<(u32, bool)>,
    /// All points outside whose lower bound is below this were compared exactly, and `best` is the best of them.
    compared_below: Vec<f32>,
    /// The component of each point: the number of one of its points.
    labels: Vec<u32>,
    tree: Vec<Edge>,
}

/// Longer than every edge.
const NONE: Edge = Edge { length: f64::INFINITY, a: NO_POINT, b: NO_POINT };

impl<'a> BoruvkaForest<'a> {
    /// A forest in which duplicates are joined by edges of length 0 and all other points are components of their own.
    pub fn new(
        level: Level,
        space: &'a (dyn Metric + Sync),
        cloud: &'a dyn NarrowedCloud,
        threads: usize,
    ) -> Self {
        let (all_norms, mut fingerprints) = norms_of_all(level, space.points() as u32, cloud);
        fingerprints.sort_unstable();
        let (mut points, mut tree) = (Vec::new(), Vec::new());
        for same in fingerprints.chunk_by(|a, b| a.0 == b.0) {
            let first = points.len();
            for &(_, b) in same {
                match points[first..].iter().find(|&&a| cloud.are_equal(a, b)) {
                    Some(&a) => tree.push(Edge { length: 0.0, a, b }),
                    None => points.push(b),
                }
            }
        }
        points.sort_unstable();
        let mut norms: Vec<f32> = points.iter().map(|&p| all_norms[p as usize]).collect();
        norms.resize(points.len().next_multiple_of(LINE_LEN), 0.0);
        let count = points.len();
        Self {
            space,
            distinct: DistinctPoints { level, cloud, points, norms },
            threads,
            candidates: Vec::new(),
            best: vec![NONE; count],
            compared: vec![(0, true); count],
            compared_below: vec![f32::NEG_INFINITY; count],
            labels: (0..count as u32).collect(),
            tree,
        }
    }

    /// The minimum spanning tree, ascending.
    ///
    /// # Errors
    /// [`Error::Distance`] for an edge whose length is not finite.
    pub fn into_tree(mut self) -> Result<Vec<Edge>, Error> {
        let count = self.labels.len();
        let is_flat = self.distinct.cloud.dim() <= MAX_DIFFERENCES_DIM;
        let formula = if is_flat { Formula::Differences } else { Formula::Products };
        self.candidates = self.distinct.candidates(self.bound(formula), self.threads);
        let mut sizes = vec![1u32; count];
        let mut components = count;
        if formula == Formula::Products && components > 1 {
            let edges = self.shortest_edges();
            if self.unresolved(&edges).len() > count / 4 {
                self.candidates = self.distinct.candidates(self.bound(Formula::Differences), self.threads);
                self.best.fill(NONE);
            }
        }
        while components > 1 {
            let edges = self.shortest_edges();
            let unresolved = self.unresolved(&edges);
            let mut doubts = vec![0u32; count];
            unresolved.iter().for_each(|&i| doubts[self.labels[i as usize] as usize] += 1);
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
                // The component with the most unresolved points can wait: other components will join it.
                let wait = (0..count).max_by_key(|&label| doubts[label]).unwrap_or(0) as u32;
                let points = unresolved.into_iter().filter(|&i| self.labels[i as usize] != wait).collect();
                self.resolve(points, &edges, &sizes);
            }
            sizes.fill(0);
            for i in 0..count {
                self.labels[i] = find_root(&mut parent, i as u32);
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
        let cloud = self.distinct.cloud;
        LowerBound::new(formula, cloud.dim(), cloud.scaling().underflow(cloud.dim()))
    }

    /// The squared distance in the narrowed cloud that corresponds to a length.
    fn squared(&self, length: f64) -> f64 {
        self.distinct.cloud.scaling().squared(length)
    }

    /// The shortest edge from each component, by label, among the candidates of its points.
    fn shortest_edges(&mut self) -> Vec<Edge> {
        let count = self.labels.len();
        let mut edges = vec![NONE; count];
        // Of each component the point with the least bound among those whose best edge is not known.
        let mut nearest = vec![(f32::INFINITY, NO_POINT); count];
        for i in 0..count {
            let label = self.labels[i] as usize;
            if self.best[i].b != NO_POINT && self.labels[self.best[i].b as usize] as usize != label {
                edges[label] = shorter(edges[label], ordered(self.best[i]));
                continue;
            }
            if self.best[i].b != NO_POINT {
                (self.best[i], self.compared_below[i]) = (NONE, f32::NEG_INFINITY);
            }
            if let Some((bound, _)) = self.outside(i).next()
                && bound < nearest[label].0
            {
                nearest[label] = (bound, i as u32);
            }
        }
        for label in 0..count {
            if nearest[label].1 != NO_POINT {
                self.find_best(nearest[label].1 as usize, &mut edges[label]);
            }
        }
        for i in 0..count {
            let label = self.labels[i] as usize;
            let limit = self.squared(edges[label].length);
            if self.best[i].b == NO_POINT
                && self.outside(i).next().is_some_and(|(bound, _)| f64::from(bound) < limit)
            {
                self.find_best(i, &mut edges[label]);
            }
        }
        edges
    }

    /// The candidates of a point that are outside its component.
    fn outside(&self, i: usize) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.candidates[i].iter().filter(move |&(_, j)| self.labels[j as usize] != self.labels[i])
    }

    /// Finds the best edge of a point among its candidates, and updates the shortest edge of its component.
    fn find_best(&mut self, i: usize, edge: &mut Edge) {
        let mut best = NONE;
        for (bound, j) in self.outside(i) {
            if f64::from(bound) >= self.squared(best.length) {
                break;
            }
            best = shorter(best, self.edge(i as u32, j));
        }
        self.best[i] = best;
        *edge = shorter(*edge, ordered(best));
    }

    /// The edge from i to j, which are numbers of distinct points.
    fn edge(&self, i: u32, j: u32) -> Edge {
        let [a, b] = [i, j].map(|i| self.distinct.points[i as usize] as usize);
        Edge { length: self.space.distance(a, b), a: i, b: j }
    }

    /// Points that may be nearer to another component than their candidates show.
    fn unresolved(&self, edges: &[Edge]) -> Vec<u32> {
        let is_unresolved = |&i: &u32| {
            let (i, label) = (i as usize, self.labels[i as usize] as usize);
            let limit = f64::from(self.candidates[i].limit().max(self.compared_below[i]));
            edges[label].b == NO_POINT || limit < self.squared(edges[label].length)
        };
        (0..self.labels.len() as u32).filter(is_unresolved).collect()
    }

    /// Compares points with all points outside their component: by lower bounds first; exactly, with those whose bound is
    /// small enough, where lower bounds were tried before.
    fn resolve(&mut self, points: Vec<u32>, edges: &[Edge], sizes: &[u32]) {
        let size = |i: u32| sizes[self.labels[i as usize] as usize];
        let (exactly, by_bounds): (Vec<u32>, Vec<u32>) = points
            .into_iter()
            .partition(|&i| self.compared[i as usize].0 == size(i) || !self.compared[i as usize].1);
        let bound = self.bound(Formula::Differences);
        let empty = vec![CandidateList::EMPTY; by_bounds.len()];
        let lists = self.distinct.candidates_outside(&by_bounds, &self.labels, &empty, bound, self.threads);
        for (i, list) in by_bounds.into_iter().zip(lists) {
            self.compared[i as usize] = (size(i), true);
            self.candidates[i as usize] = list;
            self.best[i as usize] = NONE;
        }
        for some in exactly.chunks(EXACT_POINTS) {
            let empty = some.iter().map(|&i| {
                let square = self.squared(edges[self.labels[i as usize] as usize].length);
                CandidatesBelow { limit: (square as f32).next_up(), points: Vec::new() }
            });
            let empty: Vec<CandidatesBelow> = empty.collect();
            let found = self.distinct.candidates_outside(some, &self.labels, &empty, bound, self.threads);
            for (&i, found) in some.iter().zip(found) {
                let best = found.points.iter().fold(NONE, |best, &j| self.shorter_edge(best, i, j));
                self.compared[i as usize].1 = false;
                self.best[i as usize] = best;
                self.compared_below[i as usize] = found.limit;
            }
        }
    }

    /// The shorter one of an edge of i and the edge from i to j.
    fn shorter_edge(&self, best: Edge, i: u32, j: u32) -> Edge {
        let [a, b] = [i, j].map(|i| self.distinct.points[i as usize] as usize);
        match self.space.distance_up_to(a, b, best.length) {
            Some(length) => shorter(best, Edge { length, a: i, b: j }),
            None => best,
        }
    }

    /// Adds an edge to the tree if it joins two components.
    fn join(&mut self, parent: &mut [u32], edge: Edge) -> bool {
        let (a, b) = (find_root(parent, edge.a), find_root(parent, edge.b));
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

/// The first one of two edges in their order.
fn shorter(x: Edge, y: Edge) -> Edge {
    if order(&y, &x).is_lt() { y } else { x }
}

/// The edge with the point of the smaller number first.
fn ordered(Edge { length, a, b }: Edge) -> Edge {
    Edge { length, a: a.min(b), b: a.max(b) }
}

/// Squared norms of all narrowed points, and their fingerprints with their numbers.
fn norms_of_all(level: Level, count: u32, cloud: &dyn NarrowedCloud) -> (Vec<f32>, Vec<(u64, u32)>) {
    let (mut all, mut fingerprints) = (Vec::new(), Vec::new());
    let (mut tile, weights) = (point_tiles(1, cloud.dim()), weights(cloud.dim()));
    for begin in (0..count).step_by(LINE_LEN) {
        let points: Vec<u32> = (begin..count.min(begin + LINE_LEN as u32)).collect();
        cloud.pack(level, &points, tile.lines_mut());
        let (norms, prints) = norms(level, tile.lines(), &weights);
        all.extend_from_slice(&norms[..points.len()]);
        fingerprints.extend(prints.into_iter().zip(points));
    }
    (all, fingerprints)
}

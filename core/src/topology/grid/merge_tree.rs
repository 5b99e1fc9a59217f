//! Components of sublevel and superlevel sets of a grid.

use super::super::union_find::find;
use super::super::{Bar, NONE};
use super::neighbours::{BEHIND, Connectivity, Neighbours, bits};
use super::{Grid, GridComplex};

/// In which direction the threshold moves.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Direction {
    /// Upwards, for dimension 0: components of what is below.
    Up,
    /// Downwards, for the top dimension: components of what is above, with one more point outside that touches the
    /// border and comes first of all. Each of the others is a hole that is filled where it began and was closed
    /// off where it ends.
    Down,
}

impl Direction {
    /// Which points are connected in a complex; those above are connected as in the dual complex.
    fn connectivity(self, complex: GridComplex) -> Connectivity {
        match (complex, self) {
            (GridComplex::Freudenthal, _) => Connectivity::Freudenthal,
            (GridComplex::Vertices, Self::Up) | (GridComplex::Cells, Self::Down) => Connectivity::Axes,
            (GridComplex::Vertices, Self::Down) | (GridComplex::Cells, Self::Up) => Connectivity::Diagonals,
        }
    }
}

/// Passes over the candidates as they lie, before the rest of them is sorted.
const PASSES: usize = 4;

/// A threshold that goes over all points.
///
/// A point at which its neighbours that came before are connected among themselves joins their component at once, so
/// two components can only meet at the other points, few of all. Nor need these be sorted: where the first meeting of
/// a component is one with an elder, it ends there, whatever happens elsewhere. So most bars are found in passes over
/// the candidates as they lie, and what is looked at lies together.
struct MergeTree<'a> {
    grid: &'a Grid<'a>,
    neighbours: Neighbours,
    direction: Direction,
}

/// Reports components that end: the younger one at each meeting.
///
/// # Layout
/// `order` has one entry a point; `parent` and `first` have one more, for the point outside.
pub(super) fn merge_tree(
    grid: &Grid<'_>,
    direction: Direction,
    order: &mut [u64],
    parent: &mut [u32],
    first: &mut [u32],
    emit: &mut impl FnMut(Bar),
) {
    let neighbours = Neighbours::new(grid, direction.connectivity(grid.complex));
    let merge_tree = MergeTree { grid, neighbours, direction };
    let mut candidates = merge_tree.descend(order, parent);
    for _ in 0..PASSES {
        candidates = merge_tree.first_candidates(&mut order[..candidates], parent, first);
        for young in 0..grid.points() {
            if first[young] != NONE {
                let entry = order[first[young] as usize];
                let around = bits((entry >> 32) as u32).map(|i| merge_tree.neighbours.of(place(entry), i));
                merge_tree.end(young as u32, place(entry), around, parent, emit);
            }
        }
    }
    let order = &mut order[..candidates];
    for entry in order.iter_mut() {
        let point = place(*entry);
        *entry = merge_tree.time(point).0 >> 32 << 32 | point as u64;
    }
    // The upper half of the time decides nearly always, and sorts without looking anything up.
    order.sort_unstable();
    for same in order.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
        let time = |entry: &u64| merge_tree.time(place(*entry));
        if !same.is_sorted_by_key(time) {
            same.sort_unstable_by_key(time);
        }
    }
    for point in order.iter().copied().map(place) {
        let (before, _) = merge_tree.before(point, grid.coordinates(point));
        for i in bits(merge_tree.neighbours.representatives(before)) {
            let [a, b] = [point, merge_tree.neighbours.of(point, i)].map(|x| find(parent, x as u32));
            if a != b {
                let (old, young) = if merge_tree.earlier(a, b) { (a, b) } else { (b, a) };
                merge_tree.join(young, old, point, parent, emit);
            }
        }
    }
    if direction == Direction::Up && grid.points() > 0 {
        let eldest = find(parent, 0) as usize;
        let (birth, death) = (grid.values[eldest], f64::INFINITY);
        if birth < death {
            emit(Bar { dim: 0, birth, death, birth_simplex: eldest, death_simplex: None });
        }
    }
}

impl MergeTree<'_> {
    /// When the threshold comes to a point: earlier is less.
    fn time(&self, point: usize) -> (u64, u32) {
        let later = if self.direction == Direction::Up { 0 } else { u64::MAX };
        let value = self.grid.values.get(point);
        value.map_or((0, 0), |&x| (key(x) ^ later, point as u32 ^ later as u32))
    }

    /// The points around one that came before, and whether the point outside is a neighbour that did.
    fn before(&self, point: usize, at: [usize; 3]) -> (u32, bool) {
        let (inside, border) = self.neighbours.inside(self.grid, at);
        let lower = self.neighbours.lower(self.grid.values, point, inside);
        match self.direction {
            Direction::Up => (lower, false),
            Direction::Down => (inside & !lower, border),
        }
    }

    /// Joins every point to one that came before, and lists the points at which components meet: their places, and
    /// above them those neighbours, as bits, that may be of other components. Returns how many.
    fn descend(&self, order: &mut [u64], parent: &mut [u32]) -> usize {
        let outside = self.grid.points();
        parent[outside] = outside as u32;
        let mut candidates = 0;
        let mut at = [0; 3];
        for point in 0..outside {
            let (before, touches) = self.before(point, at);
            at = self.grid.next(at);
            let mut others = self.neighbours.representatives(before);
            parent[point] = if touches {
                outside as u32
            } else if others == 0 {
                point as u32
            } else {
                // Behind, if there is one: its parent is known.
                let behind = others & BEHIND;
                let chosen = if behind == 0 { others } else { behind }.trailing_zeros();
                others ^= 1 << chosen;
                let next = self.neighbours.of(point, chosen as usize);
                if behind == 0 { next as u32 } else { parent[next] }
            };
            order[candidates] = u64::from(others) << 32 | point as u64;
            candidates += usize::from(others != 0);
        }
        // The path to the first point of a component is short from here on.
        for point in (0..outside).rev() {
            parent[point] = parent[parent[point] as usize];
        }
        candidates
    }

    /// Finds the first meeting of each component, as its position in `order`, and drops those that are none any more.
    fn first_candidates(&self, order: &mut [u64], parent: &mut [u32], first: &mut [u32]) -> usize {
        first.fill(NONE);
        let mut kept = 0;
        for i in 0..order.len() {
            let entry = order[i];
            order[kept] = entry;
            let point = place(entry);
            let root = find(parent, point as u32);
            let mut note = |root: u32| {
                let slot = &mut first[root as usize];
                if *slot == NONE || self.earlier(point as u32, place(order[*slot as usize]) as u32) {
                    *slot = kept as u32;
                }
            };
            let mut meet = false;
            for i in bits((entry >> 32) as u32) {
                let other = find(parent, self.neighbours.of(point, i) as u32);
                if other != root {
                    note(other);
                    meet = true;
                }
            }
            if meet {
                note(root);
                kept += 1;
            }
        }
        kept
    }

    /// Ends a component at its first meeting, if an elder one is there.
    fn end(
        &self,
        young: u32,
        point: usize,
        around: impl Iterator<Item = usize>,
        parent: &mut [u32],
        emit: &mut impl FnMut(Bar),
    ) {
        for other in around.chain([point]) {
            let old = find(parent, other as u32);
            if old != young && self.earlier(old, young) {
                return self.join(young, old, point, parent, emit);
            }
        }
    }

    /// Joins a component to an elder one, and reports that it ends.
    fn join(&self, young: u32, old: u32, point: usize, parent: &mut [u32], emit: &mut impl FnMut(Bar)) {
        parent[young as usize] = old;
        let (dim, birth_simplex, death_simplex) = match self.direction {
            Direction::Up => (0, young as usize, point),
            Direction::Down => (self.grid.dim() - 1, point, young as usize),
        };
        let (birth, death) = (self.grid.values[birth_simplex], self.grid.values[death_simplex]);
        if birth < death {
            // What would close it at +inf never enters.
            let death_simplex = (death < f64::INFINITY).then_some(death_simplex);
            emit(Bar { dim, birth, death, birth_simplex, death_simplex });
        }
    }

    /// Whether the threshold comes to one point before another.
    fn earlier(&self, a: u32, b: u32) -> bool {
        let values = self.grid.values;
        match (self.direction, values.get(a as usize), values.get(b as usize)) {
            (Direction::Up, Some(x), Some(y)) => x < y || (x == y && a < b),
            (Direction::Down, Some(x), Some(y)) => x > y || (x == y && a > b),
            (_, x, _) => x.is_none(),
        }
    }
}

/// Bits that are ordered as the numbers are.
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn place(entry: u64) -> usize {
    entry as u32 as usize
}

//! Union-find over the points of a grid, upwards and downwards.

use super::super::union_find::find;
use super::super::{Bar, NONE};
use super::Grid;

/// Bits that are ordered as the numbers are.
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Points by value, then place; the place is in the low half of an entry.
pub(super) fn sort(values: &[f64], order: &mut [u64]) {
    // The upper half of the key decides nearly always, and sorts without looking anything up.
    for ((entry, &value), place) in order.iter_mut().zip(values).zip(0u64..) {
        *entry = key(value) >> 32 << 32 | place;
    }
    order.sort_unstable();
    for same in order.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
        let full = |entry: &u64| (key(values[place(*entry)]), place(*entry));
        if !same.is_sorted_by_key(full) {
            same.sort_unstable_by_key(full);
        }
    }
}

fn place(entry: u64) -> usize {
    entry as u32 as usize
}

/// Neighbours of a point, ahead and behind.
struct Neighbours<'g> {
    grid: &'g Grid<'g>,
    steps: [([usize; 3], usize); 7],
    count: usize,
}

impl<'g> Neighbours<'g> {
    fn new(grid: &'g Grid<'g>) -> Self {
        let mut steps = [([0; 3], 0); 7];
        steps.iter_mut().zip(grid.steps()).for_each(|(slot, step)| *slot = step);
        Self { grid, steps, count: grid.steps().count() }
    }

    /// Calls `visit` with every neighbour; says whether the point lies on the border.
    fn visit(&self, point: usize, mut visit: impl FnMut(usize)) -> bool {
        let (at, shape) = (self.grid.coordinates(point), self.grid.shape);
        let inside = |axis: usize| shape[axis] == 1 || (at[axis] > 0 && at[axis] + 1 < shape[axis]);
        if (0..3).all(inside) {
            for &(_, offset) in &self.steps[..self.count] {
                visit(point - offset);
                visit(point + offset);
            }
            return false;
        }
        for (step, offset) in &self.steps[..self.count] {
            if (0..3).all(|axis| step[axis] <= at[axis]) {
                visit(point - offset);
            }
            if (0..3).all(|axis| at[axis] + step[axis] < shape[axis]) {
                visit(point + offset);
            }
        }
        true
    }
}

/// Index 0: components of the points so far, in ascending order; at a meeting the younger one dies.
pub(super) fn components(grid: &Grid<'_>, order: &[u64], parent: &mut [u32], emit: &mut impl FnMut(Bar)) {
    let Some(&first) = order.first() else { return };
    let elder = |a: u32, b: u32| (key(grid.values[a as usize]), a) < (key(grid.values[b as usize]), b);
    sweep(grid, order.iter().copied(), parent, elder, |younger, point| {
        let (birth, death) = (grid.values[younger as usize], grid.values[point]);
        let cells = (younger as usize, Some(point));
        emit_bar(emit, 0, (birth, death), cells);
    });
    emit_bar(emit, 0, (grid.values[place(first)], f64::INFINITY), (place(first), None));
}

/// The top index: components in descending order, the point outside the eldest; each is a hole that is filled
/// where it began and was closed off where it ends.
pub(super) fn holes(grid: &Grid<'_>, order: &[u64], parent: &mut [u32], emit: &mut impl FnMut(Bar)) {
    let outside = grid.points() as u32;
    let value = |a: u32| (grid.values.get(a as usize).map_or(u64::MAX, |&x| key(x)), a);
    let elder = |a: u32, b: u32| value(a) > value(b);
    let top = grid.dim() - 1;
    parent[outside as usize] = outside;
    sweep(grid, order.iter().rev().copied(), parent, elder, |younger, point| {
        let (birth, death) = (grid.values[point], grid.values[younger as usize]);
        emit_bar(emit, top, (birth, death), (point, Some(younger as usize)));
    });
}

fn emit_bar(
    emit: &mut impl FnMut(Bar),
    index: usize,
    (birth, death): (f64, f64),
    (birth_cell, death_cell): (usize, Option<usize>),
) {
    if birth < death {
        emit(Bar { index, birth, death, birth_cell, death_cell });
    }
}

/// Joins every point to its neighbours that came before it, and to the point outside if that is there; reports
/// components that end, by their eldest point, and where.
fn sweep(
    grid: &Grid<'_>,
    order: impl Iterator<Item = u64>,
    parent: &mut [u32],
    elder: impl Fn(u32, u32) -> bool,
    mut report: impl FnMut(u32, usize),
) {
    let neighbours = Neighbours::new(grid);
    let (inside, outside) = parent.split_at_mut(grid.points());
    inside.fill(NONE);
    let joins_outside = outside[0] == grid.points() as u32;
    for point in order.map(place) {
        parent[point] = point as u32;
        let mut root = point as u32;
        let mut join = |other: usize| {
            if parent[other] == NONE {
                return;
            }
            let other = find(parent, other as u32);
            if other != root {
                let (old, young) = if elder(other, root) { (other, root) } else { (root, other) };
                report(young, point);
                parent[young as usize] = old;
                root = old;
            }
        };
        if neighbours.visit(point, &mut join) && joins_outside {
            join(grid.points());
        }
    }
}

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

/// The neighbours of a point, numbered: those ahead have even numbers, those behind odd ones.
struct Neighbours {
    steps: [([usize; 3], usize); 7],
    count: usize,
    /// Which neighbours are neighbours of each other, as bits.
    adjacent: [u16; 14],
    /// [`Neighbours::representatives`] of every set of the first six, which are all there are in the plane.
    table: [u8; 64],
}

impl Neighbours {
    fn new(grid: &Grid<'_>) -> Self {
        let mut steps = [([0; 3], 0); 7];
        steps.iter_mut().zip(grid.steps()).for_each(|(slot, step)| *slot = step);
        let count = grid.steps().count();
        let mut adjacent = [0; 14];
        for (i, j) in (0..2 * count).flat_map(|i| (0..2 * count).map(move |j| (i, j))) {
            let at = |i: usize, axis: usize| {
                let step = steps[i / 2].0[axis] as i8;
                if i.is_multiple_of(2) { step } else { -step }
            };
            let ahead = |i, j| (0..3).all(|axis| [0, 1].contains(&(at(j, axis) - at(i, axis))));
            if i != j && (ahead(i, j) || ahead(j, i)) {
                adjacent[i] |= 1 << j;
            }
        }
        let mut neighbours = Self { steps, count, adjacent, table: [0; 64] };
        for set in 0..64 {
            neighbours.table[set as usize] = neighbours.components(set) as u8;
        }
        neighbours
    }

    fn of(&self, point: usize, i: usize) -> usize {
        let offset = self.steps[i / 2].1;
        if i.is_multiple_of(2) { point + offset } else { point - offset }
    }

    /// Which neighbours there are, as bits, and whether the point lies on the border.
    fn inside(&self, grid: &Grid<'_>, point: usize) -> (u16, bool) {
        let (at, shape) = (grid.coordinates(point), grid.shape);
        if (0..3).all(|axis| shape[axis] == 1 || (at[axis] > 0 && at[axis] + 1 < shape[axis])) {
            return ((1 << (2 * self.count)) - 1, false);
        }
        let mut bits = 0;
        for (i, (step, _)) in self.steps[..self.count].iter().enumerate() {
            let ahead = (0..3).all(|axis| at[axis] + step[axis] < shape[axis]);
            let behind = (0..3).all(|axis| step[axis] <= at[axis]);
            bits |= u16::from(ahead) << (2 * i) | u16::from(behind) << (2 * i + 1);
        }
        (bits, true)
    }

    /// One of each component of some of the neighbours: the others need not be looked at.
    fn representatives(&self, set: u16) -> u16 {
        if let Some(&chosen) = self.table.get(set as usize) { chosen.into() } else { self.components(set) }
    }

    fn components(&self, mut left: u16) -> u16 {
        let mut chosen = 0;
        while left != 0 {
            let mut front = left & left.wrapping_neg();
            chosen |= front;
            left ^= front;
            while front != 0 {
                let found = self.adjacent[front.trailing_zeros() as usize] & left;
                front = (front & (front - 1)) | found;
                left ^= found;
            }
        }
        chosen
    }
}

/// The numbers of the bits that are set.
fn bits(mut set: u16) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let i = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (i < 16).then_some(i)
    })
}

/// Index 0: components of the points so far, in ascending order; at a meeting the younger one dies.
pub(super) fn components(grid: &Grid<'_>, order: &[u64], parent: &mut [u32], emit: &mut impl FnMut(Bar)) {
    let Some(&first) = order.first() else { return };
    parent[grid.points()] = NONE;
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
        let (near, border) = neighbours.inside(grid, point);
        let mut there = 0;
        if border {
            bits(near).for_each(|i| there |= u16::from(parent[neighbours.of(point, i)] != NONE) << i);
        } else {
            // Without a branch: whether a neighbour came before cannot be foreseen.
            for (i, &(_, offset)) in neighbours.steps[..neighbours.count].iter().enumerate() {
                there |= u16::from(parent[point + offset] != NONE) << (2 * i);
                there |= u16::from(parent[point - offset] != NONE) << (2 * i + 1);
            }
        }
        parent[point] = point as u32;
        let mut root = point as u32;
        let near = bits(neighbours.representatives(there)).map(|i| neighbours.of(point, i));
        for other in near.chain((border && joins_outside).then_some(grid.points())) {
            let other = find(parent, other as u32);
            if other != root {
                let (old, young) = if elder(other, root) { (other, root) } else { (root, other) };
                report(young, point);
                parent[young as usize] = old;
                root = old;
            }
        }
    }
}

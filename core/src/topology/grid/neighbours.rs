//! The neighbours of grid points.

use super::Grid;

/// The neighbours behind.
pub(super) const BEHIND: u16 = 0b10_1010_1010_1010;

/// The neighbours of a point, numbered: those ahead have even numbers, those behind odd ones.
pub(super) struct Neighbours {
    steps: [([usize; 3], usize); 7],
    count: usize,
    /// Which neighbours are neighbours of each other, as bits.
    adjacent: [u16; 14],
    /// [`Neighbours::representatives`] of every set of the first six, which are all there are in the plane.
    table: [u8; 64],
}

impl Neighbours {
    pub(super) fn new(grid: &Grid<'_>) -> Self {
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

    pub(super) fn of(&self, point: usize, i: usize) -> usize {
        let offset = self.steps[i / 2].1;
        if i.is_multiple_of(2) { point + offset } else { point - offset }
    }

    /// Which neighbours there are, as bits, and whether the point lies on the border.
    pub(super) fn inside(&self, grid: &Grid<'_>, at: [usize; 3]) -> (u16, bool) {
        let shape = grid.shape;
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

    /// Those of some neighbours that come before the point in the order of value, then place.
    pub(super) fn lower(&self, values: &[f64], point: usize, inside: u16) -> u16 {
        let value = values[point];
        let mut lower = 0;
        for (i, &(_, offset)) in self.steps[..self.count].iter().enumerate() {
            // Where there is no neighbour, it does not matter what is compared.
            let ahead = values.get(point + offset).is_some_and(|&x| x < value);
            let behind = values.get(point.wrapping_sub(offset)).is_some_and(|&x| x <= value);
            lower |= u16::from(ahead) << (2 * i) | u16::from(behind) << (2 * i + 1);
        }
        lower & inside
    }

    /// One of each component of some of the neighbours: the others need not be looked at.
    pub(super) fn representatives(&self, set: u16) -> u16 {
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
pub(super) fn bits(mut set: u16) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let i = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (i < 16).then_some(i)
    })
}

//! The neighbours of grid points.

use super::Grid;

/// The points that lie behind.
pub(super) const BEHIND: u32 = 0xAAAA_AAAA;

/// A difference of coordinates.
type Step = [isize; 3];

/// Which points are neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Connectivity {
    /// Those that lie ahead by 0 or 1 on every axis, and those behind: 6 in the plane, 14 in space.
    Freudenthal,
    /// Those at distance 1 along one axis: 4 in the plane, 6 in space.
    Axes,
    /// Those at distance 1 at most along every axis: 8 in the plane, 26 in space.
    Diagonals,
}

impl Connectivity {
    /// Whether two points are neighbours whose coordinates differ so.
    fn joins(self, step: Step) -> bool {
        let is_within = |least, most| step.iter().all(|x| (least..=most).contains(x));
        let length: usize = step.iter().map(|x| x.unsigned_abs()).sum();
        length > 0
            && match self {
                Self::Freudenthal => is_within(0, 1) || is_within(-1, 0),
                Self::Axes => length == 1,
                Self::Diagonals => is_within(-1, 1),
            }
    }
}

/// The points around a point, numbered: those ahead have even numbers, those behind odd ones.
///
/// Neighbours along the axes are not neighbours of each other, but most of them are joined by a point on the diagonal
/// between them. So for [`Connectivity::Axes`] these points are looked at too.
pub(super) struct Neighbours {
    steps: [(Step, usize); 13],
    count: usize,
    /// Which of the points are neighbours of the point, as bits.
    neighbours: u32,
    /// Which of the points are neighbours of each other, as bits.
    adjacent: [u32; 26],
    /// [`Neighbours::representatives`] of every set of the first eight, which are all there are in the plane.
    table: [u8; 256],
}

impl Neighbours {
    pub(super) fn new(grid: &Grid<'_>, connectivity: Connectivity) -> Self {
        let mut steps = [([0; 3], 0); 13];
        let mut count = 0;
        let around = if connectivity == Connectivity::Axes { Connectivity::Diagonals } else { connectivity };
        // Ahead are those whose first coordinate that differs is larger: the larger places.
        for code in 14..27 {
            let step = [code / 9 - 1, code / 3 % 3 - 1, code % 3 - 1];
            if around.joins(step) && (0..3).all(|axis| step[axis].unsigned_abs() < grid.shape[axis]) {
                let [_, rows, columns] = grid.shape.map(|axis| axis as isize);
                steps[count] = (step, ((step[0] * rows + step[1]) * columns + step[2]) as usize);
                count += 1;
            }
        }
        let at = |i: usize| if i.is_multiple_of(2) { steps[i / 2].0 } else { steps[i / 2].0.map(|x| -x) };
        let (mut neighbours, mut adjacent) = (0, [0; 26]);
        for (i, adjacent) in adjacent.iter_mut().enumerate().take(2 * count) {
            neighbours |= u32::from(connectivity.joins(at(i))) << i;
            for j in 0..2 * count {
                let difference = [0, 1, 2].map(|axis| at(j)[axis] - at(i)[axis]);
                *adjacent |= u32::from(connectivity.joins(difference)) << j;
            }
        }
        let mut around = Self { steps, count, neighbours, adjacent, table: [0; 256] };
        for set in 0..256 {
            around.table[set as usize] = around.components(set) as u8;
        }
        around
    }

    pub(super) fn of(&self, point: usize, i: usize) -> usize {
        let offset = self.steps[i / 2].1;
        if i.is_multiple_of(2) { point + offset } else { point - offset }
    }

    /// Which points there are around one, as bits, and whether it lies on the border.
    pub(super) fn inside(&self, grid: &Grid<'_>, at: [usize; 3]) -> (u32, bool) {
        let shape = grid.shape;
        if (0..3).all(|axis| shape[axis] == 1 || (at[axis] > 0 && at[axis] + 1 < shape[axis])) {
            return ((1 << (2 * self.count)) - 1, false);
        }
        let mut bits = 0;
        for (i, (step, _)) in self.steps[..self.count].iter().enumerate() {
            // Below 0 wraps around, past every axis.
            let ahead = (0..3).all(|axis| at[axis].wrapping_add_signed(step[axis]) < shape[axis]);
            let behind = (0..3).all(|axis| at[axis].wrapping_add_signed(-step[axis]) < shape[axis]);
            bits |= u32::from(ahead) << (2 * i) | u32::from(behind) << (2 * i + 1);
        }
        (bits, true)
    }

    /// Those of some points around one that come before it in the order of value, then place.
    pub(super) fn lower(&self, values: &[f64], point: usize, inside: u32) -> u32 {
        let value = values[point];
        let mut lower = 0;
        for (i, &(_, offset)) in self.steps[..self.count].iter().enumerate() {
            // Where there is no point, it does not matter what is compared.
            let ahead = values.get(point + offset).is_some_and(|&x| x < value);
            let behind = values.get(point.wrapping_sub(offset)).is_some_and(|&x| x <= value);
            lower |= u32::from(ahead) << (2 * i) | u32::from(behind) << (2 * i + 1);
        }
        lower & inside
    }

    /// One neighbour of each component of some of the points around one: the others need not be looked at.
    pub(super) fn representatives(&self, set: u32) -> u32 {
        if let Some(&chosen) = self.table.get(set as usize) { chosen.into() } else { self.components(set) }
    }

    fn components(&self, mut left: u32) -> u32 {
        let mut chosen = 0;
        loop {
            let neighbours = left & self.neighbours;
            if neighbours == 0 {
                return chosen;
            }
            let mut front = neighbours & neighbours.wrapping_neg();
            chosen |= front;
            left ^= front;
            while front != 0 {
                let found = self.adjacent[front.trailing_zeros() as usize] & left;
                front = (front & (front - 1)) | found;
                left ^= found;
            }
        }
    }
}

/// The numbers of the bits that are set.
pub(super) fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let i = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (i < 32).then_some(i)
    })
}

//! Pivots and their columns.

use alloc::{vec, vec::Vec};

use super::simplices::SimplexKey;

/// A map from pivots to the numbers of their columns, by open addressing.
pub(super) struct PivotTable {
    /// Places in `pivots`.
    slots: Vec<u32>,
    pivots: Vec<(SimplexKey, u32)>,
}

const FREE: u32 = u32::MAX;

impl PivotTable {
    pub(super) fn new() -> Self {
        Self { slots: vec![FREE; 64], pivots: Vec::new() }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.slots.as_slice()) + self.pivots.capacity() * size_of::<(SimplexKey, u32)>()
    }

    /// Where a pivot is, or belongs.
    fn slot(&self, pivot: SimplexKey) -> usize {
        // Multiplication by 2^64 / golden ratio spreads neighbours; the upper bits are the best.
        let folded = (pivot.0 >> 64) as u64 ^ (pivot.0 as u64).rotate_left(32);
        let shift = 64 - self.slots.len().trailing_zeros();
        let mut at = (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize;
        while self.slots[at] != FREE && self.pivots[self.slots[at] as usize].0 != pivot {
            at = (at + 1) % self.slots.len();
        }
        at
    }

    pub(super) fn get(&self, pivot: SimplexKey) -> Option<u32> {
        let place = self.slots[self.slot(pivot)];
        (place != FREE).then(|| self.pivots[place as usize].1)
    }

    pub(super) fn insert(&mut self, pivot: SimplexKey, column: u32) {
        if 2 * (self.pivots.len() + 1) > self.slots.len() {
            self.slots = vec![FREE; 2 * self.slots.len()];
            for (place, &(pivot, _)) in (0..).zip(&self.pivots) {
                let at = self.slot(pivot);
                self.slots[at] = place;
            }
        }
        let at = self.slot(pivot);
        self.slots[at] = self.pivots.len() as u32;
        self.pivots.push((pivot, column));
    }
}

//! Pivots and their columns.

use alloc::{vec, vec::Vec};

/// A map from numbers of simplices to numbers of columns, by open addressing.
pub(super) struct Table {
    slots: Vec<(u64, u32)>,
    len: usize,
}

const FREE: (u64, u32) = (u64::MAX, u32::MAX);

impl Table {
    pub(super) fn new() -> Self {
        Self { slots: vec![FREE; 64], len: 0 }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<(u64, u32)>()
    }

    /// Where a number is, or belongs.
    fn slot(&self, number: u64) -> usize {
        // Multiplication by 2^64 / golden ratio spreads neighbours; the upper bits are the best.
        let shift = 64 - self.slots.len().trailing_zeros();
        let mut at = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize;
        while self.slots[at] != FREE && self.slots[at].0 != number {
            at = (at + 1) % self.slots.len();
        }
        at
    }

    pub(super) fn get(&self, number: u64) -> Option<u32> {
        let slot = self.slots[self.slot(number)];
        (slot != FREE).then_some(slot.1)
    }

    pub(super) fn insert(&mut self, number: u64, column: u32) {
        if 2 * (self.len + 1) > self.slots.len() {
            let double = vec![FREE; 2 * self.slots.len()];
            for (number, column) in core::mem::replace(&mut self.slots, double) {
                if (number, column) != FREE {
                    let at = self.slot(number);
                    self.slots[at] = (number, column);
                }
            }
        }
        let at = self.slot(number);
        self.slots[at] = (number, column);
        self.len += 1;
    }
}

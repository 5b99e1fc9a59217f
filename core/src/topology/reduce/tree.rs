//! A column over Z/2 as a set of bits under a tree of summaries.

use alloc::vec::Vec;

/// A set of rows: toggled and asked for its least element in O(log₆₄ rows), in rows / 63 words
/// (the pivot column of Bauer, Kerber, Reininghaus, Wagner, *PHAT*, 2017).
pub(super) struct BitTree {
    /// Leaves first; bit i of a word says whether word i of the 64 below it is not zero.
    levels: Vec<Vec<u64>>,
}

impl BitTree {
    pub(super) fn new(rows: usize) -> Self {
        let mut levels = Vec::new();
        let mut len = rows;
        loop {
            len = len.div_ceil(64).max(1);
            levels.push(alloc::vec![0; len]);
            if len == 1 {
                return Self { levels };
            }
        }
    }

    /// Adds the row, or takes it out if it is there.
    pub(super) fn toggle(&mut self, row: usize) {
        let mut at = row;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let before = *word;
            *word ^= 1 << (at % 64);
            // Higher levels change only where a word becomes zero or stops being it.
            if before != 0 && *word != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// The least row.
    pub(super) fn first(&self) -> Option<usize> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let word = level[at];
            if word == 0 {
                return None;
            }
            at = at * 64 + word.trailing_zeros() as usize;
        }
        Some(at)
    }

    /// Takes out all rows.
    pub(super) fn clear(&mut self) {
        while let Some(row) = self.first() {
            let mut at = row / 64;
            self.levels[0][at] = 0;
            for level in &mut self.levels[1..] {
                level[at / 64] &= !(1 << (at % 64));
                if level[at / 64] != 0 {
                    break;
                }
                at /= 64;
            }
        }
    }
}

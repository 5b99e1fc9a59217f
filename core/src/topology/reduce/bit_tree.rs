//! A column over Z/2 as a set of bits under a summary.

use alloc::vec::Vec;

/// A set of rows that is toggled in a few instructions and asked for its least element, in rows / 63 words
/// (after the pivot column of Bauer, Kerber, Reininghaus, Wagner, *PHAT*, 2017, with a summary that is cleared
/// only where a search passes).
pub(super) struct BitTree {
    bits: Vec<u64>,
    /// Bit i of word j: word 64 j + i of `bits` may be other than zero.
    summary: Vec<u64>,
    /// No word of the summary before this one is other than zero.
    from: usize,
}

impl BitTree {
    pub(super) fn new(rows: usize) -> Self {
        let words = rows.div_ceil(64);
        Self { bits: alloc::vec![0; words], summary: alloc::vec![0; words.div_ceil(64)], from: 0 }
    }

    /// Adds the row, or takes it out if it is there.
    fn toggle(&mut self, row: usize) {
        self.bits[row / 64] ^= 1 << (row % 64);
        self.summary[row / 4096] |= 1 << (row / 64 % 64);
    }

    /// Toggles the leading ones of some ascending rows, those below `bound`, and says how many they are.
    pub(super) fn toggle_below(&mut self, bound: u32, rows: &[u32]) -> u32 {
        let mut count = 0;
        for &row in rows.iter().take_while(|&&row| row < bound) {
            self.toggle(row as usize);
            count += 1;
        }
        count
    }

    /// Searches from this row on. Every row in the set must lie after it, or at it.
    pub(super) fn start_at(&mut self, row: usize) {
        self.from = row / 4096;
    }

    /// The least row, of those from [`BitTree::start_at`] on; every row in the set must lie before `end`.
    pub(super) fn first(&mut self, end: u32) -> Option<usize> {
        let end = self.summary.len().min((end as usize).div_ceil(4096));
        while self.from < end {
            let summary = &mut self.summary[self.from];
            while *summary != 0 {
                let word = self.from * 64 + summary.trailing_zeros() as usize;
                if self.bits[word] != 0 {
                    return Some(word * 64 + self.bits[word].trailing_zeros() as usize);
                }
                *summary &= *summary - 1;
            }
            self.from += 1;
        }
        None
    }

    /// Takes out all rows, which lie before `end`.
    pub(super) fn clear(&mut self, end: u32) {
        for at in self.from..self.summary.len().min((end as usize).div_ceil(4096)) {
            while self.summary[at] != 0 {
                self.bits[at * 64 + self.summary[at].trailing_zeros() as usize] = 0;
                self.summary[at] &= self.summary[at] - 1;
            }
        }
    }
}

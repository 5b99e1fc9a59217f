//! A heap of keys that only ever grows from its end.

use alloc::vec::Vec;

use super::simplices::SimplexKey;

/// Keys not before the last one taken out, in buckets by the highest bit in which they differ from it (radix heap;
/// Ahuja, Mehlhorn, Orlin, Tarjan, *Faster algorithms for the shortest path problem*, 1990). Each is moved a few times
/// at most, and equal ones meet: over Z/2 two of them are none.
pub(super) struct RadixHeap {
    last: SimplexKey,
    buckets: Vec<Vec<SimplexKey>>,
    /// Bit i − 1: bucket i may hold something.
    used: u128,
}

impl RadixHeap {
    pub(super) fn new() -> Self {
        Self { last: SimplexKey::FIRST, buckets: (0..=128).map(|_| Vec::new()).collect(), used: 0 }
    }

    /// Adds a key that is after the last one taken out.
    pub(super) fn push(&mut self, key: SimplexKey) {
        let bucket = 128 - (key.0 ^ self.last.0).leading_zeros() as usize;
        self.buckets[bucket].push(key);
        self.used |= (1 << bucket) >> 1;
    }

    /// Takes out the first key of those that are there an odd number of times.
    pub(super) fn pop(&mut self) -> Option<SimplexKey> {
        while self.used != 0 {
            let bucket = self.used.trailing_zeros() as usize + 1;
            self.used &= self.used - 1;
            let mut keys = core::mem::take(&mut self.buckets[bucket]);
            let first = keys.iter().copied().min().unwrap_or(SimplexKey::FIRST);
            self.last = first;
            let mut odd = false;
            for &key in &keys {
                if key == first {
                    odd = !odd;
                } else {
                    self.push(key);
                }
            }
            keys.clear();
            self.buckets[bucket] = keys;
            if odd {
                return Some(first);
            }
        }
        None
    }

    pub(super) fn clear(&mut self) {
        while self.used != 0 {
            self.buckets[self.used.trailing_zeros() as usize + 1].clear();
            self.used &= self.used - 1;
        }
        self.last = SimplexKey::FIRST;
    }
}

//! Sharing work between threads, in parts that do not depend on their number.

use rayon::prelude::*;

/// Whether a pass of `samples` samples through a multilayer perceptron of `dim` parameters is worth sharing between
/// threads: it takes about a tenth of a millisecond.
pub const fn is_parallel(dim: usize, samples: usize) -> bool {
    dim * samples >= 1 << 22
}

/// Calls `work` with each item and its number, on several threads if `parallel`.
pub fn for_each<T: Send>(items: &mut [T], parallel: bool, work: impl Fn(usize, &mut T) + Sync) {
    if parallel {
        items.par_iter_mut().enumerate().for_each(|(i, item)| work(i, item));
    } else {
        items.iter_mut().enumerate().for_each(|(i, item)| work(i, item));
    }
}

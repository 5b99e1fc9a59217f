//! The arithmetic that a device does at most.

use super::{Dispatch, FMA_THROUGHPUT, Grid, KernelContext, whole};
use crate::error::Result;

const CHAINS: usize = 8;
const ROUNDS: usize = 512;

/// Multiplications and additions of a thread.
pub const FLOPS: usize = 2 * 4 * CHAINS * ROUNDS;

/// Chains of them in `threads` threads, a quad of numbers each.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn chains(context: &KernelContext, threads: usize, y: &wgpu::Buffer) -> Result<Dispatch> {
    let values = [("CHAINS", CHAINS as i64), ("ROUNDS", ROUNDS as i64)];
    let threads = threads.next_multiple_of(context.size() as usize);
    context.dispatch(&FMA_THROUGHPUT, &values, &[whole(y)], Grid::fixed(threads, context.size()))
}

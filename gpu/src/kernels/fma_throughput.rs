//! The arithmetic that a device does at most.

use super::{Dispatch, FMA_THROUGHPUT, Grid, KernelContext, whole};
use crate::error::Result;

const CHAINS: usize = 8;
const ROUNDS: usize = 512;

/// Floating-point operations of one invocation.
pub(crate) const FLOPS: usize = 2 * 4 * CHAINS * ROUNDS;

/// Chains of multiply-adds of vec4s in `threads` invocations, or more up to a whole workgroup.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub(crate) fn fma_throughput(context: &KernelContext, threads: usize, y: &wgpu::Buffer) -> Result<Dispatch> {
    let values = [("CHAINS", CHAINS as i64), ("ROUNDS", ROUNDS as i64)];
    let threads = threads.next_multiple_of(context.workgroup_size() as usize);
    context.dispatch(&FMA_THROUGHPUT, &values, &[whole(y)], Grid::fixed(threads, context.workgroup_size()))
}

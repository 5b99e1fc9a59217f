//! The arithmetic that a device does at most.

use super::{Dispatch, Dispatcher, FMA_THROUGHPUT, Grid, whole};
use crate::error::Result;

const CHAINS: usize = 8;
const ROUNDS: usize = 512;

/// Floating-point operations of one invocation.
pub(crate) const FLOPS: usize = 2 * 4 * CHAINS * ROUNDS;

/// Chains of multiply-adds of vec4s in `threads` invocations, or more up to a whole workgroup.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn fma_throughput(dispatcher: &Dispatcher, threads: usize, y: &wgpu::Buffer) -> Result<Dispatch> {
    let values = [("CHAINS", CHAINS as i64), ("ROUNDS", ROUNDS as i64)];
    let threads = threads.next_multiple_of(dispatcher.workgroup_size() as usize);
    dispatcher.dispatch(
        &FMA_THROUGHPUT,
        &values,
        &[whole(y)],
        Grid::fixed(threads, dispatcher.workgroup_size()),
    )
}

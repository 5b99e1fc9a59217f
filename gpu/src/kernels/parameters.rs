//! θ: the mix of control points, its weights as kernels read them, the optimiser's step.

use super::{Dispatch, Grid, KernelContext, MIX, PACK, STEP, channel_blocks, whole};
use crate::error::Result;

/// Control points of one dispatch: what the smallest adapters can bind at once.
const TERMS: usize = 6;

/// θ(t) = Σ weight · centre; the weights are the record's.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn mix(
    context: &KernelContext,
    len: usize,
    theta: &wgpu::Buffer,
    centres: &[&wgpu::Buffer],
) -> Result<Vec<Dispatch>> {
    let parts = centres.chunks(TERMS).enumerate().map(|(i, centres)| {
        let first = (i * TERMS) as i64;
        let values =
            [("TERMS", centres.len() as i64), ("FIRST", first), ("LENGTH", channel_blocks(len) as i64)];
        let buffers: Vec<_> = std::iter::once(&theta).chain(centres).map(|b| whole(b)).collect();
        context.dispatch(&MIX, &values, &buffers, Grid::fixed(channel_blocks(len), context.size()))
    });
    parts.collect()
}

/// Weights in the order of their kernels: `packed[i]` = θ[`table[i]`].
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn pack(
    context: &KernelContext,
    len: usize,
    table: &wgpu::Buffer,
    theta: &wgpu::Buffer,
    packed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let buffers = [whole(table), whole(theta), whole(packed)];
    context.dispatch(&PACK, &[("LENGTH", len as i64)], &buffers, Grid::fixed(len, context.size()))
}

/// v ← μ v + weight·(g + λ θ(t)), centre ← centre − rate·v.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn step(context: &KernelContext, len: usize, buffers: [&wgpu::Buffer; 4]) -> Result<Dispatch> {
    context.dispatch(
        &STEP,
        &[("LENGTH", channel_blocks(len) as i64)],
        &buffers.map(whole),
        Grid::fixed(channel_blocks(len), context.size()),
    )
}

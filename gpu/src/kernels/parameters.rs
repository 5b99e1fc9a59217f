//! θ: the mix of control points, its weights as kernels read them, the optimiser's step.

use super::{Bench, Dispatch, Grid, MIX, PACK, STEP, whole};
use crate::error::Result;

/// Control points of one dispatch: what the smallest adapters can bind at once.
const TERMS: usize = 6;

/// θ(t) = Σ weight · centre; the weights are the record's.
///
/// # Errors
/// As [`Bench::dispatch`].
pub fn mix(
    bench: &Bench,
    len: usize,
    theta: &wgpu::Buffer,
    centres: &[&wgpu::Buffer],
) -> Result<Vec<Dispatch>> {
    let parts = centres.chunks(TERMS).enumerate().map(|(i, centres)| {
        let first = (i * TERMS) as i64;
        let values = [("TERMS", centres.len() as i64), ("FIRST", first), ("LENGTH", len as i64)];
        let buffers: Vec<_> = std::iter::once(&theta).chain(centres).map(|b| whole(b)).collect();
        bench.dispatch(&MIX, &values, &buffers, Grid::fixed(len, bench.size()))
    });
    parts.collect()
}

/// Weights in the order of their kernels: `packed[i]` = θ[`table[i]`].
///
/// # Errors
/// As [`Bench::dispatch`].
pub fn pack(
    bench: &Bench,
    len: usize,
    table: &wgpu::Buffer,
    theta: &wgpu::Buffer,
    packed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let buffers = [whole(table), whole(theta), whole(packed)];
    bench.dispatch(&PACK, &[("LENGTH", len as i64)], &buffers, Grid::fixed(len, bench.size()))
}

/// v ← μ v + weight·(g + λ θ(t)), centre ← centre − rate·v.
///
/// # Errors
/// As [`Bench::dispatch`].
pub fn step(bench: &Bench, len: usize, buffers: [&wgpu::Buffer; 4]) -> Result<Dispatch> {
    bench.dispatch(&STEP, &[("LENGTH", len as i64)], &buffers.map(whole), Grid::fixed(len, bench.size()))
}

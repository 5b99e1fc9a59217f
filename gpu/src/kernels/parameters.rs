//! θ: the mix of control points, its weights as kernels read them, the optimiser's step.

use super::{Dispatch, Grid, MIX, PACK, Recorder, STEP, quads, whole};
use crate::error::Result;

/// Control points of one dispatch: what the smallest adapters can bind at once.
const TERMS: usize = 6;

/// θ(t) = Σ weight · centre; the weights are the record's.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn mix(
    recorder: &Recorder,
    len: usize,
    theta: &wgpu::Buffer,
    centres: &[&wgpu::Buffer],
) -> Result<Vec<Dispatch>> {
    let parts = centres.chunks(TERMS).enumerate().map(|(i, centres)| {
        let first = (i * TERMS) as i64;
        let values = [("TERMS", centres.len() as i64), ("FIRST", first), ("LENGTH", quads(len) as i64)];
        let buffers: Vec<_> = std::iter::once(&theta).chain(centres).map(|b| whole(b)).collect();
        recorder.dispatch(&MIX, &values, &buffers, Grid::fixed(quads(len), recorder.size()))
    });
    parts.collect()
}

/// Weights in the order of their kernels: `packed[i]` = θ[`table[i]`].
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn pack(
    recorder: &Recorder,
    len: usize,
    table: &wgpu::Buffer,
    theta: &wgpu::Buffer,
    packed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let buffers = [whole(table), whole(theta), whole(packed)];
    recorder.dispatch(&PACK, &[("LENGTH", len as i64)], &buffers, Grid::fixed(len, recorder.size()))
}

/// v ← μ v + weight·(g + λ θ(t)), centre ← centre − rate·v.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn step(recorder: &Recorder, len: usize, buffers: [&wgpu::Buffer; 4]) -> Result<Dispatch> {
    recorder.dispatch(
        &STEP,
        &[("LENGTH", quads(len) as i64)],
        &buffers.map(whole),
        Grid::fixed(quads(len), recorder.size()),
    )
}

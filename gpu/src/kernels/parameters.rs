//! θ: the mix of control points, the packed weights, the limit of a gradient, the optimiser steps.

use super::{ADAM, CLIP, CLIP_SUMS, Dispatch, Dispatcher, Grid, MIX, PACK, STEP, channel_blocks, whole};
use crate::error::Result;

/// Control points of one dispatch: every adapter binds eight storage buffers at once.
const TERMS: usize = 6;

/// θ(t) = Σ weight · control point, with the weights of the pass parameters.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn mix(
    dispatcher: &Dispatcher,
    len: usize,
    theta: &wgpu::Buffer,
    points: &[&wgpu::Buffer],
) -> Result<Vec<Dispatch>> {
    let len = channel_blocks(len);
    let dispatches = points.chunks(TERMS).enumerate().map(|(i, points)| {
        let first = (i * TERMS) as i64;
        let values = [("TERMS", points.len() as i64), ("FIRST", first), ("LENGTH", len as i64)];
        let buffers: Vec<_> = std::iter::once(&theta).chain(points).map(|buffer| whole(buffer)).collect();
        dispatcher.dispatch(&MIX, &values, &buffers, Grid::fixed(len, dispatcher.workgroup_size()))
    });
    dispatches.collect()
}

/// Weights in the order in which their kernels read them: `packed[i]` = θ[`table[i]`].
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn pack(
    dispatcher: &Dispatcher,
    len: usize,
    table: &wgpu::Buffer,
    theta: &wgpu::Buffer,
    packed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let buffers = [table, theta, packed].map(whole);
    dispatcher.dispatch(
        &PACK,
        &[("LENGTH", len as i64)],
        &buffers,
        Grid::fixed(len, dispatcher.workgroup_size()),
    )
}

/// v ← μ v + weight · (g + λ θ(t)), control point ← control point − η v, on the buffers of the gradient, θ(t), the
/// control point and its momentum.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn step(dispatcher: &Dispatcher, len: usize, buffers: [&wgpu::Buffer; 4]) -> Result<Dispatch> {
    let len = channel_blocks(len);
    let grid = Grid::fixed(len, dispatcher.workgroup_size());
    dispatcher.dispatch(&STEP, &[("LENGTH", len as i64)], &buffers.map(whole), grid)
}

/// Adam's step, on the buffers of the gradient, θ(t), the control point, its momentum and its second moment.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn adam(dispatcher: &Dispatcher, len: usize, buffers: [&wgpu::Buffer; 5]) -> Result<Dispatch> {
    let len = channel_blocks(len);
    let grid = Grid::fixed(len, dispatcher.workgroup_size());
    dispatcher.dispatch(&ADAM, &[("LENGTH", len as i64)], &buffers.map(whole), grid)
}

/// Partial sums of the squares of a gradient: the elements of the partial sums that [`clip`] needs.
pub(crate) const CLIP_PARTIAL_LEN: usize = 512;

/// vec4s of an invocation of `clip.wgsl`, each of whose workgroups adds up all partial sums.
const CLIPPED_VECTORS: usize = 16;

/// g ← g + λ θ(t), then scaled down to the limit of the pass parameters where it is longer, on the buffers of θ(t), the
/// gradient, and partial sums.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn clip(
    dispatcher: &Dispatcher,
    len: usize,
    [theta, gradient, partial]: [&wgpu::Buffer; 3],
) -> Result<[Dispatch; 2]> {
    let len = channel_blocks(len);
    let common = [("LENGTH", len as i64), ("SPLITS", CLIP_PARTIAL_LEN as i64)];
    let grid = Grid::fixed(CLIP_PARTIAL_LEN, dispatcher.workgroup_size());
    let sums = dispatcher.dispatch(&CLIP_SUMS, &common, &[theta, gradient, partial].map(whole), grid)?;
    let values = [&common[..], &[("PER", CLIPPED_VECTORS as i64)]].concat();
    let grid = Grid::fixed(len.div_ceil(64 * CLIPPED_VECTORS) * 64, 64);
    Ok([sums, dispatcher.dispatch(&CLIP, &values, &[partial, gradient].map(whole), grid)?])
}

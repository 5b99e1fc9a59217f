//! The part of a gradient across a simplex, as [`valleys_core::engine::tangent`] says it.

use super::{Dispatch, Grid, KernelContext, TANGENT_DOTS, TANGENT_REMOVE, TANGENT_SOLVE, whole};
use crate::error::Result;

/// Control points of a mix whose directions can be removed: what the smallest adapters can bind at once.
pub const TERMS: usize = 5;

/// DeviceSplit sums.
const SPLITS: usize = 512;

/// Numbers of the part sums of a model.
pub const PART_LEN: usize = SPLITS * products(TERMS);

const fn products(terms: usize) -> usize {
    (terms - 1) + terms * (terms - 1) / 2
}

/// g ← g + λ θ, less the record's share of its part along the differences of the centres.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn project(
    context: &KernelContext,
    len: usize,
    [theta, gradient, part, coefficients]: [&wgpu::Buffer; 4],
    centres: &[&wgpu::Buffer],
) -> Result<[Dispatch; 3]> {
    let terms = centres.len();
    let values = [
        ("TERMS", terms as i64),
        ("OTHERS", terms as i64 - 1),
        ("PRODUCTS", products(terms) as i64),
        ("SPLITS", SPLITS as i64),
        ("LENGTH", len as i64),
    ];
    let (buffers, grid) = (on(&[theta, gradient, part], centres), Grid::fixed(SPLITS, context.size()));
    let dots = context.dispatch(&TANGENT_DOTS, &values, &buffers, grid)?;
    let solve = [whole(part), whole(coefficients)];
    let solve = context.dispatch(&TANGENT_SOLVE, &values, &solve, Grid::fixed(64, 64))?;
    let (buffers, grid) = (on(&[coefficients, gradient], centres), Grid::fixed(len, context.size()));
    Ok([dots, solve, context.dispatch(&TANGENT_REMOVE, &values, &buffers, grid)?])
}

fn on<'a>(first: &[&'a wgpu::Buffer], centres: &[&'a wgpu::Buffer]) -> Vec<wgpu::BufferBinding<'a>> {
    first.iter().chain(centres).map(|buffer| whole(buffer)).collect()
}

//! Tangent removal, as [`valleys_core::engine::tangent`] describes it.

use super::{Dispatch, Dispatcher, Grid, TANGENT_DOTS, TANGENT_REMOVE, TANGENT_SOLVE, whole};
use crate::error::Result;

/// Control points of a mix, at most: every adapter binds eight storage buffers at once.
pub(crate) const MAX_TERMS: usize = 5;

/// Elements of the coefficients of a model.
pub(crate) const COEFFICIENTS_LEN: usize = 16;

/// Partial sums of each product.
const SPLITS: usize = 512;

/// Elements of the partial sums of a model.
pub(crate) const PARTIAL_LEN: usize = SPLITS * products(MAX_TERMS);

/// Products of `terms − 1` directions with the gradient and with each other.
const fn products(terms: usize) -> usize {
    (terms - 1) + terms * (terms - 1) / 2
}

/// g ← g + λ θ, then without a share of its component in the span of the differences of the control points. The buffers
/// are θ(t), the gradient, partial sums, coefficients.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn remove_tangent(
    dispatcher: &Dispatcher,
    len: usize,
    [theta, gradient, partial, coefficients]: [&wgpu::Buffer; 4],
    points: &[&wgpu::Buffer],
) -> Result<[Dispatch; 3]> {
    let workgroup_size = dispatcher.workgroup_size();
    let (terms, len_value) = (("TERMS", points.len() as i64), ("LENGTH", len as i64));
    let sums = [
        ("OTHERS", points.len() as i64 - 1),
        ("PRODUCTS", products(points.len()) as i64),
        ("SPLITS", SPLITS as i64),
    ];
    let dots = dispatcher.dispatch(
        &TANGENT_DOTS,
        &[&sums[..], &[terms, len_value]].concat(),
        &bindings(&[theta, gradient, partial], points),
        Grid::fixed(SPLITS, workgroup_size),
    )?;
    let solve = dispatcher.dispatch(
        &TANGENT_SOLVE,
        &sums,
        &[whole(partial), whole(coefficients)],
        Grid::fixed(64, 64),
    )?;
    let remove = dispatcher.dispatch(
        &TANGENT_REMOVE,
        &[terms, len_value],
        &bindings(&[coefficients, gradient], points),
        Grid::fixed(len, workgroup_size),
    )?;
    Ok([dots, solve, remove])
}

fn bindings<'a>(first: &[&'a wgpu::Buffer], points: &[&'a wgpu::Buffer]) -> Vec<wgpu::BufferBinding<'a>> {
    first.iter().chain(points).map(|buffer| whole(buffer)).collect()
}

//! The kernels of a single linear layer on the lines of a sample tile, for networks of other kinds.

use super::linear;
use super::sample_tile::transpose_blocks;
use crate::floats::{Line, padded};
use fearless_simd::{Level, dispatch};

/// y = W x + b.
///
/// # Layout
/// `weight` (O, I), `bias` (O), `x` (I, samples), `y` (O, samples).
pub fn linear_forward(level: Level, weight: &[f32], bias: &[f32], x: &[Line], y: &mut [Line]) {
    dispatch!(level, simd => linear::forward(simd, weight, bias, x, y, false));
}

/// dx = Wᵀ dy.
pub fn linear_data_gradient(level: Level, weight: &[f32], dy: &[Line], dx: &mut [Line]) {
    dispatch!(level, simd => linear::data_gradient(simd, weight, dy, &[], dx, false));
}

/// dW = dy xᵀ and db = Σ dy. `x` is padded to whole blocks of lines, and `rows`, scratch memory, is as long.
pub fn linear_weight_gradient(
    level: Level,
    x: &[Line],
    dy: &[Line],
    rows: &mut [Line],
    weight: &mut [f32],
    bias: &mut [f32],
) {
    let used = padded(weight.len() / bias.len());
    dispatch!(level, simd => transpose_blocks(simd, &x[..used], rows));
    linear::weight_gradient(level, std::iter::once((dy, &rows[..])), weight, bias);
}

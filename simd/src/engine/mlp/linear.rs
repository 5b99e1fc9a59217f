//! Kernels of a linear layer y = W x + b on a sample tile: forward, data gradient, weight gradient.
//!
//! W keeps the layout of θ, (outputs, inputs): the kernels read it one element at a time, so any stride is fine.

use crate::floats::{LINE_LEN, Line};
use crate::register_tile::{RowTiles, Tile, accumulate, accumulate_rows, for_row_tiles, load, store, width};
use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use valleys_core::engine::Mix;

/// y = W x + b, then ReLU if `relu`. A NaN stays NaN.
///
/// # Layout
/// `weight` (O, I), `bias` (O), `x` (I, samples), `y` (O, samples).
#[inline(always)]
pub fn forward<S: Simd>(simd: S, weight: &[f32], bias: &[f32], x: &[Line], y: &mut [Line], relu: bool) {
    for_row_tiles(simd, bias.len(), Forward { weight, bias, x, y, relu });
}

struct Forward<'a> {
    weight: &'a [f32],
    bias: &'a [f32],
    x: &'a [Line],
    y: &'a mut [Line],
    relu: bool,
}

impl<S: Simd> RowTiles<S> for Forward<'_> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, simd: S, first: usize) {
        let inputs = self.x.len();
        let mut weight: [&[f32]; R] = [&[]; R];
        for (row, r) in weight.iter_mut().zip(first..) {
            *row = &self.weight[r * inputs..][..inputs];
        }
        let bias = &self.bias[first..][..R];
        let y = &mut self.y[first..][..R];
        for column in (0..LINE_LEN).step_by(width::<S>()) {
            let mut tile: Tile<S, R> = [[S::f32s::splat(simd, 0.0); 2]; R];
            for r in 0..R {
                tile[r] = [S::f32s::splat(simd, bias[r]); 2];
            }
            accumulate_rows(simd, &mut tile, column, weight, self.x);
            for r in 0..R {
                store::<S>(rectified(simd, tile[r], self.relu), &mut y[r], column);
            }
        }
    }
}

/// max(y, 0) if `relu`.
#[inline(always)]
fn rectified<S: Simd>(simd: S, [low, high]: [S::f32s; 2], relu: bool) -> [S::f32s; 2] {
    let zero = S::f32s::splat(simd, 0.0);
    if relu {
        [low.simd_lt(zero).select(zero, low), high.simd_lt(zero).select(zero, high)]
    } else {
        [low, high]
    }
}

/// y = Σ weight · product, then ReLU if `relu`: [`forward`] at a mix of slots, from its products at each slot.
///
/// # Layout
/// `products` (slots, O, samples), `y` (O, samples).
#[inline(always)]
pub fn mixed<S: Simd>(simd: S, mix: &Mix, products: &[Line], y: &mut [Line], relu: bool) {
    let outputs = y.len();
    for (o, y) in y.iter_mut().enumerate() {
        for column in (0..LINE_LEN).step_by(width::<S>()) {
            let mut sum = [S::f32s::splat(simd, 0.0); 2];
            for &(slot, weight) in mix {
                let [low, high] = load(simd, &products[slot as usize * outputs + o], column);
                let weight = S::f32s::splat(simd, weight);
                sum = [weight.mul_add(low, sum[0]), weight.mul_add(high, sum[1])];
            }
            store::<S>(rectified(simd, sum, relu), y, column);
        }
    }
}

/// dx = Wᵀ dy. If `relu`, x is the output of a ReLU, and dx is 0 where x is not positive.
///
/// # Layout
/// `weight` (O, I), `dy` (O, samples), `x`, `dx` (I, samples).
#[inline(always)]
pub fn data_gradient<S: Simd>(simd: S, weight: &[f32], dy: &[Line], x: &[Line], dx: &mut [Line], relu: bool) {
    for_row_tiles(simd, dx.len(), DataGradient { weight, dy, x, dx, relu });
}

struct DataGradient<'a> {
    weight: &'a [f32],
    dy: &'a [Line],
    x: &'a [Line],
    dx: &'a mut [Line],
    relu: bool,
}

impl<S: Simd> RowTiles<S> for DataGradient<'_> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, simd: S, first: usize) {
        let inputs = self.dx.len();
        let zero = S::f32s::splat(simd, 0.0);
        let dx = &mut self.dx[first..][..R];
        for column in (0..LINE_LEN).step_by(width::<S>()) {
            let mut tile: Tile<S, R> = [[zero; 2]; R];
            let weight = self.weight.chunks_exact(inputs);
            let steps = weight.zip(self.dy).map(|(row, dy)| {
                let a: [f32; R] = row[first..][..R].try_into().expect("R elements");
                (a, dy)
            });
            accumulate(simd, &mut tile, column, steps);
            for r in 0..R {
                if self.relu {
                    let x = load(simd, &self.x[first + r], column);
                    tile[r][0] = x[0].simd_gt(zero).select(tile[r][0], zero);
                    tile[r][1] = x[1].simd_gt(zero).select(tile[r][1], zero);
                }
                store::<S>(tile[r], &mut dx[r], column);
            }
        }
    }
}

/// dW = dy xᵀ and db = Σ dy over the samples of all tiles.
///
/// # Layout
/// `tiles` yields for each sample tile dy (O, samples) and x as (I / 32, samples, 32 features), with zeros where I is
/// padded; `weight` (O, I) and `bias` (O) are overwritten.
pub fn weight_gradient<'a>(
    level: Level,
    tiles: impl Iterator<Item = (&'a [Line], &'a [Line])> + Clone,
    weight: &mut [f32],
    bias: &mut [f32],
) {
    dispatch!(level, simd => for_row_tiles(simd, bias.len(), WeightGradient { tiles, weight, bias }));
}

struct WeightGradient<'a, T> {
    tiles: T,
    weight: &'a mut [f32],
    bias: &'a mut [f32],
}

impl<'a, S: Simd, T: Iterator<Item = (&'a [Line], &'a [Line])> + Clone> RowTiles<S>
    for WeightGradient<'_, T>
{
    #[inline(always)]
    fn rows<const R: usize>(&mut self, simd: S, first: usize) {
        let inputs = self.weight.len() / self.bias.len();
        let zero = S::f32s::splat(simd, 0.0);
        for begin in (0..inputs).step_by(width::<S>()) {
            let (block, column) = (begin / LINE_LEN * LINE_LEN, begin % LINE_LEN);
            let mut tile: Tile<S, R> = [[zero; 2]; R];
            for (dy, x) in self.tiles.clone() {
                let dy: &[Line; R] = dy[first..][..R].try_into().expect("R lines");
                let steps = x[block..][..LINE_LEN].iter().enumerate();
                let steps = steps.map(|(k, x)| {
                    let mut a = [0.0; R];
                    for r in 0..R {
                        a[r] = dy[r][k];
                    }
                    (a, x)
                });
                accumulate(simd, &mut tile, column, steps);
            }
            let weight = self.weight[first * inputs..].chunks_exact_mut(inputs);
            for (pair, row) in tile.into_iter().zip(weight) {
                let row = &mut row[begin..];
                if let Some(whole) = row.get_mut(..width::<S>()) {
                    let (low, high) = whole.split_at_mut(S::f32s::LEN);
                    pair[0].store_slice(low);
                    pair[1].store_slice(high);
                } else {
                    let mut line = [0.0; LINE_LEN];
                    store::<S>(pair, &mut line, 0);
                    row.copy_from_slice(&line[..row.len()]);
                }
            }
        }
        for (row, bias) in (first..).zip(&mut self.bias[first..][..R]) {
            let mut sum = f32x16::splat(simd, 0.0);
            for (dy, _) in self.tiles.clone() {
                let (low, high) = dy[row].split_at(LINE_LEN / 2);
                sum += f32x16::from_slice(simd, low) + f32x16::from_slice(simd, high);
            }
            *bias = sum.reduce_sum();
        }
    }
}

//! The micro kernel of all matrix products: C(r, c) += Σ_k A(r, k) · B(k, c) on a tile of C that stays in registers.
//!
//! The products of a linear layer (forward, data gradient, weight gradient) and the distances of point clouds differ
//! only in where A and B come from, in the initial value of C, and in what is applied to C before it is stored.

use crate::floats::{LINE_LEN, Line};
use fearless_simd::prelude::*;

/// R rows of two vectors.
pub type Tile<S, const R: usize> = [[<S as Simd>::f32s; 2]; R];

/// Columns of a tile.
#[inline(always)]
pub const fn width<S: Simd>() -> usize {
    2 * S::f32s::LEN
}

/// Loads the two vectors of a line that start at `column`.
#[inline(always)]
pub fn load<S: Simd>(simd: S, line: &Line, column: usize) -> [S::f32s; 2] {
    let (low, high) = line[column..][..width::<S>()].split_at(S::f32s::LEN);
    [S::f32s::from_slice(simd, low), S::f32s::from_slice(simd, high)]
}

/// Stores two vectors to a line, starting at `column`.
#[inline(always)]
pub fn store<S: Simd>(pair: [S::f32s; 2], line: &mut Line, column: usize) {
    let (low, high) = line[column..][..width::<S>()].split_at_mut(S::f32s::LEN);
    pair[0].store_slice(low);
    pair[1].store_slice(high);
}

/// Copies a line with vector instructions. An array copy of this length compiles to a call of `memcpy`.
#[inline(always)]
pub fn copy<S: Simd>(simd: S, from: &Line, to: &mut Line) {
    for column in (0..LINE_LEN).step_by(width::<S>()) {
        store::<S>(load(simd, from, column), to, column);
    }
}

/// Adds the products of the steps k. Each step is A(·, k) for the rows of the tile, and the line B(k, ·).
#[inline(always)]
pub fn accumulate<'a, S: Simd, const R: usize>(
    simd: S,
    tile: &mut Tile<S, R>,
    column: usize,
    steps: impl Iterator<Item = ([f32; R], &'a Line)>,
) {
    for (a, line) in steps {
        step(simd, tile, column, |r| a[r], line);
    }
}

/// One step k: C(r, c) += A(r, k) · B(k, c).
#[inline(always)]
fn step<S: Simd, const R: usize>(
    simd: S,
    tile: &mut Tile<S, R>,
    column: usize,
    a: impl Fn(usize) -> f32,
    line: &Line,
) {
    let [low, high] = load(simd, line, column);
    for (r, [c_low, c_high]) in tile.iter_mut().enumerate() {
        let a = S::f32s::splat(simd, a(r));
        *c_low = a.mul_add(low, *c_low);
        *c_high = a.mul_add(high, *c_high);
    }
}

/// [`accumulate`] for rows of A that are contiguous slices. The number of steps is `lines.len()`.
///
/// Four steps at a time: the address of a row is computed once for four products, and the offsets are literals.
#[inline(always)]
pub fn accumulate_rows<S: Simd, const R: usize>(
    simd: S,
    tile: &mut Tile<S, R>,
    column: usize,
    rows: [&[f32]; R],
    lines: &[Line],
) {
    let (fours, rest) = lines.as_chunks::<4>();
    for (i, four) in fours.iter().enumerate() {
        let mut a = [&[0.0; 4]; R];
        for r in 0..R {
            a[r] = &rows[r].as_chunks().0[i];
        }
        for (k, line) in four.iter().enumerate() {
            step(simd, tile, column, |r| a[r][k], line);
        }
    }
    for (k, line) in (4 * fours.len()..).zip(rest) {
        step(simd, tile, column, |r| rows[r][k], line);
    }
}

/// A computation on R rows at once, with R known at compile time.
pub trait RowTiles<S: Simd> {
    /// Processes rows `first..first + R`.
    fn rows<const R: usize>(&mut self, simd: S, first: usize);
}

/// Whether the instruction set has 32 vector registers; otherwise it has 16.
pub const fn has_32_registers<S: Simd>() -> bool {
    S::f32s::LEN == 16 || cfg!(target_arch = "aarch64")
}

/// Processes rows `0..count` in tiles of nearly equal height: at most eight rows with 32 registers, six with 16.
#[inline(always)]
pub fn for_row_tiles<S: Simd>(simd: S, count: usize, mut work: impl RowTiles<S>) {
    let most = if const { has_32_registers::<S>() } { 8 } else { 6 };
    let mut first = 0;
    for left in (1..=count.div_ceil(most)).rev() {
        let rows = (count - first).div_ceil(left);
        // The condition is constant, so that no tile is compiled that its instruction set never uses.
        if const { has_32_registers::<S>() } && rows > 6 {
            match rows {
                8 => work.rows::<8>(simd, first),
                _ => work.rows::<7>(simd, first),
            }
        } else {
            match rows {
                6 => work.rows::<6>(simd, first),
                5 => work.rows::<5>(simd, first),
                4 => work.rows::<4>(simd, first),
                3 => work.rows::<3>(simd, first),
                2 => work.rows::<2>(simd, first),
                _ => work.rows::<1>(simd, first),
            }
        }
        first += rows;
    }
}

//! Tiles of sums that stay in registers, with sizes known at compile time.

use crate::register_tile::has_32_registers;
use fearless_simd::prelude::*;

/// Evaluates an expression for i = 0, 1, … below a count of at most six, with i a literal each time. The count is 3, 4, 6
/// or a const parameter.
///
/// LLVM decides what lives in registers before it unrolls loops. With a loop, every sum of a tile would go through memory.
macro_rules! unroll {
    (3, $i:ident => $body:expr) => {
        unroll!(@all $i => $body; 0 1 2)
    };
    (4, $i:ident => $body:expr) => {
        unroll!(@all $i => $body; 0 1 2 3)
    };
    (6, $i:ident => $body:expr) => {
        unroll!(@all $i => $body; 0 1 2 3 4 5)
    };
    ($count:ident, $i:ident => $body:expr) => {
        unroll!(@below $count, $i => $body; 0 1 2 3 4 5)
    };
    (@all $i:ident => $body:expr; $($number:literal)*) => {{
        $({
            let $i = $number;
            $body
        })*
    }};
    // The constant condition keeps code for other sizes from being generated.
    (@below $count:ident, $i:ident => $body:expr; $($number:literal)*) => {{
        $(if const { $number < $count } {
            let $i = $number;
            $body
        })*
    }};
}
pub(in crate::engine::cnn) use unroll;

/// A computation on a tile of `R` by `P` vectors.
pub trait Tiled<S: Simd> {
    /// Computes rows `row..row + R` and columns `column..column + P`.
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, row: usize, column: usize);
}

/// The height of the tile at `row` of `count` rows: 4, at the end 2 or 1.
pub const fn height(row: usize, count: usize) -> usize {
    match count - row {
        4.. => 4,
        2 | 3 => 2,
        _ => 1,
    }
}

/// Covers `rows` by `columns` with tiles. The columns are divided into nearly equal widths, at most six with 32 registers
/// and three with 16.
#[inline(always)]
pub fn cover<S: Simd>(simd: S, rows: usize, columns: usize, work: &mut impl Tiled<S>) {
    let most = if const { has_32_registers::<S>() } { 6 } else { 3 };
    let mut column = 0;
    for left in (1..=columns.div_ceil(most)).rev() {
        let width = (columns - column).div_ceil(left);
        let mut row = 0;
        while row < rows {
            let height = height(row, rows);
            // The condition is constant, so that no tile is compiled that its instruction set never uses.
            if const { has_32_registers::<S>() } && width > 3 {
                match width {
                    6 => of_width::<S, 6>(simd, height, row, column, work),
                    5 => of_width::<S, 5>(simd, height, row, column, work),
                    _ => of_width::<S, 4>(simd, height, row, column, work),
                }
            } else {
                match width {
                    3 => of_width::<S, 3>(simd, height, row, column, work),
                    2 => of_width::<S, 2>(simd, height, row, column, work),
                    _ => of_width::<S, 1>(simd, height, row, column, work),
                }
            }
            row += height;
        }
        column += width;
    }
}

#[inline(always)]
fn of_width<S: Simd, const P: usize>(
    simd: S,
    height: usize,
    row: usize,
    column: usize,
    work: &mut impl Tiled<S>,
) {
    match height {
        4 => of_size::<S, 4, P>(simd, row, column, work),
        2 => of_size::<S, 2, P>(simd, row, column, work),
        _ => of_size::<S, 1, P>(simd, row, column, work),
    }
}

/// A function of its own for each size: one function with all of them takes long to compile.
#[inline(never)]
fn of_size<S: Simd, const R: usize, const P: usize>(
    simd: S,
    row: usize,
    column: usize,
    work: &mut impl Tiled<S>,
) {
    simd.vectorize(
        #[inline(always)]
        || work.tile::<R, P>(simd, row, column),
    );
}

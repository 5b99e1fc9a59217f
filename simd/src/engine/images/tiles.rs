//! Tiles of sums that stay in registers, their size known to the compiler.

use crate::tile::many_registers;
use fearless_simd::prelude::*;

/// Does something for i = 0, 1, ... below a constant of at most six, each i a literal.
///
/// A loop would do, if compilers unrolled it before they decide what lives in registers: they do not, and then every sum
/// of a tile goes through memory.
macro_rules! unroll {
    ($count:expr, $i:ident => $body:expr) => {
        unroll!(@ $count, $i => $body; 0 1 2 3 4 5)
    };
    (@ $count:expr, $i:ident => $body:expr; $($number:literal)*) => {{
        $(if $number < $count {
            let $i = $number;
            $body
        })*
    }};
}
pub(super) use unroll;

/// Work on a tile of `R` by `P` vectors.
pub trait Tiled<S: Simd> {
    /// Does it for rows `row..row + R` and columns `column..column + P`.
    fn tile<const R: usize, const P: usize>(&mut self, simd: S, row: usize, column: usize);
}

/// The rows of the tile at `row` of `count` rows: 4, at the end 2 or 1.
pub const fn height(row: usize, count: usize) -> usize {
    match count - row {
        4.. => 4,
        2 | 3 => 2,
        _ => 1,
    }
}

/// Covers `rows` by `columns` with tiles: columns are shared out as equally as can be, up to six where there are 32
/// registers, up to three where there are 16.
#[inline(always)]
pub fn cover<S: Simd>(simd: S, rows: usize, columns: usize, work: &mut impl Tiled<S>) {
    let most = if const { many_registers::<S>() } { 6 } else { 3 };
    let mut column = 0;
    for left in (1..=columns.div_ceil(most)).rev() {
        let wide = (columns - column).div_ceil(left);
        let mut row = 0;
        while row < rows {
            let high = height(row, rows);
            // The condition is one of the compiler's, which else makes tiles that no machine of this kind uses.
            if const { many_registers::<S>() } && wide > 3 {
                match wide {
                    6 => tall::<S, 6>(simd, high, row, column, work),
                    5 => tall::<S, 5>(simd, high, row, column, work),
                    _ => tall::<S, 4>(simd, high, row, column, work),
                }
            } else {
                match wide {
                    3 => tall::<S, 3>(simd, high, row, column, work),
                    2 => tall::<S, 2>(simd, high, row, column, work),
                    _ => tall::<S, 1>(simd, high, row, column, work),
                }
            }
            row += high;
        }
        column += wide;
    }
}

#[inline(always)]
fn tall<S: Simd, const P: usize>(simd: S, high: usize, row: usize, column: usize, work: &mut impl Tiled<S>) {
    match high {
        4 => apart::<S, 4, P>(simd, row, column, work),
        2 => apart::<S, 2, P>(simd, row, column, work),
        _ => apart::<S, 1, P>(simd, row, column, work),
    }
}

/// A function of its own for every size: compilers take long over one that holds them all.
#[inline(never)]
fn apart<S: Simd, const R: usize, const P: usize>(
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

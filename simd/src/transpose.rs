//! Transposition of 32 × 32 blocks.

use super::floats::{LANES, Line};
use fearless_simd::{f32x16, prelude::*};

/// to(c, r) = from(r, c), for 32 lines.
#[inline(always)]
pub fn transpose<S: Simd>(simd: S, from: &[Line], to: &mut [Line]) {
    let (from, to) = (&from[..LANES], &mut to[..LANES]);
    for r in (0..LANES).step_by(16) {
        for c in (0..LANES).step_by(16) {
            let mut tile = [f32x16::splat(simd, 0.0); 16];
            for i in 0..16 {
                tile[i] = f32x16::from_slice(simd, &from[r + i][c..][..16]);
            }
            tile = turn(tile);
            for i in 0..16 {
                tile[i].store_slice(&mut to[c + i][r..][..16]);
            }
        }
    }
}

/// A 16 × 16 tile, rows and columns swapped.
///
/// Element (r, c) has address r·16 + c. One perfect shuffle of the 256 elements rotates the address by one bit; four of
/// them swap row and column.
#[inline(always)]
pub fn turn<S: Simd>(tile: [f32x16<S>; 16]) -> [f32x16<S>; 16] {
    shuffle(shuffle(shuffle(shuffle(tile))))
}

/// The first half of the elements interleaved with the second.
#[inline(always)]
fn shuffle<S: Simd>(tile: [f32x16<S>; 16]) -> [f32x16<S>; 16] {
    let mut shuffled = tile;
    for i in 0..8 {
        shuffled[2 * i] = tile[i].zip_low(tile[i + 8]);
        shuffled[2 * i + 1] = tile[i].zip_high(tile[i + 8]);
    }
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::{Level, dispatch};

    #[test]
    fn swaps_rows_and_columns() {
        let mut from = [[0.0; LANES]; LANES];
        from.as_flattened_mut().iter_mut().zip(0u16..).for_each(|(x, i)| *x = i.into());
        let mut to = from;
        dispatch!(Level::new(), simd => transpose(simd, &from, &mut to));
        for r in 0..LANES {
            for c in 0..LANES {
                assert_eq!(to[c][r], from[r][c]);
            }
        }
    }
}

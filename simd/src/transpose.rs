//! Transposition of square blocks of floats.

use crate::floats::{LINE_LEN, Line};
use fearless_simd::{f32x16, prelude::*};

/// to(c, r) = from(r, c) of a block of 32 × 32.
#[inline(always)]
pub fn transpose<S: Simd>(simd: S, from: &[Line], to: &mut [Line]) {
    let (from, to) = (&from[..LINE_LEN], &mut to[..LINE_LEN]);
    for r in (0..LINE_LEN).step_by(16) {
        for c in (0..LINE_LEN).step_by(16) {
            let mut block = [f32x16::splat(simd, 0.0); 16];
            for i in 0..16 {
                block[i] = f32x16::from_slice(simd, &from[r + i][c..][..16]);
            }
            block = transpose_16(block);
            for i in 0..16 {
                block[i].store_slice(&mut to[c + i][r..][..16]);
            }
        }
    }
}

/// Transposes a block of 16 × 16.
///
/// Element (r, c) has address 16 r + c. One perfect shuffle of the 256 elements rotates the address by one bit; four of
/// them swap row and column.
#[inline(always)]
pub fn transpose_16<S: Simd>(block: [f32x16<S>; 16]) -> [f32x16<S>; 16] {
    shuffle(shuffle(shuffle(shuffle(block))))
}

/// The first half of the elements interleaved with the second.
#[inline(always)]
fn shuffle<S: Simd>(block: [f32x16<S>; 16]) -> [f32x16<S>; 16] {
    let mut shuffled = block;
    for i in 0..8 {
        shuffled[2 * i] = block[i].zip_low(block[i + 8]);
        shuffled[2 * i + 1] = block[i].zip_high(block[i + 8]);
    }
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::{Level, dispatch};

    #[test]
    fn swaps_rows_and_columns() {
        let mut from = [[0.0; LINE_LEN]; LINE_LEN];
        from.as_flattened_mut().iter_mut().zip(0u16..).for_each(|(x, i)| *x = i.into());
        let mut to = from;
        dispatch!(Level::new(), simd => transpose(simd, &from, &mut to));
        for r in 0..LINE_LEN {
            for c in 0..LINE_LEN {
                assert_eq!(to[c][r], from[r][c]);
            }
        }
    }
}

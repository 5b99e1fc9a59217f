//! ReLU.

use super::planes::{Pixel, Planes};
use fearless_simd::{Level, dispatch, prelude::*};

/// The gradient through a ReLU, in place: dy = 0 where y is not positive.
pub fn backward(level: Level, y: (&[Pixel], &Planes), dy: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => backward_with(simd, y, dy));
}

#[inline(always)]
fn backward_with<S: Simd>(simd: S, y: (&[Pixel], &Planes), dy: (&mut [Pixel], &Planes)) {
    let zero = S::f32s::splat(simd, 0.0);
    for (y, row) in y.1.all_rows().map(|row| &y.0[row]).zip(dy.1.all_rows()) {
        let dy = dy.0[row].as_flattened_mut().chunks_exact_mut(S::f32s::LEN);
        for (y, dy) in y.as_flattened().chunks_exact(S::f32s::LEN).zip(dy) {
            let positive = S::f32s::from_slice(simd, y).simd_gt(zero);
            positive.select(S::f32s::from_slice(simd, dy), zero).store_slice(dy);
        }
    }
}

//! Fingerprints of points, to find duplicates.

use super::lower_bound::CHUNK;
use crate::floats::{LINE_LEN, Line};
use fearless_simd::{Level, dispatch, prelude::*};

/// Equal points have the same fingerprint; different points hardly ever do.
pub type Fingerprint = u64;

/// Weights of the coordinates in fingerprints: multiples of the golden ratio, irregular enough for the points of a lattice.
pub fn weights(dim: usize) -> Vec<f32> {
    (0..dim as u32).map(|k| k.wrapping_mul(0x9e37_79b9) as f32 / 4_294_967_296.0 + 0.5).collect()
}

/// Squared norms of the points of a tile, and their fingerprints.
pub fn norms(level: Level, tile: &[Line], weights: &[f32]) -> ([f32; LINE_LEN], [Fingerprint; LINE_LEN]) {
    let (mut norms, mut others) = ([0.0; LINE_LEN], [0.0; LINE_LEN]);
    dispatch!(level, simd => add(simd, tile, weights, &mut norms, &mut others));
    let mut fingerprints = [0; LINE_LEN];
    for ((fingerprint, norm), other) in fingerprints.iter_mut().zip(&norms).zip(&others) {
        *fingerprint = u64::from(norm.to_bits()) << 32 | u64::from(other.to_bits());
    }
    (norms, fingerprints)
}

/// Adds Σ x² to `norms` and Σ weight · x to `others`.
#[inline(always)]
fn add<S: Simd>(simd: S, tile: &[Line], weights: &[f32], norms: &mut Line, others: &mut Line) {
    for (lines, weights) in tile.chunks(CHUNK).zip(weights.chunks(CHUNK)) {
        for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
            let mut sums = [S::f32s::splat(simd, 0.0); 2];
            for (line, &weight) in lines.iter().zip(weights) {
                let x = S::f32s::from_slice(simd, &line[column..][..S::f32s::LEN]);
                sums[0] = x.mul_add(x, sums[0]);
                sums[1] = x.mul_add(S::f32s::splat(simd, weight), sums[1]);
            }
            for (all, sum) in [&mut *norms, &mut *others].into_iter().zip(sums) {
                let all = &mut all[column..][..S::f32s::LEN];
                (S::f32s::from_slice(simd, all) + sum).store_slice(all);
            }
        }
    }
}

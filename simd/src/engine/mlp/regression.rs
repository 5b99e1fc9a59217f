//! Losses of numbers of a sample tile: the mean over the outputs of a function of the deviation.

use super::cross_entropy::{load, total};
use crate::engine::targets::TileTargets;
use crate::floats::{LINE_LEN, Line};
use fearless_simd::prelude::*;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::Scores;

/// Sums over the samples. `gradient` receives `share` / outputs times the derivatives, 0 in columns without a sample.
#[inline(always)]
pub fn backward<S: Simd>(
    simd: S,
    deviation: Deviation,
    outputs: &[Line],
    targets: &TileTargets,
    share: f32,
    gradient: &mut [Line],
) -> Scores {
    let splat = |x: f32| S::f32s::splat(simd, x);
    let (zero, share) = (splat(0.0), splat(share / outputs.len() as f32));
    for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
        let is_sample = load(simd, &targets.labels, column).simd_ge(zero);
        for ((y, target), gradient) in outputs.iter().zip(targets.values()).zip(&mut *gradient) {
            let d = load(simd, y, column) - load(simd, target, column);
            let slope = match deviation {
                Deviation::Squared => d + d,
                Deviation::Huber { delta } => {
                    let (delta, less) = (splat(delta), splat(-delta));
                    // A NaN stays one.
                    let d = d.simd_gt(delta).select(delta, d);
                    d.simd_lt(less).select(less, d)
                }
            };
            is_sample.select(slope * share, zero).store_slice(&mut gradient[column..][..S::f32s::LEN]);
        }
    }
    scores(simd, deviation, outputs, targets)
}

/// Sums over the samples.
#[inline(always)]
pub fn scores<S: Simd>(simd: S, deviation: Deviation, outputs: &[Line], targets: &TileTargets) -> Scores {
    let splat = |x: f32| S::f32s::splat(simd, x);
    let (zero, share) = (splat(0.0), splat(1.0 / outputs.len() as f32));
    let (mut losses, mut errors) = ([0.0; LINE_LEN], [0.0; LINE_LEN]);
    for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
        let is_sample = load(simd, &targets.labels, column).simd_ge(zero);
        let (mut loss, mut error) = (zero, zero);
        for (y, target) in outputs.iter().zip(targets.values()) {
            let d = load(simd, y, column) - load(simd, target, column);
            error = d.mul_add(d, error);
            if let Deviation::Huber { delta } = deviation {
                let (half, delta, size) = (splat(0.5), splat(delta), d.abs());
                let far = delta * (size - delta * half);
                loss += size.simd_le(delta).select(half * d * d, far);
            }
        }
        if deviation == Deviation::Squared {
            loss = error;
        }
        is_sample.select(loss * share, zero).store_slice(&mut losses[column..][..S::f32s::LEN]);
        is_sample.select(error * share, zero).store_slice(&mut errors[column..][..S::f32s::LEN]);
    }
    let samples = targets.labels.iter().filter(|&&label| label >= 0.0).count();
    Scores { loss: total(&losses), error: total(&errors), weight: samples as f64, samples }
}

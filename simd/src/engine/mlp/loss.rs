//! Sums of losses over a sample tile, and the gradient of the outputs.

use super::cross_entropy;
use super::regression;
use crate::engine::targets::TileTargets;
use crate::floats::Line;
use fearless_simd::prelude::*;
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::network::{Criterion, Scores};

/// Sums over the samples. `gradient` receives `share` times the gradient of the sum of the losses, 0 in columns without a
/// sample.
///
/// # Layout
/// `outputs`, `gradient` (outputs, samples).
#[inline(always)]
pub fn backward<S: Simd>(
    simd: S,
    criterion: Criterion,
    outputs: &[Line],
    targets: &TileTargets,
    share: f32,
    gradient: &mut [Line],
) -> Scores {
    match criterion {
        Criterion::CrossEntropy(Options { class_weights, label_smoothing }) => {
            if class_weights.is_empty() && label_smoothing == 0.0 {
                return cross_entropy::backward(simd, outputs, &targets.labels, share, gradient);
            }
            let options = cross_entropy::Weighted::new(class_weights, label_smoothing, outputs.len());
            options.backward(simd, outputs, &targets.labels, share, gradient)
        }
        Criterion::Regression(deviation) => {
            regression::backward(simd, deviation, outputs, targets, share, gradient)
        }
    }
}

/// Sums over the samples, without a gradient; see [`backward`].
#[inline(always)]
pub fn scores<S: Simd>(simd: S, criterion: Criterion, outputs: &[Line], targets: &TileTargets) -> Scores {
    match criterion {
        Criterion::CrossEntropy(Options { class_weights, label_smoothing }) => {
            if class_weights.is_empty() && label_smoothing == 0.0 {
                return cross_entropy::scores(simd, outputs, &targets.labels);
            }
            let options = cross_entropy::Weighted::new(class_weights, label_smoothing, outputs.len());
            options.scores(simd, outputs, &targets.labels)
        }
        Criterion::Regression(deviation) => regression::scores(simd, deviation, outputs, targets),
    }
}

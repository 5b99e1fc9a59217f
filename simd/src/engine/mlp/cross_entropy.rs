//! Softmax cross-entropy −ln softmax(z)_label of a sample tile.
//!
//! A sample is wrong if its arg-max, ties to the lower class, is not its label. A sample with a NaN is always wrong.

use crate::elementary::{exp, ln};
use crate::floats::{LINE_LEN, Line};
use fearless_simd::prelude::*;
use valleys_core::network::Scores;

/// The label of a column without a sample.
pub const NO_SAMPLE: f32 = -1.0;

/// Sums over the samples. `gradient` receives (softmax(z) − onehot(label)) · `share`, and 0 in columns without a sample.
///
/// # Layout
/// `logits`, `gradient` (classes, samples); `labels` (samples).
#[inline(always)]
pub fn backward<S: Simd>(
    simd: S,
    logits: &[Line],
    labels: &Line,
    share: f32,
    gradient: &mut [Line],
) -> Scores {
    let mut losses = [0.0; LINE_LEN];
    let mut wrong = 0;
    for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
        let max = ArgMax::new(simd, logits, labels, column);
        let mut sum = S::f32s::splat(simd, 0.0);
        for (z, p) in logits.iter().zip(&mut *gradient) {
            let e = exp(simd, load(simd, z, column) - max.largest);
            sum += e;
            e.store_slice(&mut p[column..][..S::f32s::LEN]);
        }
        let scale = S::f32s::splat(simd, share) / sum;
        let label: S::f32s = load(simd, labels, column);
        let (zero, share) = (S::f32s::splat(simd, 0.0), S::f32s::splat(simd, share));
        for (class, p) in gradient.iter_mut().enumerate() {
            let hit = label.simd_eq(S::f32s::splat(simd, class as f32)).select(share, zero);
            let slope = load(simd, p, column) * scale - hit;
            label.simd_ge(zero).select(slope, zero).store_slice(&mut p[column..][..S::f32s::LEN]);
        }
        wrong += max.finish(simd, sum, label, &mut losses[column..][..S::f32s::LEN]);
    }
    found(&losses, wrong, labels)
}

/// Sums over the samples, without a gradient; see [`backward`].
#[inline(always)]
pub fn scores<S: Simd>(simd: S, logits: &[Line], labels: &Line) -> Scores {
    let mut losses = [0.0; LINE_LEN];
    let mut wrong = 0;
    for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
        let max = ArgMax::new(simd, logits, labels, column);
        let mut sum = S::f32s::splat(simd, 0.0);
        for z in logits {
            sum += exp(simd, load(simd, z, column) - max.largest);
        }
        wrong += max.finish(simd, sum, load(simd, labels, column), &mut losses[column..][..S::f32s::LEN]);
    }
    found(&losses, wrong, labels)
}

/// Sums from the losses and the number of wrong samples.
#[inline(always)]
fn found(losses: &Line, wrong: usize, labels: &Line) -> Scores {
    let samples = labels.iter().filter(|&&label| label >= 0.0).count();
    Scores { loss: total(losses), error: wrong as f64, weight: samples as f64, samples }
}

/// Of each sample: the largest logit, its class, and the logit of the label.
struct ArgMax<S: Simd> {
    largest: S::f32s,
    class: S::f32s,
    labelled: S::f32s,
}

impl<S: Simd> ArgMax<S> {
    #[inline(always)]
    fn new(simd: S, logits: &[Line], labels: &Line, column: usize) -> Self {
        let label = load(simd, labels, column);
        let first = load(simd, &logits[0], column);
        let mut max = Self { largest: first, class: S::f32s::splat(simd, 0.0), labelled: first };
        for (class, z) in logits.iter().enumerate().skip(1) {
            let (class, z) = (S::f32s::splat(simd, class as f32), load(simd, z, column));
            let above = z.simd_gt(max.largest);
            max.class = above.select(class, max.class);
            max.largest = above.select(z, max.largest);
            max.labelled = label.simd_eq(class).select(z, max.labelled);
        }
        max
    }

    /// Writes the losses ln Σ exp(z − max) − (z_label − max), 0 in columns without a sample. Returns the number of wrong
    /// samples.
    #[inline(always)]
    fn finish(self, simd: S, sum: S::f32s, label: S::f32s, losses: &mut [f32]) -> usize {
        let zero = S::f32s::splat(simd, 0.0);
        let loss = ln(simd, sum) - (self.labelled - self.largest);
        let sample = label.simd_ge(zero);
        sample.select(loss, zero).store_slice(losses);
        // A NaN among the logits makes the sum NaN, which is not equal to itself.
        let right = self.class.simd_eq(label) & sum.simd_eq(sum);
        (sample & !right).to_bitmask().count_ones() as usize
    }
}

#[inline(always)]
fn load<S: Simd>(simd: S, line: &Line, column: usize) -> S::f32s {
    S::f32s::from_slice(simd, &line[column..][..S::f32s::LEN])
}

/// The sum in f64, in the same order for every vector width.
#[inline(always)]
fn total(losses: &Line) -> f64 {
    let mut sums = [0.0; 8];
    for part in losses.as_chunks::<8>().0 {
        for (sum, &loss) in sums.iter_mut().zip(part) {
            *sum += f64::from(loss);
        }
    }
    sums.iter().sum()
}

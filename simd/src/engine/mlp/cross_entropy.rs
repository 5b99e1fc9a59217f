//! Softmax cross-entropy −ln softmax(z)_label of a sample tile.
//!
//! A sample is wrong if its arg-max, ties to the lower class, is not its label. A sample with a NaN is always wrong.

use crate::elementary::{exp, ln};
use crate::floats::{LINE_LEN, Line};
use fearless_simd::prelude::*;
use valleys_core::network::Scores;

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

/// Cross-entropy with class weights and label smoothing: the factor of −ln p_c is f_c = w_c · ((1 − ε)·[c = label] + ε/C).
pub struct Weighted<'a> {
    /// (C), or empty where all are 1.
    weights: &'a [f32],
    /// ε.
    smoothing: f32,
    /// Σ w_c · ε/C.
    spread: f32,
    classes: usize,
}

impl<'a> Weighted<'a> {
    /// For these weights, and smoothing ε.
    pub fn new(weights: &'a [f32], smoothing: f32, classes: usize) -> Self {
        let sum = if weights.is_empty() { classes as f32 } else { weights.iter().sum() };
        Self { weights, smoothing, spread: sum * smoothing / classes as f32, classes }
    }

    fn weight(&self, class: usize) -> f32 {
        self.weights.get(class).copied().unwrap_or(1.0)
    }

    /// The weights of the labels; 0 in columns without a sample.
    fn of_labels(&self, labels: &Line) -> Line {
        labels.map(|label| if label >= 0.0 { self.weight(label as usize) } else { 0.0 })
    }

    /// f_c of a class, where the samples have it and where not.
    fn factors(&self, class: usize) -> [f32; 2] {
        let rest = self.smoothing / self.classes as f32;
        [1.0 - self.smoothing + rest, rest].map(|factor| self.weight(class) * factor)
    }

    /// See [`backward`]: `share` · (softmax(z) · Σ f − f).
    #[inline(always)]
    pub fn backward<S: Simd>(
        &self,
        simd: S,
        logits: &[Line],
        labels: &Line,
        share: f32,
        gradient: &mut [Line],
    ) -> Scores {
        let splat = |x: f32| S::f32s::splat(simd, x);
        let (zero, share) = (splat(0.0), splat(share));
        let weights = self.of_labels(labels);
        for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
            let label = load(simd, labels, column);
            let is_sample = label.simd_ge(zero);
            let largest = ArgMax::new(simd, logits, labels, column).largest;
            let mut sum = zero;
            for (z, p) in logits.iter().zip(&mut *gradient) {
                let e = exp(simd, load(simd, z, column) - largest);
                sum += e;
                e.store_slice(&mut p[column..][..S::f32s::LEN]);
            }
            let total = splat(1.0 - self.smoothing).mul_add(load(simd, &weights, column), splat(self.spread));
            let scale = total / sum;
            for (class, p) in gradient.iter_mut().enumerate() {
                let [hit, miss] = self.factors(class).map(splat);
                let factor = label.simd_eq(splat(class as f32)).select(hit, miss);
                let slope = (load(simd, p, column) * scale - factor) * share;
                is_sample.select(slope, zero).store_slice(&mut p[column..][..S::f32s::LEN]);
            }
        }
        self.scores(simd, logits, labels)
    }

    /// See [`scores`]: Σ f_c (ln Σ exp(z − max) − (z_c − max)) over the classes that count.
    #[inline(always)]
    pub fn scores<S: Simd>(&self, simd: S, logits: &[Line], labels: &Line) -> Scores {
        let splat = |x: f32| S::f32s::splat(simd, x);
        let zero = splat(0.0);
        let weights = self.of_labels(labels);
        let mut losses = [0.0; LINE_LEN];
        let mut wrong = 0;
        for column in (0..LINE_LEN).step_by(S::f32s::LEN) {
            let max = ArgMax::new(simd, logits, labels, column);
            let (largest, label) = (max.largest, load(simd, labels, column));
            let mut sum = zero;
            for z in logits {
                sum += exp(simd, load(simd, z, column) - largest);
            }
            wrong += max.finish(simd, sum, label, &mut losses[column..][..S::f32s::LEN]);
            let ln = ln(simd, sum);
            let mut loss = zero;
            for (class, z) in logits.iter().enumerate().filter(|(class, _)| self.weight(*class) > 0.0) {
                let [hit, miss] = self.factors(class).map(splat);
                let factor = label.simd_eq(splat(class as f32)).select(hit, miss);
                let term = factor * (ln - (load(simd, z, column) - largest));
                // Not 0 · ∞ for a class that does not count.
                loss += factor.simd_gt(zero).select(term, zero);
            }
            label.simd_ge(zero).select(loss, zero).store_slice(&mut losses[column..][..S::f32s::LEN]);
        }
        let weight = if self.weights.is_empty() {
            labels.iter().filter(|&&label| label >= 0.0).count() as f64
        } else {
            weights.iter().map(|&weight| f64::from(weight)).sum()
        };
        Scores { weight, ..found(&losses, wrong, labels) }
    }
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

/// Some columns of a line.
#[inline(always)]
pub fn load<S: Simd>(simd: S, line: &Line, column: usize) -> S::f32s {
    S::f32s::from_slice(simd, &line[column..][..S::f32s::LEN])
}

/// The sum in f64, in the same order for every vector width.
#[inline(always)]
pub fn total(losses: &Line) -> f64 {
    let mut sums = [0.0; 8];
    for part in losses.as_chunks::<8>().0 {
        for (sum, &loss) in sums.iter_mut().zip(part) {
            *sum += f64::from(loss);
        }
    }
    sums.iter().sum()
}

//! Softmax cross-entropy −ln softmax(z)_label, samples side by side.

use crate::elementary::{exp, ln};
use crate::floats::{LANES, Line};
use fearless_simd::prelude::*;

/// The label of a lane that holds no sample.
pub const NOBODY: f32 = -1.0;

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Sum of the losses.
    pub loss: f64,
    /// Number of samples whose arg-max, ties to the lower class, is not their label; a sample with a NaN is wrong.
    pub wrong: usize,
}

impl std::ops::Add for Scores {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { loss: self.loss + other.loss, wrong: self.wrong + other.wrong }
    }
}

/// Scores of a panel; `gradient` receives softmax(z) − onehot(label), times `share`, and 0 in lanes without a sample.
///
/// # Layout
/// `logits`, `gradient` (classes, lanes); `labels` (lanes).
#[inline(always)]
pub fn backward<S: Simd>(
    simd: S,
    logits: &[Line],
    labels: &Line,
    share: f32,
    gradient: &mut [Line],
) -> Scores {
    let mut losses = [0.0; LANES];
    let mut wrong = 0;
    for lane in (0..LANES).step_by(S::f32s::LEN) {
        let peak = Peak::new(simd, logits, labels, lane);
        let mut sum = S::f32s::splat(simd, 0.0);
        for (z, p) in logits.iter().zip(&mut *gradient) {
            let e = exp(simd, load(simd, z, lane) - peak.largest);
            sum += e;
            e.store_slice(&mut p[lane..][..S::f32s::LEN]);
        }
        let scale = S::f32s::splat(simd, share) / sum;
        let label: S::f32s = load(simd, labels, lane);
        let (zero, share) = (S::f32s::splat(simd, 0.0), S::f32s::splat(simd, share));
        for (class, p) in gradient.iter_mut().enumerate() {
            let hit = label.simd_eq(S::f32s::splat(simd, class as f32)).select(share, zero);
            let slope = load(simd, p, lane) * scale - hit;
            label.simd_ge(zero).select(slope, zero).store_slice(&mut p[lane..][..S::f32s::LEN]);
        }
        wrong += peak.finish(simd, sum, label, &mut losses[lane..][..S::f32s::LEN]);
    }
    Scores { loss: total(&losses), wrong }
}

/// Scores of a panel.
///
/// # Layout
/// As [`backward`].
#[inline(always)]
pub fn scores<S: Simd>(simd: S, logits: &[Line], labels: &Line) -> Scores {
    let mut losses = [0.0; LANES];
    let mut wrong = 0;
    for lane in (0..LANES).step_by(S::f32s::LEN) {
        let peak = Peak::new(simd, logits, labels, lane);
        let mut sum = S::f32s::splat(simd, 0.0);
        for z in logits {
            sum += exp(simd, load(simd, z, lane) - peak.largest);
        }
        wrong += peak.finish(simd, sum, load(simd, labels, lane), &mut losses[lane..][..S::f32s::LEN]);
    }
    Scores { loss: total(&losses), wrong }
}

/// The largest logit of each sample, its class, and the logit of the label.
struct Peak<S: Simd> {
    largest: S::f32s,
    class: S::f32s,
    labelled: S::f32s,
}

impl<S: Simd> Peak<S> {
    #[inline(always)]
    fn new(simd: S, logits: &[Line], labels: &Line, lane: usize) -> Self {
        let label = load(simd, labels, lane);
        let first = load(simd, &logits[0], lane);
        let mut peak = Self { largest: first, class: S::f32s::splat(simd, 0.0), labelled: first };
        for (class, z) in logits.iter().enumerate().skip(1) {
            let (class, z) = (S::f32s::splat(simd, class as f32), load(simd, z, lane));
            let above = z.simd_gt(peak.largest);
            peak.class = above.select(class, peak.class);
            peak.largest = above.select(z, peak.largest);
            peak.labelled = label.simd_eq(class).select(z, peak.labelled);
        }
        peak
    }

    /// Writes the losses ln Σ exp(z − max) − (z_label − max), 0 where there is no sample; the number of wrong samples.
    #[inline(always)]
    fn finish(self, simd: S, sum: S::f32s, label: S::f32s, losses: &mut [f32]) -> usize {
        let zero = S::f32s::splat(simd, 0.0);
        let loss = ln(simd, sum) - (self.labelled - self.largest);
        let sample = label.simd_ge(zero);
        sample.select(loss, zero).store_slice(losses);
        // A NaN among the logits is one in the sum, and equals nothing.
        let right = self.class.simd_eq(label) & sum.simd_eq(sum);
        (sample & !right).to_bitmask().count_ones() as usize
    }
}

#[inline(always)]
fn load<S: Simd>(simd: S, line: &Line, lane: usize) -> S::f32s {
    S::f32s::from_slice(simd, &line[lane..][..S::f32s::LEN])
}

/// Sum in f64, in one order for every vector width.
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

//! Softmax cross-entropy, natural logarithm, with class weights and label smoothing.
//!
//! With p = softmax(z), C classes, weights w (1 where there are none) and smoothing ε, the loss of a sample of class y is
//! (1 − ε) · w_y · (−ln p_y) + ε/C · Σ_c w_c · (−ln p_c), and a mean divides by the sum of w_y over the samples: as
//! PyTorch's `CrossEntropyLoss(weight, label_smoothing)`.

use nalgebra::{RealField, convert};

/// Class weights, empty for none, and label smoothing ε.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Options<'a> {
    /// (C), or empty.
    pub class_weights: &'a [f32],
    /// From 0 to below 1.
    pub label_smoothing: f32,
}

impl Options<'_> {
    /// The weight of a class.
    pub fn weight(&self, class: usize) -> f32 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }

    /// Whether it is the plain cross-entropy.
    pub fn is_plain(&self) -> bool {
        self.class_weights.is_empty() && self.label_smoothing == 0.0
    }

    /// What class `class` of a sample of class `label` contributes: the factor of −ln p_class.
    fn factor<T: RealField + Copy>(&self, class: usize, label: usize, classes: usize) -> T {
        let smoothing = f64::from(self.label_smoothing);
        let hit = if class == label { 1.0 - smoothing } else { 0.0 };
        convert(f64::from(self.weight(class)) * (hit + smoothing / classes as f64))
    }
}

/// Loss of each sample; without options ln Σ exp(z − max z) − (z_label − max z).
///
/// # Layout
/// `logits` (B, C), `labels` (B).
pub fn losses<'a, T: RealField + Copy>(
    options: Options<'a>,
    logits: &'a [T],
    labels: &'a [u8],
) -> impl Iterator<Item = T> + 'a {
    logits.chunks_exact(logits.len() / labels.len().max(1)).zip(labels).map(move |(z, &label)| {
        let (max, sum) = max_and_sum(z);
        let of = |class: usize| sum.ln() - (z[class] - max);
        if options.is_plain() {
            return of(label as usize);
        }
        let factor = |class| options.factor::<T>(class, label as usize, z.len());
        // Not 0 · ∞ for a class that does not count.
        let counted = (0..z.len()).filter(|&class| factor(class) > T::zero());
        counted.fold(T::zero(), |loss, class| loss + factor(class) * of(class))
    })
}

/// `share` · d(sum of the losses)/dz; without options share · (softmax(z) − onehot(label)).
///
/// # Layout
/// `logits`, `gradient` (B, C), `labels` (B).
pub fn backward<T: RealField + Copy>(
    options: Options,
    share: T,
    logits: &[T],
    labels: &[u8],
    gradient: &mut [T],
) {
    let classes = logits.len() / labels.len().max(1);
    for ((z, dz), &label) in logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes)).zip(labels)
    {
        let (max, sum) = max_and_sum(z);
        let label = label as usize;
        let factor = |class| options.factor::<T>(class, label, classes);
        let total = if options.is_plain() {
            T::one()
        } else {
            (0..classes).fold(T::zero(), |total, class| total + factor(class))
        };
        for (class, (dz, &z)) in dz.iter_mut().zip(z).enumerate() {
            *dz = ((z - max).exp() / sum * total - factor(class)) * share;
        }
    }
}

/// The class with the largest logit, ties to the lower class; none where a logit is not a number.
pub fn arg_max<T: PartialOrd + Copy>(logits: &[T]) -> Option<usize> {
    let best =
        (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
    logits.iter().all(|z| z.partial_cmp(z).is_some()).then_some(best)
}

/// max z and Σ exp(z − max z).
fn max_and_sum<T: RealField + Copy>(z: &[T]) -> (T, T) {
    let max = z.iter().fold(z[0], |m, &z| if z > m { z } else { m });
    (max, z.iter().fold(T::zero(), |sum, &z| sum + (z - max).exp()))
}

//! Softmax cross-entropy −ln softmax(z)_label, natural logarithm.

use nalgebra::RealField;

/// Loss of each sample: ln Σ exp(z − max z) − (z_label − max z).
///
/// # Layout
/// `logits` (B, C), `labels` (B).
pub fn losses<'a, T: RealField + Copy>(logits: &'a [T], labels: &'a [u8]) -> impl Iterator<Item = T> + 'a {
    logits.chunks_exact(logits.len() / labels.len().max(1)).zip(labels).map(|(z, &label)| {
        let (max, sum) = max_and_sum(z);
        sum.ln() - (z[label as usize] - max)
    })
}

/// d(mean loss)/dz = (softmax(z) − onehot(label)) / B.
///
/// # Layout
/// `logits`, `gradient` (B, C), `labels` (B).
pub fn backward<T: RealField + Copy>(logits: &[T], labels: &[u8], gradient: &mut [T]) {
    let classes = logits.len() / labels.len().max(1);
    let share = T::one() / nalgebra::convert(labels.len() as f64);
    for ((z, dz), &label) in logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes)).zip(labels)
    {
        let (max, sum) = max_and_sum(z);
        for (class, (dz, &z)) in dz.iter_mut().zip(z).enumerate() {
            let hit = if class == label as usize { T::one() } else { T::zero() };
            *dz = ((z - max).exp() / sum - hit) * share;
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

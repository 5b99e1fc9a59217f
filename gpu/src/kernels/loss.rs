//! Softmax cross-entropy, and the sums of a batch.

use super::{Bench, CROSS_ENTROPY, Dispatch, Grid, SCORES, quads, whole};
use crate::error::Result;

/// Loss and error of each image; with `gradient` also d(mean loss)/d(logits).
///
/// # Errors
/// As [`Bench::dispatch`].
pub fn cross_entropy(
    bench: &Bench,
    classes: usize,
    logits: &wgpu::Buffer,
    labels: &wgpu::Buffer,
    scores: &wgpu::Buffer,
    gradient: Option<&wgpu::Buffer>,
) -> Result<Dispatch> {
    let values = [
        ("CLASSES", classes as i64),
        ("QUADS", quads(classes) as i64),
        ("BACKWARD", gradient.is_some().into()),
    ];
    let mut buffers = vec![whole(logits), whole(labels), whole(scores)];
    buffers.extend(gradient.map(whole));
    bench.dispatch(&CROSS_ENTROPY, &values, &buffers, Grid::images(1, bench.size()))
}

/// The sums of a batch's losses and errors, at the record's number.
///
/// # Errors
/// As [`Bench::dispatch`].
pub fn sums(bench: &Bench, scores: &wgpu::Buffer, sums: &wgpu::Buffer) -> Result<Dispatch> {
    bench.dispatch(&SCORES, &[], &[whole(scores), whole(sums)], Grid::fixed(64, 64))
}

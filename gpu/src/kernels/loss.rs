//! Softmax cross-entropy, and the sums of a batch.

use super::{CROSS_ENTROPY, Dispatch, Grid, Recorder, SCORES, quads, whole};
use crate::error::Result;

/// Loss and error of each image; with `gradient` also d(mean loss)/d(logits).
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn cross_entropy(
    recorder: &Recorder,
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
    recorder.dispatch(&CROSS_ENTROPY, &values, &buffers, Grid::images(1, recorder.size()))
}

/// The sums of a batch's losses and errors, at the record's number.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn sums(recorder: &Recorder, scores: &wgpu::Buffer, sums: &wgpu::Buffer) -> Result<Dispatch> {
    recorder.dispatch(&SCORES, &[], &[whole(scores), whole(sums)], Grid::fixed(64, 64))
}

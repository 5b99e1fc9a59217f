//! Softmax cross-entropy, and the sums of a batch.

use super::{CROSS_ENTROPY, Dispatch, Dispatcher, Grid, SCORES, channel_blocks, whole};
use crate::error::Result;

/// Loss and error of each image; with `gradient` also d(mean loss)/d(logits).
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn cross_entropy(
    dispatcher: &Dispatcher,
    classes: usize,
    logits: &wgpu::Buffer,
    labels: &wgpu::Buffer,
    scores: &wgpu::Buffer,
    gradient: Option<&wgpu::Buffer>,
) -> Result<Dispatch> {
    let values = [
        ("CLASSES", classes as i64),
        ("BLOCKS", channel_blocks(classes) as i64),
        ("BACKWARD", gradient.is_some().into()),
    ];
    let mut buffers = vec![whole(logits), whole(labels), whole(scores)];
    buffers.extend(gradient.map(whole));
    dispatcher.dispatch(&CROSS_ENTROPY, &values, &buffers, Grid::images(1, dispatcher.workgroup_size()))
}

/// The sums of the losses and errors of a batch, written at the pass parameters' `loss_index`.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn sums(dispatcher: &Dispatcher, scores: &wgpu::Buffer, sums: &wgpu::Buffer) -> Result<Dispatch> {
    dispatcher.dispatch(&SCORES, &[], &[whole(scores), whole(sums)], Grid::fixed(64, 64))
}

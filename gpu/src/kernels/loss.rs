//! Softmax cross-entropy, and the sums of a batch.

use super::{CROSS_ENTROPY, Dispatch, Grid, KernelContext, SCORES, channel_blocks, whole};
use crate::error::Result;

/// Loss and error of each image; with `gradient` also d(mean loss)/d(logits).
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub(crate) fn cross_entropy(
    context: &KernelContext,
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
    context.dispatch(&CROSS_ENTROPY, &values, &buffers, Grid::images(1, context.workgroup_size()))
}

/// The sums of the losses and errors of a batch, written at the pass parameters' `loss_index`.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub(crate) fn sums(context: &KernelContext, scores: &wgpu::Buffer, sums: &wgpu::Buffer) -> Result<Dispatch> {
    context.dispatch(&SCORES, &[], &[whole(scores), whole(sums)], Grid::fixed(64, 64))
}

//! Losses with their gradients, and the sums of a batch.

use super::activation::bits;
use super::{
    CROSS_ENTROPY, Dispatch, Dispatcher, Grid, REGRESSION, SCORES, channel_blocks, tensor_len, whole,
};
use crate::error::Result;
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::Shape;

/// The buffers of a loss: outputs of the network, labels or targets of the batch, losses and errors of the images, and the
/// gradient of the mean loss if it is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossBuffers<'a> {
    pub outputs: &'a wgpu::Buffer,
    pub targets: &'a wgpu::Buffer,
    pub scores: &'a wgpu::Buffer,
    pub gradient: Option<&'a wgpu::Buffer>,
}

/// What `cross_entropy.wgsl` reads of the options: of each class, its factor where it is the label, where it is not, and the
/// sum of all factors where it is the label; `None` for the plain cross-entropy.
pub(crate) fn factors(options: &Options, classes: usize) -> Option<Vec<[f32; 4]>> {
    if options.is_plain() {
        return None;
    }
    let smoothing = f64::from(options.label_smoothing);
    let weights: Vec<f64> = (0..classes).map(|class| f64::from(options.weight(class))).collect();
    let share = smoothing / classes as f64;
    let others = share * weights.iter().sum::<f64>();
    let of_class = |weight: &f64| {
        let hit = weight * (1.0 - smoothing);
        [hit + weight * share, weight * share, hit + others, 0.0].map(|x| x as f32)
    };
    Some(weights.iter().map(of_class).collect())
}

/// Cross-entropy and error of each image, with [`factors`] or none.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn cross_entropy(
    dispatcher: &Dispatcher,
    shape: Shape,
    factors: Option<&wgpu::Buffer>,
    buffers: &LossBuffers,
) -> Result<Dispatch> {
    let values = [
        ("CLASSES", shape.len() as i64),
        ("AREA", (shape.height * shape.width) as i64),
        ("BLOCKS", channel_blocks(shape.channels) as i64),
        ("WEIGHTED", factors.is_some().into()),
        ("BACKWARD", buffers.gradient.is_some().into()),
    ];
    let mut bindings = vec![whole(buffers.outputs), whole(buffers.targets), whole(buffers.scores)];
    bindings.extend(factors.map(whole));
    bindings.extend(buffers.gradient.map(whole));
    dispatcher.dispatch(&CROSS_ENTROPY, &values, &bindings, Grid::images(1, dispatcher.workgroup_size()))
}

/// Loss and mean square of the deviation of each image.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn regression(
    dispatcher: &Dispatcher,
    shape: Shape,
    deviation: Deviation,
    buffers: &LossBuffers,
) -> Result<Dispatch> {
    let (huber, delta) = match deviation {
        Deviation::Squared => (0, 0.0),
        Deviation::Huber { delta } => (1, delta),
    };
    let values = [
        ("OUTPUTS", shape.len() as i64),
        ("BLOCKS", (tensor_len(shape) / 4) as i64),
        ("HUBER", huber),
        ("DELTA", bits(delta)),
        ("BACKWARD", buffers.gradient.is_some().into()),
    ];
    let mut bindings = vec![whole(buffers.outputs), whole(buffers.targets), whole(buffers.scores)];
    bindings.extend(buffers.gradient.map(whole));
    dispatcher.dispatch(&REGRESSION, &values, &bindings, Grid::images(1, dispatcher.workgroup_size()))
}

/// The sums of the losses and errors of a batch, written at the pass parameters' `loss_index`.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn sums(dispatcher: &Dispatcher, scores: &wgpu::Buffer, sums: &wgpu::Buffer) -> Result<Dispatch> {
    dispatcher.dispatch(&SCORES, &[], &[whole(scores), whole(sums)], Grid::fixed(64, 64))
}

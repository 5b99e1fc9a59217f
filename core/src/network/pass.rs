//! Forward and backward through a whole network, with the reference kernels, in caller's memory.

use super::layer::ALL_LAYERS;
use super::{Criterion, Layer, Network, Row, Scores, Targets};
use crate::error::{Error, length};
use crate::kernels::activation::{self, Activation};
use crate::kernels::dropout::{self, Mask};
use crate::kernels::{
    add, average_pool, batch_norm, convolution, global_average_pool, layer_norm, linear, max_pool,
};
use nalgebra::RealField;

/// Samples with their targets.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a, T> {
    /// (B, C, H, W).
    pub inputs: &'a [T],
    /// What they are to be mapped to.
    pub targets: Targets<'a, T>,
}

impl<'a, T> Samples<'a, T> {
    /// Samples of classes: `inputs` (B, C, H, W), `labels` (B).
    pub const fn labelled(inputs: &'a [T], labels: &'a [u8]) -> Self {
        Self { inputs, targets: Targets::Labels(labels) }
    }

    /// Number of samples.
    pub const fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Samples of a training and a test part with their targets, on a host: what engines are made from.
pub trait LabelledData: Send + Sync + core::fmt::Debug {
    /// The training samples.
    fn train(&self) -> Samples<'_, f32>;
    /// The test samples.
    fn test(&self) -> Samples<'_, f32>;
}

/// Elements of scratch memory of [`gradient`]: activations, and as many for their gradients. The functions that only go
/// forward need the first half.
pub const fn scratch_len(network: &Network, batch: usize) -> usize {
    2 * network.activation_len() * batch
}

/// Losses and errors at `theta`, summed over the samples in f64; batch norms normalise with `statistics`.
///
/// `statistics` of [`Network::statistics_len`], see [`accumulate`]; `scratch` of [`Network::activation_len`] a sample.
///
/// # Errors
/// Lengths that do not fit, layers that do not fit together, targets that do not fit [the criterion](Criterion::check).
///
/// # Cost
/// [`Network::flops`] a sample.
pub fn scores<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    statistics: &[T],
    samples: Samples<T>,
    criterion: &Criterion,
    scratch: &mut [T],
) -> Result<Scores, Error> {
    network.check()?;
    criterion.check(network.outputs(), &samples.targets)?;
    if samples.is_empty() {
        return Ok(Scores::default());
    }
    let outputs = outputs(network, theta, statistics, samples.inputs, samples.len(), scratch)?;
    Ok(criterion.scores(outputs, &samples.targets))
}

/// The last outputs, (B, outputs), of `batch` samples; batch norms normalise with `statistics`, dropout is left out. See
/// [`scores`].
///
/// # Errors
/// Lengths that do not fit, layers that do not fit together, no samples.
pub fn outputs<'s, T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    statistics: &[T],
    inputs: &[T],
    batch: usize,
    scratch: &'s mut [T],
) -> Result<&'s [T], Error> {
    check(network, theta, inputs, batch)?;
    length("statistics of the batch norms", network.statistics_len(), statistics.len())?;
    length("scratch memory", network.activation_len() * batch, scratch.len())?;
    forward(network, theta, Mode::Measure(Some(statistics)), inputs, batch, scratch);
    Ok(&scratch[network.row(network.layers.len() - 1).activations(batch)])
}

/// Adds `share` times the statistics of a batch to `statistics`: of each batch norm, whose inputs come from batch norms
/// that normalise with the batch's own mean and biased variance, the mean and the unbiased variance.
///
/// From 0, over all batches of a data set with their shares of the samples, these are the statistics to evaluate with:
/// Garipov et al. 2018, `update_bn`.
///
/// # Errors
/// Lengths that do not fit, layers that do not fit together, no samples.
///
/// # Cost
/// A forward pass.
pub fn accumulate<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    inputs: &[T],
    batch: usize,
    share: T,
    scratch: &mut [T],
    statistics: &mut [T],
) -> Result<(), Error> {
    check(network, theta, inputs, batch)?;
    length("statistics of the batch norms", network.statistics_len(), statistics.len())?;
    length("scratch memory", network.activation_len() * batch, scratch.len())?;
    forward(network, theta, Mode::Measure(None), inputs, batch, scratch);
    for row in network.rows().filter(|row| ALL_LAYERS && row.layer == Layer::BatchNorm) {
        let x = if row.source.is_some() { &scratch[row.inputs(batch)] } else { inputs };
        batch_norm::accumulate(x, batch, share, &mut statistics[row.statistics()]);
    }
    Ok(())
}

/// Mean loss over the samples, and its gradient with respect to θ; batch norms normalise with the statistics of the batch,
/// and `step` keys the masks of dropout ([`Mask`]).
///
/// `scratch` of [`scratch_len`].
///
/// # Errors
/// As [`scores`]; no samples; `gradient` not as long as θ.
///
/// # Cost
/// About three forward passes.
pub fn gradient<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    samples: Samples<T>,
    criterion: &Criterion,
    step: [u32; 2],
    scratch: &mut [T],
    gradient: &mut [T],
) -> Result<T, Error> {
    let batch = samples.len();
    check(network, theta, samples.inputs, batch)?;
    criterion.check(network.outputs(), &samples.targets)?;
    length("scratch memory", scratch_len(network, batch), scratch.len())?;
    length("gradient", theta.len(), gradient.len())?;
    let (activations, differentials) = scratch.split_at_mut(network.activation_len() * batch);
    forward(network, theta, Mode::Train(step), samples.inputs, batch, activations);

    let last = network.row(network.layers.len() - 1).activations(batch);
    let outputs = &activations[last.clone()];
    let weight: T = nalgebra::convert(criterion.weight(&samples.targets));
    let loss = criterion.loss(outputs, &samples.targets) / weight;
    // An output may be read more than once: what reads it adds to its differential.
    differentials.fill(T::zero());
    criterion.backward(T::one() / weight, outputs, &samples.targets, &mut differentials[last]);

    for row in computed(network).rev() {
        let out = row.activations(batch);
        let x = if row.source.is_some() { &activations[row.inputs(batch)] } else { samples.inputs };
        let (before, dy) = differentials[..out.end].split_at_mut(out.start);
        let dx = if row.source.is_some() { &mut before[row.inputs(batch)] } else { &mut [] };
        let (p, dp) = (&theta[row.parameters()], &mut gradient[row.parameters()]);
        let window = row.layer.window(row.input);
        match row.layer {
            Layer::Linear { .. } => linear::backward(p, x, dy, dp, dx, batch),
            Layer::Activation(Activation::Relu) => {
                activation::backward(Activation::Relu, x, &activations[out], dy, dx);
            }
            Layer::Convolution { groups, .. } if ALL_LAYERS => {
                convolution::backward_weights(&window, groups, x, dy, dp, batch);
                convolution::backward_data(&window, groups, p, dy, dx, batch);
            }
            Layer::BatchNorm if ALL_LAYERS => batch_norm::backward(p, x, dy, dp, dx, batch),
            Layer::LayerNorm if ALL_LAYERS => layer_norm::backward(p, x, dy, dp, dx),
            Layer::Activation(function) if ALL_LAYERS => {
                activation::backward(function, x, &activations[out], dy, dx);
            }
            Layer::Dropout { probability } if ALL_LAYERS => {
                dropout::backward(&Mask::new(step, row.number, probability), dy, dx);
            }
            Layer::MaxPool { .. } if ALL_LAYERS => max_pool::backward(&window, x, dy, dx),
            Layer::AveragePool { .. } if ALL_LAYERS => average_pool::backward(&window, dy, dx),
            Layer::GlobalAveragePool if ALL_LAYERS => global_average_pool::backward(dy, dx),
            Layer::Branch { .. } => {}
            Layer::Add { back } => {
                add::backward(dy, dx);
                add::backward(dy, &mut before[network.row(row.number - back).activations(batch)]);
            }
            // Refused by `Network::check`.
            _ => {}
        }
    }
    Ok(loss)
}

/// What a forward pass is for.
#[derive(Clone, Copy)]
enum Mode<'a, T> {
    /// Statistics of the batch, dropout with this key.
    Train([u32; 2]),
    /// These statistics or else those of the batch, no dropout.
    Measure(Option<&'a [T]>),
}

/// Fills the scratch memory with the activations.
fn forward<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    mode: Mode<T>,
    inputs: &[T],
    batch: usize,
    scratch: &mut [T],
) {
    for row in computed(network) {
        let out = row.activations(batch);
        let (before, y) = scratch[..out.end].split_at_mut(out.start);
        let p = &theta[row.parameters()];
        let x = if row.source.is_some() { &before[row.inputs(batch)] } else { inputs };
        let window = row.layer.window(row.input);
        match row.layer {
            Layer::Linear { .. } => linear::forward(p, x, y, batch),
            Layer::Activation(Activation::Relu) => activation::forward(Activation::Relu, x, y),
            Layer::Convolution { groups, .. } if ALL_LAYERS => {
                convolution::forward(&window, groups, p, x, y, batch);
            }
            Layer::BatchNorm if ALL_LAYERS => {
                let statistics = if let Mode::Measure(given) = mode { given } else { None };
                batch_norm::forward(p, statistics.map(|all| &all[row.statistics()]), x, y, batch);
            }
            Layer::LayerNorm if ALL_LAYERS => layer_norm::forward(p, x, y),
            Layer::Activation(function) if ALL_LAYERS => activation::forward(function, x, y),
            Layer::Dropout { probability } if ALL_LAYERS => match mode {
                Mode::Train(step) => dropout::forward(&Mask::new(step, row.number, probability), x, y),
                Mode::Measure(_) => y.copy_from_slice(x),
            },
            Layer::MaxPool { .. } if ALL_LAYERS => max_pool::forward(&window, x, y),
            Layer::AveragePool { .. } if ALL_LAYERS => average_pool::forward(&window, x, y),
            Layer::GlobalAveragePool if ALL_LAYERS => global_average_pool::forward(x, y),
            Layer::Branch { .. } => {}
            Layer::Add { back } => {
                let other = &before[network.row(row.number - back).activations(batch)];
                add::forward(x, other, y);
            }
            // Refused by `Network::check`.
            _ => {}
        }
    }
}

/// The rows where something is computed.
fn computed(network: &Network) -> impl DoubleEndedIterator<Item = Row> {
    network.rows().filter(|row| !matches!(row.layer, Layer::Branch { .. }))
}

fn check<T>(network: &Network, theta: &[T], inputs: &[T], batch: usize) -> Result<(), Error> {
    network.check()?;
    crate::error::range("samples of a batch", 1, usize::MAX, batch)?;
    length("parameters", network.parameter_len(), theta.len())?;
    length("inputs of the samples", network.input.len() * batch, inputs.len())
}

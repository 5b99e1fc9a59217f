//! Forward and backward through a whole network, with the reference kernels, in caller's memory.

use super::layer::IMAGES;
use super::{Layer, Network, Row};
use crate::error::{Error, length};
use crate::kernels::{add, average_pool, batch_norm, convolution, cross_entropy, linear, max_pool, relu};
use core::iter::Sum;
use core::ops::AddAssign;
use nalgebra::RealField;

/// Labelled samples.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a, T> {
    /// (B, C, H, W).
    pub inputs: &'a [T],
    /// (B), each below the number of classes.
    pub labels: &'a [u8],
}

/// Labelled samples of a training and a test part, on a host: what engines are made from.
pub trait LabelledData: Send + Sync + core::fmt::Debug {
    /// The training samples.
    fn train(&self) -> Samples<'_, f32>;
    /// The test samples.
    fn test(&self) -> Samples<'_, f32>;
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Sum of the losses.
    pub loss: f64,
    /// Number of samples whose arg-max is not their label.
    pub wrong: usize,
}

impl AddAssign for Scores {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.wrong += other.wrong;
    }
}

impl Sum for Scores {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::default(), |mut sum, scores| {
            sum += scores;
            sum
        })
    }
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
/// Lengths that do not fit, layers that do not fit together, a label that is no class.
///
/// # Cost
/// [`Network::flops`] a sample.
pub fn scores<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    statistics: &[T],
    samples: Samples<T>,
    scratch: &mut [T],
) -> Result<Scores, Error> {
    check_labels(network, samples)?;
    let batch = samples.labels.len();
    if batch == 0 {
        return Ok(Scores::default());
    }
    let logits = logits(network, theta, statistics, samples.inputs, batch, scratch)?;
    let loss = cross_entropy::losses(logits, samples.labels)
        .map(|loss| nalgebra::try_convert::<T, f64>(loss).unwrap_or(f64::NAN))
        .sum();
    let wrong = logits.chunks_exact(network.classes()).zip(samples.labels);
    let wrong = wrong.filter(|(z, label)| cross_entropy::arg_max(z) != Some(**label as usize)).count();
    Ok(Scores { loss, wrong })
}

/// The last outputs, (B, classes), of `batch` samples; batch norms normalise with `statistics`. See [`scores`].
///
/// # Errors
/// Lengths that do not fit, layers that do not fit together, no samples.
pub fn logits<'s, T: RealField + Copy>(
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
    forward(network, theta, Some(statistics), inputs, batch, scratch);
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
    forward(network, theta, None, inputs, batch, scratch);
    for row in network.rows().filter(|row| IMAGES && row.layer == Layer::BatchNorm) {
        let x = if row.source.is_some() { &scratch[row.inputs(batch)] } else { inputs };
        batch_norm::accumulate(x, batch, share, &mut statistics[row.statistics()]);
    }
    Ok(())
}

/// Mean loss over the samples, and its gradient with respect to θ; batch norms normalise with the statistics of the batch.
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
    scratch: &mut [T],
    gradient: &mut [T],
) -> Result<T, Error> {
    let batch = samples.labels.len();
    check(network, theta, samples.inputs, batch)?;
    check_labels(network, samples)?;
    length("scratch memory", scratch_len(network, batch), scratch.len())?;
    length("gradient", theta.len(), gradient.len())?;
    let (activations, differentials) = scratch.split_at_mut(network.activation_len() * batch);
    forward(network, theta, None, samples.inputs, batch, activations);

    let last = network.row(network.layers.len() - 1).activations(batch);
    let z = &activations[last.clone()];
    let count: T = nalgebra::convert(batch as f64);
    let loss = cross_entropy::losses(z, samples.labels).fold(T::zero(), |a, b| a + b) / count;
    // An output may be read more than once: what reads it adds to its differential.
    differentials.fill(T::zero());
    cross_entropy::backward(z, samples.labels, &mut differentials[last]);

    for row in computed(network).rev() {
        let out = row.activations(batch);
        let x = if row.source.is_some() { &activations[row.inputs(batch)] } else { samples.inputs };
        let (before, dy) = differentials[..out.end].split_at_mut(out.start);
        let dx = if row.source.is_some() { &mut before[row.inputs(batch)] } else { &mut [] };
        let (p, dp) = (&theta[row.parameters()], &mut gradient[row.parameters()]);
        let window = row.layer.window(row.input);
        match row.layer {
            Layer::Linear { .. } => linear::backward(p, x, dy, dp, dx, batch),
            Layer::Convolution { .. } if IMAGES => {
                convolution::backward_weights(&window, x, dy, dp, batch);
                convolution::backward_data(&window, p, dy, dx, batch);
            }
            Layer::BatchNorm if IMAGES => batch_norm::backward(p, x, dy, dp, dx, batch),
            Layer::Relu => relu::backward(&activations[out], dy, dx),
            Layer::MaxPool { .. } if IMAGES => max_pool::backward(&window, x, dy, dx),
            Layer::AveragePool if IMAGES => average_pool::backward(dy, dx),
            Layer::Branch { .. } => {}
            Layer::Add { back } => {
                add::backward(dy, dx);
                add::backward(dy, &mut before[network.row(row.number - back).activations(batch)]);
            }
            // Refused by `Network::check`.
            Layer::Convolution { .. } | Layer::BatchNorm | Layer::MaxPool { .. } | Layer::AveragePool => {}
        }
    }
    Ok(loss)
}

/// Fills the scratch memory with the activations.
fn forward<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    statistics: Option<&[T]>,
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
            Layer::Convolution { .. } if IMAGES => convolution::forward(&window, p, x, y, batch),
            Layer::BatchNorm if IMAGES => {
                batch_norm::forward(p, statistics.map(|all| &all[row.statistics()]), x, y, batch);
            }
            Layer::Relu => relu::forward(x, y),
            Layer::MaxPool { .. } if IMAGES => max_pool::forward(&window, x, y),
            Layer::AveragePool if IMAGES => average_pool::forward(x, y),
            Layer::Branch { .. } => {}
            Layer::Add { back } => {
                let other = &before[network.row(row.number - back).activations(batch)];
                add::forward(x, other, y);
            }
            // Refused by `Network::check`.
            Layer::Convolution { .. } | Layer::BatchNorm | Layer::MaxPool { .. } | Layer::AveragePool => {}
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

pub(crate) fn check_labels<T>(network: &Network, samples: Samples<T>) -> Result<(), Error> {
    network.check()?;
    let classes = network.classes();
    match samples.labels.iter().position(|&label| label as usize >= classes) {
        Some(sample) => Err(Error::Label { sample, label: samples.labels[sample], classes }),
        None => Ok(()),
    }
}

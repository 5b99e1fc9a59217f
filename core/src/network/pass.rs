//! Forward and backward through a whole network, with the reference kernels, in caller's memory.

use super::{Layer, Network};
use crate::error::{Error, length};
use crate::kernels::{cross_entropy, linear, relu};
use nalgebra::RealField;

/// Labelled samples.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a, T> {
    /// (B, C, H, W).
    pub inputs: &'a [T],
    /// (B), each below the number of classes.
    pub labels: &'a [u8],
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Sum of the losses.
    pub loss: f64,
    /// Number of samples whose arg-max is not their label.
    pub wrong: usize,
}

/// Elements of scratch memory for a batch: activations, and as many for their gradients.
pub const fn scratch_len(network: &Network, batch: usize) -> usize {
    2 * network.activation_len() * batch
}

/// Losses and errors at `theta`, summed over the samples in f64.
///
/// # Errors
/// Lengths that do not fit, a label that is no class.
///
/// # Cost
/// [`Network::flops`] a sample.
pub fn scores<T: RealField + Copy>(
    network: &Network,
    theta: &[T],
    samples: Samples<T>,
    scratch: &mut [T],
) -> Result<Scores, Error> {
    check(network, theta, samples, scratch)?;
    let batch = samples.labels.len();
    if batch == 0 {
        return Ok(Scores::default());
    }
    forward(network, theta, samples, scratch);
    let logits = logits(network, scratch, batch);
    let loss = cross_entropy::losses(logits, samples.labels)
        .map(|loss| nalgebra::try_convert::<T, f64>(loss).unwrap_or(f64::NAN))
        .sum();
    let classes = network.classes();
    let wrong = logits.chunks_exact(classes).zip(samples.labels);
    let wrong = wrong.filter(|(z, label)| cross_entropy::arg_max(z) != Some(**label as usize)).count();
    Ok(Scores { loss, wrong })
}

/// Mean loss over the samples, and its gradient with respect to θ.
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
    check(network, theta, samples, scratch)?;
    length("gradient", theta.len(), gradient.len())?;
    let batch = samples.labels.len();
    crate::error::range("samples of a batch", 1, usize::MAX, batch)?;
    forward(network, theta, samples, scratch);
    let (activations, differentials) = scratch.split_at_mut(network.activation_len() * batch);

    let last = network.row(network.layers.len() - 1).activations(batch);
    let z = &activations[last.clone()];
    let count: T = nalgebra::convert(batch as f64);
    let loss = cross_entropy::losses(z, samples.labels).fold(T::zero(), |a, b| a + b) / count;
    cross_entropy::backward(z, samples.labels, &mut differentials[last]);

    for row in network.rows().rev() {
        let out = row.activations(batch);
        let x = if row.activation_offset == 0 {
            samples.inputs
        } else {
            &activations[out.start - row.input.len() * batch..out.start]
        };
        let (before, dy) = differentials[..out.end].split_at_mut(out.start);
        let dx_start = before.len().saturating_sub(row.input.len() * batch);
        let dx = (row.activation_offset > 0).then(|| &mut before[dx_start..]);
        match row.layer {
            Layer::Linear { .. } => {
                linear::backward(&theta[row.parameters()], x, dy, &mut gradient[row.parameters()], dx, batch);
            }
            Layer::Relu => {
                if let Some(dx) = dx {
                    relu::backward(&activations[out], dy, dx);
                }
            }
        }
    }
    Ok(loss)
}

/// Fills the first half of the scratch memory with the activations.
fn forward<T: RealField + Copy>(network: &Network, theta: &[T], samples: Samples<T>, scratch: &mut [T]) {
    let batch = samples.labels.len();
    for row in network.rows() {
        let out = row.activations(batch);
        let (before, y) = scratch[..out.end].split_at_mut(out.start);
        let x = if row.activation_offset == 0 {
            samples.inputs
        } else {
            &before[out.start - row.input.len() * batch..]
        };
        match row.layer {
            Layer::Linear { .. } => linear::forward(&theta[row.parameters()], x, y, batch),
            Layer::Relu => relu::forward(x, y),
        }
    }
}

/// The last activations, (B, classes).
fn logits<'a, T>(network: &Network, scratch: &'a [T], batch: usize) -> &'a [T] {
    &scratch[network.row(network.layers.len() - 1).activations(batch)]
}

fn check<T>(network: &Network, theta: &[T], samples: Samples<T>, scratch: &[T]) -> Result<(), Error> {
    let batch = samples.labels.len();
    crate::error::range("layers of a network", 1, usize::MAX, network.layers.len())?;
    length("parameters", network.parameter_len(), theta.len())?;
    length("inputs of the samples", network.input.len() * batch, samples.inputs.len())?;
    length("scratch memory", scratch_len(network, batch), scratch.len())?;
    let classes = network.classes();
    match samples.labels.iter().position(|&label| label as usize >= classes) {
        Some(sample) => Err(Error::Label { sample, label: samples.labels[sample], classes }),
        None => Ok(()),
    }
}

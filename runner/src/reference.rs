//! The reference engine: a network on data with the reference kernels of the core.
//!
//! It runs every network, slowly: the engine uses one thread. [`statistics`] and [`total`] use all threads.

use crate::data::{Dataset, Samples};
use rayon::prelude::*;
use valleys_core::engine::{Direct, NetworkLoss, Slots};
use valleys_core::error::Error;
use valleys_core::network::{self, Criterion, CropFlip, Network, Scores, accumulate, scores};

/// Samples per task of an evaluation. No result depends on it.
const CHUNK_LEN: usize = 16;

/// An engine that runs the reference kernels.
pub type ReferenceEngine<'d> = Direct<NetworkLoss<'d, Vec<f32>, Vec<u32>, Vec<u8>>, Vec<f32>>;

/// A reference engine with `slots` slots, for every optimiser. With `augment`, training steps use augmented samples.
///
/// # Errors
/// A slice has the wrong length; a label is not a class of the network.
pub fn engine<'d>(
    network: Network<'d>,
    data: &'d Dataset,
    batch: usize,
    slots: usize,
    augment: Option<CropFlip<Vec<f32>>>,
    criterion: Criterion<'d>,
) -> Result<ReferenceEngine<'d>, Error> {
    let dim = network.parameter_len();
    let floats = vec![0.0; NetworkLoss::floats_len(&network, batch)];
    let (order, labels) = (vec![0; data.train.len().max(data.test.len())], vec![0; batch]);
    let (train, test) = (data.train.borrowed(), data.test.borrowed());
    let mut loss =
        NetworkLoss::new(network, train, test, batch, floats, order, labels)?.with_criterion(criterion)?;
    if let Some(augment) = augment {
        loss = loss.augmented(augment)?;
    }
    let second = vec![0.0; Slots::second_len(slots, dim)];
    Direct::new(loss, vec![0.0; Slots::memory_len(slots, dim)], vec![0.0; 2 * dim])?
        .with_second_moments(second)
}

/// Batch-norm statistics at θ (method: section 3): one pass over the samples in their order, in batches of `batch`.
///
/// # Errors
/// A slice has the wrong length.
///
/// # Cost
/// One forward pass over all samples. Each thread holds the activations of one batch.
pub fn statistics(
    network: &Network,
    theta: &[f32],
    samples: &Samples,
    batch: usize,
) -> Result<Vec<f32>, Error> {
    let len = network.statistics_len();
    if len == 0 {
        return Ok(Vec::new());
    }
    let (features, total) = (network.input.len(), samples.len());
    let parts = samples.inputs.par_chunks(batch.max(1) * features);
    let parts: Vec<Vec<f32>> = parts
        .map_init(Vec::new, |scratch, part| {
            let count = part.len() / features;
            let share = (count as f64 / total as f64) as f32;
            scratch.resize(network.activation_len() * count, 0.0);
            let mut statistics = vec![0.0; len];
            accumulate(network, theta, part, count, share, scratch, &mut statistics).map(|()| statistics)
        })
        .collect::<Result<_, Error>>()?;
    // Summed in the order of the batches, so that the number of threads changes no bit.
    let mut sum = vec![0.0; len];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += f64::from(x));
    }
    Ok(sum.into_iter().map(|x| x as f32).collect())
}

/// The outputs of all samples, (N, outputs), at θ. Batch norms normalise with `statistics`.
///
/// # Errors
/// A slice has the wrong length.
pub fn outputs(
    network: &Network,
    theta: &[f32],
    statistics: &[f32],
    samples: &Samples,
) -> Result<Vec<f32>, Error> {
    let features = network.input.len();
    let parts = samples.inputs.par_chunks(CHUNK_LEN * features);
    let parts: Vec<Vec<f32>> = parts
        .map_init(Vec::new, |scratch, inputs| {
            let count = inputs.len() / features;
            scratch.resize(network.activation_len() * count, 0.0);
            network::outputs(network, theta, statistics, inputs, count, scratch).map(<[f32]>::to_vec)
        })
        .collect::<Result<_, Error>>()?;
    Ok(parts.concat())
}

/// Sums of the losses and errors of the samples at θ. Batch norms normalise with `statistics`.
///
/// # Errors
/// A slice has the wrong length; a label is not a class of the network.
pub fn total(
    network: &Network,
    theta: &[f32],
    statistics: &[f32],
    samples: &Samples,
    criterion: &Criterion,
) -> Result<Scores, Error> {
    let features = network.input.len();
    let all = samples.targets.borrowed();
    let parts = samples.inputs.par_chunks(CHUNK_LEN * features).enumerate();
    let parts: Vec<Scores> = parts
        .map_init(Vec::new, |scratch, (number, inputs)| {
            let count = inputs.len() / features;
            scratch.resize(network.activation_len() * count, 0.0);
            let targets = all.slice(number * CHUNK_LEN..number * CHUNK_LEN + count);
            scores(network, theta, statistics, network::Samples { inputs, targets }, criterion, scratch)
        })
        .collect::<Result<_, Error>>()?;
    Ok(parts.into_iter().sum())
}

//! Networks on data with the reference kernels of the core: for every network, on threads over the batch, slowly.

use crate::data::{Dataset, Samples};
use rayon::prelude::*;
use valleys_core::engine::{Direct, NetworkLoss, Sgd};
use valleys_core::error::Error;
use valleys_core::network::{self, CropFlip, Network, Scores, accumulate, scores};

/// Samples of a forward pass with given statistics: the result does not depend on it.
const CHUNK_LEN: usize = 16;

/// An engine of the reference kernels.
pub type ReferenceEngine<'d> = Direct<NetworkLoss<'d, Vec<f32>, Vec<u32>, Vec<u8>>, Vec<f32>>;

/// An engine with `slots` slots, whose steps see augmented samples where that is asked for.
///
/// # Errors
/// Lengths that do not fit; a label that is no class.
pub fn engine<'d>(
    network: Network<'d>,
    data: &'d Dataset,
    batch: usize,
    slots: usize,
    augment: Option<CropFlip<Vec<f32>>>,
) -> Result<ReferenceEngine<'d>, Error> {
    let dim = network.parameter_len();
    let floats = vec![0.0; NetworkLoss::floats_len(&network, batch)];
    let (order, labels) = (vec![0; data.train.len()], vec![0; batch]);
    let (train, test) = (borrowed(&data.train), borrowed(&data.test));
    let mut loss = NetworkLoss::new(network, train, test, batch, floats, order, labels)?;
    if let Some(augment) = augment {
        loss = loss.augmented(augment)?;
    }
    Direct::new(loss, vec![0.0; Sgd::memory_len(slots, dim)], vec![0.0; 2 * dim])
}

/// The statistics of the batch norms at θ, by a pass over the samples in order, in batches of `batch`.
///
/// # Errors
/// Lengths that do not fit.
///
/// # Cost
/// A forward pass over all samples, with the activations of a batch for each thread.
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
    // In order, whichever thread was first.
    let mut sum = vec![0.0; len];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += f64::from(x));
    }
    Ok(sum.into_iter().map(|x| x as f32).collect())
}

/// Losses and errors at θ, summed over the samples; batch norms normalise with the statistics.
///
/// # Errors
/// Lengths that do not fit; a label that is no class.
pub fn total(
    network: &Network,
    theta: &[f32],
    statistics: &[f32],
    samples: &Samples,
) -> Result<Scores, Error> {
    let features = network.input.len();
    let parts = samples.inputs.par_chunks(CHUNK_LEN * features).zip(samples.labels.par_chunks(CHUNK_LEN));
    let parts: Vec<Scores> = parts
        .map_init(Vec::new, |scratch, (inputs, labels)| {
            scratch.resize(network.activation_len() * labels.len(), 0.0);
            scores(network, theta, statistics, network::Samples { inputs, labels }, scratch)
        })
        .collect::<Result<_, Error>>()?;
    Ok(parts.iter().fold(Scores::default(), |sum, part| Scores {
        loss: sum.loss + part.loss,
        wrong: sum.wrong + part.wrong,
    }))
}

fn borrowed(samples: &Samples) -> network::Samples<'_, f32> {
    network::Samples { inputs: &samples.inputs, labels: &samples.labels }
}

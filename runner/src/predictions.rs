//! The outputs of a network on the samples of a data set.

use crate::data::Dataset;
use crate::reference;
use std::sync::Arc;
use valleys_core::engine::Split;
use valleys_core::error::Error;
use valleys_core::network::Network;
use valleys_simd::engine::CpuEngine;

/// The outputs on a split at θ, (N, outputs), by the reference kernels or by the fast engine of the processor. Batch norms
/// normalise with `statistics`; without them with those at θ over the training samples, in batches of `batch`.
///
/// # Errors
/// A network that the fast engine does not support; lengths that do not fit; a split without samples.
pub fn outputs(
    is_reference: bool,
    network: &Network,
    data: &Arc<Dataset>,
    split: Split,
    theta: &[f32],
    statistics: Option<Vec<f32>>,
    batch: usize,
) -> Result<Vec<f32>, Error> {
    if is_reference {
        let recomputed = || reference::statistics(network, theta, &data.train, batch);
        let statistics = statistics.map_or_else(recomputed, Ok)?;
        let samples = match split {
            Split::Train => &data.train,
            Split::Test => &data.test,
        };
        return reference::outputs(network, theta, &statistics, samples);
    }
    let mut engine = CpuEngine::new(network, data.clone(), batch, 0, None)?;
    let statistics = statistics.map_or_else(|| engine.statistics(theta), Ok)?;
    engine.outputs(split, theta, &statistics)
}

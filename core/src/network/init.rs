//! Initial parameters.

use super::{Layer, Network};
use crate::math;
use crate::rng::{Purpose, Stream};

/// Fills θ as PyTorch does by default: weights and biases of a linear layer uniform in ±1/√fan_in.
///
/// Minimum `vertex` of the run with this `seed`.
///
/// # Panics
/// If `theta` is not of [`Network::parameter_len`] elements.
pub fn initialise(network: &Network, seed: u64, vertex: u32, theta: &mut [f32]) {
    assert_eq!(theta.len(), network.parameter_len(), "parameters of the network");
    for (i, row) in network.rows().enumerate() {
        match row.layer {
            Layer::Linear { .. } => {
                let bound = 1.0 / math::sqrt(row.input.len() as f64);
                let mut stream = Stream::new(seed, Purpose::Init, 1 << vertex, i as u32, 0);
                theta[row.parameters()].fill_with(|| stream.symmetric(bound) as f32);
            }
            Layer::Relu => {}
        }
    }
}

//! Initial parameters.

use super::{Layer, Network};
use crate::math;
use crate::rng::{Key, Purpose, Stream};

/// Standard deviation of the weights of a linear layer in a network with batch norm.
const LINEAR_DEVIATION: f64 = 1e-3;

/// Fills θ. Without batch norm as PyTorch does by default: weights and biases uniform in ±1/√fan_in, fan_in the inputs of
/// an output. With batch norm as Li et al. 2018 do: convolutions normal with variance 2/fan_in (He et al. 2015), γ = 1,
/// β = 0, linear weights normal with standard deviation 10⁻³, biases 0. Layer norms start with γ = 1, β = 0.
///
/// Minimum `vertex` of the run with this `seed`.
///
/// # Panics
/// If `theta` is not of [`Network::parameter_len`] elements.
pub fn initialise(network: &Network, seed: u64, vertex: u32, theta: &mut [f32]) {
    assert_eq!(theta.len(), network.parameter_len(), "parameters of the network");
    let normalised = network.layers.contains(&Layer::BatchNorm);
    for row in network.rows() {
        let parameters = &mut theta[row.parameters()];
        let (weights, fan_in) = match row.layer {
            Layer::Linear { outputs } => (outputs * row.input.len(), row.input.len()),
            Layer::Convolution { outputs, kernel, groups, .. } => {
                let fan_in = row.input.channels / groups * kernel * kernel;
                (outputs * fan_in, fan_in)
            }
            Layer::BatchNorm | Layer::LayerNorm => {
                let (gamma, beta) = parameters.split_at_mut(parameters.len() / 2);
                gamma.fill(1.0);
                beta.fill(0.0);
                continue;
            }
            _ => continue,
        };
        let mut stream = Stream::new(Key::new(seed, 1 << vertex), Purpose::Init, row.number as u32, 0);
        if normalised {
            let deviation = match row.layer {
                Layer::Linear { .. } => LINEAR_DEVIATION,
                _ => math::sqrt(2.0 / fan_in as f64),
            };
            parameters[..weights].fill_with(|| (deviation * stream.normal()) as f32);
            parameters[weights..].fill(0.0);
        } else {
            let bound = 1.0 / math::sqrt(fan_in as f64);
            parameters.fill_with(|| stream.symmetric(bound) as f32);
        }
    }
}

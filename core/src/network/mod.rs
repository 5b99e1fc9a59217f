//! A network is data: an input shape and a slice of layers. Every offset and length is computed from it.

mod augment;
mod check;
mod criterion;
pub mod graph;
mod init;
mod layer;
mod layout;
mod pass;
pub mod zoo;

pub use augment::{CropFlip, CropFlipDraw};
#[cfg(feature = "alloc")]
pub use criterion::OwnedCriterion;
pub use criterion::{Criterion, Scores, Targets};
pub use init::initialise;
pub use layer::{Layer, Shape, Tensor};
pub use layout::Row;
pub use pass::{LabelledData, Samples, accumulate, gradient, outputs, scores, scratch_len};

/// A feed-forward network; const-constructible.
///
/// Each layer reads the output of the one before it. For a residual block [`Layer::Branch`] goes back to an earlier
/// output, and [`Layer::Add`] adds one.
///
/// # Layout
/// θ holds the layers' parameters in order, each layer's weight before its bias, rows first, as PyTorch stores
/// them. The activations of a batch of B samples are the layers' outputs in order, each (B, C, H, W). The statistics of
/// batch norms lie in a slice of their own, layer after layer, means before variances.
///
/// ```
/// use valleys_core::network::{Layer, Network, Shape};
/// const NETWORK: Network = Network {
///     input: Shape::flat(64),
///     layers: &[Layer::Linear { outputs: 32 }, Layer::RELU, Layer::Linear { outputs: 10 }],
/// };
/// static THETA: [f32; NETWORK.parameter_len()] = [0.0; NETWORK.parameter_len()];
/// assert_eq!(THETA.len(), 64 * 32 + 32 + 32 * 10 + 10);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// Shape of one sample.
    pub input: Shape,
    /// The layers, first to last.
    pub layers: &'a [Layer],
}

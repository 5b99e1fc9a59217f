//! Kernels of multilayer perceptrons.
//!
//! The samples of a tile are side by side in a vector, and the parameters keep the layout of θ. So every product of
//! matrices is the same micro kernel ([`register_tile`](crate::register_tile)), whose scalars come from θ or from
//! gradients with any strides.
//!
//! In order of use: [`plan`] (layers and their memory) → [`linear`], [`cross_entropy`] (kernels) → [`sample_tile`] (32
//! samples through all layers) → [`executor`] (a batch, many points).

mod cross_entropy;
mod executor;
mod linear;
mod plan;
mod sample_tile;

pub use executor::MlpExecutor;
pub use plan::MlpPlan;
pub use sample_tile::{SampleTile, weight_gradient};

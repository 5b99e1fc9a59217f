//! Kernels of multilayer perceptrons.
//!
//! The samples of a tile are side by side in a vector, and the parameters keep the layout of θ. So every product of
//! matrices is the same micro kernel ([`register_tile`](crate::register_tile)), whose scalars come from θ or from
//! gradients with any strides.
//!
//! In order of use: [`plan`] (layers and their memory) → [`linear`], [`cross_entropy`], [`regression`], [`loss`] (kernels) → [`sample_tile`] (32
//! samples through all layers) → [`executor`] (a batch, many points). [`layer`] offers
//! the kernels of a single layer.

mod cross_entropy;
mod executor;
mod layer;
mod linear;
mod loss;
mod plan;
mod regression;
mod sample_tile;

pub use executor::MlpExecutor;
pub use layer::{linear_data_gradient, linear_forward, linear_weight_gradient};
pub use plan::MlpPlan;
pub use sample_tile::{Pass, SampleTile, weight_gradient};

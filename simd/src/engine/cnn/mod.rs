//! Kernels of convolutional networks.
//!
//! The samples of a group are side by side in a vector, and one parameter is multiplied with 16 of them. So one kernel
//! serves every direct convolution, of any size, number of channels and stride, forward and backward to the inputs, and
//! one more serves the gradients of its weights.
//!
//! In order of use: [`planes`] (layout of images), [`register_tiles`] → [`convolution`], [`weight_gradient`],
//! [`winograd`], [`plain`], [`algorithm`] (their choice), [`batched`] (of all samples of a batch), [`batch_norm`], [`layer_norm`], [`pool`], [`window_pool`],
//! [`elementwise`] → [`stages`], [`plan`] (operations, and their order), [`draft`] (their buffers) → [`sample_group`],
//! [`linear`], [`sample_tile`] (samples through a stage) → [`executor`] (a batch). The multilayer perceptron at the end is
//! that of [`mlp`](crate::engine::mlp).

mod algorithm;
mod batch_norm;
mod batched;
mod convolution;
mod draft;
mod elementwise;
mod executor;
mod layer_norm;
mod linear;
mod plain;
mod plan;
mod planes;
mod pool;
mod register_tiles;
mod sample_group;
mod sample_tile;
mod stages;
mod weight_gradient;
mod window_pool;
mod winograd;

pub use executor::{CnnExecutor, Statistics};
pub use plan::CnnPlan;

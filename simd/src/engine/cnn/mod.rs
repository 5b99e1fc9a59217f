//! Kernels of convolutional networks.
//!
//! The samples of a group are side by side in a vector, and one parameter is multiplied with 16 of them. So one kernel
//! serves every direct convolution, of any size, number of channels and stride, forward and backward to the inputs, and
//! one more serves the gradients of its weights.
//!
//! In order of use: [`planes`] (layout of images), [`register_tiles`] → [`convolution`], [`weight_gradient`],
//! [`winograd`], [`algorithm`] (their choice), [`batch_norm`], [`pool`], [`relu`] → [`stages`], [`plan`] (operations,
//! their buffers and order) → [`sample_group`], [`sample_tile`] (samples through a stage) → [`executor`] (a batch). The
//! linear layers at the end are those of [`mlp`](crate::engine::mlp).

mod algorithm;
mod batch_norm;
mod convolution;
mod executor;
mod plan;
mod planes;
mod pool;
mod register_tiles;
mod relu;
mod sample_group;
mod sample_tile;
mod stages;
mod weight_gradient;
mod winograd;

pub use executor::CnnExecutor;
pub use plan::CnnPlan;

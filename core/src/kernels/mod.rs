//! Reference kernels: readable, generic over the float type, the oracle of every faster one. They stay.
//!
//! Gradients of parameters are overwritten; gradients of inputs are added to what is there, because an output may be
//! read more than once; an empty slice for them says that they are not wanted.

pub mod activation;
pub mod add;
pub mod average_pool;
pub mod batch_norm;
pub mod convolution;
pub mod cross_entropy;
pub mod dropout;
pub mod global_average_pool;
pub mod layer_norm;
pub mod linear;
pub mod max_pool;
pub mod regression;
mod window;

pub use window::Window;

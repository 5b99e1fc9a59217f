//! Reference kernels: readable, generic over the float type, the oracle of every faster one. They stay.
//!
//! Gradients of parameters are overwritten; gradients of inputs are added to what is there, because an output may be
//! read more than once; an empty slice for them says that they are not wanted.

pub mod add;
pub mod average_pool;
pub mod batch_norm;
pub mod convolution;
pub mod cross_entropy;
pub mod linear;
pub mod max_pool;
pub mod relu;
mod window;

pub use window::Window;

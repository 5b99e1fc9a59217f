//! Convolutions between many channels, of all samples of a batch together.
//!
//! The weights of such a convolution fill a cache. A sample group would read all of them for itself, and multiply each with
//! a single vector. So every group transforms its inputs, then the products are computed place by place for all groups,
//! then every group transforms its outputs. Planes of at most 2 × 2 use F(2 × 2, 3 × 3) in place of F(4 × 4, 3 × 3):
//! 16 multiplications in place of 36.
//!
//! In order of use: [`small`] (transforms of F(2, 3)) → [`convolution`] → [`products`].

mod convolution;
mod products;
mod small;

pub use convolution::{BatchedConvolution, BatchedPair};
pub use products::{Transformed, data_products, weight_products};

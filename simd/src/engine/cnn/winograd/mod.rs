//! Winograd convolution F(4 × 4, 3 × 3) for windows of 3 × 3 taps and stride 1: a tile of 4 × 4 outputs takes 36
//! multiplications in place of 144.
//!
//! Y = Aᵀ (G g Gᵀ ⊙ Bᵀ d B) A for a filter g, 6 × 6 inputs d and 4 × 4 outputs Y, with the points 0, ±1, ±2, ∞ (Lavin
//! and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, section 4.3). Sums over input channels are computed
//! between Bᵀ d B and Aᵀ: one product of matrices for each of the 36 places. The rounding error is about ten times that
//! of direct convolution.
//!
//! In order of use: [`transform`] (along one edge) → [`strip`] (whole tiles) → [`convolution`] → [`gradient`].

mod convolution;
mod gradient;
mod strip;
mod transform;

pub use convolution::{Product, Winograd};
pub use gradient::{GradientProduct, transform_sums, transpose_all};
pub use strip::{PlaceLayout, Strip};
pub use transform::{OUTPUTS, PLACES};

#[cfg(test)]
mod tests;

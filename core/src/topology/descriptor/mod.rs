//! Diagrams as numbers and vectors.

mod betti;
mod image;
mod landscape;
mod lifetimes;

pub use betti::betti_curve;
pub use image::Image;
pub use landscape::landscape;
pub use lifetimes::Lifetimes;

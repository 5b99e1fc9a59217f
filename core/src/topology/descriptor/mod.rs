//! Descriptors of diagrams: numbers, curves and images.

mod betti_curve;
mod lifetimes;
mod persistence_image;
mod persistence_landscape;

pub use betti_curve::betti_curve;
pub use lifetimes::LifetimeStatistics;
pub use persistence_image::PersistenceImage;
pub use persistence_landscape::persistence_landscape;

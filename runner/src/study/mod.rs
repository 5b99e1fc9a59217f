//! A study of weights: many small networks, the topology of their layers during training, and their accuracy.
//!
//! Method: section 5; Vavilov and Tomilov, *Structure of neural-network weights on small data sets: a topological
//! approach*.
//!
//! # Tour
//!
//! - `network`: the job of one network, which trains it, measures its layers and writes a folder.
//! - [`analysis`]: the correlations over all networks.
//! - [`models`]: correlations of the layers of somebody's own checkpoints with a table of results.
//! - [`correlation`]: correlation coefficients; bootstrap and permutations of whole sizes and replicates; Holm's
//!   correction.

pub mod analysis;
pub mod correlation;
pub mod models;
mod network;

pub use network::{StudyNetwork, TrainingHooks, networks, period, read_measurements, train};

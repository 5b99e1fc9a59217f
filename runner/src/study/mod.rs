//! The study of weights: many small networks, their layers' topology while they learn, beside what they have learnt.
//!
//! The tour: `network` (one job: train, measure, one folder), [`analysis`] (what all folders say together),
//! [`correlation`] (coefficients, intervals, corrections). Method: section 5; Vavilov and Tomilov, *Structure of
//! neural-network weights on small data sets: a topological approach*.

pub mod analysis;
pub mod correlation;
mod network;

pub use network::{Job, Measured, TrainingHooks, jobs, read, train};

use crate::weights::statistics::Statistics;

/// A number about a layer.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// In files.
    pub name: &'static str,
    /// For readers.
    pub title: &'static str,
    of: fn(&Statistics) -> Option<f64>,
}

/// What is measured of every layer, the paper's two first; the last two at the start and the end only, because they take
/// longer than all the others.
pub const METRICS: [Metric; 8] = [
    Metric { name: "mean_lifetime", title: "mean lifetime", of: |s| s.mean_lifetime },
    Metric { name: "entropy_norm_log_n", title: "normalised entropy H / ln m", of: |s| s.entropy_norm_log_n },
    Metric { name: "max_lifetime", title: "longest lifetime", of: |s| s.max_lifetime },
    Metric { name: "entropy", title: "entropy H", of: |s| s.entropy },
    Metric {
        name: "neural_persistence_norm",
        title: "neural persistence",
        of: |s| s.neural_persistence_norm,
    },
    Metric { name: "frobenius_norm", title: "Frobenius norm", of: |s| Some(s.frobenius_norm) },
    Metric { name: "spectral_norm", title: "spectral norm", of: |s| s.spectral_norm },
    Metric { name: "stable_rank", title: "stable rank", of: |s| s.stable_rank },
];

/// The same of the same entries shuffled, for the paper's two, at the start and the end: names in files.
pub const SHUFFLED: [&str; 2] = ["shuffled_mean_lifetime", "shuffled_entropy_norm_log_n"];

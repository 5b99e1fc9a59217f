//! The study of weights: many small networks, their layers' topology while they learn, beside what they have learnt.
//!
//! The tour: `network` (one job: train, measure, one folder), [`analysis`] (what all folders say together),
//! [`correlation`] (coefficients, intervals, corrections). Method: section 5; Vavilov and Tomilov, *Structure of
//! neural-network weights on small data sets: a topological approach*.

pub mod analysis;
pub mod correlation;
mod network;

pub use network::{StudyNetwork, Measurement, TrainingHooks, networks, read, train};

use crate::weights::statistics::Statistics;

/// A number about a layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerStatistic {
    /// In files.
    pub name: &'static str,
    /// For readers.
    pub title: &'static str,
    of: fn(&Statistics) -> Option<f64>,
}

/// What is measured of every layer, the paper's two first; the last two at the start and the end only, because they take
/// longer than all the others.
pub const LAYER_STATISTICS: [LayerStatistic; 8] = [
    LayerStatistic { name: "mean_lifetime", title: "mean lifetime", of: |s| s.mean_lifetime },
    LayerStatistic { name: "entropy_norm_log_n", title: "normalised entropy H / ln m", of: |s| s.entropy_norm_log_n },
    LayerStatistic { name: "max_lifetime", title: "longest lifetime", of: |s| s.max_lifetime },
    LayerStatistic { name: "entropy", title: "entropy H", of: |s| s.entropy },
    LayerStatistic {
        name: "neural_persistence_norm",
        title: "neural persistence",
        of: |s| s.neural_persistence_norm,
    },
    LayerStatistic { name: "frobenius_norm", title: "Frobenius norm", of: |s| Some(s.frobenius_norm) },
    LayerStatistic { name: "spectral_norm", title: "spectral norm", of: |s| s.spectral_norm },
    LayerStatistic { name: "stable_rank", title: "stable rank", of: |s| s.stable_rank },
];

/// The same of the same entries shuffled, for the paper's two, at the start and the end: names in files.
pub const SHUFFLED_NAMES: [&str; 2] = ["shuffled_mean_lifetime", "shuffled_entropy_norm_log_n"];

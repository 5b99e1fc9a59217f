//! The files of a run directory: one definition of each, for writers and readers.
//!
//! | file | type |
//! |---|---|
//! | `summary.json` | [`Summary`], with [`StudySummary`] for a study of weights |
//! | `FIT/SIMPLEX.csv` | [`LatticeValues`] |
//! | `FIT/SIMPLEX.peak.csv` | [`FoundMaxLoss`] |
//! | `FIT/SIMPLEX/training.csv` | [`TrainingEpoch`] |
//! | `FIT/SIMPLEX/start.csv` | [`PhaseStart`] |
//! | `minima/NUMBER.metrics.csv` | [`TestMetrics`] |
//! | `networks/SAMPLES-REPLICATE/measured.csv` | [`Measurement`] |
//!
//! Names of fields and columns are fixed, because other programs read them; new ones may be added. Every finite number is
//! written so that it reads back to the same bits.

mod certified;
mod csv_table;
mod error_measure;
mod lattice;
mod max_loss;
mod measurements;
mod metrics;
mod phase_start;
mod study;
mod summary;
mod training;

pub use certified::{CERTIFIED, CertifiedMaxLoss, read_certified, write_certified};
use csv_table::CsvTable;
pub use error_measure::ErrorMeasure;
pub use lattice::LatticeValues;
pub use max_loss::FoundMaxLoss;
pub use metrics::TestMetrics;
pub mod times;
pub use measurements::{LAYER_STATISTICS, LayerStatistic, Measurement, SHUFFLED};
pub use phase_start::PhaseStart;
pub use study::{
    ALL_LAYERS, Coefficient, Correlation, MeanStd, NetworkResult, StudySummary, Target, TrainingChange,
};
pub use summary::{Bar, Curve, Fit, IndexDistance, Minimum, Provenance, Segment, Summary, Trial, VERSION};
pub use training::TrainingEpoch;

use crate::error::{Result, read_error};
use std::path::Path;

/// The name of a simplex in files: `0-1-2`.
pub fn simplex_name(vertices: &[u32]) -> String {
    vertices.iter().map(u32::to_string).collect::<Vec<_>>().join("-")
}

/// Reads a file of a run directory.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| read_error(path, &e))
}

//! The files of a run directory: one definition of each, for whoever writes or reads it.
//!
//! Names are fixed, because programs outside read them; fields may be added. Every finite number is written so that it
//! reads back to the same bits.

mod lattice;
mod max_loss;
mod summary;
mod csv_table;
mod training;

pub use lattice::LatticeValues;
pub use max_loss::FoundMaxLoss;
pub use summary::{Bar, Curve, Fit, Minimum, Provenance, Segment, Summary, Trial, VERSION};
pub use training::TrainingEpoch;

use crate::error::{CliError, ErrorKind, Result};
use std::path::Path;

/// The bytes of a file of a run directory.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))
}

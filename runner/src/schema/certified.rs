//! `certified.json`: what `valleys certify` proved of the fitted simplices.

use crate::error::{CliError, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the file.
pub const CERTIFIED: &str = "certified.json";

/// A proved upper bound of the loss on a fitted simplex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertifiedMaxLoss {
    /// The fit.
    pub fit: String,
    /// The minima.
    pub simplex: Vec<u32>,
    /// The largest loss found on it, by lattice and search.
    pub found: f64,
    /// The loss exceeds this number nowhere on the simplex.
    pub upper: f64,
    /// Cells that were bounded.
    pub cells: usize,
    /// Wall time.
    pub seconds: f64,
}

/// The text of the file.
pub fn write_certified(all: &[CertifiedMaxLoss]) -> String {
    serde_json::to_string_pretty(all).expect("bounds are JSON") + "\n"
}

/// Reads the file of a run directory; nothing where there is none.
///
/// # Errors
/// It cannot be read, or is malformed.
pub fn read_certified(run: &Path) -> Result<Vec<CertifiedMaxLoss>> {
    let path = run.join(CERTIFIED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let malformed = |e: serde_json::Error| CliError::new(ErrorKind::Data, format!("{}: {e}", path.display()));
    serde_json::from_slice(&super::read(&path)?).map_err(malformed)
}

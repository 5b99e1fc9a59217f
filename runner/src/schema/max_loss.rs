//! `FIT/SIMPLEX.peak.csv`: the largest loss that the search found on a fitted simplex.

use super::CsvTable;
use crate::error::Result;
use std::fmt::Write;
use std::path::Path;
use valleys_core::evaluation::MaxLoss;

/// The largest loss that the search found, and where (method: section 4).
///
/// # Layout
/// A header and one row: barycentric coordinates t1, t2, …, train_loss, evaluations.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundMaxLoss {
    /// Barycentric coordinates of the point.
    pub at: Vec<f64>,
    /// The training loss there.
    pub loss: f64,
    /// Points that the search evaluated, without the lattice points.
    pub evaluations: u64,
}

impl From<MaxLoss> for FoundMaxLoss {
    fn from(found: MaxLoss) -> Self {
        Self { at: found.at.to_vec(), loss: found.loss, evaluations: found.evaluations.into() }
    }
}

impl FoundMaxLoss {
    /// The text of the file.
    pub fn to_csv(&self) -> String {
        let mut csv: String = (1..=self.at.len()).map(|i| format!("t{i},")).collect();
        csv += "train_loss,evaluations\n";
        self.at.iter().for_each(|t| _ = write!(csv, "{t},"));
        let _ = writeln!(csv, "{},{}", self.loss, self.evaluations);
        csv
    }

    /// Reads the file of a simplex with this number of vertices.
    ///
    /// # Errors
    /// The file cannot be read; a row is malformed, with its line.
    pub fn read(path: &Path, vertices: usize) -> Result<Self> {
        let table = CsvTable::parse(path, &super::read(path)?)?;
        let first = |column: &str| -> Result<f64> {
            let found = table.column(column)?.first().copied();
            found.ok_or_else(|| table.row_error(0, "there is no row below the header"))
        };
        Ok(Self {
            at: (1..=vertices).map(|i| first(&format!("t{i}"))).collect::<Result<_>>()?,
            loss: first("train_loss")?,
            evaluations: first("evaluations")? as u64,
        })
    }
}

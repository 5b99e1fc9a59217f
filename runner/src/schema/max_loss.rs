//! `FIT/SIMPLEX.peak.csv`: the largest loss that was found on a fitted simplex beside those of its lattice.

use super::CsvTable;
use crate::error::Result;
use std::fmt::Write;
use std::path::Path;
use valleys_core::evaluation::MaxLoss;

/// The largest loss that the search found, or measured on all samples, and where (method: section 4).
///
/// # Layout
/// A header and one row: barycentric coordinates t1, t2, …, train_loss, evaluations. A second row is that of the boundary,
/// where the simplex has private faces and its lattice was measured on a part of the samples.
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
    /// The text of the file with these rows, at least one.
    pub fn to_csv(rows: &[Self]) -> String {
        let vertices = rows.first().map_or(0, |row| row.at.len());
        let mut csv: String = (1..=vertices).map(|i| format!("t{i},")).collect();
        csv += "train_loss,evaluations\n";
        for row in rows {
            row.at.iter().for_each(|t| _ = write!(csv, "{t},"));
            let _ = writeln!(csv, "{},{}", row.loss, row.evaluations);
        }
        csv
    }

    /// Reads the file of a simplex with this number of vertices: its row, and that of its boundary if there is one.
    ///
    /// # Errors
    /// The file cannot be read; a row is malformed, with its line.
    pub fn read(path: &Path, vertices: usize) -> Result<(Self, Option<Self>)> {
        let table = CsvTable::parse(path, &super::read(path)?)?;
        let at = (1..=vertices).map(|i| table.column(&format!("t{i}"))).collect::<Result<Vec<_>>>()?;
        let (losses, evaluations) = (table.column("train_loss")?, table.column("evaluations")?);
        let row = |row: usize| Self {
            at: at.iter().map(|column| column[row]).collect(),
            loss: losses[row],
            evaluations: evaluations[row] as u64,
        };
        if losses.is_empty() {
            return Err(table.row_error(0, "there is no row below the header"));
        }
        Ok((row(0), (losses.len() > 1).then(|| row(1))))
    }
}

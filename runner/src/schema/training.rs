//! `FIT/SIMPLEX/training.csv`: the training curve of a simplex.

use super::CsvTable;
use crate::error::Result;
use std::path::Path;

/// One row of the file.
///
/// # Layout
/// Columns epoch, rate, loss; one row for each epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingEpoch {
    /// Number of the epoch, from 1.
    pub epoch: f64,
    /// Learning rate of the epoch.
    pub rate: f64,
    /// Mean of the losses of its steps.
    pub loss: f64,
}

impl TrainingEpoch {
    /// The text of the file, from learning rate and loss of each epoch.
    pub fn to_csv(epochs: &[[f64; 2]]) -> String {
        let mut csv = "epoch,rate,loss\n".to_owned();
        for (i, &[rate, loss]) in epochs.iter().enumerate() {
            csv += &format!("{},{},{loss}\n", i + 1, rate as f32);
        }
        csv
    }

    /// Reads the file of a simplex. A file that is missing has no epochs.
    ///
    /// # Errors
    /// The file cannot be read; a row is malformed, with its line.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let table = CsvTable::parse(path, &super::read(path)?)?;
        let [epochs, rates, losses] = ["epoch", "rate", "loss"].map(|name| table.column(name));
        let rows = epochs?.into_iter().zip(rates?).zip(losses?);
        Ok(rows.map(|((epoch, rate), loss)| Self { epoch, rate, loss }).collect())
    }
}

//! `FIT/SIMPLEX/start.csv`: the starts that were compared before the phases of a fit.

use super::CsvTable;
use crate::error::Result;
use std::path::Path;

/// A start of a phase.
///
/// # Layout
/// Columns depth, start, cells_loss, chosen (1 or 0); one row for each start of each phase that compared several.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseStart {
    /// Depth of the phase's maps.
    pub depth: usize,
    /// Where the interior control points were: `straight`, `refined`, `vertex 0`, `mean`, `chain through 2`.
    pub start: String,
    /// The largest loss of the cells; none where it is not finite.
    pub loss: Option<f64>,
    /// Whether the phase started there.
    pub chosen: bool,
}

impl PhaseStart {
    /// The text of the file.
    pub fn to_csv(starts: &[Self]) -> String {
        let mut csv = "depth,start,cells_loss,chosen\n".to_owned();
        for Self { depth, start, loss, chosen } in starts {
            let loss = loss.map(|loss| loss.to_string()).unwrap_or_default();
            csv += &format!("{depth},{start},{loss},{}\n", u8::from(*chosen));
        }
        csv
    }

    /// Reads the text of a file. `path` is for error messages.
    ///
    /// # Errors
    /// A row is malformed, with its line.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Self>> {
        let table = CsvTable::parse(path, bytes)?;
        let (depths, starts) = (table.column("depth")?, table.texts("start")?);
        let (losses, chosen) = (table.optional_column("cells_loss")?, table.column("chosen")?);
        let rows = depths.into_iter().zip(starts).zip(losses.into_iter().zip(chosen));
        Ok(rows
            .map(|((depth, start), (loss, chosen))| Self {
                depth: depth as usize,
                start,
                loss,
                chosen: chosen != 0.0,
            })
            .collect())
    }

    /// Reads the file of a simplex. A file that is missing has no starts.
    ///
    /// # Errors
    /// The file cannot be read; those of [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        if path.exists() { Self::parse(path, &super::read(path)?) } else { Ok(Vec::new()) }
    }
}

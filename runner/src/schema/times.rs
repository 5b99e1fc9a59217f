//! `times.csv`: how long the jobs of a run took.

use super::CsvTable;
use crate::clock::JobSeconds;
use crate::error::Result;
use std::path::Path;

/// The first line of the file.
pub const HEADER: &str = "job,training_seconds,measuring_seconds\n";

/// The name of the file.
pub const TIMES: &str = "times.csv";

/// A line of the file. A job that was interrupted has several.
pub fn line(job: &str, seconds: JobSeconds) -> String {
    format!("{job},{},{}\n", seconds.training, seconds.measuring)
}

/// The seconds of all jobs of a run directory so far; none for a run of a version that did not write them.
///
/// # Errors
/// A line is malformed.
pub fn read_total(root: &Path) -> Result<Option<JobSeconds>> {
    let path = root.join(TIMES);
    if !path.exists() {
        return Ok(None);
    }
    let table = CsvTable::parse(&path, &super::read(&path)?)?;
    let sum = |column: &str| -> Result<f64> { Ok(table.column(column)?.iter().sum()) };
    Ok(Some(JobSeconds { training: sum("training_seconds")?, measuring: sum("measuring_seconds")? }))
}

//! `minima/NUMBER.metrics.csv`: measures of the predictions of a minimum on the test samples.

use super::CsvTable;
use crate::error::Result;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Measures by name; none where one is undefined.
///
/// # Layout
/// Columns `metric`, `value`; an empty value for one that is undefined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestMetrics(pub BTreeMap<String, Option<f64>>);

impl TestMetrics {
    /// The text of the file.
    pub fn to_csv(&self) -> String {
        let mut csv = "metric,value\n".to_owned();
        for (name, value) in &self.0 {
            let _ = writeln!(csv, "{name},{}", value.map_or(String::new(), |x| x.to_string()));
        }
        csv
    }

    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read; a row is malformed, with its line.
    pub fn read(path: &Path) -> Result<Self> {
        let table = CsvTable::parse(path, &super::read(path)?)?;
        let values = table.optional_column("value")?;
        Ok(Self(table.texts("metric")?.into_iter().zip(values).collect()))
    }
}

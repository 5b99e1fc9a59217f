//! `FIT/SIMPLEX.csv`: losses and errors on the lattice of a fitted simplex.

use super::{CsvTable, ErrorMeasure};
use crate::error::{CliError, ErrorKind, Result};
use std::fmt::Write;
use std::path::Path;
use valleys_core::engine::Value;
use valleys_core::simplex::Lattice;

/// Loss and error columns of both splits, in the order of the file.
const LOSSES: [&str; 2] = ["train_loss", "test_loss"];

/// Largest accepted difference between a coordinate and that of the lattice point. Files may have been written in single
/// precision.
const COORDINATE_TOLERANCE: f64 = 1e-6;

/// Losses and errors on the lattice of a simplex.
///
/// # Layout
/// A header, then one row for each lattice point, in the order of [`Lattice::points`]: barycentric coordinates t1, t2, …,
/// then train_loss, train_error, test_loss, test_error; `rmse` in the place of `error` where numbers are predicted. Columns that were not measured are empty.
#[derive(Clone, Debug, PartialEq)]
pub struct LatticeValues {
    /// Number of vertices of the simplex.
    pub vertices: usize,
    /// Intervals on an edge of the lattice.
    pub n: u32,
    /// What the errors are.
    pub measure: ErrorMeasure,
    /// Values on the training samples, in the order of the lattice.
    pub train: Vec<Value>,
    /// Values on the test samples; empty if the problem has none.
    pub test: Vec<Value>,
}

impl LatticeValues {
    /// The text of the file.
    pub fn to_csv(&self) -> String {
        let mut csv: String = (1..=self.vertices).map(|i| format!("t{i},")).collect();
        let [train, test] = self.measure.columns();
        csv += &format!("train_loss,{train},test_loss,{test}\n");
        for (i, t) in Lattice::new(self.vertices, self.n).points().enumerate() {
            t.iter().for_each(|t| _ = write!(csv, "{t},"));
            let fields = [&self.train, &self.test].map(|split| match split.get(i) {
                Some(Value { loss, error }) => {
                    format!("{loss},{}", error.map_or(String::new(), |e| e.to_string()))
                }
                None => ",".to_owned(),
            });
            csv += &(fields.join(",") + "\n");
        }
        csv
    }

    /// Reads the file of a simplex with this number of vertices.
    ///
    /// # Errors
    /// The file cannot be read; a row is malformed or is not the expected lattice point, with its line.
    pub fn read(path: &Path, vertices: usize) -> Result<Self> {
        let table = CsvTable::parse(path, &super::read(path)?)?;
        let count = table.len();
        let Some(n) = intervals(vertices, count) else {
            let message = format!(
                "{}: {count} rows are not the lattice of a simplex with {vertices} vertices",
                path.display()
            );
            return Err(CliError::new(ErrorKind::Data, message));
        };
        for i in 0..vertices {
            let name = format!("t{}", i + 1);
            let points = Lattice::new(vertices, n).points();
            for (row, (t, point)) in table.column(&name)?.into_iter().zip(points).enumerate() {
                if (t - point[i]).abs() > COORDINATE_TOLERANCE || t.is_nan() {
                    return Err(table.row_error(
                        row,
                        format_args!("{name} is {t}, but the lattice point has {}", point[i]),
                    ));
                }
            }
        }
        let measure = ErrorMeasure::of_columns(&table);
        let split = |[loss, error]: [&str; 2]| -> Result<Vec<Value>> {
            let (losses, errors) = (table.column_or_empty(loss)?, table.column_or_empty(error)?);
            let error = |i: usize| errors.as_ref().map(|errors| errors[i]);
            let losses = losses.unwrap_or_default().into_iter().enumerate();
            Ok(losses.map(|(i, loss)| Value { loss, error: error(i) }).collect())
        };
        let errors = measure.columns();
        let [train, test] = [0, 1].map(|i| split([LOSSES[i], errors[i]]));
        let values = Self { vertices, n, measure, train: train?, test: test? };
        if values.train.is_empty() {
            let message = format!("{}: train_loss is empty", path.display());
            return Err(CliError::new(ErrorKind::Data, message));
        }
        Ok(values)
    }
}

/// The number of intervals of the lattice with `count` points. `None` if no lattice has this number of points.
fn intervals(vertices: usize, count: usize) -> Option<u32> {
    if vertices == 1 {
        return (count == 1).then_some(1);
    }
    // The number of points increases with n, and is at least n + 1.
    let most = u32::try_from(count).ok()?;
    (1..=most)
        .find(|&n| Lattice::new(vertices, n).len() >= count)
        .filter(|&n| Lattice::new(vertices, n).len() == count)
}

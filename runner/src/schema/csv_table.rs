//! CSV files with a header, read by column.

use crate::error::{CliError, ErrorKind, Result};
use crate::formats::Delimiter;
use crate::formats::table::Records;
use std::path::Path;

/// The fields of a file.
pub struct CsvTable {
    name: String,
    header: Vec<String>,
    /// Line number and fields of each row.
    rows: Vec<(u64, Vec<String>)>,
}

impl CsvTable {
    /// Splits the bytes of a file. `path` is for error messages.
    ///
    /// # Errors
    /// A line does not have as many fields as the header.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let name = path.display().to_string();
        let mut reader = Records::new(&name, bytes, Delimiter::Comma);
        let fields = |reader: &Records<'_>| reader.record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = if reader.advance()? { fields(&reader) } else { Vec::new() };
        let mut rows = Vec::new();
        while reader.advance()? {
            let found = fields(&reader);
            if found.len() != header.len() {
                let message = format!("{} fields where the header has {}", found.len(), header.len());
                return Err(reader.fault(message));
            }
            rows.push((reader.line, found));
        }
        Ok(Self { name, header, rows })
    }

    /// Number of rows below the header.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// An error that names the line of a row.
    pub fn row_error(&self, row: usize, message: impl std::fmt::Display) -> CliError {
        let line = self.rows.get(row).map_or(1, |(line, _)| *line);
        CliError::new(ErrorKind::Data, format!("{}, line {line}: {message}", self.name))
    }

    /// The numbers of a column. They may be infinite or NaN.
    ///
    /// # Errors
    /// The column is missing, or a field is not a number.
    pub fn column(&self, column: &str) -> Result<Vec<f64>> {
        let field = self.field(column)?;
        (0..self.rows.len()).map(|row| self.number(row, field)).collect()
    }

    /// The numbers of a column whose fields may be empty.
    ///
    /// # Errors
    /// Those of [`column`](Self::column).
    pub fn optional_column(&self, column: &str) -> Result<Vec<Option<f64>>> {
        let field = self.field(column)?;
        let number = |row: usize| {
            if self.rows[row].1[field].is_empty() { Ok(None) } else { self.number(row, field).map(Some) }
        };
        (0..self.rows.len()).map(number).collect()
    }

    /// Whether there is a column of this name.
    pub fn has_column(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// The texts of a column.
    ///
    /// # Errors
    /// The column is missing.
    pub fn texts(&self, column: &str) -> Result<Vec<String>> {
        let field = self.field(column)?;
        Ok(self.rows.iter().map(|(_, fields)| fields[field].clone()).collect())
    }

    /// The numbers of a column, or `None` if all its fields are empty.
    ///
    /// # Errors
    /// Those of [`column`](Self::column); some fields are empty and some are not.
    pub fn column_or_empty(&self, column: &str) -> Result<Option<Vec<f64>>> {
        let field = self.field(column)?;
        let is_empty = |(_, fields): &(u64, Vec<String>)| fields[field].is_empty();
        if !self.rows.first().is_some_and(is_empty) {
            return self.column(column).map(Some);
        }
        match self.rows.iter().position(|row| !is_empty(row)) {
            Some(row) => Err(self.row_error(
                row,
                format_args!("{column} has a value, but is empty in line {}", self.rows[0].0),
            )),
            None => Ok(None),
        }
    }

    fn field(&self, column: &str) -> Result<usize> {
        let found = self.header.iter().position(|name| name == column);
        found.ok_or_else(|| self.row_error(usize::MAX, format_args!("the header has no column `{column}`")))
    }

    fn number(&self, row: usize, field: usize) -> Result<f64> {
        let (column, text) = (&self.header[field], &self.rows[row].1[field]);
        text.parse().map_err(|_| self.row_error(row, format_args!("{column} is `{text}`, not a number")))
    }
}

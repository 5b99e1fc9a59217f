//! CSV files with a header, by column.

use crate::error::{CliError, ErrorKind, Result};
use crate::formats::csv_reader::CsvReader;
use std::path::Path;

/// The fields of a file.
pub struct Table {
    name: String,
    header: Vec<String>,
    /// Line and fields of each row.
    rows: Vec<(u64, Vec<String>)>,
}

impl Table {
    /// Splits the bytes of a file.
    ///
    /// # Errors
    /// A line with more or fewer fields than the header.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let name = path.display().to_string();
        let mut rows = CsvReader::new(&name, bytes);
        let fields = |rows: &CsvReader| rows.record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = if rows.advance()? { fields(&rows) } else { Vec::new() };
        let mut all = Vec::new();
        while rows.advance()? {
            let found = fields(&rows);
            if found.len() != header.len() {
                let what = format!("{} fields where the header has {}", found.len(), header.len());
                return Err(rows.fault(what));
            }
            all.push((rows.line, found));
        }
        Ok(Self { name, header, rows: all })
    }

    /// CsvReader below the header.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// What is wrong with a row.
    pub fn fault(&self, row: usize, what: impl std::fmt::Display) -> CliError {
        let line = self.rows.get(row).map_or(1, |(line, _)| *line);
        CliError::new(ErrorKind::Data, format!("{}, line {line}: {what}", self.name))
    }

    /// The numbers of a column, not all of which need be finite.
    ///
    /// # Errors
    /// No such column, or a field that is no number.
    pub fn column(&self, column: &str) -> Result<Vec<f64>> {
        let field = self.field(column)?;
        let number = |(row, (_, fields)): (usize, &(u64, Vec<String>))| {
            let text = &fields[field];
            text.parse()
                .map_err(|_| self.fault(row, format_args!("{column} is `{text}`, not a number")))
        };
        self.rows.iter().enumerate().map(number).collect()
    }

    /// The numbers of a column that is empty as a whole where it was not measured: then none.
    ///
    /// # Errors
    /// As [`column`](Self::column), or a column that is empty only in places.
    pub fn column_or_empty(&self, column: &str) -> Result<Option<Vec<f64>>> {
        let field = self.field(column)?;
        let empty = |(_, fields): &(u64, Vec<String>)| fields[field].is_empty();
        if !self.rows.first().is_some_and(empty) {
            return self.column(column).map(Some);
        }
        match self.rows.iter().position(|row| !empty(row)) {
            Some(row) => Err(self.fault(row, format_args!("{column} is empty above and not here"))),
            None => Ok(None),
        }
    }

    fn field(&self, column: &str) -> Result<usize> {
        let found = self.header.iter().position(|name| name == column);
        found.ok_or_else(|| self.fault(usize::MAX, format_args!("the header has no column `{column}`")))
    }
}

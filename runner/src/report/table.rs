//! CSV files with a header. What is wrong with one is a sentence with its name and line.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// The fields of a file.
pub struct Table<'a> {
    name: String,
    header: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
}

impl<'a> Table<'a> {
    /// Splits the text of a file.
    ///
    /// # Errors
    /// A line with more or fewer fields than the header.
    pub fn parse(file: &Path, text: &'a str) -> Result<Self> {
        let split = |line: &'a str| line.split(',').map(str::trim).collect::<Vec<_>>();
        let mut lines = text.lines().map(split);
        let header = lines.next().unwrap_or_default();
        let table = Self { name: file.display().to_string(), header, rows: lines.collect() };
        let width = table.header.len();
        if let Some(row) = table.rows.iter().position(|fields| fields.len() != width) {
            let count = table.rows[row].len();
            bail!("{}: {count} fields where the header has {width}", table.place(row));
        }
        Ok(table)
    }

    /// Rows below the header.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// File and line of a row.
    pub fn place(&self, row: usize) -> String {
        format!("{}, line {}", self.name, row + 2)
    }

    /// The numbers of a column.
    ///
    /// # Errors
    /// No such column, or a field that is no number.
    pub fn column(&self, column: &str) -> Result<Vec<f64>> {
        let field = self.field(column)?;
        let number = |(row, fields): (usize, &Vec<&str>)| {
            let text = fields[field];
            text.parse()
                .ok()
                .with_context(|| format!("{}: {column} is `{text}`, not a number", self.place(row)))
        };
        self.rows.iter().enumerate().map(number).collect()
    }

    /// The numbers of a column that may have been left empty as a whole: then none.
    ///
    /// # Errors
    /// As [`column`](Self::column), or a column that is empty only in places.
    pub fn column_or_empty(&self, column: &str) -> Result<Vec<f64>> {
        let field = self.field(column)?;
        let empty = |row: &Vec<&str>| row[field].is_empty();
        if !self.rows.first().is_some_and(empty) {
            return self.column(column);
        }
        let filled = self.rows.iter().position(|row| !empty(row));
        ensure!(
            filled.is_none(),
            "{}: {column} is empty above and not here",
            self.place(filled.unwrap_or(0))
        );
        Ok(Vec::new())
    }

    fn field(&self, column: &str) -> Result<usize> {
        self.header
            .iter()
            .position(|&name| name == column)
            .with_context(|| format!("{}, line 1: the header has no column `{column}`", self.name))
    }
}

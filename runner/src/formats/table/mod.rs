//! Tables of numbers in text files, as spreadsheets, pandas, R, NumPy and MATLAB write them.
//!
//! [`Dialect`] finds out how a table is written, [`Records`] splits it into fields, and [`Table`] reads the numbers, line
//! by line.

mod dialect;
mod number;
mod options;
mod reading;
mod records;

pub(crate) use dialect::Columns;
use dialect::Dialect;
pub(crate) use number::Cell;
pub use options::{Answer, Decimal, Delimiter, TableOptions};
pub(crate) use records::Records;

use super::read_info::ReadInfo;
use super::shown;
use crate::error::{CliError, Result};

/// A table that is read line by line.
pub(crate) struct Table<'a> {
    records: Records<'a>,
    dialect: Dialect,
    /// Whether the line of names is still to come.
    names_ahead: bool,
}

impl<'a> Table<'a> {
    /// Finds out how a text in UTF-8 is written, and tells.
    ///
    /// # Errors
    /// Two readings fit; columns that are asked for are not there.
    pub(crate) fn open(
        name: &'a str,
        bytes: &'a [u8],
        columns: Columns,
        options: &TableOptions,
        info: &mut ReadInfo,
    ) -> Result<Self> {
        if matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..]) && columns != Columns::Named {
            let what = "a JSON file, but numbers are read from tables and arrays; in Python: pandas.DataFrame(json.load(open(FILE))).to_csv(\"table.csv\")";
            return Err(super::data_error(name, what));
        }
        let dialect = Dialect::find(name, bytes, columns, options, info)?;
        let mut records = Records::new(name, bytes, dialect.delimiter);
        if columns == Columns::Mixed {
            records = records.with_texts();
        }
        let names_ahead = dialect.is_first_names;
        Ok(Self { records, dialect, names_ahead })
    }

    /// The names of the columns, if they have any.
    pub(crate) fn names(&self) -> Option<&[String]> {
        self.dialect.names.as_deref()
    }

    /// Goes on to the next line of data; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if std::mem::take(&mut self.names_ahead) {
            self.records.advance()?;
        }
        let more = self.records.advance()?;
        if more && self.dialect.trailing {
            let record = &self.records.record;
            let last = record.len() - 1;
            if record.len() > 1 && !record[last].is_empty() {
                return Err(self.fault(format_args!(
                    "`{}` stands after the last delimiter, where all lines before have nothing",
                    shown(&record[last])
                )));
            }
        }
        Ok(more)
    }

    /// The line of the file, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.records.line
    }

    /// What is wrong with the current line.
    pub(crate) fn fault(&self, what: impl std::fmt::Display) -> CliError {
        self.records.fault(what)
    }

    /// Columns of the current line that are taken.
    pub(crate) fn len(&self) -> usize {
        match &self.dialect.taken {
            Some(taken) => taken.len(),
            None => {
                let left_out = usize::from(self.dialect.has_index) + usize::from(self.dialect.trailing);
                self.records.record.len().saturating_sub(left_out)
            }
        }
    }

    /// Whether the first column names the rows.
    pub(crate) fn has_labels(&self) -> bool {
        self.dialect.has_index
    }

    /// The label of the current line, if it has one.
    pub(crate) fn label(&self) -> Option<&str> {
        self.records.record.get(0).filter(|_| self.dialect.has_index)
    }

    /// Where a column that is taken is in the file, from 0.
    fn place(&self, column: usize) -> usize {
        let taken = self.dialect.taken.as_ref().map_or(Some(column), |taken| taken.get(column).copied());
        taken.unwrap_or(usize::MAX - 1) + usize::from(self.dialect.has_index)
    }

    /// The text of a column.
    pub(crate) fn text(&self, column: usize) -> &str {
        self.records.record.get(self.place(column)).unwrap_or("")
    }

    /// The field of a column.
    pub(crate) fn cell(&self, column: usize) -> Cell {
        number::cell(self.text(column), self.dialect.decimal)
    }

    /// The number of a column, which may be infinite, but not NaN.
    ///
    /// # Errors
    /// Names line and field.
    pub(crate) fn number(&self, column: usize) -> Result<f64> {
        match self.cell(column) {
            Cell::Number(x) if !x.is_nan() => Ok(x),
            Cell::Number(_) => Err(self.field_fault(column, "is not finite")),
            Cell::Missing => {
                Err(self.field_fault(column, "is no value: remove the row, or fill in a number"))
            }
            Cell::Text => Err(self.field_fault(column, "is not a number")),
        }
    }

    /// The finite number of a column.
    ///
    /// # Errors
    /// Names line and field.
    pub(crate) fn finite(&self, column: usize) -> Result<f64> {
        let x = self.number(column)?;
        if x.is_finite() { Ok(x) } else { Err(self.field_fault(column, "is not finite")) }
    }

    fn field_fault(&self, column: usize, what: &str) -> CliError {
        let (text, field) = (self.text(column), self.place(column).saturating_add(1));
        let hint = self.dialect.hint.as_ref().filter(|_| what == "is not a number");
        let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
        self.fault(format_args!("field {field}: `{}` {what}{hint}", shown(text)))
    }
}

/// Whether labels only number the rows from 0, as messages do anyway.
pub(crate) fn is_numbered(labels: &[String]) -> bool {
    (0..).zip(labels).all(|(i, label)| number::whole(label) == Some(i))
}

/// A rectangle of numbers, row after row.
pub(crate) struct Rectangle {
    /// All numbers.
    pub(crate) numbers: Vec<f64>,
    /// Number of rows.
    pub(crate) rows: usize,
    /// Number of columns.
    pub(crate) columns: usize,
    /// Labels of the rows.
    pub(crate) labels: Option<Vec<String>>,
}

impl Rectangle {
    /// Reads a table whose columns are all numbers: finite ones, or also +∞.
    ///
    /// # Errors
    /// Names line and field.
    pub(crate) fn read(mut table: Table<'_>, infinity: bool) -> Result<Self> {
        let (mut numbers, mut rows, mut columns, mut first) = (Vec::new(), 0, 0, 0);
        let mut labels = table.has_labels().then(Vec::new);
        while table.advance()? {
            let fields = table.len();
            if rows == 0 {
                (columns, first) = (fields, table.line());
            } else if fields != columns {
                return Err(table.fault(format_args!("{fields} fields where line {first} has {columns}")));
            }
            rows += 1;
            // Nearly all fields are plain numbers: they are read as they lie, and the others with all that they may be.
            let mut column = 0;
            if table.dialect.taken.is_none() && table.dialect.decimal == Decimal::Point {
                let fields =
                    table.records.record.iter().skip(usize::from(table.dialect.has_index)).take(columns);
                for x in fields.map_while(|text| text.parse::<f64>().ok().filter(|x| x.is_finite())) {
                    numbers.push(x);
                    column += 1;
                }
            }
            for column in column..columns {
                let x = table.number(column)?;
                if !(x.is_finite() || (infinity && x > 0.0)) {
                    return Err(table.field_fault(column, "is not finite"));
                }
                numbers.push(x);
            }
            if let (Some(labels), Some(label)) = (&mut labels, table.label()) {
                labels.push(label.to_owned());
            }
        }
        let labels = labels.filter(|labels| !is_numbered(labels));
        Ok(Self { numbers, rows, columns, labels })
    }
}

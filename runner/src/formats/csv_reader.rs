//! CSV files of numbers, line by line: no more is kept than what a reader asks for.

use super::{data_error, line_error};
use crate::error::Result;

/// The lines of a file; empty ones are left out.
pub(crate) struct CsvReader<'a> {
    name: &'a str,
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    /// Fields of the current line.
    pub(crate) record: csv::StringRecord,
    /// Its number, from 1.
    pub(crate) line: u64,
    /// Bytes whose line breaks are counted in `line`.
    counted: usize,
}

impl<'a> CsvReader<'a> {
    pub(crate) fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut builder = csv::ReaderBuilder::new();
        let reader = builder.has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
        Self { name, bytes, reader, record: csv::StringRecord::new(), line: 1, counted: 0 }
    }

    /// Goes on to the next line that is not empty; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        loop {
            let mut start = self.reader.position().byte() as usize;
            let read = self.reader.read_record(&mut self.record);
            // The reader numbers a record by the end of the one before; empty lines lie between.
            start += self.bytes[start..].iter().take_while(|b| [b'\r', b'\n'].contains(b)).count();
            self.line += self.bytes[self.counted..start].iter().filter(|&&b| b == b'\n').count() as u64;
            self.counted = start;
            let more = read.map_err(|e| match e.kind() {
                csv::ErrorKind::Utf8 { .. } => self.fault("not a text in UTF-8"),
                _ => data_error(self.name, e),
            })?;
            // Blanks alone are an empty line too.
            if !more || self.record.len() > 1 || !self.record[0].is_empty() {
                return Ok(more);
            }
        }
    }

    /// What is wrong with the current line.
    pub(crate) fn fault(&self, what: impl std::fmt::Display) -> crate::error::CliError {
        line_error(self.name, self.line, what)
    }

    /// The finite number in a field.
    pub(crate) fn number(&self, field: usize) -> Result<f64> {
        let text = self.record.get(field).unwrap_or("");
        let what = match text.parse::<f64>() {
            Ok(x) if x.is_finite() => return Ok(x),
            Ok(_) => "is not finite",
            Err(_) => "is not a number",
        };
        Err(self.fault(format_args!("field {}: `{}` {what}", field + 1, shown(text))))
    }
}

/// A rectangle of numbers: all of them, row after row, and how many rows and columns there are.
pub(crate) fn rectangle(name: &str, bytes: &[u8]) -> Result<(Vec<f64>, usize, usize)> {
    let mut rows = CsvReader::new(name, bytes);
    let (mut numbers, mut count, mut width, mut first) = (Vec::new(), 0, 0, 0);
    while rows.advance()? {
        let fields = rows.record.len();
        if count == 0 {
            (width, first) = (fields, rows.line);
        } else if fields != width {
            return Err(rows.fault(format_args!("{fields} fields where line {first} has {width}")));
        }
        count += 1;
        for field in 0..width {
            numbers.push(rows.number(field)?);
        }
    }
    Ok((numbers, count, width))
}

/// The beginning of a text, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    let start: String = text.chars().take(24).flat_map(char::escape_debug).collect();
    if text.chars().count() > 24 { start + "…" } else { start }
}

//! CSV files of numbers.

use super::at_line;
use crate::failure::Result;

/// The fields of a file, line by line; empty lines are left out.
pub(super) struct Table<'a> {
    pub(super) name: &'a str,
    /// Number of the line in the file, and its fields.
    pub(super) rows: Vec<(u64, csv::StringRecord)>,
}

impl<'a> Table<'a> {
    pub(super) fn parse(name: &'a str, bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut builder = csv::ReaderBuilder::new();
        let mut reader = builder.has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
        let mut rows = Vec::new();
        // The reader numbers a record by the end of the one before; empty lines lie between.
        let (mut line, mut counted) = (1, 0);
        for record in reader.records() {
            let record = record.map_err(|e| match (e.position(), e.kind()) {
                (Some(at), csv::ErrorKind::Utf8 { .. }) => at_line(name, at.line(), "not a text in UTF-8"),
                _ => super::data(name, e),
            })?;
            let mut start = record.position().map_or(0, |at| at.byte() as usize);
            start += bytes[start..].iter().take_while(|b| [b'\r', b'\n'].contains(b)).count();
            line += bytes[counted..start].iter().filter(|&&b| b == b'\n').count() as u64;
            counted = start;
            // Blanks alone are an empty line too.
            if record.len() > 1 || !record[0].is_empty() {
                rows.push((line, record));
            }
        }
        Ok(Self { name, rows })
    }

    /// The finite number in a field.
    pub(super) fn number(&self, row: usize, field: usize) -> Result<f64> {
        let (line, record) = &self.rows[row];
        let text = record.get(field).unwrap_or("");
        let what = match text.parse::<f64>() {
            Ok(x) if x.is_finite() => return Ok(x),
            Ok(_) => "is not finite",
            Err(_) => "is not a number",
        };
        Err(at_line(self.name, *line, format_args!("field {}: `{}` {what}", field + 1, shown(text))))
    }

    /// All numbers, row after row, where every row has as many as the first, and how many that is.
    pub(super) fn numbers(&self) -> Result<(Vec<f64>, usize)> {
        let width = self.rows.first().map_or(0, |(_, record)| record.len());
        let mut numbers = Vec::with_capacity(self.rows.len().saturating_mul(width).min(1 << 20));
        for (row, (line, record)) in self.rows.iter().enumerate() {
            if record.len() != width {
                let first = self.rows[0].0;
                let what = format!("{} fields where line {first} has {width}", record.len());
                return Err(at_line(self.name, *line, what));
            }
            for field in 0..width {
                numbers.push(self.number(row, field)?);
            }
        }
        Ok((numbers, width))
    }

    /// Takes the first line as a header.
    pub(super) fn split_header(&mut self) -> Option<csv::StringRecord> {
        if self.rows.is_empty() { None } else { Some(self.rows.remove(0).1) }
    }
}

/// The beginning of a text, fit for a message.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(24).flat_map(char::escape_debug).collect();
    if text.chars().count() > 24 { start + "…" } else { start }
}

//! The lines of a text file as fields: no more is kept than what a reader asks for.

use super::options::Delimiter;
use crate::error::{CliError, Result};
use crate::formats::{data_error, line_error, shown};

/// The lines of a file, split into fields. Empty lines are left out, and comments, which begin with `#` or `%`. In a table
/// with texts only comments before the data are left out, and a field in quotes may go on over several lines.
pub(crate) struct Records<'a> {
    name: &'a str,
    bytes: &'a [u8],
    source: Source<'a>,
    /// Fields of the current line.
    pub(crate) record: csv::StringRecord,
    /// Its number, from 1.
    pub(crate) line: u64,
    /// Bytes whose line breaks are counted in `line`.
    counted: usize,
    /// Whether fields may be texts.
    has_texts: bool,
    /// What separates the fields; none for blanks.
    delimiter: Option<u8>,
}

enum Source<'a> {
    /// A delimiter, and where the reader began.
    Delimited(csv::Reader<&'a [u8]>, usize),
    /// Blanks, and where the next line begins.
    Blanks(usize),
}

impl<'a> Records<'a> {
    /// The lines of a text in UTF-8 without a byte order mark.
    pub(crate) fn new(name: &'a str, bytes: &'a [u8], delimiter: Delimiter) -> Self {
        // A quotation mark in a comment would open a field over many lines: comments before the data are not parsed.
        let start = after_comments(bytes);
        let source = match delimiter.byte() {
            None => Source::Blanks(start),
            Some(byte) => Source::Delimited(csv_builder(byte).from_reader(&bytes[start..]), start),
        };
        let (record, delimiter) = (csv::StringRecord::new(), delimiter.byte());
        Self { name, bytes, source, record, line: 1, counted: 0, has_texts: false, delimiter }
    }

    /// The same of a table whose fields may be texts.
    pub(crate) fn with_texts(self) -> Self {
        Self { has_texts: true, ..self }
    }

    /// Goes on to the next line that is neither empty nor a comment; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        loop {
            let mut start = match &self.source {
                Source::Delimited(reader, base) => base + reader.position().byte() as usize,
                Source::Blanks(next) => *next,
            };
            // The reader numbers a record by the end of the one before; empty lines lie between.
            start += self.bytes[start..].iter().take_while(|b| [b'\r', b'\n'].contains(b)).count();
            self.line += breaks(&self.bytes[self.counted..start]);
            self.counted = start;
            let more = match &mut self.source {
                Source::Delimited(reader, base) => {
                    let read = reader.read_record(&mut self.record);
                    let end = *base + reader.position().byte() as usize;
                    let more = read.map_err(|e| match e.kind() {
                        csv::ErrorKind::Utf8 { .. } => self.fault(NOT_UTF8),
                        _ => data_error(self.name, e),
                    })?;
                    // A field in quotes may go on over many lines, but in no table of numbers. What was looked at need
                    // not be counted again.
                    let body = self.bytes[start..end.max(start)].trim_ascii_end();
                    if breaks(body) == 0 {
                        self.counted = start + body.len();
                    } else if more && !self.has_texts {
                        return Err(
                            self.fault("a quotation mark that opens a field here is not closed on this line")
                        );
                    }
                    if self.has_texts && more {
                        self.check_quotes(body)?;
                    }
                    // The reader takes the end of the file for the end of the field.
                    let at_end = end >= self.bytes.len();
                    if self.has_texts && more && at_end && quotes(body) % 2 == 1 && breaks(body) > 0 {
                        return Err(self.fault("a quotation mark that opens a field here is never closed"));
                    }
                    more
                }
                Source::Blanks(next) => {
                    let rest = &self.bytes[start..];
                    let len = rest.iter().position(|b| [b'\r', b'\n'].contains(b)).unwrap_or(rest.len());
                    *next = start + len;
                    let line = std::str::from_utf8(&rest[..len]);
                    split_blanks(line.map_err(|_| self.fault(NOT_UTF8))?, &mut self.record);
                    !rest.is_empty()
                }
            };
            // Blanks alone are an empty line too.
            let empty = self.record.is_empty() || (self.record.len() == 1 && self.record[0].is_empty());
            let comment = !self.has_texts && is_comment(&self.bytes[start..]);
            if !more || !(empty || comment) {
                return Ok(more);
            }
        }
    }

    /// Refuses text behind the quotation mark that closes a field, which is what a stray one makes of many lines.
    fn check_quotes(&self, record: &[u8]) -> Result<()> {
        let Some(at) = self.delimiter.and_then(|delimiter| behind_quote(record, delimiter)) else {
            return Ok(());
        };
        let rest = &record[at..record.len().min(at + 20)];
        let rest = rest.split(|b| [b'\r', b'\n'].contains(b)).next().unwrap_or_default();
        let what = format!(
            "`{}` stands behind a quotation mark that closes a field (opened on line {}); a quotation mark inside a field in \
             quotes is written twice",
            shown(&String::from_utf8_lossy(rest)),
            self.line
        );
        Err(line_error(self.name, self.line + breaks(&record[..at]), what))
    }

    /// What is wrong with the current line.
    pub(crate) fn fault(&self, what: impl std::fmt::Display) -> CliError {
        line_error(self.name, self.line, what)
    }
}

const NOT_UTF8: &str = "not a text in UTF-8; `iconv -f latin1 -t utf-8 FILE` converts it, if it is Latin-1";

fn breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&b| b == b'\n').count() as u64
}

fn quotes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b == b'"').count()
}

/// Where something other than a delimiter or the end of the line stands behind the quotation mark that closes a field.
fn behind_quote(record: &[u8], delimiter: u8) -> Option<usize> {
    if !record.contains(&b'"') {
        return None;
    }
    let skip_blanks = |from: usize| {
        from + record[from..].iter().take_while(|&&b| b != delimiter && [b' ', b'\t'].contains(&b)).count()
    };
    let mut at = 0;
    loop {
        at = skip_blanks(at);
        if record.get(at) == Some(&b'"') {
            at += 1;
            loop {
                at += record[at..].iter().position(|&b| b == b'"')? + 1;
                if record.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
            at = skip_blanks(at);
            match record.get(at) {
                Some(&b) if b != delimiter && ![b'\r', b'\n'].contains(&b) => return Some(at),
                _ => {}
            }
        }
        at += record[at..].iter().position(|&b| b == delimiter)? + 1;
    }
}

/// Whether a line is a comment, from its beginning.
fn is_comment(line: &[u8]) -> bool {
    let first = line.iter().find(|b| **b != b' ' && **b != b'\t');
    first.is_some_and(|b| [b'#', b'%'].contains(b))
}

/// Number of comments before the data.
pub(super) fn comments(bytes: &[u8]) -> usize {
    bytes[..after_comments(bytes)].split(|&b| b == b'\n').filter(|line| is_comment(line)).count()
}

/// Where the first line begins that is neither empty nor a comment.
fn after_comments(bytes: &[u8]) -> usize {
    let mut start = 0;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        // Excel may begin a file with the delimiter: `sep=;`.
        let separator = start == 0 && line.starts_with(b"sep=") && line.trim_ascii_end().len() <= 5;
        if !is_comment(line) && !line.trim_ascii().is_empty() && !separator {
            break;
        }
        start += line.len();
    }
    start
}

/// Readers of fields as they are: no header, any number of them, without blanks around.
pub(super) fn csv_builder(delimiter: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(csv::Trim::All).delimiter(delimiter);
    builder
}

/// Splits a line at blanks; quotes are quotes.
pub(super) fn split_blanks(line: &str, record: &mut csv::StringRecord) {
    record.clear();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (field, after) = match quoted {
            Some((field, after)) if after.is_empty() || after.starts_with(char::is_whitespace) => {
                (field, after)
            }
            _ => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        record.push_field(field);
        rest = after.trim_start();
    }
}

/// The first lines of a text that are neither empty nor comments, at most so many, and the comment before them. In a table
/// with texts, a line ends where no quotation mark is open, and only comments before the data are left out.
pub(super) fn first_lines(bytes: &[u8], lines: usize, has_texts: bool) -> (Vec<&[u8]>, Option<&[u8]>) {
    let start = after_comments(bytes);
    let comment = bytes[..start].split(|&b| b == b'\n').rfind(|line| is_comment(line));
    let data = &bytes[start..];
    let mut open = false;
    let breaks = |b: &u8| {
        open ^= has_texts && *b == b'"';
        !open && [b'\n', b'\r'].contains(b)
    };
    let is_data = |line: &&[u8]| !line.trim_ascii().is_empty() && (has_texts || !is_comment(line));
    (data.split(breaks).filter(is_data).take(lines).collect(), comment)
}

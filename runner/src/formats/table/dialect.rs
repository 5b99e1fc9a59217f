//! How a table is written: found from its first lines, every guess told, and refused where two readings fit.
//!
//! Each delimiter with each decimal mark is a reading. One is right where, apart from a line of names and a column of
//! labels, all fields are numbers. A delimiter that splits no line is no reading, but for a single column. Of several
//! readings that are right and give the same numbers the more usual is taken.

use super::number::Cell;
use super::options::{Decimal, Delimiter, TableOptions};
use super::reading::{self, Reading, Sample, split};
use super::records::{comments, first_lines};
use crate::error::Result;
use crate::formats::data_error;
use crate::formats::read_info::ReadInfo;

/// Lines that are looked at.
const SAMPLE: usize = 200;

/// What the columns of a table are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Columns {
    /// All are numbers alike: coordinates, distances, values.
    Alike,
    /// They are picked by name, or by their place where they have none.
    Named,
    /// Each has its own kind: numbers or texts.
    Mixed,
}

/// How a table is written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Dialect {
    pub(super) delimiter: Delimiter,
    pub(super) decimal: Decimal,
    /// Whether every line ends with one delimiter too many.
    pub(super) trailing: bool,
    /// Whether the first line names the columns.
    pub(super) is_first_names: bool,
    /// Whether the first column is left out.
    pub(super) has_index: bool,
    /// The names of the columns without that one, from the first line or from the comment before it.
    pub(super) names: Option<Vec<String>>,
    /// The columns that are taken, from 0, that one not counted; none takes all.
    pub(super) taken: Option<Vec<usize>>,
    /// Why there may be an error: what the user can say.
    pub(super) hint: Option<String>,
}

impl Dialect {
    /// Finds out how a text is written.
    ///
    /// # Errors
    /// Two readings fit; columns that are asked for are not there.
    pub(crate) fn find(
        name: &str,
        bytes: &[u8],
        columns: Columns,
        options: &TableOptions,
        info: &mut ReadInfo,
    ) -> Result<Self> {
        let (lines, comment) = first_lines(bytes, SAMPLE, columns == Columns::Mixed);
        let lines: Vec<_> = lines.into_iter().map(String::from_utf8_lossy).collect();
        // A decimal comma and no delimiter: one column, which any delimiter but the comma reads.
        let one_column =
            if options.decimal == Some(Decimal::Comma) { Delimiter::Semicolon } else { Delimiter::Comma };
        let occurs = |delimiter: Delimiter| match delimiter.byte() {
            Some(byte) => lines.iter().any(|line| line.as_bytes().contains(&byte)),
            None => lines.iter().any(|line| line.trim().contains(char::is_whitespace)),
        };
        let delimiters = Delimiter::ALL.into_iter().filter(|&d| match options.delimiter {
            Some(asked) => asked == d,
            None => d == one_column || occurs(d),
        });
        let has_quotes = |line: &std::borrow::Cow<'_, str>| line.contains('"');
        let quotes_names = lines.len() > 1 && has_quotes(&lines[0]) && !lines[1..].iter().any(has_quotes);
        let sample = Sample { name, comment, quotes_names, columns, options };
        let mut readings = Vec::new();
        for delimiter in delimiters {
            let rows: Vec<Vec<String>> = lines.iter().map(|line| split(line, delimiter)).collect();
            for decimal in [Decimal::Point, Decimal::Comma] {
                let asked = options.decimal.is_none_or(|is| is == decimal);
                if !asked || (delimiter, decimal) == (Delimiter::Comma, Decimal::Comma) {
                    continue;
                }
                readings.push(reading::read(&rows, (delimiter, decimal), sample));
            }
        }
        readings.retain(|r| r.splits || r.dialect.delimiter == one_column || options.delimiter.is_some());
        let right = |r: &Reading| {
            r.count(|c| *c == Cell::Text) == 0
                && r.error.is_none()
                && r.count(|c| matches!(c, Cell::Number(_))) > 0
        };
        // `1, 2` at blanks would be a label `1,` and a number: a reading without labels comes first.
        let plain = readings.iter().any(|r| right(r) && !r.dialect.has_index);
        let mut fitting = readings.iter().filter(|r| right(r) && !(plain && r.dialect.has_index));
        let chosen = match fitting.next() {
            Some(first) => {
                if let Some(other) = fitting.find(|r| !same(&r.body, &first.body)) {
                    let [a, b] = [first, other].map(|r| {
                        let Dialect { delimiter, decimal, .. } = r.dialect;
                        let width = r.body.iter().map(Vec::len).max().unwrap_or(0);
                        let flags = format!("--delimiter {} --decimal {}", delimiter.name(), decimal.char());
                        format!("{width} columns separated by {} ({flags})", plural(delimiter))
                    });
                    return Err(data_error(name, format_args!("two readings fit: {a}, or {b}")));
                }
                first
            }
            // Which has no other fault, then most numbers; the usual one among equals. Texts may hold any delimiter: the one
            // that splits all lines alike is right.
            None => {
                let rank = |r: &Reading| {
                    let numbers = r.count(|c| matches!(c, Cell::Number(_)));
                    let width = if columns == Columns::Mixed { r.width() } else { None };
                    let blanks = r.dialect.delimiter == Delimiter::Space;
                    (
                        r.error.is_none(),
                        width.is_some_and(|width| width > 1),
                        numbers,
                        width.map(|w| (!blanks, w)),
                    )
                };
                let most = readings.iter().map(rank).max();
                match readings.iter().find(|r| Some(rank(r)) == most) {
                    Some(reading) => reading,
                    None => return Ok(Self::plain(options)),
                }
            }
        };
        if let Some(error) = &chosen.error {
            return Err(error.clone());
        }
        let comments = comments(bytes);
        if comments > 0 && columns == Columns::Mixed {
            info.note(match comments {
                1 => "1 line before the data begins with # or % and is no row".to_owned(),
                _ => format!("{comments} lines before the data begin with # or % and are no rows"),
            });
        }
        chosen.tell(columns, options, info);
        Ok(chosen.dialect.clone())
    }

    /// Commas, no names.
    pub(super) fn plain(options: &TableOptions) -> Self {
        Self {
            delimiter: options.delimiter.unwrap_or(Delimiter::Comma),
            decimal: options.decimal.unwrap_or(Decimal::Point),
            trailing: false,
            is_first_names: false,
            has_index: false,
            names: None,
            taken: None,
            hint: None,
        }
    }
}

fn plural(delimiter: Delimiter) -> &'static str {
    match delimiter {
        Delimiter::Comma => "commas",
        Delimiter::Semicolon => "semicolons",
        Delimiter::Tab => "tab stops",
        Delimiter::Pipe => "`|`",
        Delimiter::Space => "blanks",
    }
}

/// Whether two readings have the same numbers.
fn same(a: &[Vec<Cell>], b: &[Vec<Cell>]) -> bool {
    let bits = |cell: &Cell| match cell {
        Cell::Number(x) => Some(x.to_bits()),
        _ => None,
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.iter().map(bits).eq(b.iter().map(bits)))
}

impl Reading {
    /// The number of fields of all lines, if it is the same.
    fn width(&self) -> Option<usize> {
        let width = self.body.first()?.len();
        let named = self.dialect.names.as_ref().is_none_or(|names| names.len() == width);
        (named && self.body.iter().all(|row| row.len() == width)).then_some(width)
    }

    /// Says what was found.
    fn tell(&self, columns: Columns, options: &TableOptions, info: &mut ReadInfo) {
        let Dialect { delimiter, decimal, trailing, is_first_names, names, taken, .. } = &self.dialect;
        info.delimiter = Some(delimiter.name());
        info.decimal = Some(decimal.char());
        info.header.clone_from(names);
        if *delimiter != Delimiter::Comma && self.splits && options.delimiter.is_none() {
            info.note(format!("columns are separated by {}", plural(*delimiter)));
        }
        if *decimal == Decimal::Comma && options.decimal.is_none() {
            info.note("decimal commas");
        }
        if self.uses_fortran {
            info.note("exponents are written with D, as Fortran does");
        }
        if *trailing {
            info.note("every line ends with one delimiter too many");
        }
        // Where columns go by name, names are what is expected.
        if let Some(names) = names.as_ref().filter(|_| columns == Columns::Alike) {
            let shown: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
            let more = if names.len() > 8 { ", ..." } else { "" };
            let from = if *is_first_names { "the first line" } else { "the comment above" };
            info.note(format!("{from} names the columns: {}{more}", shown.join(", ")));
        }
        if let Some(what) = &self.counting {
            info.note(what.clone());
        }
        if let Some(reason) = &self.index_reason {
            info.left_out.push("column 1".to_owned());
            info.note(reason.clone());
        }
        if let Some(taken) = taken {
            info.note(format!("{} columns are taken", taken.len()));
        }
    }
}

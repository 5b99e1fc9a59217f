//! Tables in text files: columns of numbers and columns of texts.

use super::frame::{Column, MISSING, Places, Values, check_memory, data_error};
use crate::config::Data;
use crate::error::{CliError, Result};
use crate::formats::table::{Cell, Columns, Table};
use crate::formats::{Answer, Input, ReadInfo, TableOptions, shown};
use crate::memory;
use std::collections::HashMap;

/// Rows between two looks at the memory.
const CHECKED: usize = 1 << 16;

/// A table, or the columns of an array.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// All columns, in the order of the file. Without names they are called by their numbers from 0.
    pub(super) columns: Vec<Column>,
    /// Whether the file names them.
    pub(super) named: bool,
    /// Whether it is an array.
    pub(super) is_array: bool,
    /// Whether the first column is the only one without a name, as pandas writes names of rows.
    pub(super) first_unnamed: bool,
    pub(super) places: Places,
    pub(super) rows: usize,
}

/// What the keys say of tables.
pub(super) fn table_options(keys: &Data) -> TableOptions {
    TableOptions {
        delimiter: keys.delimiter,
        decimal: keys.decimal,
        header: keys.header.map(|header| if header { Answer::Yes } else { Answer::No }),
        ..TableOptions::default()
    }
}

/// Reads a table. Columns with these names are read as texts, whatever they hold.
///
/// # Errors
/// No rows, rows of different lengths, two columns of one name, a number that is not finite, each with its line.
pub(super) fn read(input: &Input, keys: &Data, as_texts: &[&str], told: &mut Vec<String>) -> Result<Frame> {
    read_table(input, keys, as_texts, told)
        .map_err(|error| CliError { message: in_keys(&error.message), ..error })
}

/// A sentence of the reader of tables with keys in the place of flags.
fn in_keys(text: &str) -> String {
    let mut text =
        text.replace("--header yes", "data.header = true").replace("--header no", "data.header = false");
    for delimiter in ["comma", "semicolon", "tab", "pipe", "space"] {
        let flag = format!("--delimiter {delimiter}");
        text = text.replace(&flag, &format!("data.delimiter = \"{delimiter}\""));
    }
    for mark in [".", ","] {
        text = text.replace(&format!("--decimal {mark}"), &format!("data.decimal = \"{mark}\""));
    }
    text
}

fn read_table(input: &Input, keys: &Data, as_texts: &[&str], told: &mut Vec<String>) -> Result<Frame> {
    let (bytes, mut info) = input.text("CSV")?;
    let name = &input.name;
    if bytes.trim_ascii().is_empty() {
        return Err(data_error(format!("{name}: the file is empty")));
    }
    let options = table_options(keys);
    let open = |info: &mut ReadInfo| Table::open(name, &bytes, Columns::Mixed, &options, info);
    let mut table = open(&mut info)?;
    let names = table.names().map(<[String]>::to_vec);
    let mut rows = Rows::read(name, &mut table, names.as_deref(), as_texts)?;
    // A text below numbers: the numbers above it are texts too, as they are written.
    if rows.columns.iter().any(|column| column.again) {
        rows.read_again(&mut open(&mut ReadInfo::default())?)?;
    }
    info.notes.iter().for_each(|note| told.push(format!("{name}: {}", in_keys(note))));
    if names.is_none() {
        told.push(format!("{name}: line 1 names no columns; they are numbered from 0"));
    }
    rows.finish(name, names)
}

/// A number of fields.
fn count(fields: usize) -> String {
    if fields == 1 { "1 field".to_owned() } else { format!("{fields} fields") }
}

/// A column while it is read.
struct Growing {
    values: Values,
    known: HashMap<Box<str>, u32>,
    /// Whether a text was found below numbers, so that all is read again as texts.
    again: bool,
    numbers: usize,
    first_text: Option<(u64, String)>,
    first_infinity: Option<(u64, String)>,
}

impl Growing {
    fn new(is_text: bool) -> Self {
        let values = match is_text {
            true => Values::Texts { codes: Vec::new(), texts: Vec::new() },
            false => Values::Numbers(Vec::new()),
        };
        Self {
            values,
            known: HashMap::new(),
            again: false,
            numbers: 0,
            first_text: None,
            first_infinity: None,
        }
    }

    /// Adds the field of a column.
    #[inline]
    fn push(&mut self, table: &Table<'_>, column: usize) {
        match &mut self.values {
            _ if self.again => {}
            Values::Numbers(numbers) => match table.cell(column) {
                Cell::Number(x) => {
                    if x.is_infinite() && self.first_infinity.is_none() {
                        self.first_infinity = Some((table.line(), shown(table.text(column))));
                    }
                    self.numbers += usize::from(!x.is_nan());
                    numbers.push(x);
                }
                Cell::Missing => numbers.push(f64::NAN),
                Cell::Text => {
                    self.first_text = Some((table.line(), shown(table.text(column))));
                    if self.numbers > 0 {
                        self.again = true;
                        return;
                    }
                    // All above are missing.
                    self.values = Values::Texts { codes: vec![MISSING; numbers.len()], texts: Vec::new() };
                    self.push_text(table, column);
                }
            },
            Values::Texts { .. } => self.push_text(table, column),
        }
    }

    fn push_text(&mut self, table: &Table<'_>, column: usize) {
        let Values::Texts { codes, texts } = &mut self.values else { return };
        let text = table.text(column);
        if let Some(&code) = self.known.get(text) {
            codes.push(code);
            return;
        }
        let is_number = match table.cell(column) {
            Cell::Missing => return codes.push(MISSING),
            Cell::Number(x) if x.is_nan() => return codes.push(MISSING),
            Cell::Number(_) => true,
            Cell::Text => false,
        };
        if !is_number && self.first_text.is_none() {
            self.first_text = Some((table.line(), shown(text)));
        }
        self.numbers += usize::from(is_number);
        let code = texts.len() as u32;
        codes.push(code);
        texts.push(text.to_owned());
        self.known.insert(text.into(), code);
    }
}

/// The rows so far.
struct Rows {
    columns: Vec<Growing>,
    lines: Vec<u32>,
}

impl Rows {
    fn read(name: &str, table: &mut Table<'_>, names: Option<&[String]>, as_texts: &[&str]) -> Result<Self> {
        let most = memory::available();
        let mut rows = Self { columns: Vec::new(), lines: Vec::new() };
        while table.advance()? {
            let fields = table.len();
            if rows.lines.is_empty() {
                let is_text = |i: usize| match names {
                    Some(names) => names.get(i).is_some_and(|name| as_texts.contains(&name.as_str())),
                    None => as_texts.contains(&i.to_string().as_str()),
                };
                rows.columns = (0..fields).map(|i| Growing::new(is_text(i))).collect();
                if let Some(names) = names.filter(|names| names.len() != fields) {
                    return Err(table.fault(format_args!(
                        "{}, but {} columns are named",
                        count(fields),
                        names.len()
                    )));
                }
            } else if fields != rows.columns.len() {
                let (first, expected) = (rows.lines[0], rows.columns.len());
                return Err(table.fault(format_args!("{} where line {first} has {expected}", count(fields))));
            }
            for (i, column) in rows.columns.iter_mut().enumerate() {
                column.push(table, i);
            }
            rows.lines.push(u32::try_from(table.line()).unwrap_or(u32::MAX));
            let count = rows.lines.len();
            if count.is_multiple_of(CHECKED) {
                let what = format_args!("{name}: {count} rows of {fields} columns");
                check_memory(what, count * (8 * fields + 4), most)?;
            }
        }
        Ok(rows)
    }

    /// Reads the columns anew as texts that turned out to be.
    fn read_again(&mut self, table: &mut Table<'_>) -> Result<()> {
        for column in self.columns.iter_mut().filter(|column| column.again) {
            let numbers = column.numbers;
            let first_text = column.first_text.take();
            *column = Growing { again: true, numbers, first_text, ..Growing::new(true) };
        }
        while table.advance()? {
            for (i, column) in self.columns.iter_mut().enumerate().filter(|(_, column)| column.again) {
                column.push_text(table, i);
            }
        }
        Ok(())
    }

    fn finish(self, name: &str, names: Option<Vec<String>>) -> Result<Frame> {
        let rows = self.lines.len();
        if rows == 0 {
            return Err(data_error(format!("{name}: no rows, only a line that names columns")));
        }
        let named = names.is_some();
        let first_unnamed = names.as_ref().is_some_and(|names| names.len() > 1 && names[0].is_empty());
        let title = |i: usize| match names.as_ref().map(|names| names[i].as_str()) {
            // The name of names of rows is no number that another column may have.
            Some("") if first_unnamed && i == 0 => String::new(),
            Some("") | None => i.to_string(),
            Some(name) => name.to_owned(),
        };
        let titles: Vec<String> = (0..self.columns.len()).map(title).collect();
        if let Some((b, a)) =
            (0..titles.len()).find_map(|b| Some((b, titles[..b].iter().position(|t| *t == titles[b])?)))
        {
            let what = format!(
                "{name}: columns {a} and {b}, counted from 0, have the same name `{}`",
                shown(&titles[a])
            );
            return Err(data_error(what));
        }
        let mut columns = Vec::new();
        for (title, column) in titles.into_iter().zip(self.columns) {
            let Growing { values, numbers, first_text, first_infinity, .. } = column;
            if let (Values::Numbers(_), Some((line, text))) = (&values, first_infinity) {
                return Err(data_error(format!(
                    "{name}, line {line}: column `{title}`: `{text}` is not finite"
                )));
            }
            let mixed = first_text.filter(|_| numbers > 0).map(|(line, text)| {
                format!("{name}, line {line}: column `{title}` has the text `{text}` beside numbers")
            });
            columns.push(Column { name: title, values, mixed });
        }
        let places = Places::new(name, rows, self.lines);
        Ok(Frame { columns, named, is_array: false, first_unnamed, places, rows })
    }
}

//! How a table is written: found from its first lines, every guess told, and refused where two readings fit.
//!
//! Each delimiter with each decimal mark is a reading. One is right where, apart from a line of names and a column of
//! labels, all fields are numbers. A delimiter that splits no line is no reading, but for a single column. Of several
//! readings that are right and give the same numbers the more usual is taken.

use super::number::{Cell, cell, is_fortran, whole};
use super::options::{Answer, Decimal, Delimiter, TableOptions};
use super::records::{sample, split_blanks};
use crate::error::{CliError, Result};
use crate::formats::data_error;
use crate::formats::read_info::ReadInfo;
use crate::formats::shown;

/// Lines that are looked at.
const SAMPLE: usize = 200;

/// What the columns of a table are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Columns {
    /// All are numbers alike: coordinates, distances, values.
    Alike,
    /// They are picked by name, or by their place where they have none.
    Named,
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

/// Quotes in the first lines.
#[derive(Clone, Copy)]
struct Quotes {
    /// Whether they are in the first line, and in no other.
    names: bool,
}

/// The first lines under one delimiter.
struct Reading {
    dialect: Dialect,
    /// What the lines below the names hold in the columns that are taken.
    body: Vec<Vec<Cell>>,
    /// Why the first column was left out.
    index_reason: Option<String>,
    splits: bool,
    uses_fortran: bool,
    /// A line or a column that counts, but is read as numbers.
    counting: Option<String>,
    /// What is wrong if this is the reading.
    error: Option<CliError>,
}

impl Reading {
    fn count(&self, what: fn(&Cell) -> bool) -> usize {
        self.body.iter().flatten().filter(|cell| what(cell)).count()
    }
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
        let (lines, comment) = sample(bytes, SAMPLE);
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
        let quotes =
            Quotes { names: lines.len() > 1 && has_quotes(&lines[0]) && !lines[1..].iter().any(has_quotes) };
        let mut readings = Vec::new();
        for delimiter in delimiters {
            let rows: Vec<Vec<String>> = lines.iter().map(|line| split(line, delimiter)).collect();
            for decimal in [Decimal::Point, Decimal::Comma] {
                let asked = options.decimal.is_none_or(|is| is == decimal);
                if !asked || (delimiter, decimal) == (Delimiter::Comma, Decimal::Comma) {
                    continue;
                }
                readings.push(read(
                    name,
                    rows.clone(),
                    comment,
                    (delimiter, decimal),
                    columns,
                    options,
                    quotes,
                ));
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
            // Which has no other fault, then most numbers; the usual one among equals.
            None => {
                let rank = |r: &Reading| (r.error.is_none(), r.count(|c| matches!(c, Cell::Number(_))));
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
        chosen.tell(columns, options, info);
        Ok(chosen.dialect.clone())
    }

    /// Commas, no names.
    fn plain(options: &TableOptions) -> Self {
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

/// The fields of a line.
fn split(line: &str, delimiter: Delimiter) -> Vec<String> {
    let mut record = csv::StringRecord::new();
    match delimiter.byte() {
        None => split_blanks(line, &mut record),
        Some(byte) => {
            let mut builder = csv::ReaderBuilder::new();
            builder.has_headers(false).flexible(true).trim(csv::Trim::All).delimiter(byte);
            builder.buffer_capacity(line.len().max(64));
            // A quote that is not closed is an error of the whole file, and is told there.
            let _ = builder.from_reader(line.as_bytes()).read_record(&mut record);
        }
    }
    record.iter().map(str::to_owned).collect()
}

/// Reads the sample under one delimiter and decimal mark.
fn read(
    name: &str,
    mut rows: Vec<Vec<String>>,
    comment: Option<&[u8]>,
    (delimiter, decimal): (Delimiter, Decimal),
    columns: Columns,
    options: &TableOptions,
    quotes: Quotes,
) -> Reading {
    let mut error = None;
    let mut dialect = Dialect { delimiter, decimal, ..Dialect::plain(options) };
    let splits = rows.iter().any(|row| row.len() > 1);
    let uses_fortran = rows.iter().flatten().any(|text| is_fortran(text));
    let ends_empty = |row: &Vec<String>| row.len() > 1 && row.last().is_some_and(String::is_empty);
    let of = |text: &String| cell(text, decimal);

    // Names are texts; a table that begins with a number in any column begins with data.
    let first = rows.first().cloned().unwrap_or_default();
    let below = &rows[rows.len().min(1)..];
    let texts = first.iter().filter(|text| of(text) == Cell::Text).count();
    let numbers = first.iter().filter(|text| matches!(of(text), Cell::Number(_))).count();
    let counts = |texts: &[String]| {
        let from = texts.first().and_then(|text| whole(text)).filter(|&from| from <= 1);
        from.is_some_and(|from| (from..).zip(texts).all(|(i, text)| whole(text) == Some(i)))
    };
    let first_column: Vec<String> = below.iter().filter_map(|row| row.first().cloned()).collect();
    let without_name = first.first().is_some_and(String::is_empty) && first.len() > 1;
    // pandas names columns 0, 1, 2, ... where they have no names.
    let counted = without_name
        && counts(&first[1..])
        && (first_column.len() > 1 || below.len() == 1)
        && counts(&first_column);
    // An empty corner, and the names of the columns are those of the rows: a matrix with labels.
    let framed = without_name && first_column.len() + 1 == first.len() && first[1..] == first_column[..];
    // R writes one name less than there are columns.
    let widths = below.iter().map(Vec::len).max().unwrap_or(0);
    let one_short =
        first.len() > 1 && below.len() > 1 && below.iter().all(|row| row.len() == first.len() + 1);
    let quoted = quotes.names && numbers > 0 && texts == 0;
    let words = first.iter().any(|text| text.contains(char::is_alphabetic));
    dialect.is_first_names = match options.header {
        Some(answer) => answer == Answer::Yes,
        // Names of nothing are more likely a mistake, but for a diagram without bars.
        None => {
            let has_rows = !below.is_empty() || columns == Columns::Named;
            (texts > 0 && numbers == 0 && words && has_rows) || counted || framed || one_short || quoted
        }
    };
    if options.header.is_none() && !dialect.is_first_names && without_name && numbers > 0 && texts == 0 {
        let full = below.iter().all(|row| row.first().is_some_and(|text| !text.is_empty()));
        if full && widths == first.len() && columns == Columns::Alike {
            let what = "line 1 begins with an empty field: does it name the columns (--header yes) or not (--header no)?";
            error = Some(data_error(name, what));
        }
    }
    if options.header.is_none() && !dialect.is_first_names {
        let written_whole = |text: &String| whole(text).is_some();
        let fractions = below.len() > 1 && !below.iter().flatten().any(written_whole);
        if first.len() > 1 && counts(&first) && first[0] == "0" && fractions && columns == Columns::Alike {
            let what = "line 1 counts 0, 1, ... in whole numbers and all others have fractions: are these the names of the columns (--header yes) or numbers (--header no)?";
            error = Some(data_error(name, what));
        }
        // A text above a number may be a name.
        let is_name = |(name, below): (&String, &String)| {
            of(name) == Cell::Text && matches!(of(below), Cell::Number(_))
        };
        let like_names =
            below.first().is_some_and(|row| row.len() != first.len() || first.iter().zip(row).any(is_name));
        if texts > 0 && numbers > 0 && like_names && columns == Columns::Alike {
            let width = below.first().map_or(first.len(), Vec::len);
            dialect.hint = Some(if width == first.len() {
                "--header yes takes line 1 as the names of the columns".to_owned()
            } else {
                format!(
                    "line 1 has {} fields and the others {width}: remove it, or begin it with `#`",
                    first.len()
                )
            });
        }
    }
    // Whole numbers as names of whole numbers cannot be told from data. A square of as many lines is a matrix.
    let may_be_names =
        options.header.is_none() && !dialect.is_first_names && first.len() > 2 && counts(&first);
    let counting = (may_be_names && columns == Columns::Alike && below.len() + 1 != first.len()).then(|| {
        format!(
            "line 1 counts {}, {}, ... and is read as numbers; --header yes takes it as names",
            first[0], first[1]
        )
    });
    let mut names = dialect.is_first_names.then(|| rows.remove(0));
    // Two empty fields at the end are values that are missing.
    let ends_missing = |row: &Vec<String>| row.len() > 2 && row[row.len() - 2].is_empty();
    dialect.trailing = !rows.is_empty() && rows.iter().all(ends_empty) && !rows.iter().any(ends_missing);
    if let (true, Some(names)) = (dialect.trailing, &mut names) {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        if ends_empty(names) {
            names.pop();
        } else if names.len() == width {
            // The last column has a name: its values are missing.
            dialect.trailing = false;
        }
    }
    if dialect.trailing {
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }

    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    // R's write.table: numbers from 1, or texts.
    let first_texts = !first_column.is_empty() && first_column.iter().all(|text| of(text) == Cell::Text);
    let are_row_names =
        (first.len() > 1 && (counts(&first_column) || first[..] == first_column[..])) || first_texts;
    let index_reason = match (options.index_column, &mut names) {
        (Some(Answer::No), _) => None,
        (Some(Answer::Yes), _) => Some("--index-column yes"),
        (None, Some(names)) if width > 1 && names.len() + 1 == width && are_row_names => {
            Some("it has no name")
        }
        (None, _) if columns == Columns::Named || width < 2 => None,
        (None, Some(names)) if names[0].is_empty() => Some("it has no name"),
        (None, Some(names))
            if ["index", "id", "unnamed: 0"].contains(&names[0].to_lowercase().as_str())
                && counts(&first_column) =>
        {
            Some("it numbers the rows")
        }
        _ => {
            let labels =
                |row: &Vec<String>| row.first().is_some_and(|text| of(text) == Cell::Text && is_label(text));
            (!rows.is_empty() && rows.iter().all(labels)).then_some("its fields are texts")
        }
    };
    dialect.has_index = index_reason.is_some();
    if dialect.has_index {
        rows.iter_mut().filter(|row| !row.is_empty()).for_each(|row| drop(row.remove(0)));
        if let Some(names) = names.as_mut().filter(|names| names.len() == width) {
            names.remove(0);
        }
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    if let Some(names) = names.as_ref().filter(|names| names.len() != width && error.is_none())
        && columns == Columns::Alike
        && rows.first().is_some_and(|row| row.len() == width)
    {
        let what = format!(
            "line 1 has {} names, but the lines below have {width} fields: remove it, or begin it with `#`{}",
            names.len(),
            if names.len() + 1 == width { "; --index-column yes, if column 1 names the rows" } else { "" }
        );
        error = Some(data_error(name, what));
    }
    if names.is_none() {
        names = comment.and_then(|comment| names_in(comment, delimiter)).filter(|names| names.len() == width);
    }
    if !options.columns.is_empty() {
        match pick(name, &options.columns, names.as_deref(), width) {
            Ok(taken) => {
                let row = |row: &Vec<String>| taken.iter().filter_map(|&i| row.get(i).cloned()).collect();
                rows = rows.iter().map(row).collect();
                dialect.taken = Some(taken);
            }
            Err(unknown) => error = Some(unknown),
        }
    }
    let body: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(of).collect()).collect();
    if dialect.hint.is_none() && dialect.taken.is_none() && columns == Columns::Alike {
        dialect.hint = columns_of_texts(&body, names.as_deref());
        if first_column.len() + usize::from(!dialect.is_first_names) > 1
            && body.iter().all(|row| row.first() == Some(&Cell::Text))
        {
            dialect.hint = Some("--index-column yes takes column 1 as the names of the rows".to_owned());
        }
    }
    dialect.names = names;
    let index_reason = index_reason.map(|why| {
        let title = if first.len() > 1
            && dialect.is_first_names
            && !first[0].is_empty()
            && first.len() == width + 1
        {
            format!(" (`{}`)", shown(&first[0]))
        } else {
            String::new()
        };
        format!("column 1{title} names the rows, because {why}")
    });
    Reading { dialect, body, index_reason, splits, uses_fortran, counting, error }
}

/// Whether a text may name a row: it begins with a letter, and is no truth value. What begins with a digit, a sign or a
/// currency is more likely a number that is written in another way.
fn is_label(text: &str) -> bool {
    let truth = ["true", "false", "t", "f", "yes", "no", "n/a"].contains(&text.to_lowercase().as_str());
    !truth && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names in the comment before the data: `# x y`.
fn names_in(comment: &[u8], delimiter: Delimiter) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(comment);
    let names = split(text.trim_start_matches(['#', '%', ' ', '\t']).trim_end(), delimiter);
    names.iter().all(|name| cell(name, Decimal::Point) == Cell::Text).then_some(names)
}

/// A hint where some columns hold numbers and others texts.
fn columns_of_texts(body: &[Vec<Cell>], names: Option<&[String]>) -> Option<String> {
    let width = body.first()?.len();
    let is_text = |i: &usize| body.iter().all(|row| row.get(*i) == Some(&Cell::Text));
    let (texts, numbers): (Vec<usize>, Vec<usize>) = (0..width).partition(is_text);
    if texts.is_empty() || numbers.is_empty() {
        return None;
    }
    let name = names
        .and_then(|names| names.get(texts[0]))
        .map_or(String::new(), |name| format!(" (`{}`)", shown(name)));
    let list: Vec<String> = numbers.iter().map(|i| (i + 1).to_string()).collect();
    Some(format!("column {}{name} holds texts; --columns {} takes the others", texts[0] + 1, list.join(",")))
}

/// The columns that a list names.
fn pick(name: &str, list: &[String], names: Option<&[String]>, width: usize) -> Result<Vec<usize>> {
    let mut taken = Vec::new();
    for item in list {
        let same = |name: &String| name == item;
        let like = |name: &String| name.eq_ignore_ascii_case(item);
        let by_name =
            names.and_then(|names| names.iter().position(same).or_else(|| names.iter().position(like)));
        let range = item.split_once('-').map_or((item.as_str(), item.as_str()), |range| range);
        let range = whole(range.0)
            .zip(whole(range.1))
            .filter(|&(from, to)| from >= 1 && from <= to && to <= width as u64);
        match (by_name, range) {
            (Some(i), _) => taken.push(i),
            (None, Some((from, to))) => taken.extend(from as usize - 1..to as usize),
            (None, None) => {
                let known = names.map_or_else(|| format!("1 to {width}"), |names| names.join(", "));
                return Err(data_error(
                    name,
                    format_args!("no column `{item}` for --columns; there are {known}"),
                ));
            }
        }
    }
    Ok(taken)
}

impl Reading {
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

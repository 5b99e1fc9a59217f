//! The first lines of a table under one delimiter and decimal mark.

use super::dialect::{Columns, Dialect};
use super::number::{Cell, cell, is_fortran, whole};
use super::options::{Answer, Decimal, Delimiter, TableOptions};
use super::records::{csv_builder, split_blanks};
use crate::error::{CliError, Result};
use crate::formats::{data_error, shown};

/// The first lines under one delimiter.
pub(super) struct Reading {
    pub(super) dialect: Dialect,
    /// What the lines below the names hold in the columns that are taken.
    pub(super) body: Vec<Vec<Cell>>,
    /// Why the first column was left out.
    pub(super) index_reason: Option<String>,
    pub(super) splits: bool,
    pub(super) uses_fortran: bool,
    /// A line or a column that counts, but is read as numbers.
    pub(super) counting: Option<String>,
    /// What is wrong if this is the reading.
    pub(super) error: Option<CliError>,
}

impl Reading {
    pub(super) fn count(&self, what: fn(&Cell) -> bool) -> usize {
        self.body.iter().flatten().filter(|cell| what(cell)).count()
    }
}

/// What all readings have in common.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    /// What messages call the file.
    pub(super) name: &'a str,
    /// The comment before the data.
    pub(super) comment: Option<&'a [u8]>,
    /// Whether the first line has quotes, and no other.
    pub(super) quotes_names: bool,
    pub(super) columns: Columns,
    pub(super) options: &'a TableOptions,
}

/// The first line beside those below it.
struct FirstLine<'a> {
    fields: &'a [String],
    below: &'a [Vec<String>],
    /// The first fields of the lines below.
    first_column: Vec<String>,
    /// Fields that are no numbers, and fields that are.
    texts: usize,
    numbers: usize,
    decimal: Decimal,
}

impl<'a> FirstLine<'a> {
    fn new(rows: &'a [Vec<String>], decimal: Decimal) -> Self {
        let fields = rows.first().map_or(&[][..], |row| row);
        let below = &rows[rows.len().min(1)..];
        let count = |is: fn(Cell) -> bool| fields.iter().filter(|text| is(cell(text, decimal))).count();
        Self {
            fields,
            below,
            first_column: below.iter().filter_map(|row| row.first().cloned()).collect(),
            texts: count(|cell| cell == Cell::Text),
            numbers: count(|cell| matches!(cell, Cell::Number(_))),
            decimal,
        }
    }

    /// Whether its first field is empty: the corner of a table with labels.
    fn has_corner(&self) -> bool {
        self.fields.len() > 1 && self.fields[0].is_empty()
    }

    /// Whether it names the columns. A table that begins with a number in any column begins with data, but for four marks.
    fn names_columns(&self, sample: Sample<'_>) -> bool {
        let Self { fields, below, first_column, .. } = self;
        // Names of nothing are more likely a mistake, but for a diagram without bars.
        let has_rows = !below.is_empty() || sample.columns != Columns::Alike;
        let words = fields.iter().any(|text| text.contains(char::is_alphabetic));
        let texts = self.texts > 0 && self.numbers == 0 && words && has_rows;
        if texts && sample.columns == Columns::Mixed && self.is_like_below() {
            return false;
        }
        // pandas names columns 0, 1, 2, ... where they have no names.
        let counted = self.has_corner() && counts(&fields[1..]) && counts(first_column);
        // The names of the columns are those of the rows: a matrix with labels.
        let framed = self.has_corner() && fields[1..] == first_column[..];
        // R writes one name less than there are columns.
        let one_short =
            fields.len() > 1 && below.len() > 1 && below.iter().all(|row| row.len() == fields.len() + 1);
        let quoted = sample.quotes_names && self.numbers > 0 && self.texts == 0;
        texts || counted || framed || one_short || quoted
    }

    /// Whether it is a line of texts among others: no column has numbers, and one of its fields is below it too, or it has
    /// one twice.
    fn is_like_below(&self) -> bool {
        let Self { fields, below, .. } = self;
        let number = |text: &String| matches!(cell(text, self.decimal), Cell::Number(_));
        let mut named = (0..).zip(*fields);
        let twice = named.clone().any(|(i, name)| fields[..i].contains(name));
        let recurs = |(i, name): (usize, &String)| below.iter().any(|row| row.get(i) == Some(name));
        !below.iter().flatten().any(number) && (twice || named.any(recurs))
    }

    /// Why it cannot be told whether it names the columns, where some of its fields are texts above numbers, and others
    /// numbers.
    fn doubt_of_mixed(&self) -> Option<String> {
        let Self { fields, below, decimal, .. } = self;
        let is_number = |text: &String| matches!(cell(text, *decimal), Cell::Number(_));
        let column = (0..fields.len()).find(|&i| {
            let mut column =
                below.iter().filter_map(|row| row.get(i)).filter(|text| !text.is_empty()).peekable();
            cell(&fields[i], *decimal) == Cell::Text && column.peek().is_some() && column.all(is_number)
        })?;
        let number = fields.iter().find(|text| is_number(text))?;
        Some(format!(
            "line 1 has the text `{}` where numbers are below, and the number `{}`: does it name the columns (--header yes) \
             or not (--header no)?",
            shown(&fields[column]),
            shown(number)
        ))
    }

    /// Why it cannot be told whether it names the columns, where it does not seem to.
    fn doubt(&self) -> Option<&'static str> {
        let Self { fields, below, .. } = self;
        let width = below.iter().map(Vec::len).max().unwrap_or(0);
        let full = below.iter().all(|row| row.first().is_some_and(|text| !text.is_empty()));
        let fractions = below.len() > 1 && !below.iter().flatten().any(|text| whole(text).is_some());
        if fields.len() > 1 && counts(fields) && fields[0] == "0" && fractions {
            Some(
                "line 1 counts 0, 1, ... in whole numbers and all others have fractions: are these the names of the columns (--header yes) or numbers (--header no)?",
            )
        } else if self.has_corner() && self.numbers > 0 && self.texts == 0 && full && width == fields.len() {
            Some(
                "line 1 begins with an empty field: does it name the columns (--header yes) or not (--header no)?",
            )
        } else {
            None
        }
    }

    /// The same in a table whose columns are of different kinds: whole numbers that count, or years, above numbers with
    /// fractions in every column.
    fn doubt_of_numbers(&self) -> Option<&'static str> {
        let Self { fields, below, .. } = self;
        let whole_numbers: Option<Vec<u64>> = fields.iter().map(|text| whole(text)).collect();
        let are_names = counts(fields)
            || whole_numbers.is_some_and(|numbers| {
                numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
                    && numbers.iter().all(|x| (1000..3000).contains(x))
            });
        // A target among them is whole.
        let has_fractions = |column: usize| {
            below
                .iter()
                .filter_map(|row| row.get(column))
                .any(|text| !text.is_empty() && whole(text).is_none())
        };
        let fractions = (0..fields.len()).filter(|&column| has_fractions(column)).count();
        (fields.len() > 1 && below.len() > 1 && are_names && fractions + 1 >= fields.len()).then_some(
            "line 1 counts in whole numbers and the lines below have fractions: are these the names of the columns (--header yes) or numbers (--header no)?",
        )
    }

    /// What to say where one of its fields is no number.
    fn hint(&self) -> Option<String> {
        let row = self.below.first()?;
        // A text above a number may be a name.
        let is_name = |(name, below): (&String, &String)| {
            cell(name, self.decimal) == Cell::Text && matches!(cell(below, self.decimal), Cell::Number(_))
        };
        let same = row.len() == self.fields.len();
        if self.texts == 0 || self.numbers == 0 || (same && !self.fields.iter().zip(row).any(is_name)) {
            return None;
        }
        Some(if same {
            "--header yes takes line 1 as the names of the columns".to_owned()
        } else {
            let fields = self.fields.len();
            format!(
                "line 1 has {fields} fields and the others {}: remove it, or begin it with `#`",
                row.len()
            )
        })
    }

    /// That it counts, which names of columns would do too. A square of as many lines is a matrix.
    fn counting(&self) -> Option<String> {
        let [a, b, _, ..] = self.fields else { return None };
        let counts = counts(self.fields) && self.below.len() + 1 != self.fields.len();
        counts.then(|| {
            format!("line 1 counts {a}, {b}, ... and is read as numbers; --header yes takes it as names")
        })
    }

    /// Whether the fields of the first column name the rows as in R's `write.table`: numbers from 1, or texts.
    fn is_above_row_names(&self) -> bool {
        let Self { fields, first_column, .. } = self;
        let texts = first_column.iter().all(|text| cell(text, self.decimal) == Cell::Text);
        (fields.len() > 1 && (counts(first_column) || fields[..] == first_column[..]))
            || (texts && !first_column.is_empty())
    }
}

/// Reads the sample under one delimiter and decimal mark.
pub(super) fn read(
    lines: &[Vec<String>],
    (delimiter, decimal): (Delimiter, Decimal),
    sample: Sample<'_>,
) -> Reading {
    let Sample { name, comment, columns, options, .. } = sample;
    let alike = columns == Columns::Alike;
    let mut dialect = Dialect { delimiter, decimal, ..Dialect::plain(options) };
    let splits = lines.iter().any(|line| line.len() > 1);
    let uses_fortran = lines.iter().flatten().any(|text| is_fortran(text));
    let (mut error, mut counting) = (None, None);

    let first = FirstLine::new(lines, decimal);
    dialect.is_first_names = !lines.is_empty()
        && options.header.map_or_else(|| first.names_columns(sample), |answer| answer == Answer::Yes);
    if options.header.is_none() && !dialect.is_first_names && alike {
        error = first.doubt().map(|what| data_error(name, what));
        dialect.hint = first.hint();
        counting = first.counting();
    }
    if options.header.is_none() && !dialect.is_first_names && columns == Columns::Mixed {
        let doubt = first.doubt_of_mixed().or_else(|| first.doubt_of_numbers().map(str::to_owned));
        error = doubt.map(|what| data_error(name, what));
    }
    let mut rows = lines.to_vec();
    let mut names = dialect.is_first_names.then(|| rows.remove(0));
    dialect.trailing = drop_trailing(&mut rows, &mut names);

    let index_reason = index_reason(&rows, names.as_deref(), &first, sample);
    dialect.has_index = index_reason.is_some();
    let width = width_of(&rows);
    if dialect.has_index {
        rows.iter_mut().filter(|row| !row.is_empty()).for_each(|row| drop(row.remove(0)));
        if let Some(names) = names.as_mut().filter(|names| names.len() == width) {
            names.remove(0);
        }
    }
    let index_reason = index_reason.map(|why| {
        let title = first.fields.first().filter(|title| {
            dialect.is_first_names
                && first.fields.len() > 1
                && first.fields.len() == width
                && !title.is_empty()
        });
        let title = title.map_or(String::new(), |title| format!(" (`{}`)", shown(title)));
        format!("column 1{title} names the rows, because {why}")
    });

    let width = width_of(&rows);
    if let Some(names) = names.as_ref().filter(|names| names.len() != width && error.is_none())
        && alike
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
        let found = comment.and_then(|comment| names_in(comment, delimiter, columns));
        names = found.filter(|names| names.len() == width);
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
    let body: Vec<Vec<Cell>> =
        rows.iter().map(|row| row.iter().map(|text| cell(text, decimal)).collect()).collect();
    if dialect.hint.is_none() && dialect.taken.is_none() && alike {
        let labels = body.iter().all(|row| row.first() == Some(&Cell::Text));
        dialect.hint = if body.len() > 1 && labels {
            Some("--index-column yes takes column 1 as the names of the rows".to_owned())
        } else {
            columns_of_texts(&body, names.as_deref())
        };
    }
    dialect.names = names;
    Reading { dialect, body, index_reason, splits, uses_fortran, counting, error }
}

/// The most fields of a line.
fn width_of(rows: &[Vec<String>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or(0)
}

/// Whether texts are whole numbers that count from 0 or 1.
fn counts(texts: &[String]) -> bool {
    let from = texts.first().and_then(|text| whole(text)).filter(|&from| from <= 1);
    from.is_some_and(|from| (from..).zip(texts).all(|(i, text)| whole(text) == Some(i)))
}

/// Removes the empty fields behind delimiters that all lines have at their ends; whether there are any.
fn drop_trailing(rows: &mut [Vec<String>], names: &mut Option<Vec<String>>) -> bool {
    let ends_empty = |row: &Vec<String>| row.len() > 1 && row.last().is_some_and(String::is_empty);
    // Two empty fields at the end are values that are missing.
    let ends_missing = |row: &Vec<String>| row.len() > 2 && row[row.len() - 2].is_empty();
    if rows.is_empty() || !rows.iter().all(ends_empty) || rows.iter().any(ends_missing) {
        return false;
    }
    let width = width_of(rows);
    match names {
        Some(names) if ends_empty(names) => drop(names.pop()),
        // The last column has a name: its values are missing.
        Some(names) if names.len() == width => return false,
        _ => {}
    }
    rows.iter_mut().for_each(|row| drop(row.pop()));
    true
}

/// Why the first column names the rows; none if it does not.
fn index_reason(
    rows: &[Vec<String>],
    names: Option<&[String]>,
    first: &FirstLine<'_>,
    sample: Sample<'_>,
) -> Option<&'static str> {
    let width = width_of(rows);
    match (sample.options.index_column, names) {
        (Some(Answer::No), _) => None,
        (Some(Answer::Yes), _) => Some("--index-column yes"),
        (None, Some(names)) if width > 1 && names.len() + 1 == width && first.is_above_row_names() => {
            // A line that is too long names no rows.
            let all = sample.columns != Columns::Mixed || rows.iter().all(|row| row.len() == width);
            all.then_some("it has no name")
        }
        (None, _) if sample.columns != Columns::Alike || width < 2 => None,
        (None, Some(names)) if names[0].is_empty() => Some("it has no name"),
        (None, Some(names))
            if ["index", "id", "unnamed: 0"].contains(&names[0].to_lowercase().as_str())
                && counts(&first.first_column) =>
        {
            Some("it numbers the rows")
        }
        _ => {
            let is_text = |text: &String| cell(text, first.decimal) == Cell::Text && is_label(text);
            let labels = |row: &Vec<String>| row.first().is_some_and(is_text);
            (!rows.is_empty() && rows.iter().all(labels)).then_some("its fields are texts")
        }
    }
}

/// The fields of a line.
pub(super) fn split(line: &str, delimiter: Delimiter) -> Vec<String> {
    let mut record = csv::StringRecord::new();
    match delimiter.byte() {
        None => split_blanks(line, &mut record),
        Some(byte) => {
            let mut builder = csv_builder(byte);
            builder.buffer_capacity(line.len().max(64));
            // A quote that is not closed is an error of the whole file, and is told there.
            let _ = builder.from_reader(line.as_bytes()).read_record(&mut record);
        }
    }
    record.iter().map(str::to_owned).collect()
}

/// Whether a text may name a row: it begins with a letter, and is no truth value. What begins with a digit, a sign or a
/// currency is more likely a number that is written in another way.
fn is_label(text: &str) -> bool {
    let truth = ["true", "false", "t", "f", "yes", "no", "n/a"].contains(&text.to_lowercase().as_str());
    !truth && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names in the comment before the data: `# x y`. The first of a table with texts may be `#` itself.
fn names_in(comment: &[u8], delimiter: Delimiter, columns: Columns) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(comment);
    let names = split(text.trim_start_matches(['#', '%', ' ', '\t']).trim_end(), delimiter);
    let from = usize::from(columns == Columns::Mixed && names.first().is_some_and(String::is_empty));
    names[from..].iter().all(|name| cell(name, Decimal::Point) == Cell::Text).then_some(names)
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

//! Samples as they were read: columns of numbers or texts, or images, with their targets.

use crate::error::{CliError, ErrorKind, Result};
use valleys_core::network::Shape;

/// The code of a missing text.
pub(super) const MISSING: u32 = u32::MAX;

/// The values of a column.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// Numbers; NaN is a missing value.
    Numbers(Vec<f64>),
    /// Texts: a code for each row, [`MISSING`] or the place of its text.
    Texts {
        /// One for each row.
        codes: Vec<u32>,
        /// The different texts in the order of their first rows.
        texts: Vec<String>,
    },
}

impl Values {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts { codes, .. } => codes.len(),
        }
    }

    /// Whether the value of a row is missing.
    pub(super) fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Numbers(numbers) => numbers[row].is_nan(),
            Self::Texts { codes, .. } => codes[row] == MISSING,
        }
    }

    /// Leaves only the rows that are to be kept.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        match self {
            Self::Numbers(numbers) => retain(numbers, keep),
            Self::Texts { codes, .. } => retain(codes, keep),
        }
    }

    /// As categories: a code for each row, and the names of the categories in sorted order, numbers by size.
    pub(super) fn categories(&self) -> (Vec<u32>, Vec<String>) {
        match self {
            Self::Numbers(numbers) => {
                let mut distinct: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
                distinct.sort_by(f64::total_cmp);
                // Both zeros are one number.
                distinct.dedup_by(|a, b| a == b);
                let code = |x: &f64| {
                    distinct
                        .binary_search_by(|y| y.partial_cmp(x).expect("no NaN"))
                        .map_or(MISSING, |i| i as u32)
                };
                let code = |x: &f64| if x.is_nan() { MISSING } else { code(x) };
                (numbers.iter().map(code).collect(), distinct.iter().map(|&x| category(x)).collect())
            }
            Self::Texts { codes, texts } => {
                let mut used = vec![false; texts.len()];
                codes.iter().filter(|&&code| code != MISSING).for_each(|&code| used[code as usize] = true);
                let mut order: Vec<usize> = (0..texts.len()).filter(|&i| used[i]).collect();
                sort_names(&mut order, texts);
                let mut place = vec![MISSING; texts.len()];
                order.iter().zip(0..).for_each(|(&i, rank)| place[i] = rank);
                let code = |&code: &u32| if code == MISSING { MISSING } else { place[code as usize] };
                (codes.iter().map(code).collect(), order.iter().map(|&i| texts[i].clone()).collect())
            }
        }
    }

    /// Adds the rows of another column of the same kind.
    pub(super) fn extend(&mut self, other: Self) -> bool {
        match (self, other) {
            (Self::Numbers(all), Self::Numbers(more)) => all.extend(more),
            (Self::Texts { codes, texts }, Self::Texts { codes: more, texts: names }) => {
                let known: std::collections::HashMap<String, u32> = texts.iter().cloned().zip(0..).collect();
                let place = |name: String| {
                    known.get(&name).copied().unwrap_or_else(|| {
                        texts.push(name);
                        texts.len() as u32 - 1
                    })
                };
                let places: Vec<u32> = names.into_iter().map(place).collect();
                codes.extend(
                    more.iter().map(|&code| if code == MISSING { MISSING } else { places[code as usize] }),
                );
            }
            _ => return false,
        }
        true
    }
}

/// The name of a number as a category.
fn category(x: f64) -> String {
    match x.abs() < 1e16 {
        // Of two zeros the positive one.
        true => (x + 0.0).to_string(),
        false => format!("{x:e}"),
    }
}

/// Sorts places of names: by their numbers where all are numbers, else as texts.
fn sort_names(order: &mut [usize], names: &[String]) {
    let number = |i: usize| names[i].parse::<f64>().ok().filter(|x| x.is_finite());
    if order.iter().all(|&i| number(i).is_some()) {
        order.sort_by(|&a, &b| {
            let by_number = number(a).partial_cmp(&number(b)).expect("finite numbers");
            by_number.then_with(|| names[a].cmp(&names[b]))
        });
    } else {
        order.sort_by(|&a, &b| names[a].cmp(&names[b]));
    }
}

/// A column with its name.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) values: Values,
    /// Where a text stands in a column that else has numbers: a sentence about it.
    pub(super) mixed: Option<String>,
}

impl Column {
    pub(super) fn new(name: impl Into<String>, values: Values) -> Self {
        Self { name: name.into(), values, mixed: None }
    }
}

/// Where rows are in their files.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Each file with its number of rows.
    files: Vec<(String, usize)>,
    /// The line of each row of a text file; empty for arrays.
    lines: Vec<u32>,
}

impl Places {
    pub(super) fn new(file: impl Into<String>, rows: usize, lines: Vec<u32>) -> Self {
        Self { files: vec![(file.into(), rows)], lines }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.lines.extend(other.lines);
    }

    /// The number of the first row of each file.
    pub(super) fn first_rows(&self) -> impl Iterator<Item = usize> {
        self.files.iter().scan(0, |first, (_, rows)| Some(std::mem::replace(first, *first + rows)))
    }

    /// The first file.
    pub(super) fn file(&self) -> String {
        self.files.first().map_or(String::new(), |(file, _)| file.clone())
    }

    /// Leaves only the rows that are to be kept.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut first = 0;
        for (_, rows) in &mut self.files {
            let end = first + *rows;
            *rows = keep[first..end].iter().filter(|&&keep| keep).count();
            first = end;
        }
        if !self.lines.is_empty() {
            retain(&mut self.lines, keep);
        }
    }

    /// The file and the line, or the row from 0.
    pub(super) fn of(&self, row: usize) -> String {
        let mut first = 0;
        for (file, rows) in &self.files {
            if row < first + rows {
                return match self.lines.get(row) {
                    Some(line) => format!("{file}, line {line}"),
                    None => format!("{file}, row {}", row - first),
                };
            }
            first += rows;
        }
        format!("row {row}")
    }
}

/// The samples without their targets.
#[derive(Clone, Debug)]
pub(super) enum Inputs {
    /// Columns, each with a feature.
    Columns {
        /// All of them, equally long.
        columns: Vec<Column>,
        /// Whether they are of an array: those that are constant are kept. Columns of tables are left out.
        is_array: bool,
    },
    /// Images, all of one shape, channel after channel.
    Images {
        /// Of one.
        shape: Shape,
        /// All of them, one after the other.
        pixels: Vec<f32>,
        /// What a pixel is divided by: 255 for bytes, else 1.
        scale: f64,
    },
}

/// How the parts were found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Parts {
    /// They are not known: a fraction is drawn.
    Unknown,
    /// Whether each sample is for testing, and how that is known.
    Known {
        /// One for each sample.
        is_test: Vec<bool>,
        /// `column NAME`, `file NAME`, `arrays`, `folders`, `files`.
        by: String,
    },
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) inputs: Inputs,
    /// One column, or several for a regression.
    pub(super) targets: Vec<Column>,
    pub(super) parts: Parts,
    pub(super) places: Places,
    /// Rows and columns of the files.
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Gathered {
    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        self.places.files.iter().map(|(_, rows)| rows).sum()
    }
}

/// Refuses what does not fit into `most` bytes of memory.
///
/// # Errors
/// It does not, with both sizes.
pub(super) fn check_memory(what: impl std::fmt::Display, bytes: usize, most: usize) -> Result<()> {
    if bytes <= most {
        return Ok(());
    }
    let what = format!("{what}: {bytes} bytes, more than the memory that is free ({most} bytes)");
    Err(CliError::new(ErrorKind::Resources, what))
}

/// What is wrong with the data.
pub(super) fn data_error(message: impl Into<String>) -> CliError {
    CliError::new(ErrorKind::Data, message)
}

/// What is wrong with the keys.
pub(super) fn key_error(message: impl Into<String>) -> CliError {
    CliError::new(ErrorKind::Configuration, message)
}

/// Leaves only the elements of the rows that are to be kept.
pub(super) fn retain<T>(elements: &mut Vec<T>, keep: &[bool]) {
    let mut kept = keep.iter();
    elements.retain(|_| *kept.next().expect("one for each row"));
}

//! The training and the test part.

use super::frame::{Column, Gathered, Parts, Places, Values, data_error};
use super::target::Target;
use crate::config::{self, Data};
use crate::data::{Targets, subset};
use crate::error::Result;
use crate::formats::shown;
use serde::{Deserialize, Serialize};

/// How the parts were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum SplitKind {
    /// A fraction was drawn, of every class the same for a classification.
    Fraction {
        /// For testing.
        fraction: f64,
        /// Of the draw.
        seed: u64,
    },
    /// The files say it.
    Given {
        /// `column NAME`, `file NAME`, `arrays`, `files` or `folders`.
        by: String,
    },
}

/// Row numbers of both parts, increasing.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) train: Vec<usize>,
    pub(super) test: Vec<usize>,
    pub(super) kind: SplitKind,
}

/// The part of each row by the values of a column.
///
/// # Errors
/// A value that names no part.
pub(super) fn by_column(column: &Column, places: &Places, told: &mut Vec<String>) -> Result<Parts> {
    let name = &column.name;
    // Of a column `is_train`, 1 is the training part; of any other, 1 is the test part.
    let ones_train = name.to_lowercase().contains("train");
    let is_test = |text: &str| match text.to_lowercase().as_str() {
        "train" | "training" => Some(false),
        "test" | "testing" => Some(true),
        "0" | "false" => Some(ones_train),
        "1" | "true" => Some(!ones_train),
        _ => None,
    };
    let wrong = |row: usize, found: &str| {
        let what = format!(
            "{}: column `{name}` of data.split has `{}`; train and test expected, or 0 and 1, or False and True",
            places.of(row),
            shown(found)
        );
        data_error(what)
    };
    let parts: Vec<bool> = match &column.values {
        Values::Numbers(numbers) => {
            let part =
                |(row, x): (usize, &f64)| is_test(&x.to_string()).ok_or_else(|| wrong(row, &x.to_string()));
            numbers.iter().enumerate().map(part).collect::<Result<_>>()?
        }
        Values::Texts { codes, texts } => {
            let part = |(row, &code): (usize, &u32)| {
                let text = texts.get(code as usize).map_or("", String::as_str);
                is_test(text).ok_or_else(|| wrong(row, text))
            };
            codes.iter().enumerate().map(part).collect::<Result<_>>()?
        }
    };
    if matches!(&column.values, Values::Numbers(_)) || column.mixed.is_some() {
        told.push(format!("column `{name}`: 1 is the {} part", if ones_train { "training" } else { "test" }));
    }
    Ok(Parts::Known { is_test: parts, by: format!("column {name}") })
}

/// Divides the samples.
///
/// # Errors
/// Less than two samples, a part without samples, a class with one sample.
pub(super) fn split(gathered: &mut Gathered, target: &Target, keys: &Data) -> Result<Split> {
    let file = gathered.places.file();
    let count = gathered.len();
    let split = match std::mem::replace(&mut gathered.parts, Parts::Unknown) {
        Parts::Known { is_test, by } => {
            let (test, train) = (0..count).partition(|&row| is_test[row]);
            Split { train, test, kind: SplitKind::Given { by } }
        }
        Parts::Unknown => {
            let fraction = match keys.split {
                Some(config::Split::Fraction(fraction)) => fraction,
                _ => 0.2,
            };
            let seed = keys.split_seed.unwrap_or(0);
            target.check_counts(&file)?;
            // Numbers are drawn as one class.
            let (labels, classes) = match target {
                Target::Classes { labels, names, .. } => (labels.clone(), names.len()),
                Target::Values { .. } => (vec![0; count], 1),
            };
            let [train, test] = subset::split(&Targets::Labels(labels), classes, fraction, seed);
            Split { train, test, kind: SplitKind::Fraction { fraction, seed } }
        }
    };
    for (part, rows) in [("training", &split.train), ("test", &split.test)] {
        if rows.is_empty() {
            return Err(data_error(format!("{file}: no sample is in the {part} part")));
        }
    }
    Ok(split)
}

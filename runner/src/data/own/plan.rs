//! How each column becomes features, as the training part says.

use super::constants::{constants, moments};
use super::frame::{Column, MISSING, Places, Values, data_error};
use super::roles::list;
use super::split::Split;
use crate::config::Data;
use crate::error::Result;
use crate::formats::shown;

/// Columns of texts whose number of different texts is at least so many tenths of their rows are no categories.
const TENTHS: usize = 9;

/// A column and how it becomes features.
pub(super) enum Plan {
    /// One feature.
    Number {
        name: String,
        numbers: Vec<f64>,
        /// In the place of missing values.
        fill: f64,
        mean: f64,
        std: f64,
    },
    /// A feature for each category of the training part.
    OneHot {
        name: String,
        codes: Vec<u32>,
        texts: Vec<String>,
        /// The place of each text among the categories, [`MISSING`] where training lacks it.
        places: Vec<u32>,
        categories: Vec<String>,
        /// In the place of missing values.
        fill: u32,
    },
}

impl Plan {
    /// Number of features.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::OneHot { categories, .. } => categories.len(),
        }
    }
}

/// The plans of all columns but those that are constant in the training part.
///
/// # Errors
/// Texts that differ in almost every row; a column without values; nothing but constant columns.
pub(super) fn plans(
    columns: Vec<Column>,
    is_array: bool,
    (split, places): (&Split, &Places),
    keys: &Data,
    told: &mut Vec<String>,
) -> Result<Vec<Plan>> {
    let (mut plans, mut constant) = (Vec::new(), Vec::new());
    for Column { name, values, mixed } in columns {
        let file = places.file();
        let missing = (0..values.len()).filter(|&row| values.is_missing(row)).count();
        let filled = |fill: &str| {
            (missing > 0).then(|| format!("column `{name}`: {missing} missing values are {fill}"))
        };
        let empty = || {
            let what = "has no value in the training part (data.ignore leaves it out)";
            data_error(format!("{file}: column `{name}` {what}"))
        };
        match values {
            Values::Numbers(numbers) => {
                let known = || split.train.iter().map(|&row| numbers[row]).filter(|x| !x.is_nan());
                let Some(first) = known().next() else { return Err(empty()) };
                if known().any(|x| x != first) {
                    let plan = number(name.clone(), numbers, split, keys, &file)?;
                    if let Plan::Number { fill, .. } = &plan {
                        told.extend(filled(&format!("the mean of the training part, {fill}")));
                    }
                    plans.push(plan);
                    continue;
                }
                constant.push(name.clone());
                // Columns of arrays keep their places. A constant becomes 0 in the training part.
                if is_array {
                    plans.push(Plan::Number { name, numbers, fill: first, mean: first, std: 1.0 });
                }
            }
            Values::Texts { codes, texts } => {
                let rows = codes.iter().filter(|&&code| code != MISSING).count();
                if texts.len() > 2 && texts.len() * 10 >= rows * TENTHS {
                    return Err(data_error(no_categories(&name, mixed, texts.len(), rows, &file)));
                }
                let plan = one_hot(name.clone(), codes, texts, split);
                if let Plan::OneHot { categories, fill, .. } = &plan
                    && let Some(category) = categories.get(*fill as usize)
                {
                    told.extend(filled(&format!("the most frequent category, `{}`", shown(category))));
                }
                match plan.len() {
                    0 => return Err(empty()),
                    1 => constant.push(name),
                    _ => plans.push(plan),
                }
                told.extend(mixed.map(|mixed| format!("{mixed}, and is one of categories")));
            }
        }
    }
    if !constant.is_empty() {
        let names = list(constant.iter().map(String::as_str));
        let what = if is_array { "kept, with a standard deviation of 1" } else { "left out" };
        let columns = if constant.len() == 1 { "column is" } else { "columns are" };
        told.push(format!("{} {columns} constant in the training part and {what}: {names}", constant.len()));
    }
    if plans.is_empty() {
        let what = "every column of features is constant in the training part";
        return Err(data_error(format!("{}: {what}", places.file())));
    }
    Ok(plans)
}

/// The plan of a column of numbers that is not constant.
fn number(name: String, numbers: Vec<f64>, split: &Split, keys: &Data, file: &str) -> Result<Plan> {
    let known = split.train.iter().map(|&row| numbers[row]).filter(|x| !x.is_nan());
    let [fill, _] = moments(known);
    let filled = split.train.iter().map(|&row| if numbers[row].is_nan() { fill } else { numbers[row] });
    let [mean, std] = constants(filled, keys.normalise.unwrap_or_default());
    if mean.is_finite() && std.is_finite() && std > 0.0 {
        return Ok(Plan::Number { name, numbers, fill, mean, std });
    }
    let what = "are too large or too close to each other to be normalised";
    Err(data_error(format!("{file}: the numbers of column `{name}` {what}")))
}

/// The plan of a column of texts.
fn one_hot(name: String, codes: Vec<u32>, texts: Vec<String>, split: &Split) -> Plan {
    let train = split.train.iter().map(|&row| codes[row]).collect();
    let (ranks, categories) = Values::Texts { codes: train, texts: texts.clone() }.categories();
    let mut counts = vec![0usize; categories.len()];
    let mut places = vec![MISSING; texts.len()];
    for (&row, &rank) in split.train.iter().zip(&ranks).filter(|(_, rank)| **rank != MISSING) {
        counts[rank as usize] += 1;
        places[codes[row] as usize] = rank;
    }
    // The first of the most frequent.
    let fill = (0..counts.len()).rev().max_by_key(|&i| counts[i]).unwrap_or(0) as u32;
    Plan::OneHot { name, codes, texts, places, categories, fill }
}

/// Why texts are no categories.
fn no_categories(name: &str, mixed: Option<String>, different: usize, rows: usize, file: &str) -> String {
    match mixed {
        Some(mixed) => format!(
            "{mixed}; with {different} different values it is no column of categories: correct it, or leave the field empty \
             (data.missing) or the column out (data.ignore)"
        ),
        None => format!(
            "{file}: column `{name}` has {different} different texts in {rows} rows, as identifiers and free text have; \
             data.ignore leaves it out"
        ),
    }
}

//! Values of the keys of `[data]` that are about data of one's own.

use super::{Data, Loss, Take, keys};
use crate::error::{CliError, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A column of a table: its name, or its number from 0. Negative numbers count from the end: -1 is the last column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "the name or the number of a column expected")]
pub enum Column {
    /// Its number, from 0.
    Number(i64),
    /// Its name.
    Name(String),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "`{name}`"),
        }
    }
}

/// One column, or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "the name or the number of a column expected, or a list of them")]
pub enum Columns {
    /// One.
    One(Column),
    /// A list.
    Many(Vec<Column>),
}

impl Columns {
    /// All of them.
    pub fn list(&self) -> &[Column] {
        match self {
            Self::One(column) => std::slice::from_ref(column),
            Self::Many(columns) => columns,
        }
    }
}

/// `data.task`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The target is a class.
    Classification,
    /// The target is one number or more.
    Regression,
}

impl Task {
    /// The name in configurations and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
        }
    }
}

/// `data.missing`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// A missing value is an error.
    #[default]
    Error,
    /// The row is left out.
    Drop,
    /// The mean of the training part takes its place, or its most frequent category.
    Mean,
}

/// `data.normalise`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Mean 0 and standard deviation 1 over the training part.
    #[default]
    ZScore,
    /// From 0 to 1 over the training part.
    MinMax,
    /// As in the file; images of bytes are divided by 255.
    None,
}

impl Normalise {
    /// The name in configurations and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZScore => "z-score",
            Self::MinMax => "min-max",
            Self::None => "none",
        }
    }
}

/// `data.normalise_target`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormaliseTarget {
    /// Mean 0 and standard deviation 1 over the training part.
    #[default]
    ZScore,
    /// As in the file.
    None,
}

/// `data.split`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a fraction between 0 and 1 expected, or the name of a column, or the file of the test part"
)]
pub enum Split {
    /// Fraction of the samples for testing.
    Fraction(f64),
    /// A column whose values name the part, or the file of the test part.
    Named(String),
}

impl Data {
    /// The keys of `[data]` alone, from overrides `data.KEY=VALUE`.
    ///
    /// # Errors
    /// A key of another section; unknown keys, values of another type or out of their range.
    pub fn from_overrides(overrides: &[String]) -> Result<Self> {
        let mut table = overridden(overrides)?;
        let data: Self = section(&mut table, "data")?;
        only(&table, "the section data act")?;
        data.check()?;
        Ok(data)
    }

    /// The same for the evaluation of a checkpoint, whose limit is a flag of its own, with the keys of `[loss]`.
    ///
    /// # Errors
    /// Those of [`from_overrides`](Self::from_overrides); a key that does not act on an evaluation.
    pub fn of_evaluation(overrides: &[String]) -> Result<(Self, Loss)> {
        let mut table = overridden(overrides)?;
        let (data, loss): (Self, Loss) = (section(&mut table, "data")?, section(&mut table, "loss")?);
        only(&table, "the sections data and loss act")?;
        data.check()?;
        loss.check()?;
        if (data.limit, data.take) != (0, Take::Stratified) {
            let message =
                "data.limit and data.take are for the training of a run; --limit takes the first samples";
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        Ok((data, loss))
    }

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// A value is not, with key, value and range.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(CliError::new(ErrorKind::Configuration, message));
        let means = self.mean.iter().flatten().map(|&x| ("data.mean", x, true, "that is finite"));
        let deviations = self.std.iter().flatten().map(|&x| ("data.std", x, x > 0.0, "above 0"));
        for (key, value, is_in_range, range) in means.chain(deviations) {
            if !(is_in_range && value.is_finite()) {
                return wrong(format!("{key} is {value}, but must be a number {range}"));
            }
        }
        match self.split {
            Some(Split::Fraction(x)) if !(x > 0.0 && x < 1.0) => {
                return wrong(format!("data.split is {x}, but must be between 0 and 1, both excluded"));
            }
            _ => {}
        }
        if let Some([height, width]) = self.size
            && ![height, width].iter().all(|side| (1..=4096).contains(side))
        {
            return wrong(format!("data.size is [{height}, {width}], but each must be 1 to 4096"));
        }
        Ok(())
    }

    /// The keys that act on data of one's own alone and are set here.
    pub(crate) fn own_keys(&self) -> Vec<&'static str> {
        let Self {
            dir: _,
            limit: _,
            take: _,
            mean: _,
            std: _,
            label,
            labels,
            task,
            missing,
            ignore,
            categories,
            size,
            normalise,
            normalise_target,
            split,
            split_seed,
            header,
            delimiter,
            decimal,
        } = self;
        let set = [
            ("data.label", label.is_some()),
            ("data.labels", labels.is_some()),
            ("data.task", task.is_some()),
            ("data.missing", missing.is_some()),
            ("data.ignore", ignore.is_some()),
            ("data.categories", categories.is_some()),
            ("data.size", size.is_some()),
            ("data.normalise", normalise.is_some()),
            ("data.normalise_target", normalise_target.is_some()),
            ("data.split", split.is_some()),
            ("data.split_seed", split_seed.is_some()),
            ("data.header", header.is_some()),
            ("data.delimiter", delimiter.is_some()),
            ("data.decimal", decimal.is_some()),
        ];
        set.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect()
    }
}

/// The table of overrides `KEY=VALUE`.
fn overridden(overrides: &[String]) -> Result<toml::Table> {
    let mut table = toml::Table::new();
    overrides.iter().try_for_each(|text| keys::set_override(&mut table, text))?;
    Ok(table)
}

/// Takes a section out of a table, completed by its defaults.
fn section<S: DeserializeOwned>(table: &mut toml::Table, name: &str) -> Result<S> {
    let mut complete = super::preset::defaults().remove(name).expect("the defaults have all sections");
    if let (Some(toml::Value::Table(given)), toml::Value::Table(complete)) =
        (table.remove(name), &mut complete)
    {
        keys::merge(complete, given);
    }
    serde_path_to_error::deserialize(complete).map_err(|e| {
        let message = crate::wording::without_rust_types(e.inner().message());
        CliError::new(ErrorKind::Configuration, format!("{name}.{}: {message}", e.path()))
    })
}

/// Refuses what is left of a table.
fn only(table: &toml::Table, sections: &str) -> Result<()> {
    match table.keys().next() {
        None => Ok(()),
        Some(other) => {
            let message = format!("--set {other}: only keys of {sections} here");
            Err(CliError::new(ErrorKind::Configuration, message))
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            dir: None,
            label: None,
            labels: None,
            task: None,
            missing: None,
            ignore: None,
            categories: None,
            size: None,
            normalise: None,
            normalise_target: None,
            split: None,
            split_seed: None,
            header: None,
            delimiter: None,
            decimal: None,
            limit: 0,
            take: Take::Stratified,
            mean: None,
            std: None,
        }
    }
}

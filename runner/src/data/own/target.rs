//! What is to be learnt: classes, or numbers.

use super::frame::{Gathered, Inputs, Places, Values, data_error, key_error};
use super::roles::list;
use super::split::Split;
use crate::config::{Data, NormaliseTarget, Task};
use crate::data::Targets;
use crate::error::Result;
use crate::formats::shown;

/// Most classes: labels are bytes.
const MOST_CLASSES: usize = 256;

/// From here on not every whole number is a number of f64: 2⁵³.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Whole numbers with at most so many different values are classes of a table, unless a key says otherwise.
const FEW: usize = 20;

/// The targets of all samples.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A class each.
    Classes {
        /// Name of the target.
        title: String,
        labels: Vec<u8>,
        /// Sorted.
        names: Vec<String>,
    },
    /// `names.len()` numbers each.
    Values { names: Vec<String>, values: Vec<f64> },
}

impl Target {
    /// Decides what the target is, and tells.
    ///
    /// # Errors
    /// More than 256 classes or only one, texts as the target of a regression.
    pub(super) fn find(gathered: &mut Gathered, keys: &Data, told: &mut Vec<String>) -> Result<Self> {
        let file = gathered.places.file();
        let targets = std::mem::take(&mut gathered.targets);
        let one = match &targets[..] {
            [one] => one,
            _ if keys.task == Some(Task::Classification) => {
                let what = format!(
                    "data.task is classification, but there are {} targets; it has one",
                    targets.len()
                );
                return Err(key_error(what));
            }
            _ => return values(&targets, &gathered.places),
        };
        let title = one.name.clone();
        let most = match &gathered.inputs {
            // They have classes far more often than numbers.
            Inputs::Images { .. } => MOST_CLASSES,
            Inputs::Columns { is_array: true, .. } if counts(&one.values) => MOST_CLASSES,
            Inputs::Columns { .. } => FEW,
        };
        let task = keys.task.unwrap_or_else(|| guess(&one.values, most));
        if task == Task::Regression {
            if keys.task.is_none() {
                told.push(format!("the target `{title}` has many values: regression (data.task)"));
            }
            return values(&targets, &gathered.places);
        }
        if let Values::Numbers(numbers) = &one.values
            && let Some(row) = numbers.iter().position(|x| x.abs() >= MOST_EXACT)
        {
            let what = format!(
                "{}: the target `{title}` is {:e}: numbers of 2^53 and more cannot be told from their neighbours, so they name \
                 no classes",
                gathered.places.of(row),
                numbers[row]
            );
            return Err(data_error(what));
        }
        let (codes, names) = one.values.categories();
        if names.len() > MOST_CLASSES {
            let hint = match one.values {
                Values::Numbers(_) => "; data.task = \"regression\" takes it as numbers",
                Values::Texts { .. } => "",
            };
            let what = format!(
                "{file}: the target `{title}` has {} different values, more than {MOST_CLASSES} classes{hint}",
                names.len()
            );
            return Err(data_error(what));
        }
        if let [only] = &names[..] {
            return Err(data_error(format!(
                "{file}: the target `{title}` is always `{}`; 2 classes or more are expected",
                shown(only)
            )));
        }
        told.push(format!(
            "the target `{title}` has {} classes: {}{}",
            names.len(),
            list(names.iter().map(String::as_str)),
            if keys.task.is_none() { " (data.task = \"classification\" was found)" } else { "" }
        ));
        Ok(Self::Classes { title, labels: codes.iter().map(|&code| code as u8).collect(), names })
    }

    /// Names of the classes, none of a regression, and of the targets.
    pub(super) fn names(self) -> (Vec<String>, Vec<String>) {
        match self {
            Self::Classes { title, names, .. } => (names, vec![title]),
            Self::Values { names, .. } => (Vec::new(), names),
        }
    }

    /// The targets of all samples as a network sees them.
    pub(super) fn normalised(&self, constants: &[[f64; 2]]) -> Targets {
        match self {
            Self::Classes { labels, .. } => Targets::Labels(labels.clone()),
            Self::Values { names, values } => {
                let of = |(x, [mean, std]): (&f64, &[f64; 2])| ((x - mean) / std) as f32;
                let values = values.iter().zip(constants.iter().cycle()).map(of).collect();
                // Errors of several targets of different units have none.
                let unit = if let [[_, std]] = constants { *std } else { 1.0 };
                Targets::Values { width: names.len(), values, unit }
            }
        }
    }

    /// Number of samples of each class; nothing of a regression.
    pub(super) fn counts(&self, rows: &[usize]) -> Vec<usize> {
        let Self::Classes { labels, names, .. } = self else { return Vec::new() };
        let mut counts = vec![0; names.len()];
        rows.iter().for_each(|&row| counts[usize::from(labels[row])] += 1);
        counts
    }

    /// Checks that every class has two samples, one for each part.
    pub(super) fn check_counts(&self, file: &str) -> Result<()> {
        let Self::Classes { labels, names, title } = self else { return Ok(()) };
        let all: Vec<usize> = (0..labels.len()).collect();
        match self.counts(&all).iter().position(|&count| count < 2) {
            None => Ok(()),
            Some(class) => {
                let name = shown(&names[class]);
                let what = format!(
                    "{file}: class `{name}` of the target `{title}` has 1 sample; a training and a test part need 2 or \
                     more of each class"
                );
                Err(data_error(what))
            }
        }
    }

    /// Checks that the training part has all classes, and tells which the test part lacks.
    ///
    /// # Errors
    /// A class that only the test part has; a target that is constant.
    pub(super) fn check_parts(&self, split: &Split, file: &str, notes: &mut Vec<String>) -> Result<()> {
        let Self::Classes { names, title, .. } = self else { return Ok(()) };
        let [train, test] = [&split.train, &split.test].map(|rows| self.counts(rows));
        if let Some(class) = train.iter().position(|&count| count == 0) {
            let name = shown(&names[class]);
            let what = format!("{file}: class `{name}` of the target `{title}` is in the test part only");
            return Err(data_error(what));
        }
        let lacking =
            || (0..names.len()).filter(|&class| test[class] == 0).map(|class| names[class].as_str());
        if lacking().next().is_some() {
            notes.push(format!("the test part has no sample of the classes {}", list(lacking())));
        }
        Ok(())
    }

    /// Mean and standard deviation of each target over the training part; 0 and 1 where they are taken as they are.
    ///
    /// # Errors
    /// A target that is constant there.
    pub(super) fn constants(&self, split: &Split, keys: &Data, file: &str) -> Result<Vec<[f64; 2]>> {
        let Self::Values { names, values } = self else { return Ok(Vec::new()) };
        let width = names.len();
        let constants = |j: usize| {
            let of = || split.train.iter().map(|&row| values[row * width + j]);
            let moments = super::constants::moments(of());
            if of().all(|x| Some(x) == of().next()) {
                let what = format!("{file}: the target `{}` is constant in the training part", names[j]);
                return Err(data_error(what));
            }
            let constants = match keys.normalise_target.unwrap_or_default() {
                NormaliseTarget::ZScore => moments,
                NormaliseTarget::None => [0.0, 1.0],
            };
            let [mean, std] = constants;
            let is_small = |x: f64| ((x - mean) / std).abs() <= f64::from(f32::MAX);
            if !(std > 0.0
                && std.is_finite()
                && mean.is_finite()
                && (0..values.len() / width).all(|row| is_small(values[row * width + j])))
            {
                let what = format!(
                    "{file}: the numbers of the target `{}` are too large for a loss in f32",
                    names[j]
                );
                return Err(data_error(what));
            }
            Ok(constants)
        };
        (0..width).map(constants).collect()
    }
}

/// Whether the different numbers are 0, 1, 2, ..., or 1, 2, ..., as labels of arrays are.
fn counts(values: &Values) -> bool {
    let Values::Numbers(numbers) = values else { return false };
    let mut distinct = numbers.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let from = distinct.first().copied().unwrap_or(2.0);
    distinct.len() <= MOST_CLASSES
        && [0.0, 1.0].contains(&from)
        && (0..).zip(&distinct).all(|(i, &x)| x == from + f64::from(i))
}

/// Texts and few different whole numbers are classes.
fn guess(values: &Values, most: usize) -> Task {
    let Values::Numbers(numbers) = values else { return Task::Classification };
    let mut distinct: Vec<f64> = Vec::new();
    for &x in numbers {
        if x.fract() != 0.0 {
            return Task::Regression;
        }
        if !distinct.contains(&x) {
            distinct.push(x);
        }
        if distinct.len() > most {
            return Task::Regression;
        }
    }
    Task::Classification
}

/// Targets of a regression, row after row.
fn values(targets: &[super::frame::Column], places: &Places) -> Result<Target> {
    let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    let mut columns = Vec::new();
    for target in targets {
        match &target.values {
            Values::Numbers(numbers) => columns.push(numbers),
            Values::Texts { .. } => {
                let why = target.mixed.as_ref().map_or(String::new(), |mixed| format!(": {mixed}"));
                let what = format!(
                    "{}: the target `{}` holds texts, which no regression has{why}",
                    places.file(),
                    target.name
                );
                return Err(data_error(what));
            }
        }
    }
    let rows = columns.first().map_or(0, |column| column.len());
    let values = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    Ok(Target::Values { names, values })
}

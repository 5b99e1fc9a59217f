//! Samples as numbers for a network: categories one-hot, everything normalised by the training part.

use super::frame::{Column, Inputs, MISSING, Places, Values, data_error, key_error};
use super::roles::list;
use super::split::Split;
use crate::config::{Data, Normalise};
use crate::data::Source;
use crate::error::{CliError, ErrorKind, Result};
use crate::memory;
use valleys_core::network::Shape;

/// From so many categories of a column on it is told.
const MANY: usize = 100;

/// Features of all samples.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) train: Vec<f32>,
    pub(super) test: Vec<f32>,
    pub(super) shape: Shape,
    /// Names of features; none of images.
    pub(super) names: Vec<String>,
    /// Number x of a file became (x / scale − mean) / std.
    pub(super) scale: f64,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
}

/// A feature column and how it becomes numbers.
struct Plan {
    column: Column,
    kind: PlanKind,
}

enum PlanKind {
    /// One feature.
    Number {
        /// In the place of missing values.
        fill: f64,
        mean: f64,
        std: f64,
    },
    /// A feature for each category of the training part.
    OneHot {
        /// The place of each text in the categories, [`MISSING`] where training lacks it.
        places: Vec<u32>,
        categories: Vec<String>,
        /// In the place of missing values.
        fill: u32,
    },
}

impl PlanKind {
    fn len(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::OneHot { categories, .. } => categories.len(),
        }
    }
}

/// Mean and population standard deviation, in two passes.
pub(super) fn moments(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    [mean, (values.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt()]
}

/// The smallest and largest of some numbers.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], x| [least.min(x), most.max(x)])
}

/// Encodes the samples of both parts.
///
/// # Errors
/// Texts that differ in almost every row; nothing but constant columns; numbers that f32 cannot hold; more than fits into
/// the memory.
pub(super) fn encode(
    inputs: Inputs,
    split: &Split,
    places: &Places,
    keys: &Data,
    told: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Result<Encoded> {
    match inputs {
        Inputs::Images { shape, pixels, scale } => images(shape, pixels, scale, split, keys, told),
        Inputs::Columns { columns, is_array } => {
            let mut plans = Vec::new();
            let mut constant = Vec::new();
            for column in columns {
                match plan(&column, split, places, keys)? {
                    Some(kind) => plans.push(Plan { column, kind }),
                    None => {
                        constant.push(column.name.clone());
                        // Numbers of arrays keep their places.
                        if let (true, Values::Numbers(numbers)) = (is_array, &column.values) {
                            plans.push(Plan { kind: constant_plan(numbers, split), column });
                        }
                    }
                }
            }
            if !constant.is_empty() {
                let names = list(constant.iter().map(String::as_str));
                let what = if is_array { "kept, with a standard deviation of 1" } else { "left out" };
                let columns = if constant.len() == 1 { "column is" } else { "columns are" };
                told.push(format!(
                    "{} {columns} constant in the training part and {what}: {names}",
                    constant.len()
                ));
            }
            if plans.is_empty() {
                let what =
                    format!("{}: every column of features is constant in the training part", places.file());
                return Err(data_error(what));
            }
            tables(&plans, split, places, keys, told, notes)
        }
    }
}

/// How a column becomes numbers; none if it is constant in the training part.
fn plan(column: &Column, split: &Split, places: &Places, keys: &Data) -> Result<Option<PlanKind>> {
    let (name, file) = (&column.name, places.file());
    let empty = || {
        data_error(format!(
            "{file}: column `{name}` has no value in the training part (data.ignore leaves it out)"
        ))
    };
    match &column.values {
        Values::Numbers(numbers) => {
            let known = || split.train.iter().map(|&row| numbers[row]).filter(|x| !x.is_nan());
            let Some(first) = known().next() else { return Err(empty()) };
            if known().all(|x| x == first) {
                return Ok(None);
            }
            let [fill, _] = moments(known());
            let filled =
                || split.train.iter().map(|&row| if numbers[row].is_nan() { fill } else { numbers[row] });
            let [mean, std] = constants(filled, keys.normalise.unwrap_or_default());
            if !(mean.is_finite() && std.is_finite() && std > 0.0) {
                return Err(data_error(format!(
                    "{file}: the numbers of column `{name}` are too large or too close to each other to be normalised"
                )));
            }
            Ok(Some(PlanKind::Number { fill, mean, std }))
        }
        Values::Texts { codes, texts } => {
            let rows = codes.iter().filter(|&&code| code != MISSING).count();
            if texts.len() > 2 && texts.len() * 10 >= rows * 9 {
                let different = texts.len();
                let what = match &column.mixed {
                    Some(mixed) => format!(
                        "{mixed}; with {different} different values it is no column of categories: correct it, or leave the \
                         field empty (data.missing) or the column out (data.ignore)"
                    ),
                    None => format!(
                        "{file}: column `{name}` has {different} different texts in {rows} rows, as identifiers and free text \
                         have; data.ignore leaves it out"
                    ),
                };
                return Err(data_error(what));
            }
            let train = Values::Texts {
                codes: split.train.iter().map(|&row| codes[row]).collect(),
                texts: texts.clone(),
            };
            let (ranks, categories) = train.categories();
            if categories.is_empty() {
                return Err(empty());
            }
            if categories.len() == 1 {
                return Ok(None);
            }
            let mut counts = vec![0usize; categories.len()];
            let mut to = vec![MISSING; texts.len()];
            for (&row, &rank) in split.train.iter().zip(&ranks).filter(|(_, rank)| **rank != MISSING) {
                counts[rank as usize] += 1;
                to[codes[row] as usize] = rank;
            }
            // The first of the most frequent.
            let fill = (0..counts.len()).rev().max_by_key(|&i| counts[i]).unwrap_or(0) as u32;
            Ok(Some(PlanKind::OneHot { places: to, categories, fill }))
        }
    }
}

/// A column of an array that is constant in the training part: it becomes 0 there, or is kept as it is.
fn constant_plan(numbers: &[f64], split: &Split) -> PlanKind {
    let value = split.train.iter().map(|&row| numbers[row]).find(|x| !x.is_nan()).unwrap_or(0.0);
    PlanKind::Number { fill: value, mean: value, std: 1.0 }
}

/// What is subtracted and what the rest is divided by.
fn constants<I: Iterator<Item = f64> + Clone>(values: impl Fn() -> I, normalise: Normalise) -> [f64; 2] {
    match normalise {
        Normalise::ZScore => moments(values()),
        Normalise::MinMax => {
            let [least, most] = range(values());
            [least, most - least]
        }
        Normalise::None => [0.0, 1.0],
    }
}

/// Encodes columns.
fn tables(
    plans: &[Plan],
    split: &Split,
    places: &Places,
    keys: &Data,
    told: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Result<Encoded> {
    let features: usize = plans.iter().map(|plan| plan.kind.len()).sum();
    let rows = split.train.len() + split.test.len();
    let (bytes, most) = (rows.saturating_mul(features).saturating_mul(4), memory::available());
    if bytes > most {
        let what = format!(
            "{}: {rows} samples of {features} features take {bytes} bytes, more than the memory that is free ({most} bytes)",
            places.file()
        );
        return Err(CliError::new(ErrorKind::Resources, what));
    }
    let (mut names, mut mean, mut std, mut is_number) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Plan { column, kind } in plans {
        match kind {
            PlanKind::Number { mean: m, std: s, .. } => {
                names.push(column.name.clone());
                mean.push(*m);
                std.push(*s);
                is_number.push(true);
            }
            PlanKind::OneHot { categories, .. } => {
                names.extend(categories.iter().map(|category| format!("{}_{category}", column.name)));
                mean.resize(names.len(), 0.0);
                std.resize(names.len(), 1.0);
                is_number.resize(names.len(), false);
                if categories.len() >= MANY {
                    notes.push(format!(
                        "column `{}` has {} categories, each a feature",
                        column.name,
                        categories.len()
                    ));
                }
            }
        }
    }
    let encoded = plans.iter().filter(|plan| matches!(plan.kind, PlanKind::OneHot { .. }));
    let titles: Vec<&str> = encoded.map(|plan| plan.column.name.as_str()).collect();
    if !titles.is_empty() {
        told.push(format!("one-hot columns: {}", list(titles.into_iter())));
    }
    let mixed = plans.iter().filter_map(|plan| plan.column.mixed.as_ref());
    told.extend(mixed.map(|mixed| format!("{mixed}, and is one of categories")));
    replace("data.mean", keys.mean.as_deref(), &mut mean, &is_number)?;
    replace("data.std", keys.std.as_deref(), &mut std, &is_number)?;
    let mut parts = [&split.train, &split.test].map(|rows| vec![0.0f32; rows.len() * features]);
    let mut first = 0;
    for Plan { column, kind } in plans {
        for (part, (rows, out)) in [&split.train, &split.test].into_iter().zip(&mut parts).enumerate() {
            let rows = rows.iter().zip(out.chunks_exact_mut(features));
            match (kind, &column.values) {
                (PlanKind::Number { fill, .. }, Values::Numbers(numbers)) => {
                    for (&row, sample) in rows {
                        let x = if numbers[row].is_nan() { *fill } else { numbers[row] };
                        sample[first] = ((x - mean[first]) / std[first]) as f32;
                        if !sample[first].is_finite() {
                            let what =
                                format!("{}: column `{}`: {x:e} is too large", places.of(row), column.name);
                            return Err(data_error(what));
                        }
                    }
                }
                (PlanKind::OneHot { places: to, fill, categories }, Values::Texts { codes, texts }) => {
                    let mut unknown = Vec::new();
                    let mut count = 0;
                    for (&row, sample) in rows {
                        let place = codes
                            .get(row)
                            .map_or(*fill, |&code| if code == MISSING { *fill } else { to[code as usize] });
                        if place != MISSING {
                            // A given mean or deviation of a category acts as that of a number.
                            for (i, x) in sample[first..first + categories.len()].iter_mut().enumerate() {
                                let one = if i == place as usize { 1.0 } else { 0.0 };
                                *x = ((one - mean[first + i]) / std[first + i]) as f32;
                            }
                            continue;
                        }
                        count += 1;
                        for (i, x) in sample[first..first + categories.len()].iter_mut().enumerate() {
                            *x = ((0.0 - mean[first + i]) / std[first + i]) as f32;
                        }
                        let text = &texts[codes[row] as usize];
                        if !unknown.contains(&text.as_str()) && unknown.len() < 21 {
                            unknown.push(text.as_str());
                        }
                    }
                    if part == 1 && count > 0 {
                        notes.push(format!(
                            "column `{}`: {count} rows of the test part have categories that the training part lacks, and \
                             are all zeros there: {}",
                            column.name,
                            list(unknown.into_iter())
                        ));
                    }
                }
                _ => unreachable!("a plan is made of its column"),
            }
        }
        first += kind.len();
    }
    let [train, test] = parts;
    Ok(Encoded { train, test, shape: Shape::flat(features), names, scale: 1.0, mean, std })
}

/// Puts the constants that a key gives in the place of those that were computed: one for all numbers, or one for each
/// feature.
fn replace(key: &str, given: Option<&[f64]>, constants: &mut [f64], is_number: &[bool]) -> Result<()> {
    match given {
        None => {}
        Some([one]) => {
            constants.iter_mut().zip(is_number).filter(|(_, is)| **is).for_each(|(x, _)| *x = *one)
        }
        Some(all) if all.len() == constants.len() => constants.copy_from_slice(all),
        Some(other) => {
            let what = format!(
                "{key} has {} numbers, but must have 1 or, for each feature, {}",
                other.len(),
                constants.len()
            );
            return Err(key_error(what));
        }
    }
    Ok(())
}

/// Normalises images by channel.
fn images(
    shape: Shape,
    mut pixels: Vec<f32>,
    scale: f64,
    split: &Split,
    keys: &Data,
    told: &mut Vec<String>,
) -> Result<Encoded> {
    let (len, area) = (shape.len(), shape.height * shape.width);
    let (mut mean, mut std) = (Vec::new(), Vec::new());
    for channel in 0..shape.channels {
        let values = || {
            let planes = split.train.iter().map(|&row| &pixels[row * len + channel * area..][..area]);
            planes.flatten().map(|&x| f64::from(x) / scale)
        };
        let [m, mut s] = constants(values, keys.normalise.unwrap_or_default());
        let [least, most] = range(values());
        if least == most && keys.normalise != Some(Normalise::None) {
            told.push(format!(
                "channel {channel} is constant in the training part; its standard deviation is taken as 1"
            ));
            s = 1.0;
        }
        mean.push(m);
        std.push(s);
    }
    let all = vec![true; shape.channels];
    replace("data.mean", keys.mean.as_deref(), &mut mean, &all)?;
    replace("data.std", keys.std.as_deref(), &mut std, &all)?;
    let is_in_order = split.train.iter().chain(&split.test).copied().eq(0..pixels.len() / len);
    let (mut train, mut test) = if is_in_order {
        // Most sets are: nothing is copied.
        let test = pixels.split_off(split.train.len() * len);
        (pixels, test)
    } else {
        let pick =
            |rows: &[usize]| rows.iter().flat_map(|&row| &pixels[row * len..][..len]).copied().collect();
        (pick(&split.train), pick(&split.test))
    };
    let source = Source::of_constants(scale, mean, std);
    for part in [&mut train, &mut test] {
        source.normalise(shape, part);
        if let Some(i) = part.iter().position(|x| !x.is_finite()) {
            return Err(data_error(format!(
                "a pixel of image {} is not finite after the normalisation",
                i / len
            )));
        }
    }
    let Source { mean, std, .. } = source;
    Ok(Encoded { train, test, shape, names: Vec::new(), scale, mean, std })
}

//! Archives of arrays: samples and targets by their usual names.

use super::array::Array;
use super::frame::{Column, Gathered, Inputs, Parts, data_error, key_error};
use super::read::{Told, labels_of, no_column, refuse, with_targets};
use super::roles::list;
use crate::config::{self, Data};
use crate::error::Result;
use crate::formats::{Input, npz};
use std::path::Path;

/// What arrays of samples are called.
const SAMPLES: [&str; 9] = ["x", "data", "images", "image", "features", "inputs", "samples", "arr_0", "arr0"];

/// What arrays of targets are called.
const TARGETS: [&str; 8] = ["y", "target", "targets", "labels", "label", "classes", "arr_1", "arr1"];

/// The part of an array and what is left of its name: `x_train` is (`train`, `x`).
fn part_of(name: &str) -> (Option<&'static str>, String) {
    let lower = name.to_lowercase().replace('-', "_");
    for (word, part) in [("train", "train"), ("test", "test"), ("valid", "val"), ("val", "val")] {
        if let Some(place) = lower.find(word) {
            let rest = format!("{}{}", &lower[..place], &lower[place + word.len()..]);
            return (Some(part), rest.trim_matches('_').to_owned());
        }
    }
    (None, lower)
}

/// The arrays of an archive that are samples and targets of a part.
struct Pair {
    samples: String,
    targets: Option<String>,
}

/// The pair of a part among the names.
fn pair(names: &[String], part: Option<&str>) -> Option<Pair> {
    let find = |usual: &[&str]| {
        names.iter().find(|name| {
            let (of, rest) = part_of(name);
            of == part && usual.contains(&rest.as_str())
        })
    };
    Some(Pair { samples: find(&SAMPLES)?.clone(), targets: find(&TARGETS).cloned() })
}

/// Reads an archive: `X` and `y`, or these of both parts, or the array that the path names.
///
/// # Errors
/// No array that can be told to be samples or targets, with the names of all; shapes that do not fit each other.
pub(super) fn read(input: Input, keys: &Data, told: &mut Told) -> Result<Gathered> {
    let file = input.name.strip_suffix(&input.member.as_ref().map_or(String::new(), |m| format!(":{m}")));
    let file = file.unwrap_or(&input.name).to_owned();
    let names = npz::members(&file, &input.bytes)?;
    let all = list(names.iter().map(String::as_str));
    let open = |name: &str| Array::npy(&format!("{file}:{name}"), &npz::read(&file, &input.bytes, name)?);
    let has = |name: &String| names.contains(name);
    if input.member.is_none()
        && keys.label.is_none()
        && keys.labels.is_none()
        && let Some(train) = pair(&names, Some("train"))
    {
        refuse(keys, &["data.ignore", "data.categories"], "arrays of both parts")?;
        return parts(&file, &names, train, keys, told, open);
    }
    // The array of the samples, and that of the targets.
    let label = match &keys.label {
        Some(config::Columns::One(config::Column::Name(name))) => Some(name.clone()),
        _ => None,
    };
    let usual = pair(&names, None);
    let samples = match (&input.member, &names[..]) {
        (Some(member), _) if has(member) => member.clone(),
        (Some(member), _) => {
            return Err(data_error(format!("{file}: no array `{member}`; there are: {all}")));
        }
        (None, [only]) => only.clone(),
        (None, [a, b]) if label.as_ref() == Some(b) => a.clone(),
        (None, [a, b]) if label.as_ref() == Some(a) => b.clone(),
        (None, _) => match &usual {
            Some(usual) => usual.samples.clone(),
            None => {
                let what = format!(
                    "{file}: no array is called X, data or images; {file}:NAME names that of the samples, and data.label that \
                     of the targets; there are: {all}"
                );
                return Err(data_error(what));
            }
        },
    };
    let targets = match label {
        Some(name) if has(&name) => Some(name),
        Some(name) => {
            return Err(key_error(format!("data.label: no array `{name}` in {file}; there are: {all}")));
        }
        None if keys.label.is_some() || keys.labels.is_some() => None,
        None => usual.and_then(|usual| usual.targets).filter(|name| *name != samples),
    };
    let array = open(&samples)?;
    let gathered = match (targets, &keys.labels) {
        (Some(name), None) => {
            tell(&file, &[&samples, &name], &names, told);
            let targets = open(&name)?.targets(&mut told.told)?;
            no_column(keys, "arrays")?;
            ignoring(array, targets, keys, told)?
        }
        (None, Some(labels)) => {
            tell(&file, &[&samples], &names, told);
            no_column(keys, "arrays")?;
            let targets = labels_of(Path::new(labels), array.len(), &array.name.clone(), keys, told)?;
            ignoring(array, targets, keys, told)?
        }
        (Some(_), Some(_)) => {
            return Err(key_error("data.label names an array and data.labels a file: give one of them"));
        }
        (None, None) if keys.label.is_some() => {
            tell(&file, &[&samples], &names, told);
            let frame = array.into_frame()?;
            frame.into_gathered(keys, None, Parts::Unknown, told)?
        }
        (None, None) => {
            let what = format!(
                "{file}: no array is called y, target or labels; data.label names that of the targets, or the column of \
                 them; there are: {all}"
            );
            return Err(data_error(what));
        }
    };
    Ok(gathered)
}

/// Samples and targets, where columns of samples may be left out or taken as categories.
fn ignoring(array: Array, targets: Vec<Column>, keys: &Data, told: &mut Told) -> Result<Gathered> {
    if array.shape.len() != 2 {
        refuse(keys, &["data.ignore", "data.categories", "data.missing"], "images")?;
        return with_targets(array, targets, told);
    }
    let found = targets.first().map_or(0, |target| target.values.len());
    if found != array.len() {
        return Err(data_error(format!("{}: {} samples, but {found} targets", array.name, array.len())));
    }
    // The name of an array is no column.
    let keys = Data { label: None, ..keys.clone() };
    told.told.push(format!("{}: {} samples of {} features", array.name, array.shape[0], array.shape[1]));
    array.into_frame()?.into_gathered(&keys, Some(targets), Parts::Unknown, told)
}

/// Which arrays were taken.
fn tell(file: &str, taken: &[&str], names: &[String], told: &mut Told) {
    let mut others = names.iter().map(String::as_str).filter(|name| !taken.contains(name)).peekable();
    let rest = match others.peek() {
        None => String::new(),
        Some(_) => format!("; not used: {}", list(others)),
    };
    told.told.push(format!("{file}: the arrays {} are taken{rest}", taken.join(", ")));
}

/// The arrays of both parts.
fn parts(
    file: &str,
    names: &[String],
    train: Pair,
    keys: &Data,
    told: &mut Told,
    open: impl Fn(&str) -> Result<Array>,
) -> Result<Gathered> {
    let test = pair(names, Some("test")).or_else(|| pair(names, Some("val")));
    let mut taken = vec![train.samples.clone()];
    taken.extend(train.targets.clone());
    if let Some(test) = &test {
        taken.push(test.samples.clone());
        taken.extend(test.targets.clone());
    }
    tell(file, &taken.iter().map(String::as_str).collect::<Vec<_>>(), names, told);
    let mut read = |pair: &Pair| {
        let Some(name) = &pair.targets else {
            return Err(data_error(format!(
                "{file}: the samples `{}` have no array of targets",
                pair.samples
            )));
        };
        let targets = open(name)?.targets(&mut told.told)?;
        with_targets(open(&pair.samples)?, targets, told)
    };
    let mut all = read(&train)?;
    let Some(test) = test else {
        no_column(keys, "arrays")?;
        return Ok(all);
    };
    if keys.split.is_some() || keys.split_seed.is_some() {
        return Err(key_error(format!("data.split: {file} has arrays of both parts")));
    }
    let second = read(&test)?;
    let (a, b) = (train.samples, test.samples);
    join(&mut all, second, &format!("{file}:{a}"), &format!("{file}:{b}"))?;
    if let Parts::Known { by, .. } = &mut all.parts {
        "arrays".clone_into(by);
    }
    Ok(all)
}

/// Adds the samples of the test part.
///
/// # Errors
/// Their shapes or targets differ.
pub(super) fn join(train: &mut Gathered, test: Gathered, first: &str, second: &str) -> Result<()> {
    let count = train.len();
    let differ = |what: &str| data_error(format!("{first} and {second} differ in {what}"));
    match (&mut train.inputs, test.inputs) {
        (Inputs::Columns { columns, .. }, Inputs::Columns { columns: more, .. })
            if columns.len() == more.len() =>
        {
            for (column, more) in columns.iter_mut().zip(more) {
                column.values.extend(more.values);
            }
        }
        (
            Inputs::Images { shape, pixels, scale },
            Inputs::Images { shape: other, pixels: more, scale: other_scale },
        ) if (*shape, *scale) == (other, other_scale) => pixels.extend(more),
        _ => return Err(differ("the shape or the type of their samples")),
    }
    if train.targets.len() != test.targets.len() {
        return Err(differ("the number of their targets"));
    }
    for (column, more) in train.targets.iter_mut().zip(test.targets) {
        if !column.values.extend(more.values) {
            return Err(differ("their targets: numbers and texts"));
        }
    }
    train.places.extend(test.places);
    train.rows += test.rows;
    let is_test = (0..train.len()).map(|i| i >= count).collect();
    train.parts = Parts::Known { is_test, by: "files".to_owned() };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        for (name, part, rest) in [
            ("x_train", Some("train"), "x"),
            ("X", None, "x"),
            ("test_images", Some("test"), "images"),
            ("yTest", Some("test"), "y"),
            ("val-labels", Some("val"), "labels"),
            ("train", Some("train"), ""),
        ] {
            assert_eq!(part_of(name), (part, rest.to_owned()), "{name}");
        }
    }
}

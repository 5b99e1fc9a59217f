//! IDX files of any shape and number of classes: a folder of four, or one file of images.

use super::archive::join;
use super::array::Array;
use super::frame::{Gathered, data_error, key_error};
use super::read::{Told, labels_of, no_column, with_targets};
use crate::config::Data;
use crate::error::Result;
use crate::formats::Input;
use std::path::{Path, PathBuf};

/// The files of a set; those of the test part where it has one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Files {
    train: [PathBuf; 2],
    test: Option<[PathBuf; 2]>,
}

/// The name of a file in small letters, if it is that of an IDX file.
fn idx_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    (name.contains("idx") && (name.contains("images") || name.contains("labels"))).then_some(name)
}

/// The file of the labels that belongs to one of images, if it is there.
fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    for (from, to) in [("images-idx3", "labels-idx1"), ("images.idx3", "labels.idx1"), ("images", "labels")] {
        if name.contains(from) {
            let twin = name.replacen(from, to, 1);
            if let Some(path) = present(images, &twin) {
                return Some(path);
            }
        }
    }
    None
}

/// A file beside another one, compressed or not.
fn present(beside: &Path, name: &str) -> Option<PathBuf> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let names = [name.to_owned(), plain.to_owned(), format!("{plain}.gz")];
    names.into_iter().map(|name| beside.with_file_name(name)).find(|path| path.is_file())
}

/// The images of the test part that belong to those of the training part, if they are there.
fn test_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let to = |word: &str| present(images, &name.replacen("train", word, 1));
    name.contains("train").then(|| to("test").or_else(|| to("t10k")))?
}

/// The set of a folder; none if no file of it has the name of an IDX file.
///
/// # Errors
/// The folder cannot be listed; it has several sets, or images without labels.
pub(super) fn find(folder: &Path) -> Result<Option<Files>> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|e| data_error(format!("cannot list {shown}: {e}")))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.retain(|path| idx_name(path).is_some());
    files.sort();
    let images: Vec<&PathBuf> =
        files.iter().filter(|path| idx_name(path).is_some_and(|n| n.contains("images"))).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let has = |path: &Path, word: &str| idx_name(path).is_some_and(|name| name.contains(word));
    let train: Vec<&&PathBuf> = images.iter().filter(|path| has(path, "train")).collect();
    let chosen = match (&train[..], &images[..]) {
        ([one], _) => **one,
        ([], [one]) => *one,
        ([first, ..], _) => {
            let what = format!(
                "{shown}: {} files of training images; give one of them as the dataset, such as {}",
                train.len(),
                first.display()
            );
            return Err(data_error(what));
        }
        ([], _) => {
            let what =
                format!("{shown}: files of labels, but {} files of images, none called train", images.len());
            return Err(data_error(what));
        }
    };
    beside(chosen).map(Some)
}

/// The labels and the test part that belong to a file of images.
///
/// # Errors
/// There are no labels.
fn beside(images: &Path) -> Result<Files> {
    let labels = |images: &Path| {
        labels_beside(images).ok_or_else(|| {
            data_error(format!("{}: no file of labels beside it; data.labels names one", images.display()))
        })
    };
    let test = match test_beside(images) {
        Some(test) => Some([test.clone(), labels(&test)?]),
        None => None,
    };
    Ok(Files { train: [images.to_owned(), labels(images)?], test })
}

/// Reads a set of files.
pub(super) fn read(files: &Files, keys: &Data, told: &mut Told) -> Result<Gathered> {
    let mut part = |[images, labels]: &[PathBuf; 2]| {
        let input = told.read(images)?;
        let array = Array::idx(&input.name, &input.bytes)?;
        drop(input);
        let targets = labels_of(labels, array.len(), &array.name.clone(), keys, told)?;
        with_targets(array, targets, told)
    };
    let mut all = part(&files.train)?;
    match &files.test {
        None => no_column(keys, "IDX files")?,
        Some(test) => {
            if keys.split.is_some() || keys.split_seed.is_some() {
                let what = format!("data.split: {} is the test part", test[0].display());
                return Err(key_error(what));
            }
            let second = part(test)?;
            let [first, other] = [&files.train[0], &test[0]].map(|path| path.display().to_string());
            join(&mut all, second, &first, &other)?;
        }
    }
    Ok(all)
}

/// Reads a file of images with its labels, and the test part beside it.
pub(super) fn read_images(input: Input, path: &Path, keys: &Data, told: &mut Told) -> Result<Gathered> {
    let Some(labels) = &keys.labels else {
        drop(input);
        return read(&beside(path)?, keys, told);
    };
    let array = Array::idx(&input.name, &input.bytes)?;
    drop(input);
    no_column(keys, "IDX files")?;
    let targets = labels_of(Path::new(labels), array.len(), &array.name.clone(), keys, told)?;
    with_targets(array, targets, told)
}

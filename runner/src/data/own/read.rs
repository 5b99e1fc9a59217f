//! What kind of data a path names, and its files.

use super::array::Array;
use super::frame::{Column, Gathered, Inputs, Parts, Places, check_memory, data_error, key_error};
use super::table::{self, Frame};
use super::{archive, folder, idx_set};
use crate::config::{self, Data};
use crate::data::idx;
use crate::error::Result;
use crate::formats::{Input, Npy, npz};
use crate::memory;
use std::path::Path;

/// What was read besides the samples.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Each file with its hash.
    pub(super) files: Vec<(String, String)>,
    /// What was found and decided, in sentences without a full stop.
    pub(super) told: Vec<String>,
    /// What a user should look at.
    pub(super) notes: Vec<String>,
}

impl Told {
    /// Reads a file, decompressed, and keeps its hash.
    ///
    /// # Errors
    /// It cannot be read, does not fit into the memory, or is a file of another kind, with the way to convert it.
    pub(super) fn read(&mut self, path: &Path) -> Result<Input> {
        let file = Input::file_of(path);
        let size = file.metadata().map_or(0, |data| data.len());
        check_memory(file.display(), usize::try_from(size).unwrap_or(usize::MAX), memory::available())?;
        if folder::is_image(&file) {
            let what = "an image; images are read from a folder with a folder for each class: CLASS/*.png";
            return Err(data_error(format!("{}: {what}", file.display())));
        }
        let input = Input::read(path)?;
        if input.bytes.is_empty() {
            return Err(data_error(format!("{}: the file is empty", input.name)));
        }
        let file = file.display().to_string();
        if !self.files.iter().any(|(known, _)| *known == file) {
            self.files.push((file, blake3::hash(&input.bytes).to_hex().to_string()));
        }
        Ok(input)
    }
}

/// Reads the samples that a path names.
///
/// # Errors
/// Those of the readers; keys that do not act on this kind of data.
pub(super) fn read(path: &Path, keys: &Data, told: &mut Told) -> Result<Gathered> {
    if path.is_dir() {
        return match idx_set::find(path)? {
            Some(files) => {
                refuse(
                    keys,
                    &["data.label", "data.labels", "data.ignore", "data.categories", "data.size"],
                    "IDX files",
                )?;
                idx_set::read(&files, keys, told)
            }
            None => {
                let others = ["data.label", "data.labels", "data.ignore", "data.categories", "data.missing"];
                refuse(keys, &others, "a folder of images")?;
                folder::read(path, keys, told)
            }
        };
    }
    let input = told.read(path)?;
    of_file(input, path, keys, told)
}

/// Reads the samples of a file, by its first bytes.
///
/// # Errors
/// Those of [`read`].
pub(super) fn of_file(input: Input, path: &Path, keys: &Data, told: &mut Told) -> Result<Gathered> {
    refuse(keys, &["data.size"], "a file")?;
    if idx::is_idx(&input.bytes) {
        refuse(keys, &["data.label", "data.ignore", "data.categories", "data.missing"], "an IDX file")?;
        return idx_set::read_images(input, path, keys, told);
    }
    let is_npy = Npy::is_npy(&input.bytes);
    if is_npy || npz::is_archive(&input.bytes) {
        refuse(keys, &["data.header", "data.delimiter", "data.decimal"], "a NumPy array")?;
        return if is_npy { npy(input, keys, told) } else { archive::read(input, keys, told) };
    }
    let frame = table::read(&input, keys, &[], &mut told.told)?;
    framed(frame, keys, told, |path, texts, told| table::read(&told.read(path)?, keys, texts, &mut told.told))
}

/// Refuses keys that have no effect on a kind of data.
pub(super) fn refuse(keys: &Data, without_effect: &[&str], kind: &str) -> Result<()> {
    match keys.own_keys().into_iter().find(|key| without_effect.contains(key)) {
        None => Ok(()),
        Some(key) => Err(key_error(format!("{key} does not act on {kind}"))),
    }
}

/// An `.npy` file: an array with the target in a column, or samples with a file of labels.
fn npy(input: Input, keys: &Data, told: &mut Told) -> Result<Gathered> {
    let array = Array::npy(&input.name, &input.bytes)?;
    drop(input);
    if array.shape.len() == 2 {
        return framed(array.into_frame()?, keys, told, |path, _, told| {
            let input = told.read(path)?;
            Array::npy(&input.name, &input.bytes)?.into_frame()
        });
    }
    let Some(labels) = &keys.labels else {
        let what = format!(
            "{}: an array of shape {:?}; data.labels names the file of its targets (.npy)",
            array.name, array.shape
        );
        return Err(key_error(what));
    };
    refuse(keys, &["data.label", "data.ignore", "data.categories", "data.missing"], "images")?;
    no_column(keys, "images")?;
    let targets = labels_of(Path::new(labels), array.len(), &array.name.clone(), keys, told)?;
    with_targets(array, targets, told)
}

/// Refuses `data.split = "NAME"` where there are neither columns nor a second file.
pub(super) fn no_column(keys: &Data, kind: &str) -> Result<()> {
    match &keys.split {
        Some(config::Split::Named(name)) => {
            Err(key_error(format!("data.split = {name:?}: {kind} have no columns; a fraction acts on them")))
        }
        _ => Ok(()),
    }
}

/// Samples with their targets.
pub(super) fn with_targets(array: Array, targets: Vec<Column>, told: &mut Told) -> Result<Gathered> {
    let (name, rows) = (array.name.clone(), array.len());
    let found = targets.first().map_or(0, |target| target.values.len());
    if found != rows {
        return Err(data_error(format!("{name}: {rows} samples, but {found} targets")));
    }
    let inputs = array.inputs(&mut told.told)?;
    let columns = match &inputs {
        Inputs::Columns { columns, .. } => columns.len(),
        Inputs::Images { shape, .. } => shape.len(),
    };
    let places = Places::new(name, rows, Vec::new());
    Ok(Gathered { inputs, targets, parts: Parts::Unknown, places, rows, columns })
}

/// A table with the roles of its columns, its second file, and its file of labels.
fn framed(
    mut frame: Frame,
    keys: &Data,
    told: &mut Told,
    read: impl Fn(&Path, &[&str], &mut Told) -> Result<Frame>,
) -> Result<Gathered> {
    let mut parts = Parts::Unknown;
    let file = frame.places.file();
    if let Some(config::Split::Named(name)) = keys.split.as_ref().filter(|split| match split {
        config::Split::Named(name) => !frame.has(name),
        config::Split::Fraction(_) => false,
    }) {
        if !Input::file_of(Path::new(name)).is_file() {
            let names = super::roles::list(frame.columns.iter().map(|column| column.name.as_str()));
            let what =
                format!("data.split = {name:?}: no column of {file} and no file; the columns are {names}");
            return Err(key_error(what));
        }
        if keys.labels.is_some() {
            let what =
                "data.split names the file of the test part, but data.labels the targets of one file alone";
            return Err(key_error(what));
        }
        let ignored = frame.find_all("data.ignore", keys.ignore.as_ref())?;
        let ignored: Vec<String> = ignored.iter().map(|&place| frame.columns[place].name.clone()).collect();
        let mut second = read(Path::new(name), &frame.text_columns(), told)?;
        let train_rows = frame.rows;
        for (table, file) in [(&mut frame, &file), (&mut second, name)] {
            if std::mem::take(&mut table.first_unnamed) {
                table.columns.remove(0);
                told.told.push(format!("{file}: column 0 has no name and is left out, as names of rows are"));
            }
        }
        // The columns that are left out by name need not be in both files.
        frame.append(second, &ignored)?;
        let is_test = (0..frame.rows).map(|row| row >= train_rows).collect();
        parts = Parts::Known { is_test, by: format!("file {name}") };
        let keys = Data { ignore: None, ..keys.clone() };
        return frame.into_gathered(&keys, None, parts, told);
    }
    let given = match &keys.labels {
        Some(labels) => Some(labels_of(Path::new(labels), frame.rows, &file, keys, told)?),
        None => None,
    };
    frame.into_gathered(keys, given, parts, told)
}

/// The targets in a file of their own: an array, or a table of one column.
///
/// # Errors
/// Another number of them than of samples.
pub(super) fn labels_of(
    path: &Path,
    samples: usize,
    of: &str,
    keys: &Data,
    told: &mut Told,
) -> Result<Vec<Column>> {
    if path.is_dir() {
        return Err(data_error(format!("{}: a folder; data.labels names a file", path.display())));
    }
    let input = told.read(path)?;
    let targets = if idx::is_idx(&input.bytes) {
        Array::idx(&input.name, &input.bytes)?.targets(&mut told.told)?
    } else if Npy::is_npy(&input.bytes) {
        Array::npy(&input.name, &input.bytes)?.targets(&mut told.told)?
    } else {
        let frame = table::read(&input, keys, &[], &mut told.told)?;
        let from = usize::from(frame.first_unnamed);
        let columns: Vec<Column> = frame.columns.into_iter().skip(from).collect();
        if let [_, _, ..] = &columns[..] {
            return Err(data_error(format!(
                "{}: {} columns ({}), but a table of targets has one; data.label takes targets from the table of the samples",
                input.name,
                columns.len(),
                super::roles::list(columns.iter().map(|column| column.name.as_str()))
            )));
        }
        columns
    };
    let found = targets.first().map_or(0, |target| target.values.len());
    if found != samples {
        let what = format!("{}: {found} targets, but {of} has {samples} samples", path.display());
        return Err(data_error(what));
    }
    Ok(targets)
}

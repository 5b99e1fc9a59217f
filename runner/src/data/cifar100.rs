//! CIFAR-100: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009. 60,000 colour images of
//! 32 × 32, in two binary files: records of a coarse label, a fine label, and the red, green and blue planes.

use super::file::{Folder, read_path};
use super::{Dataset, LoadOptions, Raw, Samples, Source, Subset, Targets};
use crate::config::{Column, Columns};
use crate::error::{CliError, ErrorKind, Result};
use std::path::Path;
use valleys_core::network::zoo::RESNET_INPUT;

pub(super) const SET: &str = "cifar-100";

/// Classes of the coarse and of the fine label.
pub const CLASSES: [usize; 2] = [20, 100];

/// Bytes of a record.
const RECORD: usize = 2 + RESNET_INPUT.len();

/// Folders that the official archives unpack to.
const FOLDERS: [&str; 2] = ["cifar-100-binary", "cifar-100-python"];

/// Mean and standard deviation of x / 255 over the training part, by channel.
const MOMENTS: [[f64; 3]; 2] = [[0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]];

pub(super) fn load(options: &LoadOptions) -> Result<Raw> {
    let label = match options.keys.and_then(|keys| keys.label.as_ref()) {
        None => 1,
        Some(Columns::One(Column::Name(name))) if name == "fine" => 1,
        Some(Columns::One(Column::Name(name))) if name == "coarse" => 0,
        Some(_) => {
            let message = format!("data.label of {SET} is \"fine\" (100 classes) or \"coarse\" (20 classes)");
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
    };
    let names = ["train.bin", "test.bin"].map(str::to_owned);
    let folder = Folder::find(options, SET, &FOLDERS, &names).map_err(|e| pickles(options).unwrap_or(e))?;
    let mut files = Vec::new();
    let mut part = |name: &String, subset: Subset| {
        if subset == Subset::Nothing {
            return Ok(Samples::default());
        }
        let (path, bytes) = folder.read(std::slice::from_ref(name))?;
        check(&path, &bytes)?;
        files.push(path.display().to_string());
        let records: Vec<&[u8]> = bytes.chunks_exact(RECORD).collect();
        let labels = Targets::Labels(records.iter().map(|record| record[label]).collect());
        let numbers = subset.numbers(&labels, CLASSES[label]);
        let inputs = numbers.iter().flat_map(|&i| &records[i][2..]).map(|&x| x.into()).collect();
        Ok(Samples { inputs, targets: labels.pick(&numbers) })
    };
    let data = Dataset { train: part(&names[0], options.train)?, test: part(&names[1], options.test)? };
    let [mean, std] = MOMENTS.map(|x| x.to_vec());
    let listed = class_names(&folder, label);
    let source = Source { files, class_names: listed, ..Source::of_constants(255.0, mean, std) };
    Ok(Raw { data, shape: RESNET_INPUT, classes: CLASSES[label], source })
}

/// The names of the classes, from the file beside the records; none where it is not there or has another number of them.
fn class_names(folder: &Folder, label: usize) -> Vec<String> {
    let name = ["coarse_label_names.txt", "fine_label_names.txt"][label];
    let bytes = folder.file(name).and_then(|path| read_path(&path).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.len() == CLASSES[label] { names } else { Vec::new() }
}

/// What to do with the version for Python.
fn pickles(options: &LoadOptions) -> Option<CliError> {
    let places = super::file::places(options.dir?, SET, &FOLDERS);
    let is_pickle = |path: &std::path::PathBuf| path.join("train").is_file() && path.join("meta").is_file();
    let folder = places.into_iter().find(is_pickle)?;
    let message = format!(
        "{}: pickles of Python, but {SET} is read from its binary version, cifar-100-binary.tar.gz at \
         https://www.cs.toronto.edu/~kriz/cifar.html",
        folder.display()
    );
    Some(CliError::new(ErrorKind::Data, message))
}

/// Checks that a file consists of records.
///
/// # Errors
/// No record, half a record, a label that is no class, each with its offset.
pub fn check(path: &Path, bytes: &[u8]) -> Result<()> {
    let wrong = |offset: usize, what: String| {
        Err(CliError::new(ErrorKind::Data, format!("{}: offset {offset}: {what}", path.display())))
    };
    let rest = bytes.len() % RECORD;
    if rest > 0 || bytes.is_empty() {
        return wrong(bytes.len() - rest, format!("a record of {RECORD} bytes expected, found {rest}"));
    }
    for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
        for (place, (name, classes)) in ["coarse", "fine"].into_iter().zip(CLASSES).enumerate() {
            if usize::from(record[place]) >= classes {
                let what = format!("{name} label 0 to {} expected, found {}", classes - 1, record[place]);
                return wrong(i * RECORD + place, what);
            }
        }
    }
    Ok(())
}

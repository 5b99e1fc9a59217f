//! CIFAR-10: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009. 60,000 colour images of
//! 32 × 32, in binary batches: records of a label and the red, green and blue planes.

use super::file::{self, Folder};
use super::{Dataset, LoadOptions, Raw, Samples, Source, Subset, Targets};
use crate::error::{CliError, ErrorKind, Result};
use std::path::Path;
use valleys_core::network::zoo::RESNET_INPUT;

/// Classes.
pub const CLASSES: usize = 10;

/// Their names.
const NAMES: [&str; CLASSES] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Bytes of a record.
const RECORD: usize = 1 + RESNET_INPUT.len();

const SET: &str = "cifar-10";

/// Training batches of the official files.
const BATCHES: usize = 5;

/// Folders that the official archives unpack to: the binary version, and the version for Python.
const FOLDERS: [&str; 2] = ["cifar-10-batches-bin", "cifar-10-batches-py"];

/// Converts the version for Python, in its folder.
const CONVERSION: &str = "python3 -c \"import pickle, numpy; [numpy.c_[numpy.uint8(d[b'labels']), \
    d[b'data']].tofile(n + '.bin') for n in ['data_batch_%d' % i for i in range(1, 6)] + ['test_batch'] \
    for d in [pickle.load(open(n, 'rb'), encoding='bytes')]]\"";

pub(super) fn load(options: &LoadOptions) -> Result<Raw> {
    let batch = |number: usize| format!("data_batch_{number}.bin");
    let test_name = "test_batch.bin".to_owned();
    let names: Vec<String> = (1..=BATCHES).map(batch).chain([test_name.clone()]).collect();
    let folder =
        Folder::find(options, SET, &FOLDERS, &names).map_err(|e| other_version(options).unwrap_or(e))?;
    let (mut files, mut notes) = (Vec::new(), Vec::new());
    let mut train = Vec::new();
    if options.train != Subset::Nothing {
        // As many as are there, in order.
        let mut missing = Vec::new();
        for name in (1..=BATCHES).map(batch) {
            let Some(path) = folder.file(&name) else {
                missing.push(name);
                continue;
            };
            let bytes = file::read_path(&path)?;
            check(&path, &bytes)?;
            train.push(bytes);
            files.push(path.display().to_string());
        }
        if train.is_empty() {
            // Says where the first was sought.
            folder.read(&[batch(1)])?;
        }
        if let Some((last, others)) = missing.split_last() {
            let used = format!("{} of {BATCHES} batches are used", train.len());
            notes.push(match others {
                [] => format!("{last} is missing; {used}"),
                _ => format!("{} and {last} are missing; {used}", others.join(", ")),
            });
        }
    }
    let mut test = Vec::new();
    if options.test != Subset::Nothing {
        let (path, bytes) = folder.read(&[test_name])?;
        check(&path, &bytes)?;
        test.push(bytes);
        files.push(path.display().to_string());
    }
    let data = Dataset { train: select(&train, options.train), test: select(&test, options.test) };
    let of = |values: [f64; 3]| values.map(|x| x / 255.0).to_vec();
    let (mean, std) = (of([125.3, 123.0, 113.9]), of([63.0, 62.1, 66.7]));
    let source = Source { files, notes, ..Source::of_constants(255.0, mean, std).with_classes(&NAMES) };
    Ok(Raw { data, shape: RESNET_INPUT, classes: CLASSES, source })
}

/// What to do with a version of the data that is there but cannot be read: pickles, or an archive.
fn other_version(options: &LoadOptions) -> Option<CliError> {
    let find = |name: &str| {
        let places = file::places(options.dir?, SET, &FOLDERS);
        places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
    };
    let binary =
        "the binary version is cifar-10-binary.tar.gz at https://www.cs.toronto.edu/~kriz/cifar.html";
    let batches = (1..=BATCHES).map(|number| format!("data_batch_{number}")).chain(["test_batch".to_owned()]);
    let archives = ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"];
    let message = if let Some(path) = batches.into_iter().find_map(|name| find(&name)) {
        let folder = path.parent().unwrap_or(Path::new("")).display();
        format!(
            "{}: a pickle of Python, but {SET} is read from its binary version; {binary}, and in {folder} this command \
             converts the pickles: {CONVERSION}",
            path.display()
        )
    } else {
        let path = archives.into_iter().find_map(find)?;
        let folder = path.parent().unwrap_or(Path::new("")).display();
        format!("{0}: an archive that is not unpacked: tar -xzf {0} -C {folder}", path.display())
    };
    Some(CliError::new(ErrorKind::Data, message))
}

/// Checks that a batch consists of records.
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
    match bytes.chunks_exact(RECORD).position(|record| usize::from(record[0]) >= CLASSES) {
        Some(i) => wrong(i * RECORD, format!("label 0 to 9 expected, found {}", bytes[i * RECORD])),
        None => Ok(()),
    }
}

/// The samples of a subset of checked batches.
fn select(batches: &[Vec<u8>], subset: Subset) -> Samples {
    let records: Vec<&[u8]> = batches.iter().flat_map(|bytes| bytes.chunks_exact(RECORD)).collect();
    let targets = Targets::Labels(records.iter().map(|record| record[0]).collect());
    let numbers = subset.numbers(&targets, CLASSES);
    Samples {
        inputs: numbers.iter().flat_map(|&i| &records[i][1..]).map(|&x| x.into()).collect(),
        targets: targets.pick(&numbers),
    }
}

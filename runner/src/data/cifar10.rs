//! CIFAR-10: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009. 60,000 colour images of
//! 32 × 32, in binary batches: records of a label and the red, green and blue planes.

use super::{Dataset, LoadOptions, Raw, Samples, Source, Subset, file};
use crate::error::{CliError, ErrorKind, Result};
use std::path::Path;
use valleys_core::network::zoo::RESNET_INPUT;

/// Classes.
pub const CLASSES: usize = 10;

/// Bytes of a record.
const RECORD: usize = 1 + RESNET_INPUT.len();

const SET: &str = "cifar-10";

pub(super) fn load(options: &LoadOptions) -> Result<Raw> {
    let mut files = Vec::new();
    let mut train = Vec::new();
    if options.train != Subset::Nothing {
        // As many as are there, in order.
        for batch in 1..=5 {
            if let Some(path) = file::find(options, SET, &format!("data_batch_{batch}.bin"))? {
                let bytes = file::read_path(&path)?;
                check(&path, &bytes)?;
                train.push(bytes);
                files.push(path.display().to_string());
            }
        }
        if train.is_empty() {
            // Says where the first was sought.
            file::read(options, SET, "data_batch_1.bin")?;
        }
    }
    let mut test = Vec::new();
    if options.test != Subset::Nothing {
        let (path, bytes) = file::read(options, SET, "test_batch.bin")?;
        check(&path, &bytes)?;
        test.push(bytes);
        files.push(path.display().to_string());
    }
    let data = Dataset { train: select(&train, options.train), test: select(&test, options.test) };
    let of = |values: [f64; 3]| values.map(|x| x / 255.0).to_vec();
    let (mean, std) = (of([125.3, 123.0, 113.9]), of([63.0, 62.1, 66.7]));
    Ok(Raw { data, shape: RESNET_INPUT, classes: CLASSES, source: Source { files, scale: 255.0, mean, std } })
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
    let labels: Vec<u8> = records.iter().map(|record| record[0]).collect();
    let numbers = subset.numbers(&labels, CLASSES);
    Samples {
        inputs: numbers.iter().flat_map(|&i| &records[i][1..]).map(|&x| x.into()).collect(),
        labels: numbers.iter().map(|&i| labels[i]).collect(),
    }
}

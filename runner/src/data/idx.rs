//! The IDX format of MNIST and of data sets like it: big-endian words, then bytes. Four files have the images of 28 × 28
//! and the labels of both parts.

use super::file::Folder;
use super::{Dataset, LoadOptions, Raw, Samples, Source, Subset, Targets};
use crate::error::{CliError, ErrorKind, Result};
use crate::formats::Numbers;
use std::path::Path;
use valleys_core::network::zoo::LENET5_INPUT;

/// Classes.
pub const CLASSES: usize = 10;

/// Rows and columns of an image.
const SIDE: u32 = 28;

/// A data set of four files. All such data sets have files of the same names.
pub(super) struct IdxSet {
    /// Its name.
    pub name: &'static str,
    /// Folders that other programs unpack it to.
    pub folders: &'static [&'static str],
    /// Names of the classes.
    pub classes: &'static [&'static str; CLASSES],
    /// Mean of x / 255.
    pub mean: f64,
    /// Standard deviation of x / 255.
    pub std: f64,
    /// The first labels of the official training and test files.
    pub first_labels: [[u8; 10]; 2],
}

/// All of them: files of one are told from those of another by their labels.
const SETS: [&IdxSet; 2] = [&super::fashion_mnist::SET, &super::mnist::SET];

/// Both spellings of the name of a file: as it is published, and as some programs unpack it.
fn spellings(prefix: &str, what: &str) -> [String; 2] {
    let name = format!("{prefix}-{what}-ubyte");
    [name.clone(), name.replacen("-idx", ".idx", 1)]
}

impl IdxSet {
    pub(super) fn load(&self, options: &LoadOptions) -> Result<Raw> {
        let names: Vec<String> = ["train", "t10k"]
            .iter()
            .flat_map(|prefix| ["images-idx3", "labels-idx1"].map(|what| spellings(prefix, what)))
            .flatten()
            .collect();
        let folder = Folder::find(options, self.name, self.folders, &names)?;
        let mut files = Vec::new();
        let mut part = |prefix: &str, subset: Subset| {
            if subset == Subset::Nothing {
                return Ok(Samples::default());
            }
            let (images_path, bytes) = folder.read(&spellings(prefix, "images-idx3"))?;
            let (count, pixels) = images(&images_path, &bytes)?;
            let (path, bytes) = folder.read(&spellings(prefix, "labels-idx1"))?;
            let labels = labels(&path, &bytes)?;
            if labels.len() != count {
                let message = format!(
                    "{}: offset 4: {count} labels expected, as {} has images, found {}",
                    path.display(),
                    images_path.display(),
                    labels.len()
                );
                return Err(CliError::new(ErrorKind::Data, message));
            }
            self.check_labels(&path, labels)?;
            files.extend([images_path, path].map(|path| path.display().to_string()));
            let targets = Targets::Labels(labels.to_vec());
            let numbers = subset.numbers(&targets, CLASSES);
            let area = LENET5_INPUT.len();
            Ok(Samples {
                inputs: numbers.iter().flat_map(|i| &pixels[i * area..][..area]).map(|&x| x.into()).collect(),
                targets: targets.pick(&numbers),
            })
        };
        let data = Dataset { train: part("train", options.train)?, test: part("t10k", options.test)? };
        let (mean, std) = (vec![self.mean], vec![self.std]);
        let source = Source { files, ..Source::of_constants(255.0, mean, std).with_classes(self.classes) };
        Ok(Raw { data, shape: LENET5_INPUT, classes: CLASSES, source })
    }

    /// Refuses the official files of another data set.
    fn check_labels(&self, path: &Path, labels: &[u8]) -> Result<()> {
        let is_of = |set: &&&IdxSet| set.first_labels.iter().any(|first| labels.starts_with(first));
        match SETS.iter().find(is_of).filter(|set| set.name != self.name) {
            None => Ok(()),
            Some(other) => {
                let (name, wanted, found) = (path.display(), self.name, other.name);
                let message = format!(
                    "{name}: the labels are those of {found}, not of {wanted}: give the dataset {found}, or the folder of \
                     {wanted} (--data DIR)"
                );
                Err(CliError::new(ErrorKind::Data, message))
            }
        }
    }
}

/// Number and pixels of the images of a file.
///
/// # Errors
/// What is not as expected, with its offset.
pub fn images<'a>(path: &Path, bytes: &'a [u8]) -> Result<(usize, &'a [u8])> {
    expect(path, bytes, 0, "magic number", 2051)?;
    let count = word(path, bytes, 4, "the number of images")? as usize;
    expect(path, bytes, 8, "rows", SIDE)?;
    expect(path, bytes, 12, "columns", SIDE)?;
    let pixels = rest(path, bytes, 16, count.saturating_mul((SIDE * SIDE) as usize), "pixels")?;
    Ok((count, pixels))
}

/// The labels of a file.
///
/// # Errors
/// What is not as expected, with its offset.
pub fn labels<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a [u8]> {
    expect(path, bytes, 0, "magic number", 2049)?;
    let count = word(path, bytes, 4, "the number of labels")? as usize;
    let labels = rest(path, bytes, 8, count, "labels")?;
    match labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        Some(i) => Err(wrong(path, 8 + i, &format!("label 0 to 9 expected, found {}", labels[i]))),
        None => Ok(labels),
    }
}

/// Whether a file begins as all files of the format do: two zeros, a known type, one to eight axes.
pub fn is_idx(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, kind, 1..=8, ..] if size_of(*kind).is_some())
}

/// Bytes of a number of a type.
fn size_of(kind: u8) -> Option<usize> {
    match kind {
        8 | 9 => Some(1),
        11 => Some(2),
        12 | 13 => Some(4),
        14 => Some(8),
        _ => None,
    }
}

/// Shape and numbers of any file of the format, the last axis contiguous.
///
/// # Errors
/// What is not as expected, with its offset.
pub fn array(path: &Path, bytes: &[u8]) -> Result<(Vec<usize>, Numbers)> {
    let magic = word(path, bytes, 0, "magic number")?;
    let [0, 0, kind, axes] = magic.to_be_bytes() else {
        return Err(wrong(path, 0, &format!("two zero bytes of an IDX file expected, found {magic:08x}")));
    };
    let Some(size) = size_of(kind) else {
        return Err(wrong(path, 2, &format!("type 8, 9, 11, 12, 13 or 14 expected, found {kind}")));
    };
    if !(1..=8).contains(&axes) {
        return Err(wrong(path, 3, &format!("1 to 8 axes expected, found {axes}")));
    }
    let mut shape = Vec::new();
    for axis in 0..usize::from(axes) {
        shape.push(word(path, bytes, 4 + 4 * axis, "the length of an axis")? as usize);
    }
    let start = 4 + 4 * shape.len();
    let count = shape.iter().try_fold(size, |product, &axis| product.checked_mul(axis)).unwrap_or(usize::MAX);
    let body = rest(path, bytes, start, count, "numbers")?;
    macro_rules! of {
        ($type:ty, $variant:ident) => {
            Numbers::$variant(body.as_chunks().0.iter().map(|&x| <$type>::from_be_bytes(x).into()).collect())
        };
    }
    let numbers = match kind {
        8 => Numbers::F32(body.iter().map(|&x| x.into()).collect()),
        9 => of!(i8, F32),
        11 => of!(i16, F32),
        12 => of!(i32, F64),
        13 => of!(f32, F32),
        _ => of!(f64, F64),
    };
    Ok((shape, numbers))
}

/// A word that can have but one value.
fn expect(path: &Path, bytes: &[u8], offset: usize, what: &str, value: u32) -> Result<()> {
    match word(path, bytes, offset, what)? {
        found if found == value => Ok(()),
        found => Err(wrong(path, offset, &format!("{what} {value} expected, found {found}"))),
    }
}

fn word(path: &Path, bytes: &[u8], offset: usize, what: &str) -> Result<u32> {
    match bytes.get(offset..).and_then(|rest| rest.first_chunk()) {
        Some(word) => Ok(u32::from_be_bytes(*word)),
        None => {
            let found = bytes.len().saturating_sub(offset);
            Err(wrong(path, offset, &format!("4 bytes of {what} expected, found {found}")))
        }
    }
}

/// The bytes from an offset to the end, which must be so many.
fn rest<'a>(path: &Path, bytes: &'a [u8], offset: usize, count: usize, what: &str) -> Result<&'a [u8]> {
    let rest = &bytes[offset..];
    if rest.len() == count {
        return Ok(rest);
    }
    Err(wrong(path, offset, &format!("{count} bytes of {what} expected, found {}", rest.len())))
}

fn wrong(path: &Path, offset: usize, what: &str) -> CliError {
    CliError::new(ErrorKind::Data, format!("{}: offset {offset}: {what}", path.display()))
}

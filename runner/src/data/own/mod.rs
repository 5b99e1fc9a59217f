//! Data of one's own: tables, arrays, images.
//!
//! One pipeline: read ([`read`](mod@read), by what the path names), missing values, target, split, encoding by the training
//! part. Each decision is in one file, and is told.
//!
//! | file | what |
//! |---|---|
//! | `frame` | samples as they were read |
//! | `table`, `array`, `archive`, `idx_set`, `folder` | readers |
//! | `picture`, `resize` | images |
//! | `roles` | which column is what |
//! | `missing`, `target`, `split`, `plan`, `encode` | the steps of the pipeline |
//! | `constants` | normalisations |
//! | `provenance` | what a run records of it |

mod archive;
mod array;
mod constants;
mod encode;
mod folder;
mod frame;
mod idx_set;
mod missing;
mod picture;
mod plan;
mod provenance;
mod read;
mod resize;
mod roles;
mod split;
mod table;
mod target;

pub(super) use constants::moments;
pub use picture::{Picture, Pixels};
pub use provenance::{FileHash, Own};
pub use split::SplitKind;

use super::{Dataset, LoadOptions, Loaded, Samples, Source, Targets};
use crate::config::Data;
use crate::error::Result;
use crate::formats::Input;
use encode::Encoded;
use frame::{Gathered, data_error, key_error};
use provenance::Steps;
use rayon::prelude::*;
use read::Told;
use std::collections::HashSet;
use std::path::Path;
use target::Target;

/// Whether there is a file or a folder of this name.
pub(super) fn exists(path: &Path) -> bool {
    Input::file_of(path).exists()
}

/// Loads the data that a path names.
///
/// # Errors
/// What is wrong with a file, its contents or a key, in one sentence.
pub(super) fn load(path: &Path, options: &LoadOptions) -> Result<Loaded> {
    if options.dir.is_some() {
        let what = format!(
            "data.dir (--data) is the directory of a data set that is known by name; the dataset {:?} is a path, from the \
             current directory",
            path.display().to_string()
        );
        return Err(key_error(what));
    }
    let keys = keys_of(options);
    let mut told = Told::default();
    let gathered = read::read(path, &keys, &mut told)?;
    pipeline(gathered, &keys, told, options)
}

/// Loads data of one's own from the bytes of one file, which messages call by a name.
///
/// # Errors
/// Those of [`load`](super::load).
pub fn load_bytes(name: &str, bytes: Vec<u8>, options: &LoadOptions) -> Result<Loaded> {
    let keys = keys_of(options);
    let mut told = Told::default();
    told.files.push((name.to_owned(), blake3::hash(&bytes).to_hex().to_string()));
    let gathered = read::of_file(Input::new(name, bytes), Path::new(name), &keys, &mut told)?;
    pipeline(gathered, &keys, told, options)
}

/// The keys, with the constants of the normalisation.
fn keys_of(options: &LoadOptions) -> Data {
    let list = |constants: Option<&[f64]>| constants.map(<[f64]>::to_vec);
    let keys = options.keys.cloned().unwrap_or_default();
    Data { mean: list(options.mean), std: list(options.std), ..keys }
}

/// The steps behind the reading.
fn pipeline(mut gathered: Gathered, keys: &Data, mut told: Told, options: &LoadOptions) -> Result<Loaded> {
    let file = gathered.places.file();
    let dropped = missing::treat(&mut gathered, keys, &mut told.told)?;
    let sizes = gathered.sizes(dropped);
    match gathered.len() {
        0 => return Err(data_error(format!("{file}: no samples"))),
        1 => return Err(data_error(format!("{file}: 1 sample; a training and a test part need 2 or more"))),
        _ => {}
    }
    let target = Target::find(&mut gathered, keys, &mut told.told)?;
    let split = split::split(&mut gathered, &target, keys)?;
    target.check_parts(&split, &file, &mut told.notes)?;
    let constants = target.constants(&split, keys, &file)?;
    let inputs = gathered.inputs;
    let mut encoded =
        encode::encode(inputs, &split, &gathered.places, keys, &mut told.told, &mut told.notes)?;
    let targets = target.normalised(&constants);
    let part = |inputs: &mut Vec<f32>, rows: &[usize]| Samples {
        inputs: std::mem::take(inputs),
        targets: targets.pick(rows),
    };
    let train = part(&mut encoded.train, &split.train);
    let data = Dataset { train, test: part(&mut encoded.test, &split.test) };
    let duplicates = duplicates(&data);
    if duplicates > 0 {
        told.notes.push(format!("{duplicates} of {} test samples are training samples too", data.test.len()));
    }
    let steps = Steps {
        told: &told,
        sizes,
        target: &target,
        split: &split,
        encoded: &encoded,
        constants: &constants,
        duplicates,
        keys,
    };
    let own = Own::new(steps);
    let Encoded { shape, names, scale, mean, std, .. } = encoded;
    let (class_names, target_names) = target.names();
    let outputs = if class_names.is_empty() { target_names.len() } else { class_names.len() };
    let source = Source {
        files: told.files.into_iter().map(|(file, _)| file).collect(),
        notes: told.notes,
        shape: super::source_shape(shape),
        class_names,
        feature_names: names,
        target_names,
        own: Some(Box::new(own)),
        ..Source::of_constants(scale, mean, std)
    };
    Ok(Loaded { data: data.picked(options, outputs), shape, outputs, source })
}

/// The number of test samples that the training part has too, with the same target.
fn duplicates(data: &Dataset) -> usize {
    let hash = |samples: &Samples, i: usize| -> [u8; 32] {
        let len = samples.inputs.len() / samples.len().max(1);
        let mut bytes = Vec::with_capacity(4 * len);
        bytes.extend(samples.inputs[i * len..][..len].iter().flat_map(|x| x.to_le_bytes()));
        match &samples.targets {
            Targets::Labels(labels) => bytes.push(labels[i]),
            Targets::Values { width, values, .. } => {
                bytes.extend(values[i * width..][..*width].iter().flat_map(|x| x.to_le_bytes()));
            }
        }
        blake3::hash(&bytes).into()
    };
    let test: Vec<[u8; 32]> = (0..data.test.len()).into_par_iter().map(|i| hash(&data.test, i)).collect();
    let known: HashSet<&[u8; 32]> = test.iter().collect();
    let train = (0..data.train.len()).into_par_iter().map(|i| hash(&data.train, i));
    let both: HashSet<[u8; 32]> = train.filter(|hash| known.contains(hash)).collect();
    test.iter().filter(|hash| both.contains(*hash)).count()
}

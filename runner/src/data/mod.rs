//! Data sets, as the training engines need them: by name, subsets of them, normalised.

mod breast_cancer;
pub mod cifar10;
pub mod cifar100;
mod digits;
mod fashion_mnist;
mod file;
pub mod idx;
mod mnist;
mod own;
mod samples;
mod subset;

use crate::config::Data;
use crate::error::{CliError, ErrorKind, Result};
use crate::stderr;
use crate::wording::nearest;
use serde::{Deserialize, Serialize};
use std::path::Path;
use valleys_core::network::Shape;

pub use file::bounded;
pub use own::{FileHash, Own, Picture, Pixels, SplitKind, load_bytes};
pub use samples::{Dataset, Samples, Targets};
pub use subset::{Subset, stratified};

/// Where a data set came from, and what was done to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The files that were read, those of the training part first; none for embedded data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// What a reader of the results has to know of these files: which are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Number x of a file became (x / scale − mean) / std of its channel.
    pub scale: f64,
    /// One for each channel.
    pub mean: Vec<f64>,
    /// One for each channel.
    pub std: Vec<f64>,
    /// Shape of a sample: (features), or channels, height and width.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<usize>,
    /// Names of the classes in the order of their labels; none of a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// Names of the features of a table, after the encoding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_names: Vec<String>,
    /// Names of what is to be learnt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_names: Vec<String>,
    /// How data of one's own became samples; none of data sets that are known by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Own>>,
}

/// A data set as in its files, before the normalisation.
#[derive(Debug)]
struct Raw {
    data: Dataset,
    shape: Shape,
    classes: usize,
    source: Source,
}

/// A data set with the shape and the classes that a network needs.
#[derive(Debug)]
pub struct Loaded {
    /// The samples, normalised.
    pub data: Dataset,
    /// Shape of a sample.
    pub shape: Shape,
    /// Number of outputs that a network for it has: of classes, or of numbers of a target.
    pub outputs: usize,
    /// Where it came from.
    pub source: Source,
}

/// How a data set is loaded: its directory, its subsets, its normalisation.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions<'a> {
    /// The directory of its files, or the one above; not used for embedded data.
    pub dir: Option<&'a Path>,
    /// Which training samples.
    pub train: Subset,
    /// Which test samples.
    pub test: Subset,
    /// Means in the place of the usual ones: one for each channel, or one for all.
    pub mean: Option<&'a [f64]>,
    /// Standard deviations in the place of the usual ones.
    pub std: Option<&'a [f64]>,
    /// The keys of data of one's own; none are the defaults.
    pub keys: Option<&'a Data>,
}

impl<'a> LoadOptions<'a> {
    /// What the section `[data]` says, but for its limit.
    pub fn of_keys(keys: &'a Data, train: Subset, test: Subset) -> Self {
        let dir = keys.dir.as_deref().map(Path::new);
        Self { dir, train, test, mean: keys.mean.as_deref(), std: keys.std.as_deref(), keys: Some(keys) }
    }
}

/// A data set that is known by name.
struct Set {
    name: &'static str,
    load: fn(&LoadOptions) -> Result<Raw>,
    /// Number of training samples, if all files are there.
    train_len: usize,
}

/// Names of the classes of digits.
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The data sets by name.
const SETS: [Set; 6] = [
    Set { name: "digits", load: digits::load, train_len: 1437 },
    Set { name: "breast-cancer", load: breast_cancer::load, train_len: 455 },
    Set { name: "fashion-mnist", load: |options| fashion_mnist::SET.load(options), train_len: 60_000 },
    Set { name: "mnist", load: |options| mnist::SET.load(options), train_len: 60_000 },
    Set { name: "cifar-10", load: cifar10::load, train_len: 50_000 },
    Set { name: "cifar-100", load: cifar100::load, train_len: 50_000 },
];

/// Number of training samples of a data set, if all its files are there. `None` if it is unknown.
pub fn train_len(name: &str) -> Option<usize> {
    SETS.iter().find(|set| set.name == name).map(|set| set.train_len)
}

/// Loads a data set: one that is known by name, or data of one's own from a path.
///
/// # Errors
/// Neither a known name, with the nearest one, nor a file or a folder; files missing or malformed; means or deviations for
/// another number of channels; keys that do not act on the data set.
pub fn load(name: &str, options: &LoadOptions) -> Result<Loaded> {
    let Some(set) = SETS.iter().find(|set| set.name == name) else {
        return if own::exists(Path::new(name)) {
            own::load(Path::new(name), options)
        } else {
            Err(unknown(name))
        };
    };
    let acts = |key: &str| key == "data.label" && set.name == cifar100::SET;
    if let Some(key) = options.keys.and_then(|keys| keys.own_keys().into_iter().find(|key| !acts(key))) {
        let message = format!("{key} acts on data of one's own (a path), not on the dataset {name}");
        return Err(CliError::new(ErrorKind::Configuration, message));
    }
    let Raw { mut data, shape, classes, mut source } = (set.load)(options)?;
    let channels = shape.channels;
    for (key, given, place) in
        [("data.mean", options.mean, &mut source.mean), ("data.std", options.std, &mut source.std)]
    {
        match given {
            None => {}
            Some([one]) => *place = vec![*one; channels],
            Some(all) if all.len() == channels => *place = all.to_vec(),
            Some(other) => {
                let message = format!(
                    "{key} has {} numbers, but must have 1 or, for each channel of {name}, {channels}",
                    other.len()
                );
                return Err(CliError::new(ErrorKind::Configuration, message));
            }
        }
    }
    for samples in [&mut data.train, &mut data.test] {
        source.normalise(shape, &mut samples.inputs);
    }
    source.shape = source_shape(shape);
    Ok(Loaded { data, shape, outputs: classes, source })
}

/// A shape as it is recorded.
fn source_shape(shape: Shape) -> Vec<usize> {
    match shape {
        Shape { channels, height: 1, width: 1 } => vec![channels],
        Shape { channels, height, width } => vec![channels, height, width],
    }
}

/// What is wrong with a name that is neither that of a data set nor of a file.
fn unknown(name: &str) -> CliError {
    let names = || SETS.iter().map(|set| set.name);
    let all = names().collect::<Vec<_>>().join(", ");
    if name.contains(['/', '\\', '.', '~']) {
        let home = if name.starts_with('~') { " (a shell replaces ~, this program does not)" } else { "" };
        let message =
            format!("no file or folder {name:?}{home}; the data sets that are known by name are {all}");
        return CliError::new(ErrorKind::Data, message);
    }
    let mut hint = nearest(&name.to_lowercase(), names());
    if hint.is_empty() {
        hint = format!("; there are {all}, and paths of files and folders");
    }
    CliError::new(ErrorKind::Configuration, format!("unknown dataset {name:?}{hint}"))
}

impl Source {
    /// A source that is known by its normalisation alone.
    pub fn of_constants(scale: f64, mean: Vec<f64>, std: Vec<f64>) -> Self {
        Self {
            files: Vec::new(),
            notes: Vec::new(),
            scale,
            mean,
            std,
            shape: Vec::new(),
            class_names: Vec::new(),
            feature_names: Vec::new(),
            target_names: Vec::new(),
            own: None,
        }
    }

    /// Prints what was found in the files and what a user should look at.
    pub fn print(&self) {
        let found = self.own.iter().flat_map(|own| &own.found);
        found.for_each(stderr::print_line);
        self.notes.iter().for_each(|note| stderr::print_line(format_args!("warning: {note}")));
    }

    /// The same with the names of classes.
    fn with_classes(self, names: &[&str]) -> Self {
        Self { class_names: names.iter().map(|&name| name.to_owned()).collect(), ..self }
    }

    /// (x / scale − mean) / std, step by step in f32, as torchvision's `ToTensor` and `Normalize` do.
    pub fn normalise(&self, shape: Shape, inputs: &mut [f32]) {
        for (plane, x) in inputs.chunks_exact_mut(shape.height * shape.width).enumerate() {
            let channel = plane % shape.channels;
            let (scale, mean, std) = (self.scale as f32, self.mean[channel] as f32, self.std[channel] as f32);
            x.iter_mut().for_each(|x| *x = (*x / scale - mean) / std);
        }
    }

    /// For each column of a target of numbers, what 1 and what 0 of the stored numbers are in the unit of the file.
    pub fn target_columns(&self, width: usize) -> Vec<[f64; 2]> {
        let of = |column: usize| {
            let own = self.own.as_ref()?;
            Some([*own.target_std.get(column)?, *own.target_mean.get(column)?])
        };
        (0..width).map(|column| of(column).unwrap_or([1.0, 0.0])).collect()
    }

    /// What 0 of a file became, in each channel.
    pub fn black(&self, shape: Shape) -> Vec<f32> {
        let one = Shape { height: 1, width: 1, ..shape };
        let mut black = vec![0.0; shape.channels];
        self.normalise(one, &mut black);
        black
    }
}

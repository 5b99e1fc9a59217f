//! What a run records of data of one's own.

use super::encode::Encoded;
use super::frame::Gathered;
use super::read::Told;
use super::split::{Split, SplitKind};
use super::target::Target;
use crate::config::{Data, Normalise, NormaliseTarget, Task};
use serde::{Deserialize, Serialize};

/// A file and its contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileHash {
    /// The file, or the folder with the number of its images.
    pub file: String,
    /// BLAKE3 of its contents, decompressed; of a folder, of the hashes of its images one after the other.
    pub blake3: String,
}

/// How data of one's own became samples: enough to make them again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// The files, those of the training part first.
    pub files: Vec<FileHash>,
    /// Rows of the files, or images.
    pub rows: usize,
    /// Columns of a table, or numbers of a sample.
    pub columns: usize,
    /// Rows that were left out, as a value is missing.
    pub dropped: usize,
    /// Numbers of a sample after the encoding.
    pub features: usize,
    /// What the target is.
    pub task: Task,
    /// Training samples of each class; empty for a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train_counts: Vec<usize>,
    /// Test samples of each class; empty for a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_counts: Vec<usize>,
    /// How the parts were found.
    pub split: SplitKind,
    /// Test samples that are training samples too, number for number.
    pub duplicates: usize,
    /// How the features were normalised.
    pub normalise: Normalise,
    /// How the targets of a regression were normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise_target: Option<NormaliseTarget>,
    /// What was subtracted from each target of a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_mean: Vec<f64>,
    /// What each was divided by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_std: Vec<f64>,
    /// What was found and decided, in sentences without a full stop.
    pub found: Vec<String>,
}

/// What the steps of the pipeline know.
pub(super) struct Steps<'a> {
    pub(super) told: &'a Told,
    pub(super) sizes: [usize; 3],
    pub(super) target: &'a Target,
    pub(super) split: &'a Split,
    pub(super) encoded: &'a Encoded,
    pub(super) constants: &'a [[f64; 2]],
    pub(super) duplicates: usize,
    pub(super) keys: &'a Data,
}

impl Own {
    pub(super) fn new(steps: Steps<'_>) -> Self {
        let Steps { told, sizes: [rows, columns, dropped], target, split, encoded, constants, .. } = steps;
        let is_regression = matches!(target, Target::Values { .. });
        let file =
            |(file, blake3): &(String, String)| FileHash { file: file.clone(), blake3: blake3.clone() };
        Self {
            files: told.files.iter().map(file).collect(),
            rows,
            columns,
            dropped,
            features: encoded.shape.len(),
            task: if is_regression { Task::Regression } else { Task::Classification },
            train_counts: target.counts(&split.train),
            test_counts: target.counts(&split.test),
            split: split.kind.clone(),
            duplicates: steps.duplicates,
            normalise: steps.keys.normalise.unwrap_or_default(),
            normalise_target: is_regression.then(|| steps.keys.normalise_target.unwrap_or_default()),
            target_mean: constants.iter().map(|[mean, _]| *mean).collect(),
            target_std: constants.iter().map(|[_, std]| *std).collect(),
            found: told.told.clone(),
        }
    }
}

impl Gathered {
    /// Rows and columns of the files.
    pub(super) fn sizes(&self, dropped: usize) -> [usize; 3] {
        [self.rows, self.columns, dropped]
    }
}

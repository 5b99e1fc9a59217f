//! Samples with their targets, in a training and a test part.

use super::{LoadOptions, Subset};

/// Samples with their targets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// (N, features).
    pub inputs: Vec<f32>,
    /// What they are to be mapped to.
    pub targets: Targets,
}

/// What samples are to be mapped to.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Classes: (N).
    Labels(Vec<u8>),
    /// Numbers.
    Values {
        /// Numbers of a sample.
        width: usize,
        /// (N, width).
        values: Vec<f32>,
        /// What 1 is in the unit in which errors are reported.
        unit: f64,
    },
}

impl Default for Targets {
    fn default() -> Self {
        Self::Labels(Vec::new())
    }
}

impl Targets {
    /// The same as engines see it.
    pub fn borrowed(&self) -> valleys_core::network::Targets<'_, f32> {
        match self {
            Self::Labels(labels) => valleys_core::network::Targets::Labels(labels),
            Self::Values { width, values, unit } => {
                valleys_core::network::Targets::Values { width: *width, values, unit: *unit }
            }
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.borrowed().len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes; none of numbers.
    pub fn labels(&self) -> Option<&[u8]> {
        if let Self::Labels(labels) = self { Some(labels) } else { None }
    }

    /// Copies the targets of these numbers.
    pub fn pick(&self, numbers: &[usize]) -> Self {
        match self {
            Self::Labels(labels) => Self::Labels(numbers.iter().map(|&i| labels[i]).collect()),
            &Self::Values { width, ref values, unit } => {
                let of = |&i: &usize| &values[i * width..][..width];
                Self::Values { width, values: numbers.iter().flat_map(of).copied().collect(), unit }
            }
        }
    }

    /// Swaps the targets of two samples.
    pub fn swap(&mut self, a: usize, b: usize) {
        match self {
            Self::Labels(labels) => labels.swap(a, b),
            Self::Values { width, values, .. } => {
                (0..*width).for_each(|k| values.swap(a * *width + k, b * *width + k))
            }
        }
    }

    /// Keeps the first so many.
    pub fn truncate(&mut self, count: usize) {
        match self {
            Self::Labels(labels) => labels.truncate(count),
            Self::Values { width, values, .. } => values.truncate(count * *width),
        }
    }

    fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.len() as u64).to_le_bytes());
        match self {
            Self::Labels(labels) => hasher.update(labels),
            Self::Values { width, values, unit } => {
                let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                hasher.update(&(*width as u64).to_le_bytes()).update(&unit.to_le_bytes()).update(&bytes)
            }
        };
    }
}

/// A training and a test part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// What networks are trained on.
    pub train: Samples,
    /// What they have not seen.
    pub test: Samples,
}

impl Samples {
    /// Samples of classes: inputs (N, features), labels (N).
    pub const fn labelled(inputs: Vec<f32>, labels: Vec<u8>) -> Self {
        Self { inputs, targets: Targets::Labels(labels) }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Copies the samples of these numbers.
    pub(crate) fn pick(&self, numbers: &[usize]) -> Self {
        let features = self.inputs.len() / self.len().max(1);
        Self {
            inputs: numbers.iter().flat_map(|&i| &self.inputs[i * features..][..features]).copied().collect(),
            targets: self.targets.pick(numbers),
        }
    }

    /// The same as engines see it.
    pub fn borrowed(&self) -> valleys_core::network::Samples<'_, f32> {
        valleys_core::network::Samples { inputs: &self.inputs, targets: self.targets.borrowed() }
    }
}

impl Dataset {
    /// A hash of every number, so that a run knows the data it was made from.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for samples in [&self.train, &self.test] {
            samples.targets.hash(&mut hasher);
            // Many at a time: one by one they take a second for a data set of images.
            let mut bytes = Vec::new();
            for inputs in samples.inputs.chunks(1 << 14) {
                bytes.clear();
                bytes.extend(inputs.iter().flat_map(|x| x.to_le_bytes()));
                hasher.update(&bytes);
            }
        }
        hasher.finalize()
    }

    /// The subsets that the options select.
    pub(super) fn picked(self, options: &LoadOptions, classes: usize) -> Self {
        let of = |samples: Samples, subset: Subset| match subset {
            Subset::All => samples,
            subset => samples.pick(&subset.numbers(&samples.targets, classes)),
        };
        Self { train: of(self.train, options.train), test: of(self.test, options.test) }
    }
}

impl valleys_core::network::LabelledData for Dataset {
    fn train(&self) -> valleys_core::network::Samples<'_, f32> {
        self.train.borrowed()
    }

    fn test(&self) -> valleys_core::network::Samples<'_, f32> {
        self.test.borrowed()
    }
}

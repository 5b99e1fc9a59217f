//! Data sets, as the training engines need them.

pub mod digits;

use valleys_core::rng::{Purpose, Stream};

/// Labelled samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// (N, features).
    pub inputs: Vec<f32>,
    /// (N).
    pub labels: Vec<u8>,
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
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Copies the samples of these numbers.
    fn pick(&self, numbers: &[usize]) -> Self {
        let features = self.inputs.len() / self.labels.len().max(1);
        Self {
            inputs: numbers.iter().flat_map(|&i| &self.inputs[i * features..][..features]).copied().collect(),
            labels: numbers.iter().map(|&i| self.labels[i]).collect(),
        }
    }
}

impl Dataset {
    /// A hash of every number, so that a run knows the data it was made from.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for samples in [&self.train, &self.test] {
            hasher.update(&(samples.labels.len() as u64).to_le_bytes());
            hasher.update(&samples.labels);
            for x in &samples.inputs {
                hasher.update(&x.to_le_bytes());
            }
        }
        hasher.finalize()
    }
}

/// Splits off a share for testing, the same share of every class (largest remainders), drawn at random with a
/// seed that never changes; both parts keep the order of the file.
pub fn stratified(all: &Samples, classes: usize, test_share: f64) -> Dataset {
    let mut by_class = vec![Vec::new(); classes];
    for (i, &label) in all.labels.iter().enumerate() {
        by_class[usize::from(label)].push(i);
    }
    let total = (all.len() as f64 * test_share).ceil() as usize;
    let exact = |class: usize| by_class[class].len() as f64 * test_share;
    let mut counts: Vec<usize> = (0..classes).map(|class| exact(class) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..classes).collect();
    by_remainder.sort_by(|&a, &b| exact(b).fract().total_cmp(&exact(a).fract()));
    for &class in by_remainder.iter().take(total - counts.iter().sum::<usize>()) {
        counts[class] += 1;
    }
    let mut for_test = vec![false; all.len()];
    for (class, members) in by_class.iter_mut().enumerate() {
        Stream::new(0, Purpose::Split, class as u32, 0, 0).shuffle(members);
        members[..counts[class]].iter().for_each(|&i| for_test[i] = true);
    }
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|&i| for_test[i]);
    Dataset { train: all.pick(&train), test: all.pick(&test) }
}

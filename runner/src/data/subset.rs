//! Parts of a data set.

use super::{Dataset, Samples, Targets};
use valleys_core::rng::{Key, Purpose, Stream};

/// Which samples of a part; never more than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Subset {
    /// All.
    #[default]
    All,
    /// None: the part is not needed, and its files are not read.
    Nothing,
    /// The first so many in the order of the files.
    First(usize),
    /// So many, drawn at random; of every class the same share.
    Stratified {
        /// How many.
        count: usize,
        /// Seed of the run.
        seed: u64,
    },
}

impl Subset {
    /// The numbers of the samples, increasing.
    pub fn numbers(self, targets: &Targets, classes: usize) -> Vec<usize> {
        let len = targets.len();
        match self {
            Self::All => (0..len).collect(),
            Self::Nothing => Vec::new(),
            Self::First(count) => (0..len.min(count)).collect(),
            Self::Stratified { count, seed } => {
                let drawn = draw(targets, classes, count.min(len), seed, (1, 0));
                (0..len).filter(|&i| drawn[i]).collect()
            }
        }
    }
}

/// Splits off a share for testing, the same share of every class (largest remainders), drawn at random with a
/// seed that never changes; both parts keep the order of the file.
pub fn stratified(all: &Samples, classes: usize, test_share: f64) -> Dataset {
    let [train, test] = split(&all.targets, classes, test_share, 0);
    Dataset { train: all.pick(&train), test: all.pick(&test) }
}

/// Numbers of the samples for training and for testing, increasing: the same share of every class (largest remainders), but
/// one sample of each class at least for training.
pub fn split(targets: &Targets, classes: usize, test_share: f64, seed: u64) -> [Vec<usize>; 2] {
    let total = (targets.len() as f64 * test_share).ceil() as usize;
    let for_test = draw(targets, classes, total, seed, (0, 1));
    let (test, train) = (0..targets.len()).partition(|&i| for_test[i]);
    [train, test]
}

/// Whether each sample is among `total` drawn ones: the same share of every class, by largest remainders, the lower class
/// first where they are equal; of each class `left` are never drawn. Targets that are numbers are of one class.
fn draw(
    targets: &Targets,
    classes: usize,
    total: usize,
    seed: u64,
    (place, left): (u32, usize),
) -> Vec<bool> {
    let len = targets.len();
    let by_class = match targets.labels() {
        None => vec![(0..len).collect()],
        Some(labels) => {
            let mut by_class = vec![Vec::new(); classes];
            labels.iter().enumerate().for_each(|(i, &label)| by_class[usize::from(label)].push(i));
            by_class
        }
    };
    let (mut by_class, classes): (Vec<Vec<usize>>, _) = (by_class, targets.labels().map_or(1, |_| classes));
    // Exact shares are whole numbers over the number of samples.
    let parts = |class: usize| by_class[class].len() * total;
    let mut counts: Vec<usize> = (0..classes).map(|class| parts(class) / len.max(1)).collect();
    let mut by_remainder: Vec<usize> = (0..classes).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(parts(class) % len.max(1)));
    for &class in by_remainder.iter().take(total - counts.iter().sum::<usize>()) {
        counts[class] += 1;
    }
    let mut drawn = vec![false; len];
    for (class, members) in by_class.iter_mut().enumerate() {
        Stream::new(Key::new(seed, class as u64), Purpose::Split, place, 0).shuffle(members);
        members[..counts[class].min(members.len().saturating_sub(left))]
            .iter()
            .for_each(|&i| drawn[i] = true);
    }
    drawn
}

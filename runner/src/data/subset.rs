//! Parts of a data set.

use super::{Dataset, Samples};
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
    /// So many, of every class the same share, drawn at random.
    Stratified {
        /// How many.
        count: usize,
        /// Seed of the run.
        seed: u64,
    },
}

impl Subset {
    /// The numbers of the samples, increasing.
    pub fn numbers(self, labels: &[u8], classes: usize) -> Vec<usize> {
        match self {
            Self::All => (0..labels.len()).collect(),
            Self::Nothing => Vec::new(),
            Self::First(count) => (0..labels.len().min(count)).collect(),
            Self::Stratified { count, seed } => {
                let drawn = draw(labels, classes, count.min(labels.len()), seed, 1);
                (0..labels.len()).filter(|&i| drawn[i]).collect()
            }
        }
    }
}

/// Splits off a share for testing, the same share of every class (largest remainders), drawn at random with a
/// seed that never changes; both parts keep the order of the file.
pub fn stratified(all: &Samples, classes: usize, test_share: f64) -> Dataset {
    let total = (all.len() as f64 * test_share).ceil() as usize;
    let for_test = draw(&all.labels, classes, total, 0, 0);
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|&i| for_test[i]);
    Dataset { train: all.pick(&train), test: all.pick(&test) }
}

/// Whether each sample is among `total` drawn ones: the same share of every class, by largest remainders, the lower class
/// first where they are equal.
fn draw(labels: &[u8], classes: usize, total: usize, seed: u64, place: u32) -> Vec<bool> {
    let mut by_class = vec![Vec::new(); classes];
    for (i, &label) in labels.iter().enumerate() {
        by_class[usize::from(label)].push(i);
    }
    // Exact shares are whole numbers over the number of samples.
    let parts = |class: usize| by_class[class].len() * total;
    let mut counts: Vec<usize> = (0..classes).map(|class| parts(class) / labels.len().max(1)).collect();
    let mut by_remainder: Vec<usize> = (0..classes).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(parts(class) % labels.len().max(1)));
    for &class in by_remainder.iter().take(total - counts.iter().sum::<usize>()) {
        counts[class] += 1;
    }
    let mut drawn = vec![false; labels.len()];
    for (class, members) in by_class.iter_mut().enumerate() {
        Stream::new(Key::new(seed, class as u64), Purpose::Split, place, 0).shuffle(members);
        members[..counts[class]].iter().for_each(|&i| drawn[i] = true);
    }
    drawn
}

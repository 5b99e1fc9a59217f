//! Statistics of lifetimes, and their entropy.

use super::super::error::enough;
use super::super::sum::compensated_sum;
use super::super::{Edge, Error, Interval, Metric, spanning_tree};
use crate::math;

/// Statistics of the m finite intervals of positive length l_i; essential ones and those of length 0 are counted
/// and otherwise left out. A field is `None` where it is undefined.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LifetimeStatistics {
    /// m, the intervals that count.
    pub bars: usize,
    /// Intervals of length 0.
    pub zero_length: usize,
    /// Intervals of infinite length.
    pub essential: usize,
    /// Σ l_i.
    pub sum: f64,
    /// Σ l_i / m.
    pub mean: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// The middle one, or the mean of the two in the middle.
    pub median: Option<f64>,
    /// √(Σ (l_i − mean)² / m), the standard deviation of these lengths themselves.
    pub std: Option<f64>,
    /// Persistent entropy H = −Σ p_i ln p_i, p_i = l_i / Σ l.
    pub entropy: Option<f64>,
    /// H / ln m, between 0 and 1, 1 when all lengths are equal; undefined for m ≤ 1.
    pub entropy_norm_log_n: Option<f64>,
    /// H / ln Σ l (giotto-tda, eXNN): depends on the scale, can be negative, undefined where Σ l is 1.
    pub entropy_norm_log_sum: Option<f64>,
}

impl LifetimeStatistics {
    /// The statistics of a diagram; `scratch` holds one number an interval.
    ///
    /// ```
    /// use valleys_core::topology::{Interval, LifetimeStatistics};
    /// let diagram = [(0.0, 1.0), (0.0, 3.0), (2.0, 2.0), (0.0, f64::INFINITY)].map(|(b, d)| Interval::new(b, d));
    /// let lifetimes = LifetimeStatistics::new(&diagram, &mut [0.0; 4])?;
    /// assert_eq!((lifetimes.bars, lifetimes.zero_length, lifetimes.essential), (2, 1, 1));
    /// assert_eq!((lifetimes.mean, lifetimes.median, lifetimes.std), (Some(2.0), Some(2.0), Some(1.0)));
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Interval`] names an interval that is none; [`Error::Short`].
    ///
    /// # Cost
    /// O(n log n).
    pub fn new(intervals: &[Interval], scratch: &mut [f64]) -> Result<Self, Error> {
        enough("lifetimes", intervals.len(), scratch.len())?;
        let (mut bars, mut zero_length, mut essential) = (0, 0, 0);
        for (number, interval) in intervals.iter().enumerate() {
            let interval = interval.checked(0, number)?;
            if interval.is_essential() {
                essential += 1;
            } else if interval.length() > 0.0 {
                scratch[bars] = interval.length();
                bars += 1;
            } else {
                zero_length += 1;
            }
        }
        Ok(Self::of_lengths(&mut scratch[..bars], zero_length, essential))
    }

    /// The statistics of dimension 0 of a finite metric space. The finite intervals are [0, l_i], l_i the edges of a
    /// minimum spanning tree, and one class is essential. `tree` and `scratch` hold one element less than there are
    /// points.
    ///
    /// With the rows of a layer's weight matrix (out, in) as points this is the layer's topology (Vavilov and Tomilov,
    /// *Structure of neural-network weights on small data sets*), cheap enough for a monitor inside a training loop:
    ///
    /// ```
    /// use valleys_core::topology::{Edge, Euclidean, LifetimeStatistics};
    /// let (mut tree, mut scratch) = ([Edge::default(); 2], [0.0; 2]);
    /// let mut weights = [0.0f32, 0.0, 3.0, 4.0, 0.0, 2.0]; // (3, 2): three neurons of two inputs
    /// for epoch in 1..=3 {
    ///     weights.iter_mut().for_each(|w| *w *= 2.0); // ... training ...
    ///     let layer = LifetimeStatistics::of_space(&Euclidean::new(&weights, 2)?, &mut tree, &mut scratch)?;
    ///     let scale = f64::from(1 << epoch);
    ///     assert!((layer.mean.unwrap() - scale * (2.0 + 13f64.sqrt()) / 2.0).abs() < 1e-12);
    ///     assert!((layer.entropy_norm_log_n.unwrap() - 0.939986).abs() < 1e-6); // does not depend on the scale
    /// }
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`spanning_tree`].
    ///
    /// # Cost
    /// n (n − 1) / 2 distances.
    pub fn of_space<M: Metric + ?Sized>(
        space: &M,
        tree: &mut [Edge],
        scratch: &mut [f64],
    ) -> Result<Self, Error> {
        Self::of_tree(spanning_tree(space, tree)?, scratch)
    }

    /// The same from the edges of the tree.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn of_tree(tree: &[Edge], scratch: &mut [f64]) -> Result<Self, Error> {
        enough("lifetimes", tree.len(), scratch.len())?;
        let mut bars = 0;
        let missing = tree.iter().filter(|edge| edge.length == f64::INFINITY).count();
        for edge in tree.iter().filter(|edge| edge.length > 0.0 && edge.length < f64::INFINITY) {
            scratch[bars] = edge.length;
            bars += 1;
        }
        Ok(Self::of_lengths(&mut scratch[..bars], tree.len() - bars - missing, 1 + missing))
    }

    /// From the positive lengths.
    fn of_lengths(lengths: &mut [f64], zero_length: usize, essential: usize) -> Self {
        let bars = lengths.len();
        lengths.sort_unstable_by(f64::total_cmp);
        let all = || lengths.iter().copied();
        let (count, total) = (bars as f64, compensated_sum(all()));
        let some = bars > 0;
        let mean = total / count;
        let entropy = entropy(all(), total);
        let log_sum = math::ln(total);
        Self {
            bars,
            zero_length,
            essential,
            sum: total,
            mean: some.then_some(mean),
            max: lengths.last().copied(),
            median: some.then(|| lengths[(bars - 1) / 2].midpoint(lengths[bars / 2])),
            std: some.then(|| math::sqrt(compensated_sum(all().map(|l| (l - mean) * (l - mean))) / count)),
            entropy: some.then_some(entropy),
            entropy_norm_log_n: (bars > 1).then(|| entropy / math::ln(count)),
            entropy_norm_log_sum: (some && log_sum != 0.0).then(|| entropy / log_sum + 0.0),
        }
    }
}

fn entropy(lengths: impl Iterator<Item = f64>, total: f64) -> f64 {
    let terms = lengths.map(|l| l / total).filter(|&p| p > 0.0).map(|p| p * math::ln(p));
    // 0 and not −0 for a single bar.
    0.0 - compensated_sum(terms)
}

//! Lifetimes and their entropy.

use super::super::error::enough;
use super::super::sum;
use super::super::{Error, Interval};
use crate::math;

/// Statistics of the m finite intervals of positive length l_i; essential ones and those of length 0 are counted
/// and otherwise left out. A field is `None` where it is undefined.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lifetimes {
    /// m, the intervals that count.
    pub bars: usize,
    /// Intervals of length 0.
    pub zero_length: usize,
    /// Intervals that never end.
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

impl Lifetimes {
    /// The statistics of a diagram; `scratch` holds one number an interval.
    ///
    /// ```
    /// use valleys_core::topology::{Interval, Lifetimes};
    /// let diagram = [(0.0, 1.0), (0.0, 3.0), (2.0, 2.0), (0.0, f64::INFINITY)].map(|(b, d)| Interval::new(b, d));
    /// let lifetimes = Lifetimes::new(&diagram, &mut [0.0; 4])?;
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
        let lengths = &mut scratch[..bars];
        lengths.sort_unstable_by(f64::total_cmp);
        let all = || lengths.iter().copied();
        let (count, total) = (bars as f64, sum::sum(all()));
        let some = bars > 0;
        let mean = total / count;
        let entropy = entropy(all(), total);
        let log_sum = math::ln(total);
        Ok(Self {
            bars,
            zero_length,
            essential,
            sum: total,
            mean: some.then_some(mean),
            max: lengths.last().copied(),
            median: some.then(|| lengths[(bars - 1) / 2].midpoint(lengths[bars / 2])),
            std: some.then(|| math::sqrt(sum::sum(all().map(|l| (l - mean) * (l - mean))) / count)),
            entropy: some.then_some(entropy),
            entropy_norm_log_n: (bars > 1).then(|| entropy / math::ln(count)),
            entropy_norm_log_sum: (some && log_sum != 0.0).then(|| entropy / log_sum + 0.0),
        })
    }
}

fn entropy(lengths: impl Iterator<Item = f64>, total: f64) -> f64 {
    let terms = lengths.map(|l| l / total).filter(|&p| p > 0.0).map(|p| p * math::ln(p));
    // 0 and not −0 for a single bar.
    0.0 - sum::sum(terms)
}

//! Correlation coefficients over networks of several sizes and replicates, with confidence intervals by a two-way
//! bootstrap and p-values by permutations, and the correction for many comparisons.

use valleys_core::rng::{Key, Purpose, Stream};

/// Number of bootstrap samples of a confidence interval.
const BOOTSTRAP_SAMPLES: u32 = 2000;

/// Most sizes or replicates whose orders are all enumerated: 7! = 5,040.
const MAX_ENUMERATED: usize = 7;

/// Random permutations of more than that.
const RANDOM_PERMUTATIONS: u32 = 10_000;

/// Pearson's r of two columns:
///
/// r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)
///
/// `None` if a column is constant, if the lengths differ, or for fewer than three rows.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() < 3 || x.len() != y.len() {
        return None;
    }
    let centred = |numbers: &[f64]| {
        let mean = mean(numbers);
        // A constant column may vary by rounding.
        let varies = numbers.iter().any(|x| (x - mean).abs() > 1e-13 * mean.abs());
        varies.then(|| numbers.iter().map(|x| x - mean).collect::<Vec<_>>())
    };
    let (x, y) = (centred(x)?, centred(y)?);
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    Some((dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman's ρ: Pearson's r of the [`ranks`].
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x), &ranks(y))
}

/// The ranks of the numbers, from 1. Equal numbers have the mean of their ranks.
pub fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    let mut ranks = vec![0.0; numbers.len()];
    for equal in order.chunk_by(|&a, &b| numbers[a] == numbers[b]) {
        let first = order.partition_point(|&i| numbers[i] < numbers[equal[0]]);
        equal.iter().for_each(|&i| ranks[i] = first as f64 + (equal.len() + 1) as f64 / 2.0);
    }
    ranks
}

/// The rows of a correlation: for each size and each replicate a pair (x, y), or none.
///
/// The networks of a replicate share their samples as far as they go, and with `study.initial = "shared"` their initial
/// weights; networks of a size share the size. So neither are independent: sizes and replicates are what is drawn, not
/// networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// (sizes, replicates).
    pub cells: Vec<Vec<Option<(f64, f64)>>>,
}

/// What a coefficient compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All networks.
    All,
    /// What is left after the mean of its size is subtracted from each column.
    WithinSizes,
}

/// A correlation coefficient of two columns.
pub type CoefficientOf = fn(&[f64], &[f64]) -> Option<f64>;

impl Grid {
    /// Number of replicates of the size that has most.
    fn replicates(&self) -> usize {
        self.cells.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn cell(&self, size: usize, replicate: usize) -> Option<(f64, f64)> {
        self.cells[size].get(replicate).copied().flatten()
    }

    /// The coefficient of the sizes and replicates that are listed, in this order, with repetitions. `partner(size,
    /// replicate)` is the network whose y goes with the x of a network.
    fn of(
        &self,
        rows: Rows,
        coefficient: CoefficientOf,
        [sizes, replicates]: [&[usize]; 2],
        partner: impl Fn(usize, usize) -> (usize, usize),
    ) -> Option<f64> {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for &size in sizes {
            let first = x.len();
            for &replicate in replicates {
                let (other_size, other_replicate) = partner(size, replicate);
                if let (Some(own), Some(other)) =
                    (self.cell(size, replicate), self.cell(other_size, other_replicate))
                {
                    x.push(own.0);
                    y.push(other.1);
                }
            }
            if rows != Rows::All && x.len() > first {
                for column in [&mut x, &mut y] {
                    let mean = mean(&column[first..]);
                    column[first..].iter_mut().for_each(|x| *x -= mean);
                }
            }
        }
        coefficient(&x, &y)
    }

    /// The coefficient of all networks.
    pub fn coefficient(&self, rows: Rows, coefficient: CoefficientOf) -> Option<f64> {
        let sizes: Vec<usize> = (0..self.cells.len()).collect();
        let replicates: Vec<usize> = (0..self.replicates()).collect();
        self.of(rows, coefficient, [&sizes, &replicates], |size, replicate| (size, replicate))
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.cells.iter().flatten().flatten().count()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The 95 % confidence interval of a coefficient: percentiles over 2,000 bootstrap samples (Efron 1979). Each sample
    /// draws replicates with replacement, and for [`Rows::All`] also sizes, and takes all networks of the drawn sizes and
    /// replicates (the pigeonhole bootstrap, Owen, Ann. Appl. Stat. 1, 2007). It depends on `seed` only. `None` if the
    /// coefficient is undefined in half of the samples or more.
    pub fn interval(&self, rows: Rows, coefficient: CoefficientOf, seed: u64) -> Option<[f64; 2]> {
        let (sizes_len, replicates_len) = (self.cells.len(), self.replicates());
        let mut found = Vec::new();
        for sample in 0..BOOTSTRAP_SAMPLES {
            let mut stream = Stream::new(Key::new(seed, u32::MAX.into()), Purpose::Split, 1, sample);
            let mut draw =
                |len: usize| -> Vec<usize> { (0..len).map(|_| stream.below(len as u32) as usize).collect() };
            let sizes = if rows == Rows::All { draw(sizes_len) } else { (0..sizes_len).collect() };
            let replicates = draw(replicates_len);
            found.extend(self.of(rows, coefficient, [&sizes, &replicates], |size, r| (size, r)));
        }
        found.sort_by(f64::total_cmp);
        (found.len() > BOOTSTRAP_SAMPLES as usize / 2)
            .then(|| [0.025, 0.975].map(|share| quantile(&found, share)))
    }

    /// The two-sided p-value of a coefficient by permutations: the share of them whose coefficient is as large.
    ///
    /// For [`Rows::All`] the y of whole sizes are permuted: seven sizes are seven design points, however many networks
    /// each has. For [`Rows::WithinSizes`] the y of whole replicates are permuted, in all sizes alike: also with initial
    /// weights of their own the networks of a replicate share samples. All permutations are counted if there are at most
    /// 5,040, among them the identity; otherwise 10,000 random ones that depend on `seed` only, and the identity. `None`
    /// if the coefficient is undefined or there is nothing to permute.
    pub fn p_value(&self, rows: Rows, coefficient: CoefficientOf, seed: u64) -> Option<f64> {
        let observed = self.coefficient(rows, coefficient)?.abs() - 1e-12;
        let (sizes_len, replicates_len) = (self.cells.len(), self.replicates());
        let sizes: Vec<usize> = (0..sizes_len).collect();
        let replicates: Vec<usize> = (0..replicates_len).collect();
        let permuted = if rows == Rows::All { sizes_len } else { replicates_len };
        if permuted < 2 {
            return None;
        }
        let is_as_large = |order: &[usize]| {
            let partner = |size: usize, replicate: usize| match rows {
                Rows::All => (order[size], replicate),
                Rows::WithinSizes => (size, order[replicate]),
            };
            let found = self.of(rows, coefficient, [&sizes, &replicates], partner);
            found.is_some_and(|r| r.abs() >= observed)
        };
        if permuted <= MAX_ENUMERATED {
            let all = permutations(permuted);
            let count = all.iter().filter(|order| is_as_large(order)).count();
            return Some(count as f64 / all.len() as f64);
        }
        let mut count = 1;
        for sample in 0..RANDOM_PERMUTATIONS {
            let mut stream = Stream::new(Key::new(seed, u32::MAX.into()), Purpose::Split, 2, sample);
            let mut order: Vec<usize> = (0..permuted).collect();
            for last in (1..permuted).rev() {
                order.swap(last, stream.below(last as u32 + 1) as usize);
            }
            count += u32::from(is_as_large(&order));
        }
        Some(f64::from(count) / f64::from(RANDOM_PERMUTATIONS + 1))
    }
}

/// All orders of `len` numbers.
fn permutations(len: usize) -> Vec<Vec<usize>> {
    if len == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(len - 1);
    let at = |place: usize| {
        shorter.iter().map(move |order| {
            let mut order = order.clone();
            order.insert(place, len - 1);
            order
        })
    };
    (0..len).flat_map(at).collect()
}

/// A quantile of sorted numbers, by linear interpolation. `share` is from 0 to 1.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// Holm's correction of p-values for the number of comparisons (1979). It bounds the probability of at least one false
/// positive.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - rank) as f64 * p_values[i]).min(1.0);
        corrected[i] = largest;
    }
    corrected
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

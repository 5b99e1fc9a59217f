//! Correlation coefficients, how far they can be believed, and how often one asked.

use valleys_core::rng::{Key, Purpose, Stream};

/// Resamples of a confidence interval.
const RESAMPLES: u32 = 2000;

/// Pearson's r of two columns of one length; none where one of them is constant or there are fewer than three rows.
///
/// r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() < 3 || x.len() != y.len() {
        return None;
    }
    let centred = |numbers: &[f64]| {
        let mean = mean(numbers);
        // What rounding makes of a constant is no variation.
        let varies = numbers.iter().any(|x| (x - mean).abs() > 1e-13 * mean.abs());
        varies.then(|| numbers.iter().map(|x| x - mean).collect::<Vec<_>>())
    };
    let (x, y) = (centred(x)?, centred(y)?);
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    Some((dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman's ρ: Pearson's r of the ranks, equal numbers sharing the mean of theirs.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x), &ranks(y))
}

/// Ranks from 1.
pub fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    let mut ranks = vec![0.0; numbers.len()];
    for equal in order.chunk_by(|&a, &b| numbers[a] == numbers[b]) {
        // The ranks below are taken by smaller numbers.
        let first = order.partition_point(|&i| numbers[i] < numbers[equal[0]]);
        equal.iter().for_each(|&i| ranks[i] = first as f64 + (equal.len() + 1) as f64 / 2.0);
    }
    ranks
}

/// Each number less the mean of its group.
pub fn within(numbers: &[f64], groups: &[usize]) -> Vec<f64> {
    let of = |group: usize| -> Vec<f64> {
        numbers.iter().zip(groups).filter(|(_, g)| **g == group).map(|(x, _)| *x).collect()
    };
    numbers.iter().zip(groups).map(|(x, &group)| x - mean(&of(group))).collect()
}

/// The chance that independent normal columns have a coefficient as far from 0: two-sided, by Student's t with `freedom`
/// degrees (rows − 2 for a plain correlation), t² = freedom · r² / (1 − r²).
pub fn significance(r: f64, freedom: f64) -> Option<f64> {
    (freedom > 0.0).then(|| beta(1.0 - r * r, freedom / 2.0, 0.5))
}

/// The same for a value of t.
pub fn student(t: f64, freedom: f64) -> f64 {
    beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// 95 % confidence interval of a coefficient: percentiles over samples of the rows with replacement (Efron 1979), always
/// the same samples for a seed. None where a coefficient is undefined in most samples.
pub fn interval(
    x: &[f64],
    y: &[f64],
    seed: u64,
    coefficient: fn(&[f64], &[f64]) -> Option<f64>,
) -> Option<[f64; 2]> {
    let (mut of_x, mut of_y) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let mut found = Vec::new();
    for resample in 0..RESAMPLES {
        let mut stream = Stream::new(Key::new(seed, u32::MAX.into()), Purpose::Split, 1, resample);
        for (a, b) in of_x.iter_mut().zip(&mut of_y) {
            let row = stream.below(x.len() as u32) as usize;
            (*a, *b) = (x[row], y[row]);
        }
        found.extend(coefficient(&of_x, &of_y));
    }
    found.sort_by(f64::total_cmp);
    (found.len() > RESAMPLES as usize / 2).then(|| [0.025, 0.975].map(|share| quantile(&found, share)))
}

/// Between the two nearest of sorted numbers, linearly.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Holm's correction for the number of comparisons (1979): the chance of one false finding or more among all that are
/// called significant stays below the level.
pub fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&a, &b| chances[a].total_cmp(&chances[b]));
    let mut corrected = vec![0.0; chances.len()];
    let mut largest = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((chances.len() - rank) as f64 * chances[i]).min(1.0);
        corrected[i] = largest;
    }
    corrected
}

pub(super) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = |x: f64, a: f64, b: f64| {
        (a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp() / a
    };
    // The fraction is quick on this side; the other one is its mirror image.
    if x < (a + 1.0) / (a + b + 2.0) {
        front(x, a, b) * fraction(x, a, b)
    } else {
        1.0 - front(1.0 - x, b, a) * fraction(1.0 - x, b, a)
    }
}

/// Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away = |x: f64| if x.abs() < 1e-300 { 1e-300 } else { x };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            value *= c * d;
        }
        if (value - before).abs() <= 1e-16 * value.abs() {
            break;
        }
    }
    value
}

/// ln Γ(x), x > 0: Stirling's series after moving x up.
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 15.0 {
        product *= x;
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    let series = (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / x;
    (x - 0.5) * x.ln() - x + std::f64::consts::TAU.ln() / 2.0 + series - product.ln()
}

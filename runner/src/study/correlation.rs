//! Correlation coefficients, their p-values and confidence intervals, and the correction for many comparisons.

use valleys_core::rng::{Key, Purpose, Stream};

/// Number of bootstrap samples of a confidence interval.
const BOOTSTRAP_SAMPLES: u32 = 2000;

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

/// Subtracts the mean of its group from each number.
pub fn subtract_group_means(numbers: &[f64], groups: &[usize]) -> Vec<f64> {
    let of = |group: usize| -> Vec<f64> {
        numbers.iter().zip(groups).filter(|(_, g)| **g == group).map(|(x, _)| *x).collect()
    };
    numbers.iter().zip(groups).map(|(x, &group)| x - mean(&of(group))).collect()
}

/// The two-sided p-value of a correlation coefficient of independent normal columns, by Student's t with ν degrees of
/// freedom (rows − 2 for a plain correlation): t² = ν r² / (1 − r²). `None` for ν ≤ 0.
pub fn p_value(r: f64, degrees_of_freedom: f64) -> Option<f64> {
    (degrees_of_freedom > 0.0).then(|| regularised_beta(1.0 - r * r, degrees_of_freedom / 2.0, 0.5))
}

/// The two-sided p-value of a value of Student's t.
pub fn student_p_value(t: f64, degrees_of_freedom: f64) -> f64 {
    let x = degrees_of_freedom / (degrees_of_freedom + t * t);
    regularised_beta(x, degrees_of_freedom / 2.0, 0.5)
}

/// The 95 % confidence interval of a coefficient: percentiles over 2,000 bootstrap samples of the rows (Efron 1979). The
/// samples depend on `seed` only. `None` if the coefficient is undefined in half of the samples or more.
pub fn bootstrap_interval(
    x: &[f64],
    y: &[f64],
    seed: u64,
    coefficient: fn(&[f64], &[f64]) -> Option<f64>,
) -> Option<[f64; 2]> {
    let (mut of_x, mut of_y) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let mut found = Vec::new();
    for sample in 0..BOOTSTRAP_SAMPLES {
        let mut stream = Stream::new(Key::new(seed, u32::MAX.into()), Purpose::Split, 1, sample);
        for (a, b) in of_x.iter_mut().zip(&mut of_y) {
            let row = stream.below(x.len() as u32) as usize;
            (*a, *b) = (x[row], y[row]);
        }
        found.extend(coefficient(&of_x, &of_y));
    }
    found.sort_by(f64::total_cmp);
    (found.len() > BOOTSTRAP_SAMPLES as usize / 2)
        .then(|| [0.025, 0.975].map(|share| quantile(&found, share)))
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

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8).
fn regularised_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = |x: f64, a: f64, b: f64| {
        (a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp() / a
    };
    // The fraction converges fast for small x; I_x(a, b) = 1 − I_{1−x}(b, a) gives the other values.
    if x < (a + 1.0) / (a + b + 2.0) {
        front(x, a, b) * beta_fraction(x, a, b)
    } else {
        1.0 - front(1.0 - x, b, a) * beta_fraction(1.0 - x, b, a)
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let nonzero = |x: f64| if x.abs() < 1e-300 { 1e-300 } else { x };
    let (mut c, mut d) = (1.0, 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            value *= c * d;
        }
        if (value - before).abs() <= 1e-16 * value.abs() {
            break;
        }
    }
    value
}

/// ln Γ(x) for x > 0, by Stirling's series at x + n ≥ 15.
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

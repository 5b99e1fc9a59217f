//! Moments of the entries of a matrix.

/// Root of the sum of squares; skewness m₃ / m₂^1.5 and excess kurtosis m₄ / m₂² − 3, undefined where all entries are
/// equal.
pub fn moments(entries: impl Iterator<Item = f64> + Clone) -> (f64, Option<f64>, Option<f64>) {
    let largest = entries.clone().fold(0.0f64, |a, x| a.max(x.abs()));
    if largest == 0.0 {
        return (0.0, None, None);
    }
    // Scaled, so that no power leaves the range of f64.
    let scaled = entries.map(|x| x / largest);
    let count = scaled.clone().count() as f64;
    let mean = scaled.clone().sum::<f64>() / count;
    let of = |power: i32| scaled.clone().map(|x| (x - mean).powi(power)).sum::<f64>() / count;
    let (second, third, fourth) = (of(2), of(3), of(4));
    // Rounding alone gives a constant matrix a tiny variance.
    let varies = second > 1e-28;
    let norm = scaled.clone().map(|x| x * x).sum::<f64>().sqrt() * largest;
    (norm, varies.then(|| third / second.powf(1.5)), varies.then(|| fourth / (second * second) - 3.0))
}

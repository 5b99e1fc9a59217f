//! Moments of the entries of a matrix.

/// Root of the sum of squares; skewness m₃ / m₂^1.5 and excess kurtosis m₄ / m₂² − 3, undefined where all entries are
/// equal.
pub fn moments<T: Copy + Into<f64>>(entries: &[T]) -> (f64, Option<f64>, Option<f64>) {
    let largest = entries.iter().fold(0.0f64, |a, &x| a.max(x.into().abs()));
    if largest == 0.0 {
        return (0.0, None, None);
    }
    // Scaled, so that no power leaves the range of f64.
    let scale = 1.0 / largest.max(f64::MIN_POSITIVE);
    let count = entries.len() as f64;
    let [sum, squares] = sums(entries, |x| [x * scale, (x * scale) * (x * scale)]);
    let mean = sum / count;
    let [second, third, fourth] = sums(entries, |x| {
        let from_mean = x * scale - mean;
        let square = from_mean * from_mean;
        [square, square * from_mean, square * square]
    })
    .map(|sum| sum / count);
    // Rounding alone gives a constant matrix a tiny variance.
    let varies = second > 1e-28;
    let norm = squares.sqrt() / scale;
    (norm, varies.then(|| third / second.powf(1.5)), varies.then(|| fourth / (second * second) - 3.0))
}

/// Sums over the entries, each in eight parts that do not wait for each other.
fn sums<T: Copy + Into<f64>, const N: usize>(entries: &[T], of: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut parts = [[0.0; 8]; N];
    let (eights, rest) = entries.as_chunks::<8>();
    let mut add = |lane: usize, x: T| {
        let terms = of(x.into());
        (0..N).for_each(|k| parts[k][lane] += terms[k]);
    };
    for eight in eights {
        (0..8).for_each(|lane| add(lane, eight[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, &x)| add(lane, x));
    parts.map(|parts| parts.iter().sum())
}

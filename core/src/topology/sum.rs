//! Sums that lose next to nothing.

/// Σ x with compensation (Neumaier 1974): the error is about one rounding of the result.
pub(super) fn compensated_sum(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    for x in numbers {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    sum + lost
}

//! Central differences in f64.

use crate::tolerance;
use valleys_core::rng::Stream;

/// The step.
const H: f64 = 1e-5;

/// The central difference of `f` in element `i` of `x`.
pub fn difference(x: &[f64], i: usize, mut f: impl FnMut(&[f64]) -> f64) -> f64 {
    let mut at = x.to_vec();
    at[i] = x[i] + H;
    let above = f(&at);
    at[i] = x[i] - H;
    (above - f(&at)) / (2.0 * H)
}

/// A derivative is that of central differences.
pub fn near(analytic: f64, numeric: f64, what: &str) {
    assert!(
        (analytic - numeric).abs() <= tolerance::DIFFERENCE * (1.0 + numeric.abs()),
        "{what}: {analytic} {numeric}"
    );
}

/// Normal numbers.
pub fn random(stream: &mut Stream, len: usize) -> Vec<f64> {
    (0..len).map(|_| stream.normal()).collect()
}

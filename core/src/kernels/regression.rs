//! Losses of a regression: the squared deviation, and Huber's (Huber 1964). The loss of a sample is the mean over its
//! outputs, as PyTorch's `MSELoss` and `HuberLoss` average over all elements.

use nalgebra::{RealField, convert};

/// The loss of a deviation d = prediction − target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deviation {
    /// d².
    Squared,
    /// d²/2 where |d| ≤ δ, else δ (|d| − δ/2).
    Huber {
        /// δ, above 0.
        delta: f32,
    },
}

impl Deviation {
    /// The loss.
    pub fn value<T: RealField + Copy>(self, d: T) -> T {
        match self {
            Self::Squared => d * d,
            Self::Huber { delta } => {
                let delta = convert::<f64, T>(delta.into());
                let half = convert::<f64, T>(0.5);
                if d.abs() <= delta { d * d * half } else { delta * (d.abs() - delta * half) }
            }
        }
    }

    /// Its derivative.
    pub fn derivative<T: RealField + Copy>(self, d: T) -> T {
        match self {
            Self::Squared => d + d,
            Self::Huber { delta } => {
                let delta = convert::<f64, T>(delta.into());
                // A NaN stays one.
                if d > delta {
                    delta
                } else if d < -delta {
                    -delta
                } else {
                    d
                }
            }
        }
    }
}

/// Loss of each sample.
///
/// # Layout
/// `predictions`, `targets` (B, outputs).
pub fn losses<'a, T: RealField + Copy>(
    deviation: Deviation,
    outputs: usize,
    predictions: &'a [T],
    targets: &'a [T],
) -> impl Iterator<Item = T> + 'a {
    let share = T::one() / convert(outputs as f64);
    predictions.chunks_exact(outputs).zip(targets.chunks_exact(outputs)).map(move |(predictions, targets)| {
        let terms = predictions.iter().zip(targets).map(|(&p, &t)| deviation.value(p - t));
        terms.fold(T::zero(), |sum, term| sum + term) * share
    })
}

/// `share` · d(sum of the losses)/d(prediction).
///
/// # Layout
/// `predictions`, `targets`, `gradient` (B, outputs).
pub fn backward<T: RealField + Copy>(
    deviation: Deviation,
    outputs: usize,
    share: T,
    predictions: &[T],
    targets: &[T],
    gradient: &mut [T],
) {
    let share = share / convert(outputs as f64);
    for ((gradient, &p), &t) in gradient.iter_mut().zip(predictions).zip(targets) {
        *gradient = deviation.derivative(p - t) * share;
    }
}

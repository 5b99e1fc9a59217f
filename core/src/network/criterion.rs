//! What a network is trained for: targets, losses, and what is counted beside the loss.

use crate::error::{Error, length};
use crate::kernels::cross_entropy::{self, Options};
use crate::kernels::regression::{self, Deviation};
use crate::math;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::iter::Sum;
use core::ops::{AddAssign, Range};
use nalgebra::RealField;

/// What samples are to be mapped to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Targets<'a, T> {
    /// Classes: (B), each below the number of outputs.
    Labels(&'a [u8]),
    /// Numbers: (B, width).
    Values {
        /// Numbers of a sample: the outputs of the network.
        width: usize,
        /// The numbers.
        values: &'a [T],
        /// What 1 is in the units in which errors are reported: the standard deviation by which the numbers were divided,
        /// or 1.
        unit: f64,
    },
}

impl<'a, T> Targets<'a, T> {
    /// Number of samples.
    pub const fn len(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Values { width, values, .. } => values.len() / if *width == 0 { 1 } else { *width },
        }
    }

    /// Whether there is no sample.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The targets of some samples.
    ///
    /// # Panics
    /// If there are no such samples.
    pub fn slice(&self, samples: Range<usize>) -> Self {
        match *self {
            Self::Labels(labels) => Self::Labels(&labels[samples]),
            Self::Values { width, values, unit } => {
                Self::Values { width, values: &values[samples.start * width..samples.end * width], unit }
            }
        }
    }

    /// The classes; none of numbers.
    pub const fn labels(&self) -> Option<&'a [u8]> {
        if let Self::Labels(labels) = *self { Some(labels) } else { None }
    }
}

/// The loss of a sample, from the outputs of a network and the sample's target.
///
/// # Sources
/// [`kernels::cross_entropy`](crate::kernels::cross_entropy), [`kernels::regression`](crate::kernels::regression).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion<'a> {
    /// Cross-entropy of classes.
    CrossEntropy(Options<'a>),
    /// The mean over the outputs of a function of the deviation, of numbers.
    Regression(Deviation),
}

impl Default for Criterion<'_> {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl Criterion<'_> {
    /// Cross-entropy without class weights and without label smoothing.
    pub const PLAIN: Self = Self::CrossEntropy(Options { class_weights: &[], label_smoothing: 0.0 });

    /// The usual one for some targets: cross-entropy, or the mean squared error.
    pub const fn of<T>(targets: &Targets<T>) -> Self {
        match targets {
            Targets::Labels(_) => Self::PLAIN,
            Targets::Values { .. } => Self::Regression(Deviation::Squared),
        }
    }

    /// Checks that targets, the criterion and a network with this number of outputs fit together.
    ///
    /// # Errors
    /// A criterion of classes for numbers, or the reverse; a label that is no class; a number of outputs or of class
    /// weights that does not fit; a constant out of its range.
    pub fn check<T>(&self, outputs: usize, targets: &Targets<T>) -> Result<(), Error> {
        match (self, targets) {
            (Self::CrossEntropy(options), Targets::Labels(labels)) => {
                if !options.class_weights.is_empty() {
                    length("class weights", outputs, options.class_weights.len())?;
                }
                let valid = |w: &f32| w.is_finite() && *w >= 0.0;
                if let Some(at) = options.class_weights.iter().position(|w| !valid(w)) {
                    return Err(Error::NotFinite { what: "class weights, 0 or above", at: at as u64 });
                }
                if !(0.0..1.0).contains(&options.label_smoothing) {
                    return Err(Error::Unsupported {
                        what: "a label smoothing that is not from 0 to below 1",
                    });
                }
                match labels.iter().position(|&label| label as usize >= outputs) {
                    Some(sample) => Err(Error::Label { sample, label: labels[sample], classes: outputs }),
                    None => Ok(()),
                }
            }
            (Self::Regression(deviation), Targets::Values { width, values, .. }) => {
                if let Deviation::Huber { delta } = deviation
                    && !(delta.is_finite() && *delta > 0.0)
                {
                    return Err(Error::Unsupported { what: "a delta of Huber's loss that is not above 0" });
                }
                length("numbers of a target", outputs, *width)?;
                length("numbers of the targets", values.len() / outputs * outputs, values.len())
            }
            (Self::CrossEntropy(_), Targets::Values { .. }) => {
                Err(Error::Unsupported { what: "cross-entropy of targets that are numbers" })
            }
            (Self::Regression(_), Targets::Labels(_)) => {
                Err(Error::Unsupported { what: "a loss of numbers for targets that are classes" })
            }
        }
    }

    /// The sum of the weights of some samples, by which a mean divides: their number but for class weights.
    pub fn weight<T>(&self, targets: &Targets<T>) -> f64 {
        match (self, targets) {
            (Self::CrossEntropy(options), Targets::Labels(labels)) if !options.class_weights.is_empty() => {
                labels.iter().map(|&label| f64::from(options.weight(label.into()))).sum()
            }
            _ => targets.len() as f64,
        }
    }

    /// The same of chosen samples.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn weight_of<T>(&self, targets: &Targets<T>, chosen: &[u32]) -> f64 {
        match (self, targets) {
            (Self::CrossEntropy(options), Targets::Labels(labels)) if !options.class_weights.is_empty() => {
                let weight = |&sample: &u32| f64::from(options.weight(labels[sample as usize].into()));
                chosen.iter().map(weight).sum()
            }
            _ => chosen.len() as f64,
        }
    }

    /// Sums over samples, from the outputs (B, outputs) of a network.
    pub fn scores<T: RealField + Copy>(&self, outputs: &[T], targets: &Targets<T>) -> Scores {
        let wide = |x: T| nalgebra::try_convert::<T, f64>(x).unwrap_or(f64::NAN);
        let len = outputs.len() / targets.len().max(1);
        match (*self, *targets) {
            (Self::CrossEntropy(options), Targets::Labels(labels)) => Scores {
                loss: cross_entropy::losses(options, outputs, labels).map(wide).sum(),
                error: outputs
                    .chunks_exact(len)
                    .zip(labels)
                    .filter(|(z, label)| cross_entropy::arg_max(z) != Some(**label as usize))
                    .count() as f64,
                weight: self.weight(targets),
                samples: labels.len(),
            },
            (Self::Regression(deviation), Targets::Values { values, .. }) => Scores {
                loss: regression::losses(deviation, len, outputs, values).map(wide).sum(),
                error: regression::losses(Deviation::Squared, len, outputs, values).map(wide).sum(),
                weight: targets.len() as f64,
                samples: targets.len(),
            },
            // Refused by `check`.
            _ => Scores::default(),
        }
    }

    /// Sum of the losses, in the precision of the outputs.
    pub(super) fn loss<T: RealField + Copy>(&self, outputs: &[T], targets: &Targets<T>) -> T {
        let len = outputs.len() / targets.len().max(1);
        match (*self, *targets) {
            (Self::CrossEntropy(options), Targets::Labels(labels)) => {
                cross_entropy::losses(options, outputs, labels).fold(T::zero(), |a, b| a + b)
            }
            (Self::Regression(deviation), Targets::Values { values, .. }) => {
                regression::losses(deviation, len, outputs, values).fold(T::zero(), |a, b| a + b)
            }
            // Refused by `check`.
            _ => T::zero(),
        }
    }

    /// `share` · d(sum of the losses)/d(outputs).
    pub(super) fn backward<T: RealField + Copy>(
        &self,
        share: T,
        outputs: &[T],
        targets: &Targets<T>,
        gradient: &mut [T],
    ) {
        match (*self, *targets) {
            (Self::CrossEntropy(options), Targets::Labels(labels)) => {
                cross_entropy::backward(options, share, outputs, labels, gradient);
            }
            (Self::Regression(deviation), Targets::Values { values, .. }) => {
                let len = outputs.len() / targets.len().max(1);
                regression::backward(deviation, len, share, outputs, values, gradient);
            }
            // Refused by `check`.
            _ => {}
        }
    }
}

/// A [`Criterion`] with class weights of its own, for those who keep it.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedCriterion {
    /// As [`Criterion::CrossEntropy`].
    CrossEntropy {
        /// (C), or empty.
        class_weights: Vec<f32>,
        /// From 0 to below 1.
        label_smoothing: f32,
    },
    /// As [`Criterion::Regression`].
    Regression(Deviation),
}

#[cfg(feature = "alloc")]
impl OwnedCriterion {
    /// A copy of a criterion.
    pub fn new(criterion: Criterion) -> Self {
        match criterion {
            Criterion::CrossEntropy(Options { class_weights, label_smoothing }) => {
                Self::CrossEntropy { class_weights: class_weights.to_vec(), label_smoothing }
            }
            Criterion::Regression(deviation) => Self::Regression(deviation),
        }
    }

    /// The criterion.
    pub fn get(&self) -> Criterion<'_> {
        match self {
            Self::CrossEntropy { class_weights, label_smoothing } => {
                Criterion::CrossEntropy(Options { class_weights, label_smoothing: *label_smoothing })
            }
            Self::Regression(deviation) => Criterion::Regression(*deviation),
        }
    }
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Sum of the losses, each with its weight.
    pub loss: f64,
    /// Of classes: number of samples whose arg-max is not their label. Of numbers: sum of the squared deviations, each
    /// sample's a mean over its outputs.
    pub error: f64,
    /// Sum of the weights of the samples.
    pub weight: f64,
    /// Number of samples.
    pub samples: usize,
}

impl Scores {
    /// Mean loss, by the weights of the samples.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.weight
    }

    /// Of classes the share of wrong arg-max; of numbers the root mean square deviation, in the unit of the targets.
    pub fn mean_error<T>(&self, targets: &Targets<T>) -> f64 {
        let error = self.error / self.samples as f64;
        match targets {
            Targets::Labels(_) => error,
            Targets::Values { unit, .. } => unit * math::sqrt(error),
        }
    }
}

impl AddAssign for Scores {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.error += other.error;
        self.weight += other.weight;
        self.samples += other.samples;
    }
}

impl Sum for Scores {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::default(), |mut sum, scores| {
            sum += scores;
            sum
        })
    }
}

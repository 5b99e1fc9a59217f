//! A criterion that engines on other threads keep.

use crate::error::Result;
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::{Criterion, Layer, Network, Shape, Targets};

/// A [`Criterion`] with class weights of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OwnedCriterion {
    CrossEntropy { class_weights: Vec<f32>, label_smoothing: f32 },
    Regression(Deviation),
}

impl OwnedCriterion {
    /// A copy.
    pub fn of(criterion: &Criterion) -> Self {
        match *criterion {
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

    /// Checks it for targets, before there is a network: for one with as many outputs as they need.
    ///
    /// # Errors
    /// As [`Criterion::check`].
    pub fn check(&self, targets: &Targets<f32>) -> Result<()> {
        let outputs = match (self, targets) {
            (_, Targets::Values { width, .. }) => *width,
            (Self::CrossEntropy { class_weights, .. }, _) if !class_weights.is_empty() => class_weights.len(),
            _ => usize::from(u8::MAX) + 1,
        };
        let network = Network { input: Shape::flat(1), layers: &[Layer::Linear { outputs }] };
        Ok(self.get().check(&network, targets)?)
    }
}

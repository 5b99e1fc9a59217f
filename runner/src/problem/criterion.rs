//! The loss of a configuration for the targets of a data set.

use crate::config;
use crate::config::{ClassWeights, LossKind, NamedWeights};
use crate::data::Targets;
use crate::error::{CliError, ErrorKind, Result};
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::Criterion;

/// A [`Criterion`] that owns its class weights.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedCriterion {
    /// (classes), or empty.
    class_weights: Vec<f32>,
    label_smoothing: f32,
    /// Of targets that are numbers.
    deviation: Option<Deviation>,
}

impl OwnedCriterion {
    /// The loss that a configuration names, for training targets with this number of classes.
    ///
    /// # Errors
    /// A loss of classes for numbers, or the reverse; class weights of another number than the classes; a class that no
    /// training sample has, where the weights are to balance the classes.
    pub fn new(loss: &config::Loss, targets: &Targets, classes: usize) -> Result<Self> {
        let wrong = |message: String| Err(CliError::new(ErrorKind::Configuration, message));
        let none = ClassWeights::List(Vec::new());
        let labels = targets.labels();
        let deviation = match (loss.kind, labels) {
            (LossKind::Default | LossKind::CrossEntropy, Some(_)) => None,
            (LossKind::Default | LossKind::Mse, None) => Some(Deviation::Squared),
            (LossKind::Huber, None) => Some(Deviation::Huber { delta: loss.delta as f32 }),
            (LossKind::CrossEntropy, None) => {
                return wrong("loss.kind is \"cross-entropy\", but the targets are numbers; for classes set data.task to \"classification\"".to_owned());
            }
            (LossKind::Mse | LossKind::Huber, Some(_)) => {
                return wrong("loss.kind is a loss of numbers, but the targets are classes; for numbers set data.task to \"regression\"".to_owned());
            }
        };
        let Some(labels) = labels else {
            if loss.class_weights != none || loss.label_smoothing > 0.0 {
                return wrong("loss.class_weights and loss.label_smoothing are for classes, but the targets are numbers".to_owned());
            }
            return Ok(Self { class_weights: Vec::new(), label_smoothing: 0.0, deviation });
        };
        let class_weights: Vec<f32> = match &loss.class_weights {
            ClassWeights::List(weights) if !weights.is_empty() && weights.len() != classes => {
                return wrong(format!(
                    "loss.class_weights has {} numbers, but the data set has {classes} classes",
                    weights.len()
                ));
            }
            ClassWeights::List(weights) if !weights.is_empty() && weights.iter().all(|&w| w == 0.0) => {
                return wrong("loss.class_weights are all 0".to_owned());
            }
            ClassWeights::List(weights) => weights.iter().map(|&w| w as f32).collect(),
            ClassWeights::Named(NamedWeights::Balanced) => {
                let mut counts = vec![0usize; classes];
                labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
                if let Some(class) = counts.iter().position(|&count| count == 0) {
                    return wrong(format!(
                        "loss.class_weights is \"balanced\", but no training sample is of class {class}"
                    ));
                }
                let share = |&count: &usize| labels.len() as f64 / (classes * count) as f64;
                counts.iter().map(|count| share(count) as f32).collect()
            }
        };
        Ok(Self { class_weights, label_smoothing: loss.label_smoothing as f32, deviation })
    }

    /// As the engines take it.
    pub fn borrowed(&self) -> Criterion<'_> {
        match self.deviation {
            Some(deviation) => Criterion::Regression(deviation),
            None => Criterion::CrossEntropy(Options {
                class_weights: &self.class_weights,
                label_smoothing: self.label_smoothing,
            }),
        }
    }

    /// Whether it is the plain cross-entropy.
    pub fn is_plain(&self) -> bool {
        self.deviation.is_none() && self.class_weights.is_empty() && self.label_smoothing == 0.0
    }
}

//! The loss of a configuration for the targets of a data set.

use crate::config;
use crate::config::{ClassWeights, LossKind, NamedWeights};
use crate::data::Targets;
use crate::error::{CliError, ErrorKind, Result};
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::OwnedCriterion;

/// `loss.delta` where no key sets it.
const DEFAULT_DELTA: f64 = 1.0;

/// The loss that a configuration names, for training targets with this number of classes.
///
/// # Errors
/// A loss of classes for numbers, or the reverse; class weights of another number than the classes; a class that no
/// training sample has, where the weights are to balance the classes.
pub fn criterion(loss: &config::Loss, targets: &Targets, classes: usize) -> Result<OwnedCriterion> {
    let wrong = |message: String| Err(CliError::new(ErrorKind::Configuration, message));
    if loss.kind != LossKind::Huber && loss.delta != DEFAULT_DELTA {
        return wrong("loss.delta is of Huber's loss: loss.kind = \"huber\"".to_owned());
    }
    let labels = match (loss.kind, targets.labels()) {
        (LossKind::Default | LossKind::CrossEntropy, Some(labels)) => labels,
        (LossKind::CrossEntropy, None) => {
            return wrong(
                "loss.kind is \"cross-entropy\", but the targets are numbers; for classes set data.task to \
                 \"classification\""
                    .to_owned(),
            );
        }
        (LossKind::Mse | LossKind::Huber, Some(_)) => {
            return wrong(
                "loss.kind is a loss of numbers, but the targets are classes; for numbers set data.task to \"regression\""
                    .to_owned(),
            );
        }
        (kind, None) => {
            if loss.class_weights != ClassWeights::List(Vec::new()) || loss.label_smoothing > 0.0 {
                return wrong(
                    "loss.class_weights and loss.label_smoothing are for classes, but the targets are numbers".to_owned(),
                );
            }
            let is_huber = kind == LossKind::Huber;
            return Ok(OwnedCriterion::Regression(if is_huber {
                Deviation::Huber { delta: loss.delta as f32 }
            } else {
                Deviation::Squared
            }));
        }
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
    Ok(OwnedCriterion::CrossEntropy { class_weights, label_smoothing: loss.label_smoothing as f32 })
}

//! The field `study` of `summary.json`: the result of a study of weights.

use super::ErrorMeasure;
use serde::{Deserialize, Serialize};

/// The result of a study of weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudySummary {
    /// Names of the weight tensors, first to last.
    pub layers: Vec<String>,
    /// The trained networks.
    pub networks: Vec<NetworkResult>,
    /// Correlations of every statistic and layer with every target, over the trained networks.
    pub correlations: Vec<Correlation>,
    /// Number of comparisons that Holm's correction takes into account.
    pub comparisons: usize,
    /// Every statistic and layer before and after training, by training-set size.
    pub changes: Vec<TrainingChange>,
}

/// A trained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkResult {
    /// Number of training samples.
    pub samples: usize,
    /// Number of the replicate.
    pub replicate: u32,
    /// Mean loss on the training samples.
    pub train_loss: f64,
    /// Share of wrong predictions on the training samples, of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_error: Option<f64>,
    /// Root mean square deviation on the training samples, of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_rmse: Option<f64>,
    /// Mean loss on the test samples.
    pub test_loss: f64,
    /// Share of wrong predictions on the test samples, of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_error: Option<f64>,
    /// Root mean square deviation on the test samples, of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_rmse: Option<f64>,
}

impl StudySummary {
    /// What the errors of its networks are.
    pub fn error_measure(&self) -> ErrorMeasure {
        let is_rmse = self.networks.iter().any(|network| network.test_rmse.is_some());
        if is_rmse { ErrorMeasure::Rmse } else { ErrorMeasure::Share }
    }
}

impl NetworkResult {
    /// Errors on the training and the test samples.
    pub fn errors(&self) -> [f64; 2] {
        let errors = [self.train_error.or(self.train_rmse), self.test_error.or(self.test_rmse)];
        errors.map(|error| error.unwrap_or(f64::NAN))
    }
}

/// The quantity that a statistic is correlated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Share of right predictions on the test samples.
    TestAccuracy,
    /// Root mean square deviation on the test samples, where numbers are predicted.
    TestRmse,
    /// Error on the test samples minus error on the training samples: of classes, accuracy on the training samples minus
    /// that on the test samples.
    GeneralisationGap,
}

impl Target {
    /// The targets of a measure: first what is best or worst on the test samples, then the gap.
    pub const fn of(measure: ErrorMeasure) -> [Self; 2] {
        match measure {
            ErrorMeasure::Share => [Self::TestAccuracy, Self::GeneralisationGap],
            ErrorMeasure::Rmse => [Self::TestRmse, Self::GeneralisationGap],
        }
    }

    /// The name in tables and figures.
    pub fn title(self) -> &'static str {
        match self {
            Self::TestAccuracy => "test accuracy",
            Self::TestRmse => "test RMSE",
            Self::GeneralisationGap => "generalisation gap",
        }
    }
}

/// A correlation coefficient with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The coefficient, −1 to 1; none if a column is constant.
    pub value: Option<f64>,
    /// 95 % confidence interval by bootstrap over sizes and replicates.
    pub interval: Option<[f64; 2]>,
    /// Two-sided p-value.
    pub p: Option<f64>,
    /// The p-value after Holm's correction for all comparisons of the study.
    pub p_holm: Option<f64>,
}

/// The correlation of a statistic of a layer with a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Name of the statistic, one of [`LAYER_STATISTICS`](super::LAYER_STATISTICS).
    pub metric: String,
    /// Name of the weight tensor, or [`ALL_LAYERS`].
    pub layer: String,
    /// The target.
    pub target: Target,
    /// Number of networks with both values.
    pub networks: usize,
    /// Pearson's coefficient over all networks.
    pub pearson: Coefficient,
    /// Spearman's coefficient over all networks.
    pub spearman: Coefficient,
    /// Pearson's coefficient after the mean of each training-set size is subtracted from both columns: whether the
    /// statistic contains more than the number of samples.
    pub within_sizes: Coefficient,
    /// Spearman's coefficient over the measurements of one network during training; the median of the networks.
    pub over_training: Option<f64>,
}

/// The `layer` of a [`Correlation`] of the mean over all layers.
pub const ALL_LAYERS: &str = "all layers";

/// A statistic of a layer before and after training, over the replicates of a training-set size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingChange {
    /// Name of the statistic, one of [`LAYER_STATISTICS`](super::LAYER_STATISTICS).
    pub metric: String,
    /// Name of the weight tensor.
    pub layer: String,
    /// Number of training samples.
    pub samples: usize,
    /// Before training.
    pub untrained: MeanStd,
    /// After training.
    pub trained: MeanStd,
    /// Of the trained entries in random order, for the statistics that are measured with [`SHUFFLED`](super::SHUFFLED).
    pub shuffled: MeanStd,
}

/// Mean and standard deviation of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanStd {
    /// The mean; none without numbers.
    pub mean: Option<f64>,
    /// The standard deviation with divisor m − 1; none for fewer than two numbers.
    pub deviation: Option<f64>,
}

impl MeanStd {
    /// Of the numbers that are present.
    pub fn of(numbers: impl IntoIterator<Item = Option<f64>>) -> Self {
        let numbers: Vec<f64> = numbers.into_iter().flatten().collect();
        let count = numbers.len() as f64;
        let mean = (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / count);
        let squares = |m: f64| numbers.iter().map(|x| (x - m) * (x - m)).sum::<f64>();
        let deviation = mean.filter(|_| count > 1.0).map(|m| (squares(m) / (count - 1.0)).sqrt());
        Self { mean, deviation }
    }
}

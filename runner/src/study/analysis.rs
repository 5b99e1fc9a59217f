//! What the networks of a study say together.

use super::correlation::{holm, interval, mean, pearson, significance, spearman, within};
use super::{StudyNetwork, LAYER_STATISTICS, Measurement};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The name of the mean over all layers.
pub const OVERALL: &str = "all layers";

/// In `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudySummary {
    /// The weight tensors, first to last.
    pub layers: Vec<String>,
    /// Every network at its end.
    pub networks: Vec<NetworkResult>,
    /// Of every metric and layer with test accuracy and generalisation gap, over all networks at their trained.
    pub correlations: Vec<Correlation>,
    /// The comparisons that the corrected chances count.
    pub comparisons: usize,
    /// How the layers change from the untrained to the trained network, by training-set size.
    pub changes: Vec<TrainingChange>,
}

/// A trained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkResult {
    /// Training samples.
    pub samples: usize,
    /// Replicate.
    pub replicate: u32,
    /// Mean loss on the training samples.
    pub train_loss: f64,
    /// Share of wrong answers on them.
    pub train_error: f64,
    /// Mean loss on the test samples.
    pub test_loss: f64,
    /// Share of wrong answers on them.
    pub test_error: f64,
}

/// What a metric is set against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Share of right answers on the test samples.
    TestAccuracy,
    /// The same on the training samples, less that.
    GeneralisationGap,
}

impl Target {
    /// Both.
    pub const ALL: [Self; 2] = [Self::TestAccuracy, Self::GeneralisationGap];

    /// For readers.
    pub fn title(self) -> &'static str {
        match self {
            Self::TestAccuracy => "test accuracy",
            Self::GeneralisationGap => "generalisation gap",
        }
    }

    /// Of a measurement.
    pub fn of(self, measurement: &Measurement) -> f64 {
        match self {
            Self::TestAccuracy => measurement.accuracy(),
            Self::GeneralisationGap => measurement.gap(),
        }
    }
}

/// A coefficient and how far it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// −1 to 1; none where a column is constant.
    pub value: Option<f64>,
    /// 95 % by bootstrap over the networks.
    pub interval: Option<[f64; 2]>,
    /// Chance of one as far from 0 among independent columns.
    pub p: Option<f64>,
    /// The same after Holm's correction for all comparisons of the study.
    pub p_holm: Option<f64>,
}

/// A metric of a layer against a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// See [`LAYER_STATISTICS`].
    pub metric: String,
    /// The weight tensor, or [`OVERALL`].
    pub layer: String,
    /// Against what.
    pub target: Target,
    /// Networks with both.
    pub networks: usize,
    /// Over all networks.
    pub pearson: Coefficient,
    /// Of ranks.
    pub spearman: Coefficient,
    /// Pearson's, of what is left after the mean of each training-set size is taken from both: whether the metric knows
    /// more than how many samples there were.
    pub within_sizes: Coefficient,
    /// Over the measurements of one network while it trains, Spearman's: the median of the networks.
    pub over_training: Option<f64>,
}

/// A metric of a layer before and after training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingChange {
    /// See [`LAYER_STATISTICS`].
    pub metric: String,
    /// The weight tensor.
    pub layer: String,
    /// Training samples.
    pub samples: usize,
    /// Mean and standard deviation over the replicates (divisor m − 1) before.
    pub untrained: MeanStd,
    /// After.
    pub trained: MeanStd,
    /// The trained networks' entries in random order, for the two metrics that have it.
    pub shuffled: MeanStd,
}

/// Mean and standard deviation; none without numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanStd {
    /// Mean.
    pub mean: Option<f64>,
    /// Of a sample; none for fewer than two.
    pub deviation: Option<f64>,
}

impl MeanStd {
    /// Of the numbers that are there.
    pub fn of(numbers: impl IntoIterator<Item = Option<f64>>) -> Self {
        let numbers: Vec<f64> = numbers.into_iter().flatten().collect();
        let middle = (!numbers.is_empty()).then(|| mean(&numbers));
        let square = |m: f64| numbers.iter().map(|x| (x - m) * (x - m)).sum::<f64>();
        let deviation =
            middle.filter(|_| numbers.len() > 1).map(|m| (square(m) / (numbers.len() - 1) as f64).sqrt());
        Self { mean: middle, deviation }
    }
}

/// A metric of a layer, or its mean over all of them for the one after the last.
pub fn value(measurement: &Measurement, layer: usize, metric: usize) -> Option<f64> {
    match measurement.layers.get(layer) {
        Some(of_layer) => of_layer[metric],
        None => {
            let all: Option<Vec<f64>> = measurement.layers.iter().map(|of_layer| of_layer[metric]).collect();
            all.filter(|all| !all.is_empty()).map(|all| mean(&all))
        }
    }
}

/// The whole analysis of measured networks.
pub fn analyse(layers: Vec<String>, runs: &[(StudyNetwork, Vec<Measurement>)], seed: u64) -> StudySummary {
    let trained: Vec<(StudyNetwork, &Measurement)> =
        runs.iter().filter_map(|(network, all)| Some((*network, all.last()?))).collect();
    let comparisons: Vec<(usize, usize, Target)> = Target::ALL
        .into_iter()
        .flat_map(|target| {
            let of_layers = (0..=layers.len()).map(move |layer| (layer, target));
            (0..LAYER_STATISTICS.len()).flat_map(move |metric| of_layers.clone().map(move |(l, t)| (metric, l, t)))
        })
        .collect();
    let mut correlations: Vec<Correlation> = comparisons
        .par_iter()
        .map(|&(metric, layer, target)| {
            let name = layers.get(layer).map_or(OVERALL, String::as_str);
            correlate(metric, layer, name, target, &trained, runs, seed)
        })
        .collect();
    let comparisons = correct(&mut correlations);
    StudySummary {
        networks: trained.iter().map(|&(network, end)| network_result(network, end)).collect(),
        changes: changes(&layers, runs),
        layers,
        correlations,
        comparisons,
    }
}

fn network_result(network: StudyNetwork, end: &Measurement) -> NetworkResult {
    let ([train_loss, train_error], [test_loss, test_error]) = (end.train, end.test);
    NetworkResult { samples: network.samples, replicate: network.replicate, train_loss, train_error, test_loss, test_error }
}

fn correlate(
    metric: usize,
    layer: usize,
    name: &str,
    target: Target,
    trained: &[(StudyNetwork, &Measurement)],
    runs: &[(StudyNetwork, Vec<Measurement>)],
    seed: u64,
) -> Correlation {
    let rows: Vec<(f64, f64, usize)> = trained
        .iter()
        .filter_map(|(network, end)| Some((value(end, layer, metric)?, target.of(end), network.samples)))
        .collect();
    let x: Vec<f64> = rows.iter().map(|r| r.0).collect();
    let y: Vec<f64> = rows.iter().map(|r| r.1).collect();
    let sizes: Vec<usize> = rows.iter().map(|r| r.2).collect();
    let coefficient = |x: &[f64], y: &[f64], of: fn(&[f64], &[f64]) -> Option<f64>, freedom: f64| {
        let value = of(x, y);
        Coefficient {
            value,
            interval: value.and_then(|_| interval(x, y, seed, of)),
            p: value.and_then(|r| significance(r, freedom)),
            p_holm: None,
        }
    };
    let mut groups = sizes.clone();
    groups.sort_unstable();
    groups.dedup();
    let (count, groups) = (x.len() as f64, groups.len() as f64);
    let over = runs.iter().filter_map(|(_, all)| {
        let pairs: Vec<(f64, f64)> =
            all.iter().filter_map(|m| Some((value(m, layer, metric)?, target.of(m)))).collect();
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        spearman(&x, &y)
    });
    let mut over: Vec<f64> = over.collect();
    over.sort_by(f64::total_cmp);
    Correlation {
        metric: LAYER_STATISTICS[metric].name.to_owned(),
        layer: name.to_owned(),
        target,
        networks: x.len(),
        pearson: coefficient(&x, &y, pearson, count - 2.0),
        spearman: coefficient(&x, &y, spearman, count - 2.0),
        within_sizes: coefficient(&within(&x, &sizes), &within(&y, &sizes), pearson, count - groups - 1.0),
        over_training: (!over.is_empty()).then(|| super::correlation::quantile(&over, 0.5)),
    }
}

/// Fills in the corrected chances; gives the number of comparisons.
fn correct(correlations: &mut [Correlation]) -> usize {
    let mut all: Vec<&mut Coefficient> = correlations
        .iter_mut()
        .flat_map(|c| [&mut c.pearson, &mut c.spearman, &mut c.within_sizes])
        .filter(|c| c.p.is_some())
        .collect();
    let corrected = holm(&all.iter().filter_map(|c| c.p).collect::<Vec<_>>());
    all.iter_mut().zip(corrected).for_each(|(c, p)| c.p_holm = Some(p));
    all.len()
}

fn changes(layers: &[String], runs: &[(StudyNetwork, Vec<Measurement>)]) -> Vec<TrainingChange> {
    let mut sizes: Vec<usize> = runs.iter().map(|(network, _)| network.samples).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut changes = Vec::new();
    for (metric, named) in LAYER_STATISTICS.iter().enumerate() {
        for (layer, name) in layers.iter().enumerate() {
            for &samples in &sizes {
                let of: Vec<&Vec<Measurement>> =
                    runs.iter().filter(|(network, _)| network.samples == samples).map(|(_, all)| all).collect();
                let at = |m: Option<&Measurement>, column: usize| m.and_then(|m| m.layers.get(layer)?[column]);
                let shuffled = Some(LAYER_STATISTICS.len() + metric).filter(|_| metric < super::SHUFFLED_NAMES.len());
                changes.push(TrainingChange {
                    metric: named.name.to_owned(),
                    layer: name.clone(),
                    samples,
                    untrained: MeanStd::of(of.iter().map(|all| at(all.first(), metric))),
                    trained: MeanStd::of(of.iter().map(|all| at(all.last(), metric))),
                    shuffled: MeanStd::of(of.iter().map(|all| shuffled.and_then(|c| at(all.last(), c)))),
                });
            }
        }
    }
    changes
}

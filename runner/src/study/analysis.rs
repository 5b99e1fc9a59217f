//! The result of a study, from the measurements of its networks.

use super::StudyNetwork;
use super::correlation::{CoefficientOf, Grid, Rows, holm, pearson, quantile, spearman};
use crate::schema::{
    ALL_LAYERS, Coefficient, Correlation, ErrorMeasure, LAYER_STATISTICS, MeanStd, Measurement,
    NetworkResult, SHUFFLED, StudySummary, Target, TrainingChange,
};
use rayon::prelude::*;

/// A network and its measurements, in order of time.
pub type NetworkRun = (StudyNetwork, Vec<Measurement>);

/// The analysis of all networks. `layers` are the names of the weight tensors; `seed` is that of the bootstrap samples and
/// random permutations.
///
/// # Cost
/// 2,000 bootstrap samples and up to 10,000 permutations for each coefficient, on all threads.
pub fn analyse(layers: Vec<String>, runs: &[NetworkRun], seed: u64) -> StudySummary {
    let trained: Vec<(StudyNetwork, &Measurement)> =
        runs.iter().filter_map(|(network, all)| Some((*network, all.last()?))).collect();
    let measure = trained.first().map_or(ErrorMeasure::Share, |(_, measurement)| measurement.measure);
    let comparisons: Vec<Comparison> = Target::of(measure)
        .into_iter()
        .flat_map(|target| {
            // The number after the last layer is the mean over all layers.
            let of_layers = (0..=layers.len()).map(move |layer| (layer, target));
            (0..LAYER_STATISTICS.len()).flat_map(move |statistic| {
                of_layers.clone().map(move |(layer, target)| Comparison { statistic, layer, target })
            })
        })
        .collect();
    let mut correlations: Vec<Correlation> = comparisons
        .par_iter()
        .map(|comparison| {
            let layer = layers.get(comparison.layer).map_or(ALL_LAYERS, String::as_str);
            correlate(comparison, layer, &trained, runs, seed)
        })
        .collect();
    let coefficients =
        correlations.iter_mut().flat_map(|c| [&mut c.pearson, &mut c.spearman, &mut c.within_sizes]);
    let comparisons = correct_p_values(coefficients);
    StudySummary {
        networks: trained.iter().map(|&(network, last)| network_result(network, last)).collect(),
        changes: training_changes(&layers, runs),
        layers,
        correlations,
        comparisons,
    }
}

/// What is correlated: numbers of a statistic and of a layer, and a target.
struct Comparison {
    statistic: usize,
    layer: usize,
    target: Target,
}

fn network_result(network: StudyNetwork, last: &Measurement) -> NetworkResult {
    let StudyNetwork { samples, replicate } = network;
    let ([train_loss, train_error], [test_loss, test_error]) = (last.train, last.test);
    let of = |measure: ErrorMeasure, error: f64| (last.measure == measure).then_some(error);
    NetworkResult {
        samples,
        replicate,
        train_loss,
        train_error: of(ErrorMeasure::Share, train_error),
        train_rmse: of(ErrorMeasure::Rmse, train_error),
        test_loss,
        test_error: of(ErrorMeasure::Share, test_error),
        test_rmse: of(ErrorMeasure::Rmse, test_error),
    }
}

fn correlate(
    &Comparison { statistic, layer, target }: &Comparison,
    layer_name: &str,
    trained: &[(StudyNetwork, &Measurement)],
    runs: &[NetworkRun],
    seed: u64,
) -> Correlation {
    let mut sizes: Vec<usize> = trained.iter().map(|(network, _)| network.samples).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut grid = Grid { cells: vec![Vec::new(); sizes.len()] };
    for (network, m) in trained {
        let row = &mut grid.cells[sizes.partition_point(|&size| size < network.samples)];
        row.resize(row.len().max(network.replicate as usize + 1), None);
        row[network.replicate as usize] = m.statistic(layer, statistic).map(|x| (x, m.target(target)));
    }
    let coefficient = |rows: Rows, of: CoefficientOf| Coefficient {
        value: grid.coefficient(rows, of),
        interval: grid.interval(rows, of, seed),
        p: grid.p_value(rows, of, seed),
        p_holm: None,
    };
    let over_training = runs.iter().filter_map(|(_, all)| {
        let pairs = all.iter().filter_map(|m| Some((m.statistic(layer, statistic)?, m.target(target))));
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.unzip();
        spearman(&x, &y)
    });
    let mut over_training: Vec<f64> = over_training.collect();
    over_training.sort_by(f64::total_cmp);
    Correlation {
        metric: LAYER_STATISTICS[statistic].name.to_owned(),
        layer: layer_name.to_owned(),
        target,
        networks: grid.len(),
        pearson: coefficient(Rows::All, pearson),
        spearman: coefficient(Rows::All, spearman),
        within_sizes: coefficient(Rows::WithinSizes, pearson),
        over_training: (!over_training.is_empty()).then(|| quantile(&over_training, 0.5)),
    }
}

/// Fills in the corrected p-values. Returns the number of comparisons.
pub(super) fn correct_p_values<'a>(coefficients: impl Iterator<Item = &'a mut Coefficient>) -> usize {
    let mut all: Vec<&mut Coefficient> = coefficients.filter(|c| c.p.is_some()).collect();
    let corrected = holm(&all.iter().filter_map(|c| c.p).collect::<Vec<_>>());
    all.iter_mut().zip(corrected).for_each(|(c, p)| c.p_holm = Some(p));
    all.len()
}

fn training_changes(layers: &[String], runs: &[NetworkRun]) -> Vec<TrainingChange> {
    let mut sizes: Vec<usize> = runs.iter().map(|(network, _)| network.samples).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut changes = Vec::new();
    for (statistic, named) in LAYER_STATISTICS.iter().enumerate() {
        for (layer, layer_name) in layers.iter().enumerate() {
            for &samples in &sizes {
                let replicates: Vec<&[Measurement]> = runs
                    .iter()
                    .filter(|(network, _)| network.samples == samples)
                    .map(|(_, all)| all.as_slice())
                    .collect();
                let value = |m: Option<&Measurement>, column: usize| m?.layers.get(layer)?[column];
                // The columns of the shuffled weights follow those of the statistics.
                let shuffled = (statistic < SHUFFLED.len()).then_some(LAYER_STATISTICS.len() + statistic);
                let of = |column: Option<usize>, end: fn(&[Measurement]) -> Option<&Measurement>| {
                    MeanStd::of(replicates.iter().map(|all| value(end(all), column?)))
                };
                changes.push(TrainingChange {
                    metric: named.name.to_owned(),
                    layer: layer_name.clone(),
                    samples,
                    untrained: of(Some(statistic), <[Measurement]>::first),
                    trained: of(Some(statistic), <[Measurement]>::last),
                    shuffled: of(shuffled, <[Measurement]>::last),
                });
            }
        }
    }
    changes
}

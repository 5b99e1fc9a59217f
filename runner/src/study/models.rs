//! Correlations of the statistics of somebody's own checkpoints with results of theirs.

use super::analysis::correct_p_values;
use super::correlation::{Grid, Rows, pearson, spearman};
use crate::schema::{ALL_LAYERS, Coefficient, LAYER_STATISTICS};
use crate::weights::Weights;
use crate::weights::results_table::Results;
use rayon::prelude::*;
use serde::Serialize;

/// The correlation of a statistic of a layer with a column of results, over models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelCorrelation {
    /// Name of the statistic, one of [`LAYER_STATISTICS`].
    pub metric: &'static str,
    /// Name of the weight tensor, or [`ALL_LAYERS`] for the mean over the layers.
    pub layer: String,
    /// Name of the column.
    pub result: String,
    /// Number of models with both values.
    pub models: usize,
    /// Pearson's coefficient.
    pub pearson: Coefficient,
    /// Spearman's coefficient.
    pub spearman: Coefficient,
}

/// The layers that all models have, in the order of the first.
fn common_layers(models: &[Weights]) -> Vec<&str> {
    let Some((first, others)) = models.split_first() else { return Vec::new() };
    let has = |model: &Weights, name: &str| model.layers.iter().any(|layer| layer.name == name);
    let names = first.layers.iter().map(|layer| layer.name.as_str());
    names.filter(|name| others.iter().all(|model| has(model, name))).collect()
}

/// The layers that some models lack, which no correlation has.
pub fn left_out(models: &[Weights]) -> Vec<&str> {
    let common = common_layers(models);
    let mut lacking: Vec<&str> = Vec::new();
    for layer in models.iter().flat_map(|model| &model.layers) {
        if !common.contains(&layer.name.as_str()) && !lacking.contains(&layer.name.as_str()) {
            lacking.push(&layer.name);
        }
    }
    lacking
}

/// The correlations of every statistic of every layer that all models have, and of the mean over the layers, with every
/// column of results. Models are taken as independent: intervals are by 2,000 bootstrap samples of models, p-values by
/// permutations of them, corrected by Holm's method for all of these correlations.
///
/// # Cost
/// 2,000 bootstrap samples and up to 10,000 permutations for each coefficient, on all threads.
pub fn correlations(models: &[Weights], results: &Results, seed: u64) -> Vec<ModelCorrelation> {
    let common = common_layers(models);
    let layers = common.iter().copied().chain([ALL_LAYERS]);
    let mut wanted = Vec::new();
    for (column, result) in results.names.iter().enumerate() {
        for statistic in &LAYER_STATISTICS {
            wanted.extend(layers.clone().map(|layer| (column, result, statistic, layer)));
        }
    }
    let mut all: Vec<ModelCorrelation> = wanted
        .par_iter()
        .map(|&(column, result, statistic, layer)| {
            let of_model = |model: &Weights| {
                let is_taken = |name: &str| name == layer || (layer == ALL_LAYERS && common.contains(&name));
                let named = model.layers.iter().filter(|own| is_taken(&own.name));
                let values: Vec<f64> = named.filter_map(|own| statistic.value(&own.statistics)).collect();
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            let cell = |(model, y): (&Weights, &Option<f64>)| vec![of_model(model).zip(*y)];
            let grid = Grid { cells: models.iter().zip(&results.columns[column]).map(cell).collect() };
            // A model without a value is not drawn.
            let cells = grid.cells.into_iter().filter(|cell| cell[0].is_some()).collect();
            let grid = Grid { cells };
            let coefficient = |of| Coefficient {
                value: grid.coefficient(Rows::All, of),
                interval: grid.interval(Rows::All, of, seed),
                p: grid.p_value(Rows::All, of, seed),
                p_holm: None,
            };
            ModelCorrelation {
                metric: statistic.name,
                layer: layer.to_owned(),
                result: result.clone(),
                models: grid.len(),
                pearson: coefficient(pearson),
                spearman: coefficient(spearman),
            }
        })
        .collect();
    correct_p_values(all.iter_mut().flat_map(|c| [&mut c.pearson, &mut c.spearman]));
    all
}

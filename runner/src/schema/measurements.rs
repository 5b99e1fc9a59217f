//! `networks/SAMPLES-REPLICATE/measured.csv`: the measurements of a network of a study of weights.

use super::study::Target;
use super::{CsvTable, ErrorMeasure};
use crate::error::{CliError, ErrorKind, Result};
use crate::weights::statistics::Statistics;
use std::fmt::Write;
use std::path::Path;
use valleys_core::engine::Value;

/// A statistic of the weight matrix of a layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerStatistic {
    /// The name in files.
    pub name: &'static str,
    /// The name in tables and figures.
    pub title: &'static str,
    /// Its value; none if it is undefined or was not computed.
    of: fn(&Statistics) -> Option<f64>,
}

impl LayerStatistic {
    /// Its value for a layer; none if it is undefined or was not computed.
    pub fn value(&self, statistics: &Statistics) -> Option<f64> {
        (self.of)(statistics)
    }
}

/// What is measured of every layer. The first two are the statistics of the paper (Vavilov and Tomilov). The last two are
/// measured before and after training only, because they take longer than all others.
pub const LAYER_STATISTICS: [LayerStatistic; 8] = [
    LayerStatistic { name: "mean_lifetime", title: "mean lifetime", of: |s| s.mean_lifetime },
    LayerStatistic {
        name: "entropy_norm_log_n",
        title: "normalised entropy H / ln m",
        of: |s| s.entropy_norm_log_n,
    },
    LayerStatistic { name: "max_lifetime", title: "longest lifetime", of: |s| s.max_lifetime },
    LayerStatistic { name: "entropy", title: "entropy H", of: |s| s.entropy },
    LayerStatistic {
        name: "neural_persistence_norm",
        title: "neural persistence",
        of: |s| s.neural_persistence_norm,
    },
    LayerStatistic { name: "frobenius_norm", title: "Frobenius norm", of: |s| Some(s.frobenius_norm) },
    LayerStatistic { name: "spectral_norm", title: "spectral norm", of: |s| s.spectral_norm },
    LayerStatistic { name: "stable_rank", title: "stable rank", of: |s| s.stable_rank },
];

/// Names of the first two statistics of the same entries in random order, measured before and after training.
pub const SHUFFLED: [&str; 2] = ["shuffled_mean_lifetime", "shuffled_entropy_norm_log_n"];

/// The columns before those of the statistics.
const fn columns(measure: ErrorMeasure) -> [&'static str; 6] {
    let [train, test] = measure.columns();
    ["epoch", "layer", "train_loss", train, "test_loss", test]
}

/// A measurement of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Epochs trained, in fractions; 0 for the untrained network.
    pub epoch: f64,
    /// What the errors are.
    pub measure: ErrorMeasure,
    /// Mean loss and error on the training samples.
    pub train: [f64; 2],
    /// Mean loss and error on the test samples.
    pub test: [f64; 2],
    /// The values of [`LAYER_STATISTICS`] and [`SHUFFLED`] for each layer, first to last.
    pub layers: Vec<Vec<Option<f64>>>,
}

impl Measurement {
    /// The header of the file.
    pub fn csv_header(measure: ErrorMeasure) -> String {
        columns(measure).into_iter().chain(statistic_names()).collect::<Vec<_>>().join(",") + "\n"
    }

    /// Appends the rows of a measurement, one for each layer. `layers` has the statistics of the weights and, if they
    /// were measured, of the shuffled weights.
    pub fn write_rows(
        csv: &mut String,
        epoch: f64,
        [train, test]: &[Value; 2],
        layers: &[(Statistics, Option<Statistics>)],
    ) {
        for (number, (own, shuffled)) in layers.iter().enumerate() {
            let _ = write!(csv, "{epoch},{number}");
            for Value { loss, error } in [train, test] {
                let _ = write!(csv, ",{loss},{}", error.unwrap_or_default());
            }
            let own = LAYER_STATISTICS.iter().map(|statistic| (statistic.of)(own));
            let shuffled =
                LAYER_STATISTICS[..SHUFFLED.len()].iter().map(|s| shuffled.as_ref().and_then(s.of));
            for value in own.chain(shuffled) {
                let _ = match value {
                    Some(x) => write!(csv, ",{x}"),
                    None => write!(csv, ","),
                };
            }
            csv.push('\n');
        }
    }

    /// Reads the measurements of a file, in order of time.
    ///
    /// # Errors
    /// The file cannot be read; a row is malformed, with its line.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let table = CsvTable::parse(path, &super::read(path)?)?;
        let measure = ErrorMeasure::of_columns(&table);
        let [epochs, layers, train_loss, train_error, test_loss, test_error] =
            columns(measure).map(|name| table.column(name));
        let (epochs, layers) = (epochs?, layers?);
        let [train_loss, train_error, test_loss, test_error] =
            [train_loss?, train_error?, test_loss?, test_error?];
        let statistics =
            statistic_names().map(|name| table.optional_column(name)).collect::<Result<Vec<_>>>()?;
        let mut all: Vec<Self> = Vec::new();
        for row in 0..table.len() {
            if layers[row] == 0.0 {
                all.push(Self {
                    epoch: epochs[row],
                    measure,
                    train: [train_loss[row], train_error[row]],
                    test: [test_loss[row], test_error[row]],
                    layers: Vec::new(),
                });
            }
            let values = statistics.iter().map(|column| column[row]).collect();
            match all.last_mut() {
                Some(last) if last.layers.len() as f64 == layers[row] => last.layers.push(values),
                _ => return Err(table.row_error(row, format_args!("layer {} is out of order", layers[row]))),
            }
        }
        if all.is_empty() {
            let message = format!("{}: no measurement", path.display());
            return Err(CliError::new(ErrorKind::Data, message));
        }
        Ok(all)
    }

    /// The value of a target.
    pub fn target(&self, target: Target) -> f64 {
        match target {
            Target::TestAccuracy => 1.0 - self.test[1],
            Target::TestRmse => self.test[1],
            Target::GeneralisationGap => self.test[1] - self.train[1],
        }
    }

    /// The value of a statistic of a layer, or its mean over all layers that have one if `layer` is their number.
    pub fn statistic(&self, layer: usize, statistic: usize) -> Option<f64> {
        if let Some(values) = self.layers.get(layer) {
            return values[statistic];
        }
        // A layer of one neuron, as the last one of a regression, has no lifetimes.
        let all: Vec<f64> = self.layers.iter().filter_map(|values| values[statistic]).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }
}

/// The names of all statistics, in the order of their columns.
fn statistic_names() -> impl Iterator<Item = &'static str> {
    LAYER_STATISTICS.iter().map(|statistic| statistic.name).chain(SHUFFLED)
}

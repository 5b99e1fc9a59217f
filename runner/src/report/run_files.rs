//! Reads the files of a run directory for the report.

use crate::error::{CliError, ErrorKind, Result, io_error, read_error};
use crate::schema::{ErrorMeasure, Fit, LatticeValues, Summary, TrainingEpoch, simplex_name};
use std::fs;
use std::path::Path;
use valleys_core::engine::Value;

/// The files of a run.
pub struct RunFiles {
    pub summary: Summary,
    /// The text of config.toml.
    pub config: String,
    /// Training curves of the minima, in the order of their numbers.
    pub minima: Vec<TrainingCurve>,
    pub fits: Vec<FitFiles>,
}

/// The files of one fit.
pub struct FitFiles {
    pub fit: Fit,
    pub curves: Vec<SimplexValues>,
    pub triangles: Vec<SimplexValues>,
    /// Training curves of all simplices, by dimension, then vertices.
    pub training: Vec<TrainingCurve>,
}

/// The training curve of a simplex.
pub struct TrainingCurve {
    pub simplex: Vec<u32>,
    /// Epoch, and mean loss of its steps.
    pub rows: Vec<[f64; 2]>,
}

/// A quantity that is measured at every lattice point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    TrainLoss,
    TrainError,
    TestLoss,
    TestError,
}

impl Quantity {
    /// The name in figures and tables. A problem without data has a loss instead of a train loss.
    pub fn name(self, measure: Option<ErrorMeasure>) -> &'static str {
        match (self, measure) {
            (Self::TrainLoss, None) => "loss",
            (Self::TrainLoss, Some(_)) => "train loss",
            (Self::TestLoss, _) => "test loss",
            (Self::TrainError, Some(ErrorMeasure::Rmse)) => "train RMSE",
            (Self::TestError, Some(ErrorMeasure::Rmse)) => "test RMSE",
            (Self::TrainError, _) => "train error",
            (Self::TestError, _) => "test error",
        }
    }

    /// What follows its values: shares of wrong predictions are shown in percent.
    pub fn unit(self, measure: Option<ErrorMeasure>) -> &'static str {
        match (self, measure) {
            (Self::TrainError | Self::TestError, Some(measure)) => measure.unit(),
            _ => "",
        }
    }
}

/// The values on the lattice of a simplex.
pub struct SimplexValues {
    pub simplex: Vec<u32>,
    /// Intervals on an edge.
    pub n: usize,
    measure: ErrorMeasure,
    columns: [Vec<f64>; 4],
}

impl SimplexValues {
    fn read(path: &Path, simplex: &[u32]) -> Result<Self> {
        let LatticeValues { n, measure, train, test, .. } = LatticeValues::read(path, simplex.len())?;
        let losses = |split: &[Value]| split.iter().map(|value| value.loss).collect();
        let errors = |split: &[Value]| {
            split.iter().filter_map(|value| value.error).map(|e| measure.factor() * e).collect()
        };
        let columns = [losses(&train), errors(&train), losses(&test), errors(&test)];
        Ok(Self { simplex: simplex.to_vec(), n: n as usize, measure, columns })
    }

    /// The values in the order of the lattice, shares in percent; empty if the quantity was not measured.
    pub fn of(&self, quantity: Quantity) -> &[f64] {
        &self.columns[quantity as usize]
    }

    /// What its errors are; none where the loss is not one on data.
    pub fn measure(&self) -> Option<ErrorMeasure> {
        (!self.of(Quantity::TrainError).is_empty()).then_some(self.measure)
    }
}

/// Reads the text of the configuration of a run.
pub fn read_config(run: &Path) -> Result<String> {
    let path = run.join("config.toml");
    fs::read_to_string(&path).map_err(|e| read_error(&path, &e))
}

/// Reads the files of a run with this summary.
///
/// # Errors
/// A file is missing or malformed, with its line.
pub fn read(run: &Path, summary: Summary) -> Result<RunFiles> {
    let mut minima = Vec::new();
    for minimum in &summary.minima {
        minima.extend(read_training(&run.join("minima"), vec![minimum.id])?);
    }
    let fits = summary.fits.iter().map(|fit| read_fit(run, fit.clone())).collect::<Result<_>>()?;
    Ok(RunFiles { summary, config: read_config(run)?, minima, fits })
}

fn read_fit(run: &Path, fit: Fit) -> Result<FitFiles> {
    // The name is a folder of the run directory and must not lead out of it.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let curves_of = fit.curves_of.as_ref().unwrap_or(&fit.name);
    for name in [&fit.name, curves_of] {
        if name.is_empty() || !name.chars().all(is_plain) {
            let message = format!("summary.json: `{name}` is not the name of a fit");
            return Err(CliError::new(ErrorKind::Data, message));
        }
    }
    let (directory, of_curves) = (run.join(&fit.name), run.join(curves_of));
    let training = simplices(&directory)?.into_iter().map(|simplex| read_training(&directory, simplex));
    let training = training.filter_map(Result::transpose).collect::<Result<_>>()?;
    let values = |directory: &Path, simplex: &[u32]| {
        SimplexValues::read(&directory.join(format!("{}.csv", simplex_name(simplex))), simplex)
    };
    Ok(FitFiles {
        curves: fit.curves.iter().map(|curve| values(&of_curves, &curve.edge)).collect::<Result<_>>()?,
        triangles: fit
            .segments
            .iter()
            .map(|segment| values(&directory, &segment.triangle))
            .collect::<Result<_>>()?,
        training,
        fit,
    })
}

/// The simplices with a folder, by dimension, then vertices. There are none if every job of the fit failed.
fn simplices(directory: &Path) -> Result<Vec<Vec<u32>>> {
    let mut found = Vec::new();
    if !directory.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(directory).map_err(|e| io_error("list", directory, &e))? {
        let name = entry.map_err(|e| io_error("list", directory, &e))?.file_name();
        let vertices: Option<Vec<u32>> =
            name.to_str().and_then(|name| name.split('-').map(|v| v.parse().ok()).collect());
        found.extend(vertices);
    }
    found.sort_by_key(|vertices| (vertices.len(), vertices.clone()));
    Ok(found)
}

/// Reads a training curve. `None` if the simplex was not trained.
fn read_training(directory: &Path, simplex: Vec<u32>) -> Result<Option<TrainingCurve>> {
    let epochs = TrainingEpoch::read(&directory.join(simplex_name(&simplex)).join("training.csv"))?;
    let rows: Vec<_> = epochs.iter().map(|epoch| [epoch.epoch, epoch.loss]).collect();
    Ok((!rows.is_empty()).then_some(TrainingCurve { simplex, rows }))
}

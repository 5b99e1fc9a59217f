//! The files of a run directory, as the report needs them.

use crate::error::{CliError, ErrorKind, Result, io_error};
use crate::schema::{Fit, LatticeValues, Summary, TrainingEpoch};
use std::fs;
use std::path::Path;
use valleys_core::engine::Value;

/// Everything a report is made of.
pub struct RunFiles {
    pub summary: Summary,
    /// The configuration, verbatim.
    pub config: String,
    /// TrainingCurve of the minima, in order of their ids.
    pub minima: Vec<TrainingCurve>,
    pub fits: Vec<FitFiles>,
}

/// The files of one fit.
pub struct FitFiles {
    pub fit: Fit,
    pub curves: Vec<SimplexValues>,
    pub triangles: Vec<SimplexValues>,
    /// TrainingCurve of every simplex, by dimension, then vertices.
    pub training: Vec<TrainingCurve>,
}

/// Mean loss of the steps of each epoch, one simplex.
pub struct TrainingCurve {
    pub simplex: Vec<u32>,
    /// Epoch and loss.
    pub rows: Vec<[f64; 2]>,
}

/// What was measured at every point of a lattice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    TrainLoss,
    TrainError,
    TestLoss,
    TestError,
}

impl Quantity {
    /// The name for readers: a problem without data has a loss, no train loss.
    pub fn name(self, data: bool) -> &'static str {
        if !data && self == Self::TrainLoss {
            return "loss";
        }
        ["train loss", "train error", "test loss", "test error"][self as usize]
    }

    /// Whether it is a share of wrong answers.
    pub fn is_error(self) -> bool {
        matches!(self, Self::TrainError | Self::TestError)
    }
}

/// SimplexValues on the lattice of one simplex.
pub struct SimplexValues {
    pub simplex: Vec<u32>,
    /// Intervals on an edge.
    pub n: usize,
    columns: [Vec<f64>; 4],
}

impl SimplexValues {
    fn read(path: &Path, simplex: &[u32]) -> Result<Self> {
        let LatticeValues { n, train, test, .. } = LatticeValues::read(path, simplex.len())?;
        let losses = |split: &[Value]| split.iter().map(|value| value.loss).collect();
        let errors =
            |split: &[Value]| split.iter().filter_map(|value| value.error).map(|e| 100.0 * e).collect();
        let columns = [losses(&train), errors(&train), losses(&test), errors(&test)];
        Ok(Self { simplex: simplex.to_vec(), n: n as usize, columns })
    }

    /// SimplexValues in lattice order, errors in percent; empty if not measured.
    pub fn of(&self, quantity: Quantity) -> &[f64] {
        &self.columns[quantity as usize]
    }

    /// Whether the loss is one on data, which has errors, too.
    pub fn has_data(&self) -> bool {
        !self.of(Quantity::TrainError).is_empty()
    }
}

/// `0-1-2`.
pub fn simplex_name(vertices: &[u32]) -> String {
    vertices.iter().map(u32::to_string).collect::<Vec<_>>().join("-")
}

/// Reads all files of a run whose summary is at hand.
///
/// # Errors
/// A file that is missing or malformed, with its line.
pub fn read(run: &Path, summary: Summary) -> Result<RunFiles> {
    let path = run.join("config.toml");
    let config = fs::read_to_string(&path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))?;
    let mut minima = Vec::new();
    for minimum in &summary.minima {
        minima.extend(read_training(&run.join("minima"), vec![minimum.id])?);
    }
    let fits = summary.fits.iter().map(|fit| read_fit(run, fit.clone())).collect::<Result<_>>()?;
    Ok(RunFiles { summary, config, minima, fits })
}

fn read_fit(run: &Path, fit: Fit) -> Result<FitFiles> {
    // A name comes from a file: it must not lead out of the run directory.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if fit.name.is_empty() || !fit.name.chars().all(plain) {
        let message = format!("summary.json: `{}` is no name of a fit", fit.name);
        return Err(CliError::new(ErrorKind::Data, message));
    }
    let directory = run.join(&fit.name);
    let training = simplices(&directory)?.into_iter().map(|simplex| read_training(&directory, simplex));
    let training = training.filter_map(Result::transpose).collect::<Result<_>>()?;
    let values = |simplex: &[u32]| {
        SimplexValues::read(&directory.join(format!("{}.csv", simplex_name(simplex))), simplex)
    };
    Ok(FitFiles {
        curves: fit.curves.iter().map(|curve| values(&curve.edge)).collect::<Result<_>>()?,
        triangles: fit.segments.iter().map(|segment| values(&segment.triangle)).collect::<Result<_>>()?,
        training,
        fit,
    })
}

/// Simplices that have a directory, by dimension, then vertices; none where every job of a fit failed.
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

/// `None` where there was nothing to train.
fn read_training(directory: &Path, simplex: Vec<u32>) -> Result<Option<TrainingCurve>> {
    let epochs = TrainingEpoch::read(&directory.join(simplex_name(&simplex)).join("training.csv"))?;
    let rows: Vec<_> = epochs.iter().map(|epoch| [epoch.epoch, epoch.loss]).collect();
    Ok((!rows.is_empty()).then_some(TrainingCurve { simplex, rows }))
}

//! Reads a run directory. What is wrong with a file is one sentence with its name and line.

use super::contour;
use super::model::{Fit, Summary};
use super::table::Table;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::Path;
use valleys_core::simplex::Lattice;

/// Everything a report is made of.
pub struct Run {
    pub summary: Summary,
    /// The resolved configuration, verbatim.
    pub config: String,
    /// Training of the minima, in order of their ids.
    pub minima: Vec<Training>,
    pub fits: Vec<Fitted>,
}

/// The files of one fit.
pub struct Fitted {
    pub fit: Fit,
    pub curves: Vec<Values>,
    pub triangles: Vec<Values>,
    /// Training of every simplex, by dimension, then vertices.
    pub training: Vec<Training>,
}

/// Mean loss of the steps of each epoch, one simplex.
pub struct Training {
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
    /// In the order of the columns of a file.
    pub const ALL: [Self; 4] = [Self::TrainLoss, Self::TrainError, Self::TestLoss, Self::TestError];

    /// As a column is named.
    pub fn column(self) -> &'static str {
        ["train_loss", "train_error", "test_loss", "test_error"][self as usize]
    }

    /// As a reader calls it: an objective without data has a loss, no train loss.
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

/// Values on the lattice of one simplex.
pub struct Values {
    pub simplex: Vec<u32>,
    /// Intervals on an edge.
    pub n: usize,
    columns: [Vec<f64>; 4],
}

impl Values {
    /// Values in lattice order, errors in percent; empty if not measured.
    pub fn of(&self, quantity: Quantity) -> &[f64] {
        &self.columns[quantity as usize]
    }

    /// Whether the objective is a loss on data, which has errors, too.
    pub fn has_data(&self) -> bool {
        !self.of(Quantity::TrainError).is_empty()
    }
}

/// `0-1-2`.
pub fn simplex_name(vertices: &[u32]) -> String {
    vertices.iter().map(u32::to_string).collect::<Vec<_>>().join("-")
}

/// Reads all files of a run.
///
/// # Errors
/// A file that is missing or malformed, with its line.
pub fn read(run: &Path) -> Result<Run> {
    let summary = read_text(&run.join("summary.json"))?;
    let summary: Summary = serde_json::from_str(&summary)
        .with_context(|| format!("{} does not read as a summary", run.join("summary.json").display()))?;
    let config = read_text(&run.join("config.toml"))?;
    let mut minima = Vec::new();
    for minimum in &summary.minima {
        let file = run.join("minima").join(minimum.id.to_string()).join("training.csv");
        minima.extend(read_training(&file, vec![minimum.id])?);
    }
    let fits = summary.fits().into_iter().map(|fit| read_fit(run, fit)).collect::<Result<_>>()?;
    Ok(Run { summary, config, minima, fits })
}

fn read_fit(run: &Path, fit: Fit) -> Result<Fitted> {
    let mut fitted = Fitted { fit, curves: Vec::new(), triangles: Vec::new(), training: Vec::new() };
    if fitted.fit.name.is_empty() {
        return Ok(fitted);
    }
    // A name comes from a file: it must not lead out of the run directory.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ensure!(fitted.fit.name.chars().all(plain), "summary.json: `{}` is no name of a fit", fitted.fit.name);
    let directory = run.join(&fitted.fit.name);
    // A single minimum has nothing to fit, and then there may be no directory.
    if fitted.fit.curves.is_empty() && fitted.fit.segments.is_empty() && !directory.exists() {
        return Ok(fitted);
    }
    for simplex in simplices(&directory)? {
        let name = simplex_name(&simplex);
        fitted.training.extend(read_training(&directory.join(&name).join("training.csv"), simplex)?);
    }
    for curve in &fitted.fit.curves {
        let name = simplex_name(&curve.edge);
        ensure!(curve.edge.len() == 2, "summary.json: `{name}` is no edge");
        fitted.curves.push(read_values(&directory.join(format!("{name}.csv")), curve.edge.clone())?);
    }
    for segment in &fitted.fit.segments {
        let name = simplex_name(&segment.triangle);
        ensure!(segment.triangle.len() == 3, "summary.json: `{name}` is no triangle");
        fitted.triangles.push(read_values(&directory.join(format!("{name}.csv")), segment.triangle.clone())?);
    }
    Ok(fitted)
}

/// Simplices that have a directory, by dimension, then vertices.
fn simplices(directory: &Path) -> Result<Vec<Vec<u32>>> {
    let mut found = Vec::new();
    // Where every job of a fit failed there is no folder.
    if !directory.exists() {
        return Ok(found);
    }
    let entries =
        fs::read_dir(directory).with_context(|| format!("{} cannot be listed", directory.display()))?;
    for entry in entries {
        let name = entry?.file_name();
        let vertices: Option<Vec<u32>> =
            name.to_str().and_then(|name| name.split('-').map(|v| v.parse().ok()).collect());
        found.extend(vertices);
    }
    found.sort_by_key(|vertices| (vertices.len(), vertices.clone()));
    Ok(found)
}

/// `None` where the stage had nothing to train.
fn read_training(file: &Path, simplex: Vec<u32>) -> Result<Option<Training>> {
    if !file.exists() {
        return Ok(None);
    }
    let text = read_text(file)?;
    let table = Table::parse(file, &text)?;
    let (epochs, losses) = (table.column("epoch")?, table.column("loss")?);
    let rows: Vec<_> = epochs.into_iter().zip(losses).map(|(epoch, loss)| [epoch, loss]).collect();
    Ok((!rows.is_empty()).then_some(Training { simplex, rows }))
}

fn read_values(file: &Path, simplex: Vec<u32>) -> Result<Values> {
    let text = read_text(file)?;
    let table = Table::parse(file, &text)?;
    let (corners, count) = (simplex.len(), table.len());
    let n = if corners == 2 { count.checked_sub(1).filter(|&n| n > 0) } else { contour::intervals(count) };
    let Some(n) = n else {
        bail!("{}: {count} rows are no lattice of {}", file.display(), simplex_name(&simplex));
    };
    for i in 0..corners {
        let name = format!("t{}", i + 1);
        let points = Lattice::new(corners, n as u32).points();
        for (row, (t, point)) in table.column(&name)?.into_iter().zip(points).enumerate() {
            let wanted = point[i];
            // Coordinates may have been written in single precision.
            ensure!(
                (t - wanted).abs() < 1e-6,
                "{}: {name} is {t}, the lattice has {wanted}",
                table.place(row)
            );
        }
    }
    let mut columns: [Vec<f64>; 4] = Default::default();
    for (numbers, quantity) in columns.iter_mut().zip(Quantity::ALL) {
        *numbers = table.column_or_empty(quantity.column())?;
        if quantity.is_error() {
            numbers.iter_mut().for_each(|share| *share *= 100.0);
        }
    }
    ensure!(!columns[0].is_empty(), "{}: train_loss is empty", file.display());
    Ok(Values { simplex, n, columns })
}

fn read_text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

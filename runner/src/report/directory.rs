//! Reads a run directory. What is wrong with a file is one sentence with its name and line.

use super::contour;
use super::model::{Fit, Summary};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::Path;

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

    /// As a reader calls it.
    pub fn name(self) -> &'static str {
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
    let table = Table::read(file, &["epoch", "loss"])?;
    let rows = table
        .rows
        .iter()
        .map(|row| Ok([table.number(row, 0)?, table.number(row, 1)?]))
        .collect::<Result<Vec<_>>>()?;
    Ok((!rows.is_empty()).then_some(Training { simplex, rows }))
}

fn read_values(file: &Path, simplex: Vec<u32>) -> Result<Values> {
    let corners = simplex.len();
    let coordinates = (1..=corners).map(|i| format!("t{i}"));
    let names: Vec<String> = coordinates.chain(Quantity::ALL.map(|q| q.column().into())).collect::<Vec<_>>();
    let table = Table::read(file, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let count = table.rows.len();
    let n = if corners == 2 { count.checked_sub(1).filter(|&n| n > 0) } else { contour::intervals(count) };
    let Some(n) = n else {
        bail!("{}: {count} rows are no lattice of {} points", table.name, simplex_name(&simplex));
    };
    let mut numerators = lattice(corners, n);
    for row in &table.rows {
        let expected = numerators.next().unwrap_or_default();
        for (i, k) in expected.iter().enumerate() {
            let (t, want) = (table.number(row, i)?, *k as f64 / n as f64);
            // Coordinates may have been written in single precision.
            ensure!((t - want).abs() < 1e-6, "{}: t{} is {t}, the lattice has {want}", row.place, i + 1);
        }
    }
    let mut columns: [Vec<f64>; 4] = Default::default();
    for quantity in Quantity::ALL {
        let field = corners + quantity as usize;
        let empty = table.rows.first().is_none_or(|row| row.fields[field].is_empty());
        if let Some(row) = table.rows.iter().find(|row| row.fields[field].is_empty() != empty) {
            bail!("{}: {} is empty in some rows and not in others", row.place, quantity.column());
        }
        if !empty {
            let unit = if quantity.is_error() { 100.0 } else { 1.0 };
            columns[quantity as usize] =
                table.rows.iter().map(|row| Ok(unit * table.number(row, field)?)).collect::<Result<_>>()?;
        }
    }
    ensure!(!columns[0].is_empty(), "{}: train_loss is empty", table.name);
    Ok(Values { simplex, n, columns })
}

/// Numerators of the lattice of an edge or a triangle, the last coordinate fastest.
fn lattice(corners: usize, n: usize) -> Box<dyn Iterator<Item = Vec<usize>>> {
    if corners == 2 {
        Box::new((0..=n).map(move |k| vec![n - k, k]))
    } else {
        Box::new((0..=n).flat_map(move |row| (0..=row).map(move |k| vec![n - row, row - k, k])))
    }
}

/// A CSV file with a header, the wanted columns in the wanted order.
struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    /// File and line.
    place: String,
    fields: Vec<String>,
}

impl Table {
    fn read(file: &Path, columns: &[&str]) -> Result<Self> {
        let (name, text) = (file.display().to_string(), read_text(file)?);
        let mut lines = text.lines();
        let header: Vec<_> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
        let find = |column: &&str| {
            header
                .iter()
                .position(|name| name == column)
                .with_context(|| format!("{name}, line 1: the header has no column `{column}`"))
        };
        let places = columns.iter().map(find).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for (i, line) in lines.enumerate() {
            let place = format!("{name}, line {}", i + 2);
            let fields: Vec<_> = line.split(',').map(str::trim).collect();
            ensure!(
                fields.len() == header.len(),
                "{place}: {} fields where the header has {}",
                fields.len(),
                header.len()
            );
            rows.push(Row { place, fields: places.iter().map(|&p| fields[p].into()).collect() });
        }
        Ok(Self { name, columns: columns.iter().map(|&c| c.into()).collect(), rows })
    }

    fn number(&self, row: &Row, field: usize) -> Result<f64> {
        let text = &row.fields[field];
        let Ok(number) = text.parse() else {
            bail!("{}: {} is `{text}`, not a number", row.place, self.columns[field]);
        };
        Ok(number)
    }
}

fn read_text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

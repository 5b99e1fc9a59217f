//! Runs side by side: what differs in their configurations, their minima, their segments with spread, and the distances
//! of their diagrams.
//!
//! Table 1 of the first paper is such a comparison: rows are networks, and a column is W∞.

mod text;

use crate::config::{Config, Scale};
use crate::error::{CliError, ErrorKind, Result};
use crate::report::flattened;
use crate::run;
use crate::schema::{ErrorMeasure, Fit, MeanStd, Minimum, Summary};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use valleys_core::topology::{GroundMetric, Interval, bottleneck, bottleneck_len};

/// Keys in which runs may differ without being other experiments.
const IGNORED: [&str; 3] = ["data.dir", "backend", "gpu.paths"];

/// Runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The scale of the runs; none if they have several.
    pub scale: Option<Scale>,
    /// The data set; none for functions and losses of a user.
    pub dataset: Option<String>,
    /// Keys of the configuration that differ.
    pub keys: Vec<String>,
    /// The runs, in the order in which they were named.
    pub runs: Vec<ComparedRun>,
    /// Distances of their diagrams.
    pub distances: Vec<DistanceMatrix>,
}

/// A run of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRun {
    /// The run directory.
    pub directory: PathBuf,
    /// The values of the differing keys, or the last part of the directory if there are none.
    pub name: String,
    /// The values of the differing keys.
    pub settings: BTreeMap<String, String>,
    /// Number of parameters of the network.
    pub parameters: usize,
    /// Number of minima.
    pub minima: usize,
    /// Training loss of the minima.
    pub train_loss: MeanStd,
    /// Test loss of the minima.
    pub test_loss: MeanStd,
    /// Errors of the minima on the training and on the test samples.
    #[serde(flatten)]
    pub errors: Errors,
    /// Whether no two triangles have a minimum in common. Otherwise deviations over triangles are not those of independent
    /// replicates.
    pub independent: bool,
    /// The fits.
    pub fits: Vec<ComparedFit>,
    /// The summary of the run.
    #[serde(skip)]
    pub summary: Summary,
}

/// Errors of the minima, in files called by their measure: `train_error` and `test_error`, or `train_rmse` and `test_rmse`.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    /// What they are.
    pub measure: ErrorMeasure,
    /// On the training samples.
    pub train: MeanStd,
    /// On the test samples.
    pub test: MeanStd,
}

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.measure.columns().into_iter().zip([self.train, self.test]))
    }
}

/// A fit of a run, with means and standard deviations over triangles.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedFit {
    /// The name of the fit.
    pub fit: String,
    /// Number of triangles.
    pub triangles: usize,
    /// Largest loss found on a curve, over curves.
    pub curve: MeanStd,
    /// Larger loss of the minima of a triangle. A birth is not below it.
    pub birth_lower: MeanStd,
    /// h₁.
    pub birth: MeanStd,
    /// h₂.
    pub death: MeanStd,
    /// h₂ − h₁.
    pub length: MeanStd,
    /// W∞ of the segment of each triangle: half its length.
    pub w_infinity_of_triangles: MeanStd,
    /// W∞ of all segments: half the longest.
    pub w_infinity_segments: Option<f64>,
    /// W∞ of the index-1 barcode of the complex.
    pub w_infinity: Option<f64>,
    /// Segments whose births are not separated from the minima.
    pub not_separated: usize,
}

/// Bottleneck distances between the diagrams of the runs.
#[derive(Clone, Debug, Serialize)]
pub struct DistanceMatrix {
    /// The fit, which all runs have.
    pub fit: String,
    /// Which diagrams: the segments of all triangles, or the bars of an index.
    pub diagram: String,
    /// A row and a column for each run; none if a distance is infinite, because one run has more essential classes.
    pub distances: Vec<Vec<Option<f64>>>,
}

impl Comparison {
    /// Compares run directories.
    ///
    /// # Errors
    /// A directory has no summary; a run is a study of weights; two runs have different data or losses, with the reason;
    /// there is not enough memory for the distances.
    pub fn read(directories: &[PathBuf]) -> Result<Self> {
        let read = |directory: &PathBuf| Ok((directory.clone(), Summary::read(directory)?));
        let runs: Vec<(PathBuf, Summary)> = directories.iter().map(read).collect::<Result<_>>()?;
        let Some((first_directory, first)) = runs.first() else {
            return Err(CliError::new(ErrorKind::Usage, "there is no run to compare"));
        };
        for (directory, summary) in &runs {
            if summary.study.is_some() {
                let message = format!("{} is a study of weights: it has no segments", directory.display());
                return Err(CliError::new(ErrorKind::Data, message));
            }
            if let Some(reason) = difference(first, summary) {
                let message = format!(
                    "{} and {} cannot be compared: {reason}",
                    first_directory.display(),
                    directory.display()
                );
                return Err(CliError::new(ErrorKind::Data, message));
            }
        }
        let settings: Vec<BTreeMap<String, String>> =
            runs.iter().map(|(_, summary)| flattened(&summary.config).into_iter().collect()).collect();
        let keys = differing_keys(&settings);
        let scale = first.config.scale;
        let scale = runs.iter().all(|(_, summary)| summary.config.scale == scale).then_some(scale);
        let dataset = first.config.dataset.clone();
        let distances = distances(&runs.iter().map(|(_, summary)| summary).collect::<Vec<_>>())?;
        let runs = runs
            .into_iter()
            .zip(&settings)
            .map(|((directory, summary), settings)| compared(directory, summary, settings, &keys))
            .collect();
        Ok(Self { scale, dataset, keys, runs, distances })
    }

    /// Compares runs. A run directory of several networks stands for those of them that have a summary.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); a directory is not a run directory.
    pub fn read_all(directories: &[PathBuf]) -> Result<Self> {
        let networks = |directory: &PathBuf| Ok(run::finished(&run::read_parts(directory)?));
        Self::read(&directories.iter().map(networks).collect::<Result<Vec<_>>>()?.concat())
    }

    /// The same with the run directories as seen from `root`.
    pub fn relative_to(mut self, root: &Path) -> Self {
        for run in &mut self.runs {
            if let Ok(inside) = run.directory.strip_prefix(root) {
                run.directory = inside.to_owned();
            }
        }
        self
    }

    /// Names of the fits that all runs have, in the order of the first.
    pub fn common_fits(&self) -> Vec<&str> {
        let Some(first) = self.runs.first() else { return Vec::new() };
        let has = |run: &ComparedRun, name: &str| run.fits.iter().any(|fit| fit.fit == name);
        let names = first.fits.iter().map(|fit| fit.fit.as_str());
        names.filter(|name| self.runs.iter().all(|run| has(run, name))).collect()
    }
}

/// Why two runs cannot be compared.
fn difference(a: &Summary, b: &Summary) -> Option<String> {
    let (x, y) = (&a.config, &b.config);
    let name = |dataset: &Option<String>| dataset.clone().unwrap_or("none".to_owned());
    if x.dataset != y.dataset {
        return Some(format!("their data sets are {} and {}", name(&x.dataset), name(&y.dataset)));
    }
    if a.provenance.data != b.provenance.data {
        let counts = [a, b].map(|summary| summary.provenance.train_samples.unwrap_or(0));
        let (what, [m, n]) = ("their samples or the normalisation differ", counts);
        return Some(if m == n { what.to_owned() } else { format!("{what} ({m} and {n} training samples)") });
    }
    let family = |config: &Config| config.network.name().split(':').next().unwrap_or_default().to_owned();
    if x.dataset.is_none() && family(x) != family(y) {
        return Some(format!("their losses are the functions {} and {}", x.network, y.network));
    }
    None
}

/// Keys that are not the same in all runs.
fn differing_keys(settings: &[BTreeMap<String, String>]) -> Vec<String> {
    let mut keys: Vec<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    keys.sort_unstable();
    keys.dedup();
    let differs = |key: &&String| settings.iter().any(|of_run| of_run.get(*key) != settings[0].get(*key));
    let mut keys: Vec<String> =
        keys.into_iter().filter(|key| !IGNORED.contains(&key.as_str())).filter(differs).cloned().collect();
    keys.sort_by_key(|key| key != "network");
    keys
}

fn compared(
    directory: PathBuf,
    summary: Summary,
    settings: &BTreeMap<String, String>,
    keys: &[String],
) -> ComparedRun {
    let value = |key: &String| settings.get(key).cloned().unwrap_or_default();
    let last = || directory.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let name = match keys {
        [] => last(),
        [key] if key == "network" => value(key),
        // Many differences do not fit into a heading.
        [..] if keys.len() > 3 => last(),
        _ => keys
            .iter()
            .map(|key| if key == "network" { value(key) } else { format!("{key} = {}", value(key)) })
            .collect::<Vec<_>>()
            .join(", "),
    };
    let minima = |of: fn(&Minimum) -> Option<f64>| MeanStd::of(summary.minima.iter().map(of));
    let segments = summary.fits.first().map_or(&[][..], |fit| &fit.segments);
    let mut vertices: Vec<u32> = segments.iter().flat_map(|segment| segment.triangle).collect();
    vertices.sort_unstable();
    ComparedRun {
        name,
        settings: keys.iter().map(|key| (key.clone(), value(key))).collect(),
        parameters: summary.provenance.parameters,
        minima: summary.minima.len(),
        train_loss: minima(|minimum| Some(minimum.train_loss)),
        test_loss: minima(|minimum| minimum.test_loss),
        errors: Errors {
            measure: summary.error_measure(),
            train: minima(|minimum| minimum.errors()[0]),
            test: minima(|minimum| minimum.errors()[1]),
        },
        independent: vertices.windows(2).all(|pair| pair[0] != pair[1]),
        fits: summary.fits.iter().map(compared_fit).collect(),
        directory,
        summary,
    }
}

fn compared_fit(fit: &Fit) -> ComparedFit {
    let of = |value: fn(&crate::schema::Segment) -> f64| {
        MeanStd::of(fit.segments.iter().map(|segment| Some(value(segment))))
    };
    ComparedFit {
        fit: fit.name.clone(),
        triangles: fit.segments.len(),
        curve: MeanStd::of(fit.curves.iter().map(|curve| Some(curve.peak))),
        birth_lower: of(|segment| segment.birth_lower),
        birth: of(|segment| segment.birth),
        death: of(|segment| segment.death),
        length: of(|segment| segment.length()),
        w_infinity_of_triangles: of(|segment| segment.length() / 2.0),
        w_infinity_segments: fit.w_infinity_segments,
        w_infinity: fit.w_infinity,
        not_separated: fit.segments.iter().filter(|segment| segment.birth_not_separated).count(),
    }
}

/// The matrices of the segments, and of the bars of every index, of the fits that all runs have.
fn distances(runs: &[&Summary]) -> Result<Vec<DistanceMatrix>> {
    let mut all = Vec::new();
    if runs.len() < 2 {
        return Ok(all);
    }
    for fit in &runs[0].fits {
        let of_runs: Option<Vec<&Fit>> =
            runs.iter().map(|run| run.fits.iter().find(|other| other.name == fit.name)).collect();
        let Some(of_runs) = of_runs else { continue };
        let segments: Vec<Vec<Interval>> = of_runs
            .iter()
            .map(|fit| fit.segments.iter().map(|s| Interval::new(s.birth, s.death)).collect())
            .collect();
        if segments.iter().any(|of_run| !of_run.is_empty()) {
            all.push(matrix(&fit.name, "segments", &segments)?);
        }
        let last = of_runs.iter().flat_map(|fit| &fit.bars).map(|bar| bar.index).max();
        for index in 0..last.map_or(0, |last| last + 1) {
            let bars: Vec<Vec<Interval>> = of_runs
                .iter()
                .map(|fit| {
                    let bars = fit.bars.iter().filter(|bar| bar.index == index);
                    bars.map(|bar| Interval::new(bar.birth, bar.death.unwrap_or(f64::INFINITY))).collect()
                })
                .collect();
            all.push(matrix(&fit.name, &format!("bars of index {index}"), &bars)?);
        }
    }
    Ok(all)
}

fn matrix(fit: &str, diagram: &str, diagrams: &[Vec<Interval>]) -> Result<DistanceMatrix> {
    let distance = |a: &[Interval], b: &[Interval]| -> Result<Option<f64>> {
        let mut memory = vec![0; bottleneck_len(a.len(), b.len())];
        let distance = bottleneck(a, b, GroundMetric::L_INFINITY, &mut memory)
            .map_err(|e| CliError::new(ErrorKind::Resources, e.to_string()))?;
        Ok(distance.is_finite().then_some(distance))
    };
    let row = |a: &Vec<Interval>| diagrams.iter().map(|b| distance(a, b)).collect::<Result<Vec<_>>>();
    let distances = diagrams.iter().map(row).collect::<Result<_>>()?;
    Ok(DistanceMatrix { fit: fit.to_owned(), diagram: diagram.to_owned(), distances })
}

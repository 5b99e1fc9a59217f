//! `summary.json`: the result of a run.

use super::ErrorMeasure;
use super::certified::CertifiedMaxLoss;
use super::study::StudySummary;
use crate::config::Config;
use crate::data::Source;
use crate::error::{CliError, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The version of the schema.
pub const VERSION: u32 = 2;

/// `summary.json`. Fields without a value are `null`.
///
/// Births and deaths are the largest losses *found* on fitted simplices, by lattice and search, or by the lattice alone
/// with `peaks.search = false` (Algorithm 2). They are estimates of min-max values, not bounds (method: section 8).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`VERSION`].
    pub version: u32,
    /// The minima.
    pub minima: Vec<Minimum>,
    /// The segment of every triangle, of the main fit.
    pub segments: Vec<Segment>,
    /// The barcode of the main fit: bars of positive length.
    pub bars: Vec<Bar>,
    /// Number of pairs with equal birth and death.
    pub zero_length: usize,
    /// Half of the longest finite bar of index 1; none if the simplices form no complex.
    pub w_infinity: Option<f64>,
    /// The same for every index up to the key `index` whose simplices form a complex, of the main fit.
    pub w_infinity_by_index: Vec<IndexDistance>,
    /// For each pair of minima, in their order, the smallest largest loss over all chains of fitted curves between them,
    /// of the main fit: an estimate of their min-max value. None if no chain connects them. The diagonal has the losses
    /// of the minima.
    pub minmax: Vec<Vec<Option<f64>>>,
    /// Half of the longest segment; none if there is no triangle.
    pub w_infinity_segments: Option<f64>,
    /// The fits, the main fit first.
    pub fits: Vec<Fit>,
    /// Proved upper bounds, where `valleys certify` computed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certified: Vec<CertifiedMaxLoss>,
    /// Every triangle of every fit, if the run is a convergence study.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub convergence: Vec<Trial>,
    /// The result of a study of weights. Such a run has no minima.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudySummary>,
    /// The configuration, every key.
    pub config: Config,
    /// What the numbers were computed from.
    pub provenance: Provenance,
}

/// A minimum. Errors and test values are none for a problem without data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    /// Number of the minimum, from 0.
    pub id: u32,
    /// Mean loss on the training samples.
    pub train_loss: f64,
    /// Share of wrong predictions on the training samples; none where no classes are predicted.
    pub train_error: Option<f64>,
    /// Mean loss on the test samples.
    pub test_loss: Option<f64>,
    /// Share of wrong predictions on the test samples; none where no classes are predicted.
    pub test_error: Option<f64>,
    /// Root mean square deviation on the training samples in the unit of the target, where numbers are predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_rmse: Option<f64>,
    /// The same on the test samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_rmse: Option<f64>,
    /// Other measures of the predictions on the test samples by name; null where one is undefined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub test_metrics: BTreeMap<String, Option<f64>>,
}

impl Minimum {
    /// Errors on the training and on the test samples, whatever they are.
    pub fn errors(&self) -> [Option<f64>; 2] {
        [self.train_error.or(self.train_rmse), self.test_error.or(self.test_rmse)]
    }
}

impl Summary {
    /// What the errors of the minima, or of the networks of the study, are.
    pub fn error_measure(&self) -> ErrorMeasure {
        if let Some(study) = &self.study {
            return study.error_measure();
        }
        let is_rmse = self.minima.iter().any(|minimum| minimum.train_rmse.is_some());
        if is_rmse { ErrorMeasure::Rmse } else { ErrorMeasure::Share }
    }
}

/// The segment [h₁, h₂] of a triangle (Algorithm 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The minima.
    pub triangle: [u32; 3],
    /// h₁: largest loss found on the edges.
    pub birth: f64,
    /// Largest loss of the minima. No path between them stays below it.
    pub birth_lower: f64,
    /// h₂: largest loss found on the triangle.
    pub death: f64,
    /// Whether the segment is not longer than `birth` − `birth_lower`: the birth is not separated from the minima. If not,
    /// nothing follows.
    pub birth_not_separated: bool,
    /// Length of this segment relative to that of the main fit, minus 1; none for the main fit, and where its length is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_change: Option<f64>,
    /// Where the interior of the last depth started, if several starts were compared: see
    /// [`PhaseStart`](super::PhaseStart).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

impl Segment {
    /// h₂ − h₁.
    pub fn length(&self) -> f64 {
        self.death - self.birth
    }
}

/// A bar of the filtered complex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Index (degree) of the homology group.
    pub index: usize,
    /// Loss at which the class appears.
    pub birth: f64,
    /// Loss at which the class vanishes; none for an essential class.
    pub death: Option<f64>,
    /// The simplex that creates the class.
    pub birth_simplex: Vec<u32>,
    /// The simplex that fills the class.
    pub death_simplex: Option<Vec<u32>>,
}

impl Bar {
    /// death − birth; none for an essential class.
    pub fn length(&self) -> Option<f64> {
        Some(self.death? - self.birth)
    }
}

/// W∞ of the bars of one index to the empty barcode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexDistance {
    /// Index of the bars.
    pub index: usize,
    /// Half of the longest finite bar; 0 if there is none.
    pub value: f64,
}

/// The largest loss found on a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The minima.
    pub edge: [u32; 2],
    /// Largest loss found on the curve.
    pub peak: f64,
    /// Larger loss of the two minima. No path between them stays below it.
    pub lower: f64,
    /// Where its control points of the last depth started, if several starts were compared: see
    /// [`PhaseStart`](super::PhaseStart).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// The result of one fit of all curves, triangles and higher simplices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Name and folder of the fit: `uniform-1`.
    pub name: String,
    /// How the point t of a step was drawn: `uniform` or `peak`.
    pub sampling: String,
    /// Depth of the maps.
    pub depth: usize,
    /// Whether the control points of the edges were trained with the triangles: `fixed` or `trainable`.
    pub centres: String,
    /// The fit whose curves it has, if it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curves_of: Option<String>,
    /// Every curve.
    pub curves: Vec<Curve>,
    /// The segment of every triangle.
    pub segments: Vec<Segment>,
    /// The barcode of the filtered complex: bars of positive length.
    pub bars: Vec<Bar>,
    /// Number of pairs with equal birth and death.
    pub zero_length: usize,
    /// See [`Summary::w_infinity`].
    pub w_infinity: Option<f64>,
    /// The same for every index whose simplices form a complex.
    pub w_infinity_by_index: Vec<IndexDistance>,
    /// See [`Summary::minmax`].
    pub minmax: Vec<Vec<Option<f64>>>,
    /// See [`Summary::w_infinity_segments`].
    pub w_infinity_segments: Option<f64>,
    /// Optimiser steps of a curve.
    pub steps: u64,
    /// Points that the searches evaluated.
    pub search_evaluations: u64,
}

impl Fit {
    /// Positions of the `count` longest segments, in the order of the file.
    pub fn longest(&self, count: usize) -> Vec<usize> {
        let mut positions: Vec<usize> = (0..self.segments.len()).collect();
        positions.sort_by(|&a, &b| self.segments[b].length().total_cmp(&self.segments[a].length()));
        positions.truncate(count);
        positions.sort_unstable();
        positions
    }
}

/// A triangle of one fit of a convergence study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How the point t of a step was drawn.
    pub sampling: String,
    /// Whether the control points of the edges were trained with the triangles: `fixed` or `trainable`.
    pub centres: String,
    /// Depth of the maps.
    pub depth: usize,
    /// Optimiser steps of a curve.
    pub steps: u64,
    /// The replicate: the first minimum of the triangle.
    pub seed: u32,
    /// See [`Segment::birth`].
    pub birth: f64,
    /// See [`Segment::birth_lower`].
    pub birth_lower: f64,
    /// See [`Segment::death`].
    pub death: f64,
}

/// What the numbers of a run were computed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: String,
    /// Number of parameters.
    pub parameters: usize,
    /// Name and driver of the GPU; none if the CPU trained and evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Number of training samples.
    pub train_samples: Option<usize>,
    /// Number of test samples.
    pub test_samples: Option<usize>,
    /// Hash of the data.
    pub data: Option<String>,
    /// The data files, and the constants of their normalisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Summary {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a summary is JSON") + "\n"
    }

    /// The text of `minmax.csv`: a header with the minima, then a row for each; empty where no chain connects two.
    pub fn minmax_csv(&self) -> String {
        let ids: Vec<String> = self.minima.iter().map(|minimum| minimum.id.to_string()).collect();
        let mut csv = format!("minimum,{}\n", ids.join(","));
        for (id, row) in ids.iter().zip(&self.minmax) {
            let values: Vec<String> =
                row.iter().map(|x| x.map_or(String::new(), |x| x.to_string())).collect();
            csv += &format!("{id},{}\n", values.join(","));
        }
        csv
    }

    /// Reads the summary of a run directory.
    ///
    /// # Errors
    /// The file cannot be read, has another version, or is malformed, with field, line and column.
    pub fn read(run: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            version: u32,
        }
        let path = run.join("summary.json");
        let malformed = |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", path.display()));
        if run.is_dir() && !path.exists() {
            let run = run.display();
            let message = format!(
                "cannot read {}: the run is not finished; valleys status {run} shows what is left, and valleys run \
                 --out {run} resumes it",
                path.display()
            );
            return Err(CliError::new(ErrorKind::Data, message));
        }
        let bytes = super::read(&path)?;
        let Version { version } = serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        if version != VERSION {
            return Err(malformed(format!(
                "the summary has version {version}, but this program reads version {VERSION}; \
                 repeat the run in a new directory"
            )));
        }
        let reader = &mut serde_json::Deserializer::from_slice(&bytes);
        serde_path_to_error::deserialize(reader).map_err(|e| malformed(e.to_string()))
    }
}

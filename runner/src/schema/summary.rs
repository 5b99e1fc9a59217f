//! `summary.json`: the result of a run. `null` is no value.

use crate::config::Config;
use crate::data::Source;
use crate::error::{CliError, ErrorKind, Result};
use crate::study::analysis::StudySummary;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the schema.
pub const VERSION: u32 = 2;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`VERSION`].
    pub version: u32,
    /// The trained networks.
    pub minima: Vec<Minimum>,
    /// Algorithm 2 on every triangle of the main fit.
    pub segments: Vec<Segment>,
    /// The barcode of the main fit.
    pub bars: Vec<Bar>,
    /// Pairs of equal birth and death.
    pub zero_length: usize,
    /// Half of the longest finite bar of index 1; none where there is no complex.
    pub w_infinity: Option<f64>,
    /// Half of the longest segment; none where there is no triangle.
    pub w_infinity_segments: Option<f64>,
    /// The fits, the main one first.
    pub fits: Vec<Fit>,
    /// Births and deaths of every triangle in every fit, where the run compares fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub convergence: Vec<Trial>,
    /// The result of a study of weights, where the run is one; then there are no minima.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudySummary>,
    /// The configuration, every key.
    pub config: Config,
    /// Where the numbers come from.
    pub provenance: Provenance,
}

/// A trained network. Errors and test values are none for a problem without data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    /// Its number.
    pub id: u32,
    /// Mean loss over the training data.
    pub train_loss: f64,
    /// Share of wrong answers on the training data.
    pub train_error: Option<f64>,
    /// Mean loss over the test data.
    pub test_loss: Option<f64>,
    /// Share of wrong answers on the test data.
    pub test_error: Option<f64>,
}

/// The segment [h₁, h₂] of a triangle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its minima.
    pub triangle: [u32; 3],
    /// Largest loss on the lattices of its edges (Algorithm 2).
    pub birth: f64,
    /// Largest loss of its minima: no path between them stays below.
    pub birth_lower: f64,
    /// Largest loss that a search found on its edges.
    pub birth_upper: f64,
    /// Largest loss on its lattice (Algorithm 2).
    pub death: f64,
    /// Largest loss that a search found on it.
    pub death_upper: f64,
    /// Whether it is no longer than the gap between `birth_lower` and `birth_upper`.
    pub within_slack: bool,
}

impl Segment {
    /// h₂ − h₁.
    pub fn length(&self) -> f64 {
        self.death - self.birth
    }
}

/// A bar with the simplices that open and close it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Dimension of the class.
    pub index: usize,
    /// Loss at which the class appears.
    pub birth: f64,
    /// Loss at which it vanishes; none if never.
    pub death: Option<f64>,
    /// The simplex that opens it.
    pub birth_simplex: Vec<u32>,
    /// The simplex that closes it.
    pub death_simplex: Option<Vec<u32>>,
}

impl Bar {
    /// death − birth; none for an essential class.
    pub fn length(&self) -> Option<f64> {
        Some(self.death? - self.birth)
    }
}

/// The largest loss on a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Its minima.
    pub edge: [u32; 2],
    /// Largest loss on its lattice.
    pub peak: f64,
    /// Largest loss of its minima: the barrier is not below.
    pub lower: f64,
    /// Largest loss that a search found on it.
    pub upper: f64,
}

/// The result of one way of fitting all curves, triangles and higher simplices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Its folder.
    pub name: String,
    /// How t was drawn.
    pub sampling: String,
    /// Depth of the map.
    pub depth: usize,
    /// Whether the edges' control points moved with the triangles: `fixed` or `trainable`.
    pub centres: String,
    /// Every curve.
    pub curves: Vec<Curve>,
    /// Every triangle.
    pub segments: Vec<Segment>,
    /// Barcode of the filtered complex.
    pub bars: Vec<Bar>,
    /// Pairs of equal birth and death.
    pub zero_length: usize,
    /// See [`Summary::w_infinity`].
    pub w_infinity: Option<f64>,
    /// See [`Summary::w_infinity_segments`].
    pub w_infinity_segments: Option<f64>,
    /// Steps of a curve; a triangle takes as many where the configuration gives it as many epochs.
    pub steps: u64,
    /// Points measured in the searches for largest losses.
    pub search_evaluations: u64,
}

impl Fit {
    /// Places of the `most` longest segments, in the order of the file.
    pub fn longest(&self, most: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.segments.len()).collect();
        places.sort_by(|&a, &b| self.segments[b].length().total_cmp(&self.segments[a].length()));
        places.truncate(most);
        places.sort_unstable();
        places
    }
}

/// A triangle in one fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How t was drawn.
    pub sampling: String,
    /// Depth of the map.
    pub depth: usize,
    /// Steps of a curve.
    pub steps: u64,
    /// The replicate: the first minimum of the triangle.
    pub seed: u32,
    /// See [`Segment::birth_upper`].
    pub birth: f64,
    /// See [`Segment::birth_lower`].
    pub birth_lower: f64,
    /// See [`Segment::death_upper`].
    pub death: f64,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: String,
    /// Number of parameters.
    pub parameters: usize,
    /// The GPU that trained and measured, with its driver; none for the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Training samples.
    pub train_samples: Option<usize>,
    /// Test samples.
    pub test_samples: Option<usize>,
    /// Hash of the data.
    pub data: Option<String>,
    /// The files of the data, and how they were normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Summary {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a summary is JSON") + "\n"
    }

    /// The summary of a run directory.
    ///
    /// # Errors
    /// The file cannot be read, is of another version, or is malformed, with the place.
    pub fn read(run: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            version: u32,
        }
        let path = run.join("summary.json");
        let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", path.display()));
        let bytes = super::read(&path)?;
        let Version { version } = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if version != VERSION {
            let message = format!("the summary has version {version}, but this program reads version {VERSION}");
            return Err(wrong(message));
        }
        let reader = &mut serde_json::Deserializer::from_slice(&bytes);
        serde_path_to_error::deserialize(reader).map_err(|e| wrong(e.to_string()))
    }
}

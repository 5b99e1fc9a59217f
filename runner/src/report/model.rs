//! What `summary.json` says. Unknown fields are ignored, missing ones are empty: a run without an optional stage
//! has a report without that part.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A number, or none: JSON has no infinities.
pub type Number = Option<f64>;

/// The file `summary.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    pub minima: Vec<Minimum>,
    pub segments: Vec<Segment>,
    pub bars: Vec<Bar>,
    pub zero_length: Option<u64>,
    pub w_infinity: Number,
    pub w_infinity_segments: Number,
    pub config: Value,
    pub fits: Vec<Fit>,
    pub provenance: Map<String, Value>,
    pub convergence: Vec<Trial>,
}

/// Where a training run ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Minimum {
    pub id: u32,
    pub train_loss: Number,
    pub train_error: Number,
    pub test_loss: Number,
    pub test_error: Number,
}

/// The segment [h1, h2] of a triangle.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Segment {
    pub triangle: Vec<u32>,
    pub birth: Number,
    pub birth_lower: Number,
    pub death: Number,
    pub within_slack: bool,
}

impl Segment {
    /// h2 − h1.
    pub fn length(&self) -> Number {
        Some(self.death? - self.birth?)
    }
}

/// A bar of a persistence barcode; `death` is `None` for an essential class.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bar {
    /// Dimension of the class.
    pub index: usize,
    /// Value at which the class appears.
    pub birth: Number,
    /// Value at which it is filled, `None` if never.
    pub death: Number,
    /// Vertices of the simplex that creates the class, where known.
    pub birth_simplex: Option<Vec<u32>>,
    /// Vertices of the simplex that fills it, where known.
    pub death_simplex: Option<Vec<u32>>,
}

impl Bar {
    /// The bar [birth, death] of a class of dimension `index`; an infinite death is an essential class.
    pub fn new(index: usize, birth: f64, death: f64) -> Self {
        let death = death.is_finite().then_some(death);
        Self { index, birth: Some(birth), death, birth_simplex: None, death_simplex: None }
    }

    /// death − birth, `None` for an essential class.
    pub fn length(&self) -> Number {
        Some(self.death? - self.birth?)
    }
}

/// One way of fitting all curves and triangles.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fit {
    pub name: String,
    pub sampling: String,
    pub depth: Option<u64>,
    pub centres: String,
    pub curves: Vec<Curve>,
    pub segments: Vec<Segment>,
    pub bars: Vec<Bar>,
    pub zero_length: Option<u64>,
    pub w_infinity: Number,
    pub w_infinity_segments: Number,
}

impl Fit {
    /// Places of the `most` longest segments, in the order of the file.
    pub fn longest(&self, most: usize) -> Vec<usize> {
        let length = |i: &usize| self.segments[*i].length().unwrap_or(f64::NEG_INFINITY);
        let mut places: Vec<usize> = (0..self.segments.len()).collect();
        places.sort_by(|a, b| length(b).total_cmp(&length(a)));
        places.truncate(most);
        places.sort_unstable();
        places
    }

    /// `uniform sampling, depth 1, fixed edge centres`; `as configured` where nothing is recorded.
    pub fn description(&self) -> String {
        let mut parts = Vec::new();
        if !self.sampling.is_empty() {
            parts.push(format!("{} sampling", self.sampling));
        }
        if let Some(depth) = self.depth {
            parts.push(format!("depth {depth}"));
        }
        if !self.centres.is_empty() {
            parts.push(format!("{} edge centres", self.centres));
        }
        if parts.is_empty() { "as configured".into() } else { parts.join(", ") }
    }
}

/// The largest loss on a fitted curve, and the larger loss of its ends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Curve {
    pub edge: Vec<u32>,
    pub peak: Number,
    pub lower: Number,
}

/// Ends of a segment after so many steps, by one seed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Trial {
    pub sampling: String,
    pub depth: u64,
    pub steps: u64,
    pub seed: u64,
    pub birth: Number,
    pub birth_lower: Number,
    pub death: Number,
}

impl Summary {
    /// The fits, the main one first; one without a name and without files where `fits` is missing.
    pub fn fits(&self) -> Vec<Fit> {
        if !self.fits.is_empty() {
            return self.fits.clone();
        }
        let Self { segments, bars, zero_length, w_infinity, w_infinity_segments, .. } = self.clone();
        vec![Fit { segments, bars, zero_length, w_infinity, w_infinity_segments, ..Fit::default() }]
    }

    /// A recorded fact, by provenance first, then by configuration.
    pub fn recorded(&self, key: &str) -> Option<String> {
        self.provenance.get(key).or_else(|| self.config.get(key)).and_then(plain)
    }
}

/// The text of a number, string or truth value.
pub fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

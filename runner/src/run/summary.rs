//! From lattice values to segments, a filtration, bars and W∞: what a run found.

use super::Run;
use super::job::simplices;
use super::variant::{FitVariant, variants};
use crate::data::Source;
use crate::error::{CliError, ErrorKind, Result};
use crate::study::{self, analysis};
use analysis::Study;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valleys_core::evaluation;
use valleys_core::simplex::Simplex;
use valleys_core::topology::{Filtration, Interval, Matrix, reduce_sparse, w_infinity};

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
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
    pub fits: Vec<FitSummary>,
    /// Births and deaths of every triangle by way of fitting, where the run compares them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub convergence: Vec<Trial>,
    /// What a study of weights found, where the run is one; then there are no minima.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<Study>,
    /// The configuration, every key.
    pub config: serde_json::Value,
    /// What the numbers were made from.
    pub provenance: Provenance,
}

/// A trained network. Errors and test values are none for an analytic objective.
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
    /// Largest loss that a search found on its edges: the true birth is not above.
    pub birth_upper: f64,
    /// Largest loss on its lattice (Algorithm 2).
    pub death: f64,
    /// Largest loss that a search found on it: the true death is not above.
    pub death_upper: f64,
    /// Whether it is no longer than the gap between the bounds of its birth, so that a tighter fit might empty it.
    pub within_slack: bool,
}

/// A bar with the simplices that open and close it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Index.
    pub index: usize,
    /// Loss at which the class appears.
    pub birth: f64,
    /// Loss at which it vanishes, none if never.
    pub death: Option<f64>,
    /// The simplex that opens it.
    pub birth_simplex: Vec<u32>,
    /// The simplex that closes it.
    pub death_simplex: Option<Vec<u32>>,
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
    /// Largest loss that a search found on it: the barrier is not above.
    pub upper: f64,
}

/// What one way of fitting gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSummary {
    /// Its folder.
    pub name: String,
    /// How t was drawn.
    pub sampling: String,
    /// Depth of the map.
    pub depth: usize,
    /// Whether the edges' control points moved with the triangles.
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
    /// Points measured in the searches for peaks.
    pub search_evaluations: u64,
}

/// A triangle in one way of fitting.
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

/// What the numbers were made from.
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
    /// Where the data came from, and how they were normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// One row of a lattice file, without t.
#[derive(Deserialize)]
struct Measured {
    train_loss: f64,
    train_error: Option<f64>,
    test_loss: Option<f64>,
    test_error: Option<f64>,
}

impl Run {
    /// What the files of the run say.
    pub(super) fn summary(&self) -> Result<Summary> {
        let variant = self.main_variant();
        let study = if self.config.study.is_none() { None } else { Some(self.study_summary()?) };
        // A study has networks, and no simplices.
        let mut minima = Vec::new();
        for simplex in simplices(&self.config, 0) {
            if let Some(row) = self.measured(&variant, simplex)?.and_then(|mut rows| rows.pop()) {
                minima.push(Minimum {
                    id: simplex.mask().trailing_zeros(),
                    train_loss: row.train_loss,
                    train_error: row.train_error,
                    test_loss: row.test_loss,
                    test_error: row.test_error,
                });
            }
        }
        let fits: Vec<FitSummary> = variants(&self.config)
            .iter()
            .map(|variant| self.fit_summary(variant, &minima))
            .collect::<Result<_>>()?;
        let fit = &fits[0];
        let made = self.problem.provenance();
        let compared = self.config.convergence.depth > 0;
        let trials = fits.iter().filter(|_| compared).flat_map(|fit| {
            fit.segments.iter().map(|s| Trial {
                sampling: fit.sampling.clone(),
                depth: fit.depth,
                steps: fit.steps,
                seed: s.triangle[0],
                birth: s.birth_upper,
                birth_lower: s.birth_lower,
                death: s.death_upper,
            })
        });
        Ok(Summary {
            convergence: trials.collect(),
            minima,
            segments: fit.segments.clone(),
            bars: fit.bars.clone(),
            zero_length: fit.zero_length,
            w_infinity: fit.w_infinity,
            w_infinity_segments: fit.w_infinity_segments,
            fits,
            study,
            config: serde_json::to_value(&self.config).expect("a configuration is JSON"),
            provenance: Provenance {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                parameters: self.problem.dim(),
                adapter: made.adapter,
                train_samples: made.train_samples,
                test_samples: made.test_samples,
                data: made.data,
                source: made.source,
            },
        })
    }

    /// What the measured networks say together.
    fn study_summary(&self) -> Result<Study> {
        let done = study::jobs(&self.config).into_iter().filter(|job| self.store.has(&job.folder()));
        let mut runs =
            done.map(|job| Ok((job, study::read(self.store.root(), job)?))).collect::<Result<Vec<_>>>()?;
        runs.sort_by_key(|(job, _)| (job.size, job.replicate));
        let tensors = self.state.parameters.iter().filter(|t| t.shape.len() > 1);
        let levels = tensors.map(|t| t.name.clone()).collect();
        Ok(analysis::analyse(levels, &runs, self.config.seed))
    }

    /// The lattice values of a simplex; none where they are not there.
    fn measured(&self, variant: &FitVariant, simplex: Simplex) -> Result<Option<Vec<Measured>>> {
        let name = self.lattice_file(variant, simplex);
        if !self.store.has(&name) {
            return Ok(None);
        }
        let bytes = self.store.read(&name)?;
        let rows: std::result::Result<_, csv::Error> =
            csv::Reader::from_reader(bytes.as_slice()).deserialize().collect();
        rows.map(Some).map_err(|e| {
            CliError::new(ErrorKind::Data, format!("{}: {e}", self.store.root().join(name).display()))
        })
    }

    /// The loss that a search found, and how many points it measured.
    fn searched(&self, variant: &FitVariant, simplex: Simplex) -> Result<(f64, u64)> {
        #[derive(Deserialize)]
        struct Row {
            train_loss: f64,
            evaluations: u64,
        }
        let name = self.peak_file(variant, simplex);
        let bytes = self.store.read(&name)?;
        let wrong = |what: String| {
            CliError::new(ErrorKind::Data, format!("{}: {what}", self.store.root().join(&name).display()))
        };
        let row = csv::Reader::from_reader(bytes.as_slice()).deserialize().next();
        let row: Row =
            row.ok_or_else(|| wrong("a row is missing".to_owned()))?.map_err(|e| wrong(e.to_string()))?;
        Ok((row.train_loss, row.evaluations))
    }

    fn fit_summary(&self, variant: &FitVariant, minima: &[Minimum]) -> Result<FitSummary> {
        let fixed = self.config.triangles.centres == crate::config::Faces::Fixed;
        let lower = |s: Simplex| {
            let of = minima.iter().filter(|m| s.vertices().any(|v| v == m.id));
            of.fold(f64::NEG_INFINITY, |a, m| a.max(m.train_loss))
        };
        // The value of a simplex is the largest loss on its lattice, its faces' included.
        let mut values: BTreeMap<Simplex, f64> = BTreeMap::new();
        let mut uppers: BTreeMap<Simplex, f64> = BTreeMap::new();
        let mut evaluations = 0;
        let (mut curves, mut segments) = (Vec::new(), Vec::new());
        for rank in 0..=self.config.index + 1 {
            for simplex in simplices(&self.config, rank) {
                let Some(rows) = self.measured(variant, simplex)? else { continue };
                let losses: Vec<f64> = rows.iter().map(|r| r.train_loss).collect();
                let own = losses.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                let (upper, tried) = self.searched(variant, simplex)?;
                // A simplex with private faces has not the peaks of the shared ones.
                let facets: Vec<Simplex> = simplex.facets().filter(|_| fixed).collect();
                let of_faces =
                    |own: f64| facets.iter().filter_map(|face| uppers.get(face)).fold(own, |a, &b| a.max(b));
                let upper = of_faces(upper.max(own));
                evaluations += if rank == 0 { 0 } else { tried };
                let vertices: Vec<u32> = simplex.vertices().collect();
                if let [a, b] = vertices[..] {
                    curves.push(Curve { edge: [a, b], peak: own, lower: lower(simplex), upper });
                }
                if let [a, b, c] = vertices[..] {
                    let segment = evaluation::segment(self.config.lattice.n, &losses).map_err(|e| {
                        let path = self.store.root().join(self.lattice_file(variant, simplex));
                        CliError::new(ErrorKind::Data, format!("{}: {e}", path.display()))
                    })?;
                    // Private edges are searched with the triangle: only their lattices bound its birth.
                    let birth_upper = of_faces(segment.birth);
                    let birth_lower = lower(simplex);
                    segments.push(Segment {
                        triangle: [a, b, c],
                        birth: segment.birth,
                        birth_lower,
                        birth_upper,
                        death: segment.death,
                        death_upper: upper,
                        within_slack: upper - birth_upper <= birth_upper - birth_lower,
                    });
                }
                uppers.insert(simplex, upper);
                let faces = simplex.facets().map(|face| values.get(&face).copied());
                if let Some(value) =
                    faces.collect::<Option<Vec<f64>>>().map(|f| f.into_iter().fold(own, f64::max))
                {
                    values.insert(simplex, value);
                }
            }
        }
        // With trainable centres the triangles no longer share edges: only minima and curves form a complex.
        values.retain(|s, _| fixed || s.dimension() < 2);
        let complex = values.iter().map(|(s, &value)| (s.vertices(), value));
        let filtration =
            Filtration::new(complex).map_err(|e| CliError::new(ErrorKind::Jobs, e.to_string()))?;
        let mut partners = vec![0; filtration.len()];
        let pairing = reduce_sparse(&filtration, Matrix::Coboundary, self.config.index, &mut partners)
            .map_err(|e| CliError::new(ErrorKind::Resources, e.to_string()))?;
        let bars = pairing.sorted();
        let has_index_1 = fixed && self.config.index >= 1 && values.keys().any(|s| s.dimension() == 2);
        let of_index_1 = bars.iter().filter(|b| b.index == 1);
        Ok(FitSummary {
            name: variant.name(),
            sampling: variant.sampling.name().to_owned(),
            depth: variant.depth,
            centres: if fixed { "fixed" } else { "trainable" }.to_owned(),
            curves,
            w_infinity: has_index_1.then(|| w_infinity(of_index_1.map(|b| b.interval()))),
            w_infinity_segments: (!segments.is_empty())
                .then(|| w_infinity(segments.iter().map(|s| Interval::new(s.birth, s.death)))),
            segments,
            steps: u64::from(self.config.curves.epochs)
                * u64::from(variant.epoch_multiplier)
                * u64::from(self.problem.batches()),
            search_evaluations: evaluations,
            zero_length: pairing.zero_length().count(),
            bars: bars
                .iter()
                .map(|bar| Bar {
                    index: bar.index,
                    birth: bar.birth,
                    death: (!bar.is_essential()).then_some(bar.death),
                    birth_simplex: filtration.vertices(bar.birth_cell).to_vec(),
                    death_simplex: bar.death_cell.map(|cell| filtration.vertices(cell).to_vec()),
                })
                .collect(),
        })
    }
}

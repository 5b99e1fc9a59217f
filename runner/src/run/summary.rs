//! From lattice values to segments, a filtration, bars and W∞: the result of a run.

use super::Run;
use super::job::simplices;
use super::variant::{FitVariant, variants};
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::{
    Bar, Curve, Fit, FoundMaxLoss, LatticeValues, Minimum, Provenance, Segment, Summary, Trial, VERSION,
};
use crate::study;
use crate::study::analysis::{self, Study};
use std::collections::BTreeMap;
use valleys_core::evaluation;
use valleys_core::simplex::Simplex;
use valleys_core::topology::{Filtration, Interval, ReductionMatrix, reduce_sparse, w_infinity};

impl Run {
    /// What the files of the run say.
    pub(super) fn summary(&self) -> Result<Summary> {
        let variant = self.main_variant();
        let study = if self.config.study.is_none() { None } else { Some(self.study_summary()?) };
        // A study has networks, and no simplices.
        let mut minima = Vec::new();
        for simplex in simplices(&self.config, 0) {
            let Some(values) = self.measured(&variant, simplex)? else { continue };
            let (train, test) = (values.train[0], values.test.first());
            minima.push(Minimum {
                id: simplex.mask().trailing_zeros(),
                train_loss: train.loss,
                train_error: train.error,
                test_loss: test.map(|test| test.loss),
                test_error: test.and_then(|test| test.error),
            });
        }
        let fits: Vec<Fit> = variants(&self.config)
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
            version: VERSION,
            convergence: trials.collect(),
            minima,
            segments: fit.segments.clone(),
            bars: fit.bars.clone(),
            zero_length: fit.zero_length,
            w_infinity: fit.w_infinity,
            w_infinity_segments: fit.w_infinity_segments,
            fits,
            study,
            config: self.config.clone(),
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

    /// The lattice values of a simplex; none where it is not measured.
    fn measured(&self, variant: &FitVariant, simplex: Simplex) -> Result<Option<LatticeValues>> {
        let name = self.lattice_file(variant, simplex);
        let path = self.store.root().join(&name);
        self.store.has(&name).then(|| LatticeValues::read(&path, simplex.dimension() + 1)).transpose()
    }

    /// The largest loss that a search found.
    fn searched(&self, variant: &FitVariant, simplex: Simplex) -> Result<FoundMaxLoss> {
        let path = self.store.root().join(self.peak_file(variant, simplex));
        FoundMaxLoss::read(&path, simplex.dimension() + 1)
    }

    fn fit_summary(&self, variant: &FitVariant, minima: &[Minimum]) -> Result<Fit> {
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
                let Some(measured) = self.measured(variant, simplex)? else { continue };
                let losses: Vec<f64> = measured.train.iter().map(|value| value.loss).collect();
                let own = losses.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                let found = self.searched(variant, simplex)?;
                // A simplex with private faces has not the peaks of the shared ones.
                let facets: Vec<Simplex> = simplex.facets().filter(|_| fixed).collect();
                let of_faces =
                    |own: f64| facets.iter().filter_map(|face| uppers.get(face)).fold(own, |a, &b| a.max(b));
                let upper = of_faces(found.loss.max(own));
                evaluations += if rank == 0 { 0 } else { found.evaluations };
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
        let pairing =
            reduce_sparse(&filtration, ReductionMatrix::Coboundary, self.config.index, &mut partners)
                .map_err(|e| CliError::new(ErrorKind::Resources, e.to_string()))?;
        let bars = pairing.sorted();
        let has_index_1 = fixed && self.config.index >= 1 && values.keys().any(|s| s.dimension() == 2);
        let of_index_1 = bars.iter().filter(|b| b.dim == 1);
        Ok(Fit {
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
                    index: bar.dim,
                    birth: bar.birth,
                    death: (!bar.is_essential()).then_some(bar.death),
                    birth_simplex: filtration.vertices(bar.birth_simplex).to_vec(),
                    death_simplex: bar.death_simplex.map(|simplex| filtration.vertices(simplex).to_vec()),
                })
                .collect(),
        })
    }
}

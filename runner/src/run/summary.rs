//! `summary.json`: the result of a run, from the files of its jobs.

use super::Run;
use super::evaluate::metrics_file;
use super::job::simplices;
use super::variant::{FitVariant, variants};
use crate::error::Result;
use crate::schema::{
    ErrorMeasure, Fit, FoundMaxLoss, LatticeValues, Minimum, Provenance, Segment, StudySummary, Summary,
    TestMetrics, Trial, VERSION, read_certified,
};
use crate::study::analysis;
use crate::study::{self, read_measurements};
use std::collections::BTreeMap;
use valleys_core::simplex::Simplex;

impl Run {
    /// The summary of all jobs that are done.
    ///
    /// # Errors
    /// A file is malformed; there is not enough memory for the filtration.
    pub(super) fn summary(&self) -> Result<Summary> {
        let study = if self.config.study.is_none() { None } else { Some(self.study_summary()?) };
        let minima = self.minima()?;
        let mut fits: Vec<Fit> = variants(&self.config)
            .iter()
            .map(|variant| self.fit_summary(variant, &minima))
            .collect::<Result<_>>()?;
        set_length_changes(&mut fits);
        let main = &fits[0];
        let provenance = self.problem.provenance();
        Ok(Summary {
            version: VERSION,
            convergence: if self.config.convergence.depth > 0 { trials(&fits) } else { Vec::new() },
            minima,
            segments: main.segments.clone(),
            bars: main.bars.clone(),
            zero_length: main.zero_length,
            w_infinity: main.w_infinity,
            minmax: main.minmax.clone(),
            w_infinity_by_index: main.w_infinity_by_index.clone(),
            w_infinity_segments: main.w_infinity_segments,
            fits,
            certified: read_certified(self.store.root())?,
            study,
            config: self.config.clone(),
            provenance: Provenance {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                parameters: self.problem.dim(),
                adapter: provenance.adapter,
                train_samples: provenance.train_samples,
                test_samples: provenance.test_samples,
                data: provenance.data,
                source: provenance.source,
            },
        })
    }

    /// The minima that are done; none in a study of weights.
    fn minima(&self) -> Result<Vec<Minimum>> {
        let variant = self.main_variant();
        let mut minima = Vec::new();
        for simplex in simplices(&self.config, 0) {
            let Some(values) = self.lattice_values(&variant, simplex)? else { continue };
            let (train, test) = (values.train[0], values.test.first());
            let (is_rmse, test_error) =
                (values.measure == ErrorMeasure::Rmse, test.and_then(|test| test.error));
            minima.push(Minimum {
                id: simplex.mask().trailing_zeros(),
                train_loss: train.loss,
                train_error: train.error.filter(|_| !is_rmse),
                train_rmse: train.error.filter(|_| is_rmse),
                test_loss: test.map(|test| test.loss),
                test_error: test_error.filter(|_| !is_rmse),
                test_rmse: test_error.filter(|_| is_rmse),
                test_metrics: self.test_metrics(simplex)?,
            });
        }
        Ok(minima)
    }

    /// The measures of the predictions of a minimum; none where there are no predictions.
    fn test_metrics(&self, minimum: Simplex) -> Result<BTreeMap<String, Option<f64>>> {
        let name = metrics_file(minimum);
        if !self.store.has(&name) {
            return Ok(BTreeMap::new());
        }
        Ok(TestMetrics::read(&self.store.root().join(name))?.0)
    }

    /// The analysis of the networks of a study that are done.
    fn study_summary(&self) -> Result<StudySummary> {
        let mut networks = study::networks(&self.config);
        networks.retain(|network| self.store.has(&network.folder()));
        networks.sort_by_key(|network| (network.samples, network.replicate));
        let read = |network| Ok((network, read_measurements(self.store.root(), network)?));
        let runs = networks.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        let weights = self.state.parameters.iter().filter(|tensor| tensor.shape.len() > 1);
        let layers = weights.map(|tensor| tensor.name.clone()).collect();
        Ok(analysis::analyse(layers, &runs, self.config.seed))
    }

    /// The lattice values of a simplex. `None` if it was not evaluated.
    pub(super) fn lattice_values(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
    ) -> Result<Option<LatticeValues>> {
        let name = self.lattice_file(variant, simplex);
        let path = self.store.root().join(&name);
        self.store.has(&name).then(|| LatticeValues::read(&path, simplex.dimension() + 1)).transpose()
    }

    /// Whether largest losses were found beside those of the lattice of a simplex of this rank.
    pub(super) fn has_max_loss(&self, rank: usize) -> bool {
        self.config.peaks.search || self.config.measure.part(rank).is_some()
    }

    /// The largest loss that was found on a simplex beside those of its lattice, and on its boundary if the lattice was
    /// measured on a subset and the simplex has private faces.
    pub(super) fn found_max_loss(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
    ) -> Result<(FoundMaxLoss, Option<FoundMaxLoss>)> {
        let path = self.store.root().join(self.max_loss_file(variant, simplex));
        FoundMaxLoss::read(&path, simplex.dimension() + 1)
    }
}

/// Compares the length of each segment with that of the main fit, the first.
fn set_length_changes(fits: &mut [Fit]) {
    let Some((main, others)) = fits.split_first_mut() else { return };
    for segment in others.iter_mut().flat_map(|fit| &mut fit.segments) {
        let same = main.segments.iter().find(|of_main| of_main.triangle == segment.triangle);
        let length = same.map(Segment::length).filter(|&length| length > 0.0);
        segment.length_change = length.map(|length| segment.length() / length - 1.0);
    }
}

/// Every triangle of every fit, for the convergence study.
fn trials(fits: &[Fit]) -> Vec<Trial> {
    let of_fit = |fit: &Fit| {
        let trial = |s: &Segment| Trial {
            sampling: fit.sampling.clone(),
            centres: fit.centres.clone(),
            depth: fit.depth,
            steps: fit.steps,
            seed: s.triangle[0],
            birth: s.birth,
            birth_lower: s.birth_lower,
            death: s.death,
        };
        fit.segments.iter().map(trial).collect::<Vec<_>>()
    };
    fits.iter().flat_map(of_fit).collect()
}

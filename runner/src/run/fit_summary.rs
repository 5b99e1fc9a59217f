//! The result of one fit: largest losses, segments, the filtration of all simplices, and its barcode.

use super::Run;
use super::job::simplices;
use super::variant::FitVariant;
use crate::config::Faces;
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::{Bar, Curve, Fit, Minimum, Segment};
use std::collections::BTreeMap;
use valleys_core::evaluation;
use valleys_core::simplex::Simplex;
use valleys_core::topology::{Filtration, Interval, ReductionMatrix, reduce_sparse, w_infinity};

impl Run {
    /// The result of a fit, from the lattice values and the searches of its simplices.
    pub(super) fn fit_summary(&self, variant: &FitVariant, minima: &[Minimum]) -> Result<Fit> {
        // With trainable faces every simplex has private copies of them, whose losses are in its own files.
        let shared_faces = self.config.triangles.centres == Faces::Fixed;
        let max_minimum = |simplex: Simplex| {
            let of_simplex = minima.iter().filter(|m| simplex.vertices().any(|v| v == m.id));
            of_simplex.fold(f64::NEG_INFINITY, |max, m| max.max(m.train_loss))
        };
        // The largest lattice loss of a simplex and its faces; the largest loss found on them by lattice and search.
        let mut filtration: BTreeMap<Simplex, f64> = BTreeMap::new();
        let mut found: BTreeMap<Simplex, f64> = BTreeMap::new();
        let (mut curves, mut segments, mut search_evaluations) = (Vec::new(), Vec::new(), 0);
        for rank in 0..=self.config.index + 1 {
            for simplex in simplices(&self.config, rank) {
                let Some(lattice) = self.lattice_values(variant, simplex)? else { continue };
                let losses: Vec<f64> = lattice.train.iter().map(|value| value.loss).collect();
                let max_on_lattice = losses.iter().fold(f64::NEG_INFINITY, |max, &loss| max.max(loss));
                let search = self.found_max_loss(variant, simplex)?;
                let with_facets = |own: f64| {
                    let facets = simplex.facets().filter(|_| shared_faces);
                    facets.filter_map(|facet| found.get(&facet)).fold(own, |max, &loss| max.max(loss))
                };
                let max_found = with_facets(search.loss.max(max_on_lattice));
                search_evaluations += if rank == 0 { 0 } else { search.evaluations };
                let vertices: Vec<u32> = simplex.vertices().collect();
                match vertices[..] {
                    [a, b] => curves.push(Curve {
                        edge: [a, b],
                        peak: max_on_lattice,
                        lower: max_minimum(simplex),
                        upper: max_found,
                    }),
                    [a, b, c] => {
                        let segment = evaluation::segment(self.config.lattice.n, &losses).map_err(|e| {
                            let path = self.store.root().join(self.lattice_file(variant, simplex));
                            CliError::new(ErrorKind::Data, format!("{}: {e}", path.display()))
                        })?;
                        let (birth_lower, birth_upper) = (max_minimum(simplex), with_facets(segment.birth));
                        segments.push(Segment {
                            triangle: [a, b, c],
                            birth: segment.birth,
                            birth_lower,
                            birth_upper,
                            death: segment.death,
                            death_upper: max_found,
                            within_slack: max_found - birth_upper <= birth_upper - birth_lower,
                        });
                    }
                    _ => {}
                }
                found.insert(simplex, max_found);
                let facets = simplex.facets().map(|facet| filtration.get(&facet).copied());
                if let Some(facets) = facets.collect::<Option<Vec<f64>>>() {
                    filtration.insert(simplex, facets.into_iter().fold(max_on_lattice, f64::max));
                }
            }
        }
        // Triangles with private edges share no faces: only minima and curves form a complex.
        filtration.retain(|simplex, _| shared_faces || simplex.dimension() < 2);
        let has_triangles = filtration.keys().any(|simplex| simplex.dimension() == 2);
        let (bars, zero_length) = self.barcode(&filtration)?;
        let intervals = |index: usize| {
            let of_index = bars.iter().filter(move |bar| bar.index == index);
            of_index.map(|bar| Interval::new(bar.birth, bar.death.unwrap_or(f64::INFINITY)))
        };
        let of_segments = segments.iter().map(|s| Interval::new(s.birth, s.death));
        Ok(Fit {
            name: variant.name(),
            sampling: variant.sampling.name().to_owned(),
            depth: variant.depth,
            centres: if shared_faces { "fixed" } else { "trainable" }.to_owned(),
            w_infinity: (self.config.index >= 1 && has_triangles).then(|| w_infinity(intervals(1))),
            w_infinity_segments: (!segments.is_empty()).then(|| w_infinity(of_segments)),
            curves,
            segments,
            steps: u64::from(self.config.curves.epochs)
                * u64::from(variant.epoch_multiplier)
                * u64::from(self.problem.batches()),
            search_evaluations,
            zero_length,
            bars,
        })
    }

    /// The bars of positive length of a filtration up to the index of the configuration, and the number of pairs of
    /// length zero.
    fn barcode(&self, values: &BTreeMap<Simplex, f64>) -> Result<(Vec<Bar>, usize)> {
        let complex = values.iter().map(|(simplex, &value)| (simplex.vertices(), value));
        let filtration =
            Filtration::new(complex).map_err(|e| CliError::new(ErrorKind::Jobs, e.to_string()))?;
        let mut partners = vec![0; filtration.len()];
        let pairing =
            reduce_sparse(&filtration, ReductionMatrix::Coboundary, self.config.index, &mut partners)
                .map_err(|e| CliError::new(ErrorKind::Resources, e.to_string()))?;
        let bars = pairing.sorted().into_iter().map(|bar| Bar {
            index: bar.dim,
            birth: bar.birth,
            death: (!bar.is_essential()).then_some(bar.death),
            birth_simplex: filtration.vertices(bar.birth_simplex).to_vec(),
            death_simplex: bar.death_simplex.map(|simplex| filtration.vertices(simplex).to_vec()),
        });
        Ok((bars.collect(), pairing.zero_length().count()))
    }
}

//! The result of one fit: largest losses, segments, the filtration of all simplices, and its barcode.

use super::Run;
use super::job::simplices;
use super::start::START;
use super::variant::FitVariant;
use crate::config::Faces;
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::{Bar, Curve, Fit, IndexDistance, Minimum, PhaseStart, Segment};
use std::collections::BTreeMap;
use valleys_core::evaluation;
use valleys_core::simplex::Simplex;
use valleys_core::topology::{Filtration, Interval, ReductionMatrix, reduce_sparse, w_infinity};

impl Run {
    /// The result of a fit, from the lattice values and the searches of its simplices.
    pub(super) fn fit_summary(&self, variant: &FitVariant, minima: &[Minimum]) -> Result<Fit> {
        // With trainable faces every simplex has private copies of them, whose losses are in its own files.
        let shared_faces = variant.centres(&self.config) == Faces::Fixed;
        let max_minimum = |simplex: Simplex| {
            let of_simplex = minima.iter().filter(|m| simplex.vertices().any(|v| v == m.id));
            of_simplex.fold(f64::NEG_INFINITY, |max, m| max.max(m.train_loss))
        };
        // The largest loss found on each simplex and its shared faces. So no face is above a coface.
        let mut values: BTreeMap<Simplex, f64> = BTreeMap::new();
        let (mut curves, mut segments, mut search_evaluations) = (Vec::new(), Vec::new(), 0);
        for rank in 0..=self.config.index + 1 {
            for simplex in simplices(&self.config, rank) {
                let Some(lattice) = self.lattice_values(variant, simplex)? else { continue };
                let losses: Vec<f64> = lattice.train.iter().map(|value| value.loss).collect();
                // Losses on a part of the samples are no values of a simplex.
                let on_subset = self.config.measure.part(rank).is_some();
                let of_lattice = if on_subset { &[] } else { &losses[..] };
                let mut max_loss = of_lattice.iter().fold(f64::NEG_INFINITY, |max, &loss| max.max(loss));
                let mut max_boundary = None;
                if self.has_max_loss(rank) {
                    let (own, boundary) = self.found_max_loss(variant, simplex)?;
                    max_boundary = boundary.map(|boundary| boundary.loss);
                    max_loss = max_loss.max(own.loss).max(max_boundary.unwrap_or(f64::NEG_INFINITY));
                    search_evaluations += if rank == 0 { 0 } else { own.evaluations };
                }
                let with_facets = |own: f64| {
                    let facets = simplex.facets().filter(|_| shared_faces);
                    facets.filter_map(|facet| values.get(&facet)).fold(own, |max, &loss| max.max(loss))
                };
                let value = with_facets(max_loss);
                let vertices: Vec<u32> = simplex.vertices().collect();
                match vertices[..] {
                    [a, b] => {
                        let start = self.chosen_start(variant, simplex)?;
                        curves.push(Curve { edge: [a, b], peak: value, lower: max_minimum(simplex), start });
                    }
                    [a, b, c] => {
                        let segment = evaluation::segment(self.config.lattice.intervals(2), &losses)
                            .map_err(|e| {
                                let path = self.store.root().join(self.lattice_file(variant, simplex));
                                CliError::new(ErrorKind::Data, format!("{}: {e}", path.display()))
                            })?;
                        // Private edges are searched with their triangle: their births are those of its lattice.
                        let own_birth =
                            if on_subset { max_boundary.unwrap_or(f64::NEG_INFINITY) } else { segment.birth };
                        let (birth, birth_lower) = (with_facets(own_birth), max_minimum(simplex));
                        segments.push(Segment {
                            triangle: [a, b, c],
                            birth,
                            birth_lower,
                            death: value,
                            birth_not_separated: value - birth <= birth - birth_lower,
                            length_change: None,
                            start: self.chosen_start(variant, simplex)?,
                        });
                    }
                    _ => {}
                }
                // A complex has all faces of its simplices: a face may be missing because its job failed.
                if simplex.facets().all(|facet| values.contains_key(&facet)) {
                    values.insert(simplex, value);
                }
            }
        }
        let minmax = minmax(minima, &values);
        // Triangles with private edges share no faces: only minima and curves form a complex, and of its bars only those
        // of index 0 mean something.
        values.retain(|simplex, _| shared_faces || simplex.dimension() < 2);
        let index = if shared_faces { self.config.index } else { 0 };
        let (bars, zero_length) = self.barcode(&values, index)?;
        let w_infinity_by_index: Vec<IndexDistance> = (0..=index)
            .filter(|&index| values.keys().any(|simplex| simplex.dimension() == index + 1))
            .map(|index| {
                let of_index = bars.iter().filter(|bar| bar.index == index);
                let intervals =
                    of_index.map(|bar| Interval::new(bar.birth, bar.death.unwrap_or(f64::INFINITY)));
                IndexDistance { index, value: w_infinity(intervals) }
            })
            .collect();
        let of_segments = segments.iter().map(|s| Interval::new(s.birth, s.death));
        Ok(Fit {
            name: variant.name(),
            sampling: variant.sampling.name().to_owned(),
            depth: variant.depth,
            curves_of: (variant.of_rank(1) != *variant).then(|| variant.of_rank(1).name()),
            centres: variant.centres(&self.config).name().to_owned(),
            w_infinity: w_infinity_by_index.iter().find(|of| of.index == 1).map(|of| of.value),
            w_infinity_by_index,
            minmax,
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

    /// Where the last depth of a simplex started, if several starts were compared.
    fn chosen_start(&self, variant: &FitVariant, simplex: Simplex) -> Result<Option<String>> {
        let path = format!("{}/{START}", variant.folder(simplex));
        let starts = PhaseStart::read(&self.store.root().join(path))?;
        let of_depth = |start: &PhaseStart| start.depth == variant.depth && start.chosen;
        Ok(starts.into_iter().find(of_depth).map(|start| start.start))
    }

    /// The bars of positive length of a filtration up to an index, and the number of pairs of length zero.
    fn barcode(&self, values: &BTreeMap<Simplex, f64>, index: usize) -> Result<(Vec<Bar>, usize)> {
        let complex = values.iter().map(|(simplex, &value)| (simplex.vertices(), value));
        let filtration =
            Filtration::new(complex).map_err(|e| CliError::new(ErrorKind::Jobs, e.to_string()))?;
        let mut partners = vec![0; filtration.len()];
        let pairing = reduce_sparse(&filtration, ReductionMatrix::Coboundary, index, &mut partners)
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

/// For each pair of minima the smallest largest loss over all chains of curves between them; none if no chain connects
/// them. The diagonal has the losses of the minima.
fn minmax(minima: &[Minimum], values: &BTreeMap<Simplex, f64>) -> Vec<Vec<Option<f64>>> {
    let value = |a: &Minimum, b: &Minimum| {
        let simplex = Simplex::new(1 << a.id | 1 << b.id);
        simplex.and_then(|simplex| values.get(&simplex).copied())
    };
    let row = |a| minima.iter().map(|b| value(a, b)).collect();
    let mut matrix: Vec<Vec<Option<f64>>> = minima.iter().map(row).collect();
    for middle in 0..minima.len() {
        for from in 0..minima.len() {
            for to in 0..minima.len() {
                let (Some(first), Some(second)) = (matrix[from][middle], matrix[middle][to]) else {
                    continue;
                };
                let chain = first.max(second);
                if matrix[from][to].is_none_or(|direct| chain < direct) {
                    matrix[from][to] = Some(chain);
                }
            }
        }
    }
    matrix
}

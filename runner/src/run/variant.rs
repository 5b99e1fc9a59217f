//! The fits of a run. They differ in the depth of the maps, in the sampling of t and in the number of epochs.

use super::points::minimum_folder;
use crate::config::{Config, CurvePaths, Faces, Sampling};
use std::ops::Range;
use valleys_core::evaluation::LatticePart;
use valleys_core::fit::{self, PeakSampling};
use valleys_core::simplex::Simplex;

/// One way of fitting all curves, triangles and higher simplices between the minima.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FitVariant {
    /// How the point t of a step is drawn.
    pub sampling: Sampling,
    /// Depth of the maps, 1 to 3 (method: section 2).
    pub depth: usize,
    /// The epochs, as a multiple of the configuration's.
    pub epoch_multiplier: u32,
    /// Which control points move, where that is not what `triangles.centres` says.
    pub centres: Option<Faces>,
}

impl FitVariant {
    /// The name of the fit, which is also its folder: `uniform-1`, `peak-2-x4`, `uniform-1-trainable`.
    pub fn name(&self) -> String {
        let mut name = format!("{}-{}", self.sampling.name(), self.depth);
        if self.epoch_multiplier > 1 {
            name += &format!("-x{}", self.epoch_multiplier);
        }
        self.centres.map_or(name.clone(), |centres| format!("{name}-{}", centres.name()))
    }

    /// The fit whose simplices of this rank it has: curves do not depend on the centres of triangles.
    pub fn of_rank(self, rank: usize) -> Self {
        if rank < 2 { Self { centres: None, ..self } } else { self }
    }

    /// Which control points of its triangles move.
    pub fn centres(&self, config: &Config) -> Faces {
        self.centres.unwrap_or(config.triangles.centres)
    }

    /// Which points of the lattice of a simplex of this rank are measured with it: where facets are shared and have the
    /// same lattice, those of the boundary have been measured with them.
    pub fn lattice_part(&self, config: &Config, rank: usize) -> LatticePart {
        let n = |rank| config.lattice.intervals(rank);
        let has_boundary = rank > 1 && self.centres(config) == Faces::Fixed && n(rank) == n(rank - 1);
        if has_boundary { LatticePart::Interior } else { LatticePart::All }
    }

    /// The folder of a simplex.
    pub fn folder(&self, simplex: Simplex) -> String {
        self.folder_in("", simplex)
    }

    /// The folder of a curve before the last phase, where that may start on chains of two of them.
    pub fn direct_folder(&self, edge: Simplex) -> String {
        self.folder_in("direct/", edge)
    }

    fn folder_in(&self, place: &str, simplex: Simplex) -> String {
        match simplex.dimension() {
            0 => minimum_folder(simplex),
            rank => format!("{}/{place}{simplex}", self.of_rank(rank).name()),
        }
    }

    /// Whether its fits measure the losses of cells, so that starts can be compared.
    pub fn measures_cells(&self) -> bool {
        self.sampling == Sampling::Peak
    }

    /// Whether its curves can start their last phase on a chain of two curves through a third minimum: a chain of two
    /// curves of depth d is exactly a curve of depth d + 1.
    pub fn chains_curves(&self, config: &Config) -> bool {
        config.curves.paths == CurvePaths::Any && self.measures_cells() && self.depth > 1
    }

    /// Whether the starts of a phase of a simplex include chains through third minima.
    pub fn has_chains(&self, config: &Config, simplex: Simplex, phase: usize) -> bool {
        self.chains_curves(config) && simplex.dimension() == 1 && phase + 1 == self.depth
    }

    /// The epochs of the phases. A fit of depth D has D phases: phase k fits the map of depth k + 1, from the result of
    /// phase k − 1. The `epochs` × `epoch_multiplier` epochs are divided evenly. Each phase has its own learning-rate
    /// schedule.
    pub fn phases(&self, epochs: u32) -> Vec<Range<u32>> {
        let total = u64::from(epochs) * u64::from(self.epoch_multiplier);
        let end = |phase: usize| (total * phase as u64 / self.depth as u64) as u32;
        (0..self.depth).map(|phase| end(phase)..end(phase + 1)).collect()
    }

    /// The sampling, with these constants for [`Sampling::Peak`].
    pub fn sampling(&self, tangent_removal: f64, peak: PeakSampling) -> fit::Sampling {
        match self.sampling {
            Sampling::Uniform => fit::Sampling::Uniform,
            Sampling::Peak => {
                fit::Sampling::Peak(PeakSampling { tangent_removal: tangent_removal as f32, ..peak })
            }
        }
    }
}

/// The distinct fits of a configuration: the main fit first, then the second fit, then those of the convergence study.
pub fn variants(config: &Config) -> Vec<FitVariant> {
    let main = FitVariant {
        sampling: config.fit.sampling,
        depth: config.fit.depth,
        epoch_multiplier: 1,
        centres: None,
    };
    let mut all = vec![main];
    let mut add = |variant: FitVariant| {
        if !all.contains(&variant) {
            all.push(variant);
        }
    };
    let second = &config.second_fit;
    if second.depth > 0 {
        let (depth, epoch_multiplier) = (second.depth, second.epoch_multiplier);
        add(FitVariant { sampling: Sampling::Peak, depth, epoch_multiplier, centres: None });
    }
    for &epoch_multiplier in &config.convergence.epoch_multipliers {
        for depth in 1..=config.convergence.depth {
            for &sampling in &config.convergence.samplings {
                for &centres in &config.convergence.centres {
                    let centres = (centres != config.triangles.centres).then_some(centres);
                    add(FitVariant { sampling, depth, epoch_multiplier, centres });
                }
            }
        }
    }
    all
}

//! The jobs of a run.
//!
//! Each job has a name, needs the files of other jobs, writes files of its own, and depends on nothing else. So it can
//! be done on any machine that shares the run directory, at any time, and repeated.

use super::points::minimum_folder;
use super::variant::{FitVariant, variants};
use crate::config::Config;
use crate::study;
use std::ops::Range;
use valleys_core::simplex::Simplex;

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Train a minimum, or read it from a file, and evaluate it.
    Minimum(Simplex),
    /// Fit a curve in all phases but the last, where that may start on chains of two such curves.
    DirectCurve(FitVariant, Simplex),
    /// Fit a curve, a triangle or a higher simplex, and evaluate it on its lattice.
    Simplex(FitVariant, Simplex),
    /// Train and measure a network of a study of weights.
    Network(study::StudyNetwork),
}

impl Job {
    /// The name on the command line, which is also the path of its files: `minima/0`, `uniform-1/0-1`, `networks/20-0`.
    pub fn name(self) -> String {
        match self {
            Self::Minimum(simplex) => minimum_folder(simplex),
            Self::DirectCurve(variant, simplex) => variant.direct_folder(simplex),
            Self::Simplex(variant, simplex) => variant.folder(simplex),
            Self::Network(network) => network.folder(),
        }
    }

    /// The jobs that it needs. It may also read the files of the jobs that those need.
    pub fn inputs(self, config: &Config) -> Vec<Self> {
        match self {
            // The curves of every chain through a third minimum, and its own.
            Self::Simplex(variant, edge) if edge.dimension() == 1 && variant.chains_curves(config) => {
                let edges = simplices(config, 1).into_iter();
                edges
                    .filter(|other| other.mask() & edge.mask() != 0)
                    .map(|other| Self::DirectCurve(variant, other))
                    .collect()
            }
            Self::Simplex(variant, simplex) | Self::DirectCurve(variant, simplex) => {
                simplex.facets().map(|face| Self::for_simplex(variant, face)).collect()
            }
            Self::Minimum(_) | Self::Network(_) => Vec::new(),
        }
    }

    /// The first of its phases, and one more than its last.
    pub fn phases(self, config: &Config) -> Range<usize> {
        match self {
            Self::DirectCurve(variant, _) => 0..variant.depth - 1,
            Self::Simplex(variant, simplex) if simplex.dimension() == 1 && variant.chains_curves(config) => {
                variant.depth - 1..variant.depth
            }
            Self::Simplex(variant, _) => 0..variant.depth,
            Self::Minimum(_) => 0..1,
            Self::Network(_) => 0..0,
        }
    }

    /// The job of a simplex in a fit. All fits share the minima, and fits that differ in `centres` share the curves.
    pub fn for_simplex(variant: FitVariant, simplex: Simplex) -> Self {
        match simplex.dimension() {
            0 => Self::Minimum(simplex),
            rank => Self::Simplex(variant.of_rank(rank), simplex),
        }
    }

    /// The kind of its result.
    pub fn kind(self) -> JobKind {
        match self {
            Self::Minimum(_) => JobKind::Minima,
            Self::DirectCurve(..) => JobKind::Curves,
            Self::Simplex(_, simplex) => match simplex.dimension() {
                1 => JobKind::Curves,
                2 => JobKind::Triangles,
                _ => JobKind::Simplices,
            },
            Self::Network(_) => JobKind::Networks,
        }
    }
}

/// What a job computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKind {
    /// A simplex of rank 0.
    Minima,
    /// A simplex of rank 1.
    Curves,
    /// A simplex of rank 2.
    Triangles,
    /// A simplex of a higher rank.
    Simplices,
    /// A network of a study of weights.
    Networks,
}

impl JobKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Minima, Self::Curves, Self::Triangles, Self::Simplices, Self::Networks];

    /// The name in tables and in the rules of workflows.
    pub const fn name(self) -> &'static str {
        ["minima", "curves", "triangles", "simplices", "networks"][self as usize]
    }
}

/// Jobs that need only jobs of earlier levels, so that they can run at the same time.
#[derive(Clone, Debug)]
pub struct Level {
    /// What the jobs make, and the fit if there is one: `curves uniform-1`.
    pub title: String,
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// All jobs of a configuration, level by level.
pub fn levels(config: &Config) -> Vec<Level> {
    if !config.study.is_none() {
        let jobs = study::networks(config).into_iter().map(Job::Network).collect();
        return vec![Level { title: JobKind::Networks.name().to_owned(), jobs }];
    }
    let minima = simplices(config, 0).into_iter().map(Job::Minimum).collect();
    let mut levels = vec![Level { title: JobKind::Minima.name().to_owned(), jobs: minima }];
    for variant in variants(config) {
        if variant.chains_curves(config) {
            let edges = simplices(config, 1).into_iter();
            let jobs: Vec<Job> = edges.map(|edge| Job::DirectCurve(variant, edge)).collect();
            if !jobs.is_empty() {
                levels.push(Level { title: format!("direct curves {}", variant.name()), jobs });
            }
        }
        for rank in 1..=config.index + 1 {
            let jobs: Vec<Job> =
                simplices(config, rank).into_iter().map(|s| Job::for_simplex(variant, s)).collect();
            let is_shared = levels.iter().any(|level| level.jobs == jobs);
            if let Some(first) = jobs.first().filter(|_| !is_shared) {
                let fit = variant.of_rank(rank).name();
                levels.push(Level { title: format!("{} {fit}", first.kind().name()), jobs });
            }
        }
    }
    levels
}

/// All simplices of a rank that a configuration asks for: the sets of rank + 1 minima of the same group.
pub fn simplices(config: &Config, rank: usize) -> Vec<Simplex> {
    let group = |v: u32| (v as usize).checked_div(config.minima.group).unwrap_or(0);
    let mut all = Vec::new();
    add_simplices(0, config.minima.count as u32, rank + 1, 0, &group, &mut all);
    all.sort();
    all
}

/// Adds the sets that extend `mask` by `size` vertices of `from..count`, all of the same group.
fn add_simplices(
    from: u32,
    count: u32,
    size: usize,
    mask: u64,
    group: &dyn Fn(u32) -> usize,
    all: &mut Vec<Simplex>,
) {
    if size == 0 {
        all.extend(Simplex::new(mask));
        return;
    }
    for vertex in from..count {
        if mask == 0 || group(mask.trailing_zeros()) == group(vertex) {
            add_simplices(vertex + 1, count, size - 1, mask | 1 << vertex, group, all);
        }
    }
}

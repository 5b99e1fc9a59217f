//! The jobs of a run: each is named, needs other jobs, makes files of its own, and depends on nothing else. So it can be
//! done anywhere, at any time, again.

use super::points::folder;
use super::variant::{FitVariant, variants};
use crate::config::Config;
use crate::study;
use valleys_core::simplex::Simplex;

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// To train a minimum, or to take it from a file, and to measure it.
    Minimum(Simplex),
    /// To fit a curve, a triangle, a higher simplex, and to measure it on its lattice.
    Simplex(FitVariant, Simplex),
    /// To train and measure a network of a study of weights.
    Network(study::StudyNetwork),
}

impl Job {
    /// What a user types and where its files are: `minima/0`, `uniform-1/0-1`, `networks/20-0`.
    pub fn name(self) -> String {
        match self {
            Self::Minimum(simplex) => folder("", simplex),
            Self::Simplex(variant, simplex) => folder(&variant.name(), simplex),
            Self::Network(job) => job.folder(),
        }
    }

    /// The jobs whose files it reads; those they depend on may be read, too.
    pub fn inputs(self) -> Vec<Self> {
        match self {
            Self::Simplex(variant, simplex) => simplex.facets().map(|face| Self::for_simplex(variant, face)).collect(),
            Self::Minimum(_) | Self::Network(_) => Vec::new(),
        }
    }

    /// The job of a simplex in a fit; all fits share the minima.
    pub fn for_simplex(variant: FitVariant, simplex: Simplex) -> Self {
        if simplex.dimension() == 0 { Self::Minimum(simplex) } else { Self::Simplex(variant, simplex) }
    }

    /// Jobs of a kind can be done side by side: none needs another.
    pub fn kind(self) -> JobKind {
        match self {
            Self::Minimum(_) => JobKind::Minima,
            Self::Simplex(_, simplex) => match simplex.dimension() {
                1 => JobKind::Curves,
                2 => JobKind::Triangles,
                _ => JobKind::Simplices,
            },
            Self::Network(_) => JobKind::Networks,
        }
    }
}

/// What a job makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKind {
    /// Rank 0.
    Minima,
    /// Rank 1.
    Curves,
    /// Rank 2.
    Triangles,
    /// Higher ranks.
    Simplices,
    /// Of a study of weights.
    Networks,
}

impl JobKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Minima, Self::Curves, Self::Triangles, Self::Simplices, Self::Networks];

    /// In tables and in the rules of engines.
    pub const fn name(self) -> &'static str {
        ["minima", "curves", "triangles", "simplices", "networks"][self as usize]
    }
}

/// Jobs that need only those of earlier layers.
#[derive(Clone, Debug)]
pub struct Level {
    /// What it is called: `curves uniform-1`.
    pub title: String,
    /// Its jobs.
    pub jobs: Vec<Job>,
}

/// All jobs of a configuration.
pub fn levels(config: &Config) -> Vec<Level> {
    if !config.study.is_none() {
        let jobs = study::networks(config).into_iter().map(Job::Network).collect();
        return vec![Level { title: "networks".to_owned(), jobs }];
    }
    let minima = simplices(config, 0).into_iter().map(Job::Minimum).collect();
    let mut levels = vec![Level { title: "minima".to_owned(), jobs: minima }];
    for variant in variants(config) {
        for rank in 1..=config.index + 1 {
            let jobs: Vec<Job> = simplices(config, rank).into_iter().map(|s| Job::for_simplex(variant, s)).collect();
            if let Some(first) = jobs.first() {
                levels.push(Level { title: format!("{} {}", first.kind().name(), variant.name()), jobs });
            }
        }
    }
    levels
}

/// All simplices with `rank` + 1 vertices that are to be fitted.
pub fn simplices(config: &Config, rank: usize) -> Vec<Simplex> {
    let group = |v: u32| (v as usize).checked_div(config.minima.group).unwrap_or(0);
    let mut all = Vec::new();
    add_simplices(0, config.minima.count as u32, rank + 1, 0, &group, &mut all);
    all.sort();
    all
}

/// Adds the sets with `size` more vertices, of `from` to `count`, of one group.
fn add_simplices(from: u32, count: u32, size: usize, mask: u64, group: &dyn Fn(u32) -> usize, all: &mut Vec<Simplex>) {
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

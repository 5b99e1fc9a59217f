//! The main job: data → minima → curves → triangles → filtration → barcode → report. Each arrow is a file.

mod job;
mod points;
mod progress;
mod summary;

use crate::config::Config;
use crate::failure::{Failure, Kind, Result};
use crate::objective::{NamedTensor, Objective};
use crate::store::Store;
use job::Stage;
use progress::Progress;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use valleys_core::simplex::Simplex;

pub use summary::{FitSummary, Minimum, Segment, Summary};

/// Where a run works and how it talks.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The run directory; `runs/NAME-HASH` where there is none.
    pub out: Option<PathBuf>,
    /// Threads; as many as the machine has cores where there is none. No result depends on it.
    pub threads: Option<usize>,
    /// No progress on stderr.
    pub quiet: bool,
}

/// A run directory with what its jobs need.
#[derive(Debug)]
pub struct Run {
    config: Config,
    objective: Objective,
    tensors: Vec<NamedTensor>,
    store: Store,
}

/// Does everything of a configuration that is not yet done; gives the summary and the run directory.
///
/// # Errors
/// See [`Kind`]; with [`Kind::Jobs`] all jobs that do not depend on the failed ones are done.
pub fn run(config: Config, name: &str, options: &Options) -> Result<(Summary, PathBuf)> {
    let objective = Objective::new(&config)?;
    let root =
        options.out.clone().unwrap_or_else(|| Path::new("runs").join(address(&config, &objective, name)));
    if !options.quiet {
        eprintln!("run directory {}", root.display());
    }
    let store = Store::open(&root, &config.to_toml())?;
    let run = Run { tensors: objective.tensors(), config, objective, store };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build();
    let pool = pool.map_err(|e| Failure::new(Kind::Resources, format!("cannot start threads: {e}")))?;
    let failures = pool.install(|| run.work(options.quiet));

    let summary = run.summary()?;
    let json = serde_json::to_string_pretty(&summary).expect("a summary is JSON");
    run.store.write("summary.json", (json + "\n").as_bytes())?;
    match failures.first() {
        None => Ok((summary, root)),
        Some(first) => {
            let message =
                format!("{} jobs failed, the rest is done in {}: {first}", failures.len(), root.display());
            Err(Failure::new(Kind::Jobs, message))
        }
    }
}

/// The name of a run directory: what it is about, and the hash of its configuration and data.
fn address(config: &Config, objective: &Objective, name: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(config.to_toml().as_bytes());
    if let Some(data) = objective.data() {
        hasher.update(data.hash().as_bytes());
    }
    format!("{name}-{}", &hasher.finalize().to_hex()[..12])
}

impl Run {
    /// All simplices of the minima with `rank` + 1 vertices.
    fn simplices(&self, rank: usize) -> Vec<Simplex> {
        let mut all: Vec<Simplex> = subsets(self.config.minima.count as u32, rank + 1);
        all.sort();
        all
    }

    /// The one fit of this run.
    fn stage(&self) -> Stage {
        Stage { name: "uniform-1".to_owned(), depth: 1 }
    }

    /// Fits and measures rank after rank.
    fn work(&self, quiet: bool) -> Vec<Failure> {
        let stage = self.stage();
        let mut failures = Vec::new();
        for rank in 0..=self.config.index + 1 {
            let simplices = self.simplices(rank);
            let word = match rank {
                0 => "minima",
                1 => "curves",
                2 => "triangles",
                _ => "simplices",
            };
            let ready = |s: &Simplex| s.facets().all(|face| self.is_fitted(&stage, face));
            let open =
                simplices.iter().filter(|s| !self.is_fitted(&stage, **s) && ready(s)).copied().collect();
            let title = |open: usize| format!("fit {open} {word}");
            failures.extend(self.each(
                open,
                title,
                quiet,
                |s| u64::from(self.epochs(s)),
                |s, told| self.fit(&stage, s, told),
            ));

            let open = simplices
                .iter()
                .filter(|s| self.is_fitted(&stage, **s) && !self.store.has(&self.lattice_file(&stage, **s)))
                .copied()
                .collect();
            let title = |open: usize| format!("measure {open} {word}");
            failures.extend(self.each(open, title, quiet, |_| 1, |s, told| self.measure(&stage, s, told)));
        }
        failures
    }

    /// Does one job for every simplex, side by side; one that fails does not stop the others.
    fn each(
        &self,
        open: Vec<Simplex>,
        title: impl Fn(usize) -> String,
        quiet: bool,
        units: impl Fn(Simplex) -> u64,
        job: impl Fn(Simplex, &dyn Fn(u64)) -> Result<()> + Sync,
    ) -> Vec<Failure> {
        if open.is_empty() {
            return Vec::new();
        }
        let progress = Progress::new(&title(open.len()), open.iter().map(|&s| units(s)).sum(), quiet);
        let failures = open.par_iter().filter_map(|&s| job(s, &|units| progress.add(units)).err()).collect();
        progress.finish(quiet);
        failures
    }
}

/// The sets of `size` of the first `count` minima.
fn subsets(count: u32, size: usize) -> Vec<Simplex> {
    fn grow(from: u32, count: u32, size: usize, mask: u32, all: &mut Vec<Simplex>) {
        if size == 0 {
            all.extend(Simplex::new(mask));
            return;
        }
        for vertex in from..count {
            grow(vertex + 1, count, size - 1, mask | 1 << vertex, all);
        }
    }
    let mut all = Vec::new();
    grow(0, count, size, 0, &mut all);
    all
}

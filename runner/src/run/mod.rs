//! The main job: data → minima → curves → triangles → filtration → barcode → report. Each arrow is a file.

mod job;
mod points;
mod progress;
mod stage;
mod summary;

use crate::checkpoint;
use crate::config::{Backend, Config};
use crate::data::Subset;
use crate::failure::{Failure, Kind, Result};
use crate::model::State;
use crate::objective::Objective;
use crate::store::Store;
use crate::study::{self, Job};
use progress::Progress;
use rayon::prelude::*;
use stage::{Stage, stages};
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
    /// Number or part of the name of a GPU, where one is asked for; VALLEYS_DEVICE or the best one where there is none.
    pub device: Option<String>,
}

/// A run directory with what its jobs need.
#[derive(Debug)]
pub struct Run {
    config: Config,
    objective: Objective,
    state: State,
    /// The minima that files give; none where they are trained here.
    given: Vec<Vec<f32>>,
    store: Store,
}

/// Does everything of a configuration that is not yet done; gives the summary and the run directory.
///
/// # Errors
/// See [`Kind`]; with [`Kind::Jobs`] all jobs that do not depend on the failed ones are done.
pub fn run(config: Config, name: &str, options: &Options) -> Result<(Summary, PathBuf)> {
    let mut objective = Objective::new(&config)?;
    if config.backend == Backend::Gpu && objective.data().is_some() {
        objective = objective.on_gpu(crate::gpu::opener(options.device.as_deref())?);
    }
    let state = objective.state();
    let given = given(&config, &state)?;
    if !config.study.is_none() {
        // Before any work: every size can be had, and the objective has samples.
        for &count in &config.study.sizes {
            let part = Subset::Stratified { count, seed: config.seed };
            let wrong = |what| Failure::new(Kind::Configuration, format!("study.sizes: {count}: {what}"));
            objective.on(part).map_err(wrong)?;
        }
    }
    let root = options
        .out
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(address(&config, &objective, &given, name)));
    if !options.quiet {
        let told = objective.data().zip(objective.source()).and_then(|(data, source)| data.told(source));
        told.into_iter().for_each(|told| eprintln!("{told}"));
        eprintln!("run directory {}", root.display());
    }
    let store = Store::open(&root, &config.to_toml())?;
    let run = Run { state, given, config, objective, store };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build();
    let pool = pool.map_err(|e| Failure::new(Kind::Resources, format!("cannot start threads: {e}")))?;
    let failures = pool.install(|| run.work(options.quiet));

    let summary = pool.install(|| run.summary())?;
    let json = serde_json::to_string_pretty(&summary).expect("a summary is JSON");
    run.store.write("summary.json", (json + "\n").as_bytes())?;
    write_report(&run.store)?;
    match failures.first() {
        None => Ok((summary, root)),
        Some(first) => {
            let message =
                format!("{} jobs failed, the rest is done in {}: {first}", failures.len(), root.display());
            Err(Failure::new(Kind::Jobs, message))
        }
    }
}

/// Makes the report of a finished run directory anew; gives its path.
///
/// # Errors
/// No run directory; a file in it missing or malformed; the report cannot be written.
pub fn report(root: &Path) -> Result<PathBuf> {
    let path = root.join("config.toml");
    let config = std::fs::read_to_string(&path)
        .map_err(|e| Failure::new(Kind::Data, format!("cannot read {}: {e}", path.display())))?;
    write_report(&Store::open(root, &config)?)?;
    Ok(root.join("report.html"))
}

fn write_report(store: &Store) -> Result<()> {
    let page = crate::report::render(store.root());
    let page = page.map_err(|e| Failure::new(Kind::Data, format!("{e:#}")))?;
    store.write("report.html", page.as_bytes())
}

/// The minima of the files of a configuration.
fn given(config: &Config, state: &State) -> Result<Vec<Vec<f32>>> {
    let read = |file: &String| Ok(checkpoint::read(Path::new(file), state, false)?.theta);
    config.minima.files.iter().map(read).collect()
}

/// The name of a run directory: what it is about, and the hash of this version, its configuration and data.
fn address(config: &Config, objective: &Objective, given: &[Vec<f32>], name: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    // Another version may compute other bits: it does not resume what this one began.
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(config.to_toml().as_bytes());
    if let Some(data) = objective.data() {
        hasher.update(data.hash().as_bytes());
    }
    given.iter().flatten().for_each(|x| _ = hasher.update(&x.to_le_bytes()));
    format!("{name}-{}", &hasher.finalize().to_hex()[..12])
}

impl Run {
    /// All simplices with `rank` + 1 vertices that are to be fitted.
    fn simplices(&self, rank: usize) -> Vec<Simplex> {
        let minima = &self.config.minima;
        let mut all: Vec<Simplex> = subsets(minima.count as u32, rank + 1);
        if minima.group > 0 {
            let group = |v: u32| v as usize / minima.group;
            all.retain(|s| s.vertices().all(|v| Some(group(v)) == s.vertices().next().map(group)));
        }
        all.sort();
        all
    }

    /// The main fit.
    fn main_stage(&self) -> Stage {
        stages(&self.config).remove(0)
    }

    /// Fits and measures the minima, then fit after fit all higher simplices.
    fn work(&self, quiet: bool) -> Vec<Failure> {
        if !self.config.study.is_none() {
            return self.study(quiet);
        }
        let mut failures = self.rank(&self.main_stage(), 0, "minima", quiet);
        for stage in stages(&self.config) {
            for rank in 1..=self.config.index + 1 {
                let word = match rank {
                    1 => "curves",
                    2 => "triangles",
                    _ => "simplices",
                };
                failures.extend(self.rank(&stage, rank, &format!("{word} {}", stage.name()), quiet));
            }
        }
        failures
    }

    /// Trains and measures the networks of a study.
    fn study(&self, quiet: bool) -> Vec<Failure> {
        let open: Vec<Job> =
            study::jobs(&self.config).into_iter().filter(|job| !self.store.has(&job.folder())).collect();
        let batches = |job: &Job| job.size.div_ceil(self.config.train.batch) as u64;
        let total = open.iter().map(|job| batches(job) * u64::from(self.config.minima.epochs)).sum();
        let title = |open: usize| format!("train {open} networks");
        let train = |job: Job, told: &dyn Fn(u64)| {
            study::train(&self.config, &self.objective, &self.store, job, told)
        };
        self.each(open, title, quiet, total, train)
    }

    /// Fits and measures the simplices of a rank.
    fn rank(&self, stage: &Stage, rank: usize, word: &str, quiet: bool) -> Vec<Failure> {
        let simplices = self.simplices(rank);
        let ready = |s: &Simplex| s.facets().all(|face| self.is_fitted(stage, face));
        let open: Vec<Simplex> =
            simplices.iter().filter(|s| !self.is_fitted(stage, **s) && ready(s)).copied().collect();
        let title = |open: usize| format!("fit {open} {word}");
        let effort = if rank == 0 { 1 } else { u64::from(stage.effort) };
        let units = |s| u64::from(self.epochs(s)) * effort;
        let units = open.iter().map(|&s| units(s)).sum();
        let mut failures = self.each(open, title, quiet, units, |s, told| self.fit(stage, s, told));

        let measured = |s: Simplex| self.store.has(&self.lattice_file(stage, s));
        let open: Vec<Simplex> =
            simplices.iter().filter(|s| self.is_fitted(stage, **s) && !measured(**s)).copied().collect();
        let title = |open: usize| format!("measure {open} {word}");
        let units = open.len() as u64;
        failures.extend(self.each(open, title, quiet, units, |s, told| self.measure(stage, s, told)));
        failures
    }

    /// Does one job for everything that is open, side by side; one that fails does not stop the others. All of them are
    /// `units` of work.
    fn each<T: Copy + Send + Sync>(
        &self,
        open: Vec<T>,
        title: impl Fn(usize) -> String,
        quiet: bool,
        units: u64,
        job: impl Fn(T, &dyn Fn(u64)) -> Result<()> + Sync,
    ) -> Vec<Failure> {
        if open.is_empty() {
            return Vec::new();
        }
        let progress = Progress::new(&title(open.len()), units, quiet);
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

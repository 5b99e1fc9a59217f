//! The main job: from a configuration to a run directory with summary and report.
//!
//! data → minima → curves → triangles → filtration → barcode → report. Each arrow is a file of the run directory, and
//! nothing flows back.
//!
//! # Tour
//!
//! - `job`: the jobs of a configuration, their names, their inputs, and the [levels](Level) in which they run.
//! - `variant`: the fits of a configuration ([`FitVariant`]).
//! - `execute`: runs the jobs of each level in parallel and skips those that are done.
//! - `fit`, `evaluate`: the two parts of a job. `initial_points` has the control points before a phase of the fit, `start`
//!   compares several, `fit_state` is its checkpoint, `points` the files of control points. `divergence` finds the layer where a loss stops being finite.
//! - `record`: decides from hashes which jobs are done. `job_checkpoint` and [`Stop`] resume and stop a job.
//! - `directory`: the name and the identity of a run directory.
//! - `results`, `summary`, `fit_summary`: the result of all jobs as `summary.json` and `report.html`.
//! - `status`, `level_progress`: how many jobs are done.
//! - `several`: a run of one network or of a list of them, which is what the commands call.

mod certify;
mod directory;
mod divergence;
mod evaluate;
mod execute;
mod fit;
mod fit_state;
mod fit_summary;
mod initial_points;
mod job;
mod job_checkpoint;
mod level_progress;
mod points;
mod record;
mod results;
mod several;
mod start;
mod status;
mod stop;
mod summary;
mod variant;

use crate::config::{Backend, Config};
use crate::error::{CliError, ErrorKind, Result};
use crate::model::State;
use crate::problem::{self, Problem};
use crate::schema::Summary;
use crate::schema::times::{self, TIMES};
use crate::stderr;
use crate::store::Store;
use crate::wording::nearest;
pub use directory::{config_path, is_run_directory};
use directory::{identity_files, load_config, load_minima, origin_json, run_directory};
use record::Records;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len};
use valleys_gpu::MAX_MODELS;

pub use certify::{CertifyOptions, certify};
pub(crate) use divergence::locate_divergence;
pub use job::{Job, JobKind, Level, levels};
pub use job_checkpoint::JobCheckpoint;
pub use record::Record;
pub use several::{Part, Prepared, exec, finished, parts, read_parts, report, root, run_all, status};
pub use status::{JobCounts, Status};
pub use stop::Stop;
pub use variant::FitVariant;

/// The name of the last job. It needs all others and writes summary and report.
pub const REPORT: &str = "report";

/// How many jobs at most a GPU runs in the same dispatches.
pub const MAX_MODELS_PER_DISPATCH: usize = MAX_MODELS;

/// How a run is executed. No result depends on it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The run directory; by default `runs/NETWORK-DATASET-HASH`.
    pub out: Option<PathBuf>,
    /// How many jobs run at the same time; by default one for each core, and [`MAX_MODELS_PER_DISPATCH`] on a hardware
    /// GPU.
    pub threads: Option<usize>,
    /// Whether to print no progress to stderr.
    pub quiet: bool,
    /// The GPU, by number or part of its name; by default that of the environment variable VALLEYS_DEVICE, or else the
    /// best one.
    pub device: Option<String>,
    /// When to stop before the end, and how often to write checkpoints.
    pub stop: Stop,
}

/// A run directory, with everything that its jobs need.
#[derive(Debug)]
pub struct Run {
    config: Config,
    problem: Box<dyn Problem>,
    /// The tensors of a checkpoint of the problem.
    state: State,
    /// The minima of `minima.files`; empty if minima are trained.
    loaded_minima: Vec<Vec<f32>>,
    store: Store,
    records: Records,
    /// How many jobs run at the same time.
    threads: usize,
}

/// Runs every job of a configuration that is not done. Returns the summary and the run directory.
///
/// Other processes may work in the same directory at the same time.
///
/// # Errors
/// See [`ErrorKind`]. After [`ErrorKind::Jobs`], all jobs that do not depend on a failed one are done.
pub fn run(config: Config, options: &Options) -> Result<(Summary, PathBuf)> {
    let problem = problem::from_config(&config)?;
    run_problem(problem, config, options)
}

/// [`run`] for a user-defined problem. [`Config::for_problem`] makes the configuration: its key `network` is the name of
/// the problem. Keys of data, `train.batch` and `train.augment` have no effect, nor has `backend` unless the problem [supports GPUs](Problem::supports_gpu).
///
/// # Errors
/// Those of [`run`].
pub fn run_problem(
    problem: Box<dyn Problem>,
    config: Config,
    options: &Options,
) -> Result<(Summary, PathBuf)> {
    let run = Run::open(problem, config, options.out.as_deref(), options)?;
    let summary = in_thread_pool(run.threads, || {
        let errors = run.execute(&levels(&run.config), &options.stop, options.quiet);
        run.write_results(errors)
    })?;
    Ok((summary, run.store.root().to_owned()))
}

/// Runs the named jobs of the run directory of one network. A job that is done is skipped; the call waits for a job that
/// another process runs. [`REPORT`] runs last.
///
/// # Errors
/// `root` is not a run directory; a job is unknown, or needs a job that is not done; those of [`run`].
fn exec_one(root: &Path, names: &[String], options: &Options) -> Result<()> {
    let options = &Options { quiet: true, ..options.clone() };
    let config = load_config(root)?;
    let problem = problem::from_config(&config).map_err(|e| {
        let hint = format!("a run of a loss of your own is resumed by its own program ({})", root.display());
        CliError::new(e.kind, format!("{}; {hint}", e.message))
    })?;
    let run = Run::open(problem, config, Some(root), options)?;
    let mut levels = levels(&run.config);
    let all: Vec<String> = levels.iter().flat_map(|level| &level.jobs).map(|job| job.name()).collect();
    if let Some(name) = names.iter().find(|&name| name != REPORT && !all.contains(name)) {
        let hint = nearest(name, all.iter().map(String::as_str));
        let message = format!("{} has no job {name:?}{hint}", root.display());
        return Err(CliError::new(ErrorKind::Usage, message));
    }
    let selected: HashSet<&str> = names.iter().map(String::as_str).collect();
    levels.iter_mut().for_each(|level| level.jobs.retain(|job| selected.contains(job.name().as_str())));
    in_thread_pool(run.threads, || {
        let mut errors = run.execute(&levels, &options.stop, options.quiet);
        if selected.contains(REPORT) {
            return run.write_results(errors).map(drop);
        }
        errors.extend(run.diverged_jobs(&levels));
        errors.extend(run.skipped_jobs(&levels));
        results::combine_errors(errors, root)
    })
}

/// Calls a function in a thread pool of this size.
fn in_thread_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        // The system has no more threads: continue on the current one.
        Err(_) => work(),
    }
}

impl Run {
    /// Opens the run directory and everything that jobs need.
    fn open(
        mut problem: Box<dyn Problem>,
        config: Config,
        out: Option<&Path>,
        options: &Options,
    ) -> Result<Self> {
        let state = problem.state();
        let loaded_minima = load_minima(&config, &state)?;
        let default = || run_directory(&config, &*problem, &loaded_minima);
        let root = out.map_or_else(default, Path::to_owned);
        let (on_backend, threads) = on_backend(problem, &config, options.threads, options.device.as_deref())?;
        problem = on_backend;
        // Refuse a study whose subsets cannot be made before any job runs.
        for &count in &config.study.sizes {
            let to_error =
                |what| CliError::new(ErrorKind::Configuration, format!("study.sizes: {count}: {what}"));
            problem.on_subset(count, config.seed).map_err(to_error)?;
        }
        if !options.quiet {
            print_data(&*problem);
            lattice_warnings(&config)
                .iter()
                .for_each(|text| stderr::print_line(format_args!("warning: {text}")));
            stderr::print_line(format_args!("run directory {}", root.display()));
        }
        let (config_toml, origin) = (config.to_toml(), origin_json(&*problem, &loaded_minima));
        let store = Store::open(&root, &identity_files(&config_toml, &origin))?;
        if !store.has(TIMES) {
            // Another process may write it at the same time, with the same text.
            store.write(TIMES, times::HEADER.as_bytes())?;
        }
        let records = Records::new(config.clone());
        Ok(Self { state, loaded_minima, config, problem, store, records, threads })
    }

    /// The main fit of the configuration.
    fn main_variant(&self) -> FitVariant {
        variant::variants(&self.config).remove(0)
    }

    /// The fit that a job belongs to. Minima belong to the main fit.
    fn variant_of(&self, job: Job) -> FitVariant {
        match job {
            Job::Simplex(variant, _) | Job::DirectCurve(variant, _) => variant,
            Job::Minimum(_) | Job::Network(_) => self.main_variant(),
        }
    }
}

/// A problem on the backend of a configuration, and how many jobs run at the same time.
fn on_backend(
    problem: Box<dyn Problem>,
    config: &Config,
    threads: Option<usize>,
    device: Option<&str>,
) -> Result<(Box<dyn Problem>, usize)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if config.backend != Backend::Gpu || !problem.supports_gpu() {
        if let Some(device) = device {
            let what =
                format!("--device {device} needs --backend gpu, and a network: this runs on the processor");
            return Err(CliError::new(ErrorKind::Usage, what));
        }
        return Ok((problem, threads.unwrap_or(cores)));
    }
    let provider = crate::gpu::provider(device, config.gpu.parsed_paths()?)?;
    let is_hardware = provider.device().is_ok_and(|device| device.is_hardware());
    // Threads mostly wait for a hardware GPU. More of them would not fit into the same dispatches.
    let threads = threads.unwrap_or(if is_hardware { MAX_MODELS_PER_DISPATCH } else { cores });
    Ok((problem.on_gpu(provider, threads).unwrap_or(problem), threads))
}

/// What the lattice of a configuration leaves out.
fn lattice_warnings(config: &Config) -> Vec<String> {
    // The search also starts from the control points that the lattice misses.
    if !config.study.is_none() || config.peaks.search {
        return Vec::new();
    }
    let intervals = |vertices: usize| config.lattice.intervals(vertices - 1);
    let mut depths: Vec<usize> = variant::variants(config).iter().map(|variant| variant.depth).collect();
    depths.sort_unstable();
    depths.dedup();
    let kinds =
        (2..=config.index + 2).flat_map(|vertices| depths.iter().map(move |&depth| (vertices, depth)));
    let warning = |(vertices, depth): (usize, usize)| {
        let (n, key) = (intervals(vertices), ["curves", "triangles", "simplices"][(vertices - 2).min(2)]);
        if n == 1 {
            return Some(format!(
                "lattice.{key}: 1 interval and peaks.search = false evaluate nothing between the minima of simplices \
                 with {vertices} vertices"
            ));
        }
        let mut ids = vec![ControlPointId::default(); control_points_len(vertices, depth)];
        let control_points = ControlPoints::new(vertices, depth, &mut ids).ok()?;
        let has_all = |n: &u32| control_points.ids().iter().all(|id| id.is_on_lattice(*n));
        let next = (n..).find(has_all).filter(|&next| next > n)?;
        Some(format!(
            "lattice.{key}: {n} intervals miss control points of simplices with {vertices} vertices at depth {depth}; \
             the next number that has all of them is {next}"
        ))
    };
    let mut warnings: Vec<String> = kinds.filter_map(warning).collect();
    warnings.dedup();
    warnings
}

/// Prints how many samples were read from files. Embedded data are not mentioned.
fn print_data(problem: &dyn Problem) {
    let provenance = problem.provenance();
    if let Some(source) = provenance.source.filter(|source| !source.files.is_empty()) {
        stderr::print_line(format_args!(
            "read {} training and {} test samples from {}",
            provenance.train_samples.unwrap_or(0),
            provenance.test_samples.unwrap_or(0),
            match source.files.len() {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            }
        ));
        source.print();
    }
}

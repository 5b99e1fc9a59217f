//! The main job: data → minima → curves → triangles → filtration → barcode → report. Each arrow is a file.
//!
//! The tour: `job` (names, inputs, layers), `record` (which jobs are done), `work` (all of them, side by side),
//! `fit` and `measure` (one of them), `saved` and [`Stop`] (its checkpoints, when it stops), `summary`, `status`.

mod divergence;
mod fit;
mod job;
mod measure;
mod points;
mod level_progress;
mod record;
mod job_checkpoint;
mod status;
mod stop;
mod summary;
mod variant;
mod execute;

use crate::checkpoint;
use crate::config::{Backend, Config, nearest};
use crate::error::{CliError, ErrorKind, Result};
use crate::model::State;
use crate::problem::{self, Problem};
use crate::stderr;
use crate::schema::Summary;
use crate::store::Store;
use record::{ORIGIN, Records};
use std::path::{Path, PathBuf};
use valleys_gpu::kernels::Lanes;
use variant::{FitVariant, variants};

pub(crate) use divergence::locate_divergence;
pub use job::{Job, JobKind, Level, levels};
pub use record::Record;
pub use job_checkpoint::JobCheckpoint;
pub use status::{JobCounts, Status, status};
pub use stop::Stop;

/// The name of the last job, which needs all others: summary and report.
pub const REPORT: &str = "report";

/// Jobs that a GPU does in the same dispatches at most.
pub const MAX_MODELS_PER_DISPATCH: usize = Lanes::MOST;

/// Where a run works and how it talks.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The run directory; `runs/NAME-HASH` where there is none.
    pub out: Option<PathBuf>,
    /// Threads; where there is none as many as the machine has cores, and [`MAX_MODELS_PER_DISPATCH`] on a GPU of hardware. No
    /// result depends on it.
    pub threads: Option<usize>,
    /// No progress on stderr.
    pub quiet: bool,
    /// Number or part of the name of a GPU, where one is asked for; VALLEYS_DEVICE or the best one where there is none.
    pub device: Option<String>,
    /// When to stop before the end.
    pub stop: Stop,
}

/// A run directory with what its jobs need.
#[derive(Debug)]
pub struct Run {
    config: Config,
    problem: Box<dyn Problem>,
    state: State,
    /// The minima that files give; none where they are trained here.
    loaded_minima: Vec<Vec<f32>>,
    store: Store,
    records: Records,
    /// Jobs side by side.
    threads: usize,
}

/// Does everything of a configuration that is not yet done; gives the summary and the run directory.
///
/// Other processes may work in the same directory.
///
/// # Errors
/// See [`ErrorKind`]; with [`ErrorKind::Jobs`] all jobs that do not depend on the failed ones are done.
pub fn run(config: Config, name: &str, options: &Options) -> Result<(Summary, PathBuf)> {
    let problem = problem::from_config(&config)?;
    run_problem(problem, config, name, options)
}

/// [`run`] for a problem of one's own. Of the configuration, `network` is its name, and what is said of data has no
/// effect; see [`Config::for_problem`].
///
/// # Errors
/// As [`run`].
pub fn run_problem(
    problem: Box<dyn Problem>,
    config: Config,
    name: &str,
    options: &Options,
) -> Result<(Summary, PathBuf)> {
    let run = Run::open(problem, config, options.out.as_deref(), name, options)?;
    let summary = in_thread_pool(run.threads, || {
        let failures = run.execute(&levels(&run.config), &options.stop, options.quiet);
        run.write_results(failures)
    })?;
    Ok((summary, run.store.root().to_owned()))
}

/// Does these jobs of a run directory: a job that is done stays, one that another process works on is waited for.
/// [`REPORT`] is the last one.
///
/// # Errors
/// No run directory; an unknown job; a job that needs one that is not done; as [`run`].
pub fn exec(root: &Path, names: &[String], options: &Options) -> Result<()> {
    let options = &Options { quiet: true, ..options.clone() };
    let config = load_config(root)?;
    let problem = problem::from_config(&config)?;
    let run = Run::open(problem, config, Some(root), "", options)?;
    let mut levels = levels(&run.config);
    let all: Vec<String> = levels.iter().flat_map(|level| &level.jobs).map(|job| job.name()).collect();
    if let Some(name) = names.iter().find(|&name| name != REPORT && !all.contains(name)) {
        let hint = nearest(name, all.iter().map(String::as_str));
        let message = format!("{} has no job {name:?}{hint}", root.display());
        return Err(CliError::new(ErrorKind::Usage, message));
    }
    let asked: std::collections::HashSet<&str> = names.iter().map(String::as_str).collect();
    levels.iter_mut().for_each(|level| level.jobs.retain(|job| asked.contains(job.name().as_str())));
    in_thread_pool(run.threads, || {
        let mut failures = run.execute(&levels, &options.stop, options.quiet);
        if asked.contains(REPORT) {
            return run.write_results(failures).map(drop);
        }
        failures.extend(run.diverged_jobs(&levels));
        failures.extend(run.skipped_jobs(&levels));
        combine_errors(failures, root)
    })
}

fn in_thread_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        // A machine that has no more threads still has this one.
        Err(_) => work(),
    }
}

/// What a run ends with, where some jobs failed.
fn combine_errors(failures: Vec<CliError>, root: &Path) -> Result<()> {
    let count = failures.len();
    let severe = failures.iter().find(|f| !matches!(f.kind, ErrorKind::Jobs | ErrorKind::Stopped));
    let Some(first) = severe.or_else(|| failures.iter().find(|f| f.kind == ErrorKind::Stopped)) else {
        return match failures.first() {
            None => Ok(()),
            Some(first) => {
                let message = format!("{count} jobs failed, the rest is done in {}: {first}", root.display());
                Err(CliError::new(ErrorKind::Jobs, message))
            }
        };
    };
    Err(first.clone())
}

/// The configuration of a run directory.
fn load_config(root: &Path) -> Result<Config> {
    let path = root.join("config.toml");
    if !path.exists() {
        let message = format!("{} is no run directory: it has no config.toml", root.display());
        return Err(CliError::new(ErrorKind::Data, message));
    }
    Config::load(Some(&path), None, &[])
}

/// Makes the report of a finished run directory anew; gives its path.
///
/// # Errors
/// No run directory; a file in it missing or malformed; the report cannot be written.
pub fn report(root: &Path) -> Result<PathBuf> {
    let path = root.join("config.toml");
    let config = std::fs::read_to_string(&path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))?;
    write_report(&Store::open(root, &[("config.toml", &config, "")])?)?;
    Ok(root.join("report.html"))
}

fn write_report(store: &Store) -> Result<()> {
    let page = crate::report::render(store.root())?;
    store.write("report.html", page.as_bytes())
}

/// The minima of the files of a configuration.
fn load_minima(config: &Config, state: &State) -> Result<Vec<Vec<f32>>> {
    let read = |file: &String| Ok(checkpoint::read(Path::new(file), state, false)?.theta);
    config.minima.files.iter().map(read).collect()
}

/// The name of a run directory: what it is about, and the hash of this version, its configuration and data.
fn default_name(config: &Config, problem: &dyn Problem, loaded_minima: &[Vec<f32>], name: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    // Another version may compute other bits: it does not resume what this one began.
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(config.to_toml().as_bytes());
    hasher.update(problem.fingerprint().as_bytes());
    loaded_minima.iter().flatten().for_each(|x| _ = hasher.update(&x.to_le_bytes()));
    format!("{name}-{}", &hasher.finalize().to_hex()[..12])
}

/// What a run is made from beside its configuration, as the text of `origin.json`.
fn origin_json(problem: &dyn Problem, loaded_minima: &[Vec<f32>]) -> String {
    let mut hasher = blake3::Hasher::new();
    loaded_minima.iter().flatten().for_each(|x| _ = hasher.update(&x.to_le_bytes()));
    let loaded_minima = (!loaded_minima.is_empty()).then(|| hasher.finalize().to_hex().to_string());
    // Another version may compute other bits: it does not resume what this one began.
    let origin = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "problem": problem.fingerprint(), "given": loaded_minima
    });
    serde_json::to_string_pretty(&origin).expect("strings are JSON") + "\n"
}

/// The problem of a configuration, and its run directory.
///
/// # Errors
/// As [`run`], before any work.
pub fn prepare(config: &Config, out: Option<&Path>, name: &str) -> Result<(Box<dyn Problem>, PathBuf)> {
    let problem = problem::from_config(config)?;
    let loaded_minima = load_minima(config, &problem.state())?;
    let directory = run_directory(config, &*problem, &loaded_minima, out, name);
    Ok((problem, directory))
}

/// The run directory that was asked for, or the one of the configuration.
fn run_directory(
    config: &Config,
    problem: &dyn Problem,
    loaded_minima: &[Vec<f32>],
    out: Option<&Path>,
    name: &str,
) -> PathBuf {
    out.map_or_else(|| Path::new("runs").join(default_name(config, problem, loaded_minima, name)), Path::to_owned)
}

impl Run {
    /// Everything that jobs need, and the run directory.
    fn open(
        mut problem: Box<dyn Problem>,
        config: Config,
        out: Option<&Path>,
        name: &str,
        options: &Options,
    ) -> Result<Self> {
        let state = problem.state();
        let loaded_minima = load_minima(&config, &state)?;
        let root = run_directory(&config, &*problem, &loaded_minima, out, name);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut threads = options.threads.unwrap_or(cores);
        if config.backend == Backend::Gpu && problem.supports_gpu() {
            let opener = crate::gpu::opener(options.device.as_deref(), config.gpu.parsed_paths()?)?;
            let hardware = opener.device().is_ok_and(|device| device.is_hardware());
            if hardware && options.threads.is_none() {
                // A thread that waits for a GPU costs nothing; more of them would share it in two groups.
                threads = MAX_MODELS_PER_DISPATCH;
            }
            problem = problem.on_gpu(opener, threads).unwrap_or(problem);
        }
        // Before any work: every size of a study can be had.
        for &count in &config.study.sizes {
            let wrong =
                |what| CliError::new(ErrorKind::Configuration, format!("study.sizes: {count}: {what}"));
            problem.on_subset(count, config.seed).map_err(wrong)?;
        }
        if !options.quiet {
            let provenance = problem.provenance();
            if let Some(source) = provenance.source.filter(|source| !source.files.is_empty()) {
                let count = |samples: Option<usize>| samples.unwrap_or(0);
                stderr::print_line(format_args!(
                    "{} training and {} test samples from {} files",
                    count(provenance.train_samples),
                    count(provenance.test_samples),
                    source.files.len()
                ));
            }
            stderr::print_line(format_args!("run directory {}", root.display()));
        }
        let files = [
            ("config.toml", &*config.to_toml(), "a run of another configuration"),
            (ORIGIN, &*origin_json(&*problem, &loaded_minima), "a run of other data or of another version"),
        ];
        let store = Store::open(&root, &files)?;
        Ok(Self { state, loaded_minima, config, problem, store, records: Records::default(), threads })
    }

    /// The main fit.
    fn main_variant(&self) -> FitVariant {
        variants(&self.config).remove(0)
    }

    /// The fit of a job.
    fn variant_of(&self, job: Job) -> FitVariant {
        if let Job::Simplex(variant, _) = job { variant } else { self.main_variant() }
    }

    /// What diverged jobs say.
    fn diverged_jobs(&self, levels: &[Level]) -> Vec<CliError> {
        let jobs = levels.iter().flat_map(|level| &level.jobs);
        let diverged = jobs.filter_map(|&job| self.records.verified(self.store.root(), job)?.diverged);
        diverged.map(|diverged| CliError::new(ErrorKind::Jobs, diverged.to_string())).collect()
    }

    /// What jobs say that are never done.
    fn skipped_jobs(&self, levels: &[Level]) -> Vec<CliError> {
        let root = self.store.root();
        let jobs = levels.iter().flat_map(|level| &level.jobs);
        let skipped = jobs.filter(|&&job| self.records.verified(root, job).is_none());
        let skipped = skipped.filter_map(|&job| Some((job, self.records.diverged_dependency(root, job)?)));
        let told = |(job, by): (Job, Job)| format!("{} is skipped: {} diverged", job.name(), by.name());
        skipped.map(|pair| CliError::new(ErrorKind::Jobs, told(pair))).collect()
    }

    /// Summary and report, of all jobs that are done.
    fn write_results(&self, mut failures: Vec<CliError>) -> Result<Summary> {
        let root = self.store.root();
        let (mild, severe) = failures.into_iter().partition(|f| f.kind == ErrorKind::Jobs);
        failures = mild;
        combine_errors(severe, root)?;
        let levels = levels(&self.config);
        let left =
            |&&job: &&Job| self.records.verified(root, job).is_none() && self.records.diverged_dependency(root, job).is_none();
        let left = levels.iter().flat_map(|level| &level.jobs).filter(left).count();
        if left > failures.len() {
            let message = format!("{REPORT} needs all jobs, but {left} of {} are not done", root.display());
            return Err(CliError::new(ErrorKind::Data, message));
        }
        let summary = self.summary()?;
        self.store.write("summary.json", summary.to_json().as_bytes())?;
        write_report(&self.store)?;
        failures.extend(self.diverged_jobs(&levels));
        combine_errors(failures, root)?;
        Ok(summary)
    }
}

//! A run of one network, or of several in one run directory.
//!
//! Where `network` is a list, the run directory has a folder for each network, which is a run directory of its own, and
//! a report that compares them. Names of jobs have the folder in front: `resnet20/minima/0`, `resnet20/report`.

use super::directory::{
    CONFIG, config_path, identity_files, load_minima, run_directory, run_directory_of_several,
};
use super::results::{combine_errors, report_one};
use super::status::{JobCounts, Status, status_one};
use super::{Options, REPORT, exec_one, on_backend, print_data, run};
use crate::compare::Comparison;
use crate::config::Config;
use crate::error::{CliError, ErrorKind, Result};
use crate::problem::{self, Problem};
use crate::report;
use crate::schema::Summary;
use crate::store::{Store, file_name};
use crate::wording::nearest;
use std::path::{Path, PathBuf};

/// A network of a run.
#[derive(Clone, Debug)]
pub struct Part {
    /// The folder of the network; none in a run of one network.
    pub network: Option<String>,
    /// Its configuration.
    pub config: Config,
    /// Its run directory; none for the default one of a run of one network, which depends on the data.
    pub directory: Option<PathBuf>,
}

/// What a network of a run needs before any work.
#[derive(Debug)]
pub struct Prepared {
    /// The problem, on the backend of the configuration.
    pub problem: Box<dyn Problem>,
    /// How many jobs run at the same time.
    pub threads: usize,
    /// The run directory of the network.
    pub directory: PathBuf,
}

impl Part {
    /// Loads what it needs, and prints what was found of the data. `threads` jobs run at the same time, by default as many as
    /// the machine is made for.
    ///
    /// # Errors
    /// The configuration, its data or its checkpoints are missing or malformed; there is no GPU.
    pub fn prepare(&self, threads: Option<usize>) -> Result<Prepared> {
        let problem = problem::from_config(&self.config)?;
        let minima = load_minima(&self.config, &problem.state())?;
        let default = || run_directory(&self.config, &*problem, &minima);
        let directory = self.directory.clone().unwrap_or_else(default);
        let threads = threads.map(|threads| threads.max(1));
        print_data(&*problem);
        let (problem, threads) = on_backend(problem, &self.config, threads, None)?;
        Ok(Prepared { problem, threads, directory })
    }

    /// Its run directory, if it is a part of one.
    fn folder(&self) -> &Path {
        self.directory.as_deref().unwrap_or(Path::new(""))
    }

    fn has_summary(&self) -> bool {
        self.folder().join("summary.json").exists()
    }
}

/// The networks of a run with these configurations, in `out` or in the default run directory.
pub fn parts(configs: &[Config], out: Option<&Path>) -> Vec<Part> {
    if let [config] = configs {
        let directory = out.map(Path::to_owned);
        return vec![Part { network: None, config: config.clone(), directory }];
    }
    let root = out.map_or_else(|| run_directory_of_several(configs), Path::to_owned);
    let part = |config: &Config| {
        let network = file_name(config.network.name());
        Part { directory: Some(root.join(&network)), network: Some(network), config: config.clone() }
    };
    configs.iter().map(part).collect()
}

/// The run directory of a run of several networks.
pub fn root(parts: &[Part]) -> &Path {
    parts.first().and_then(|part| part.folder().parent()).unwrap_or(Path::new(""))
}

/// The networks of a run directory.
///
/// # Errors
/// `root` is not a run directory.
pub fn read_parts(root: &Path) -> Result<Vec<Part>> {
    Ok(parts(&Config::load_all(Some(&config_path(root)?), None, &[])?, Some(root)))
}

/// Opens the run directory of several networks.
fn open(parts: &[Part]) -> Result<Store> {
    let configs: Vec<Config> = parts.iter().map(|part| part.config.clone()).collect();
    // The data are those of the networks, whose run directories know them.
    let origin = format!("{{\n  \"version\": \"{}\"\n}}\n", env!("CARGO_PKG_VERSION"));
    Store::open(root(parts), &identity_files(&Config::all_to_toml(&configs), &origin))
}

/// Runs every job of these configurations that is not done, network after network, and compares the networks if there
/// are several. Returns the summaries and the run directory.
///
/// Other processes may work in the same directory at the same time.
///
/// # Errors
/// Those of [`run`]. After [`ErrorKind::Jobs`], all jobs that do not depend on a failed one are done.
pub fn run_all(configs: Vec<Config>, options: &Options) -> Result<(Vec<Summary>, PathBuf)> {
    if let [config] = &configs[..] {
        return run(config.clone(), options).map(|(summary, root)| (vec![summary], root));
    }
    let parts = parts(&configs, options.out.as_deref());
    let root = root(&parts).to_owned();
    let store = open(&parts)?;
    let (mut summaries, mut errors) = (Vec::new(), Vec::new());
    for part in &parts {
        let options = Options { out: part.directory.clone(), ..options.clone() };
        match run(part.config.clone(), &options) {
            Ok((summary, _)) => summaries.push(summary),
            Err(error) if error.kind == ErrorKind::Jobs => errors.push(error),
            Err(error) => return Err(error),
        }
    }
    if !finished(&parts).is_empty() {
        write_comparison(&store, &parts)?;
    }
    combine_errors(errors, &root)?;
    Ok((summaries, root))
}

/// The run directories with a summary; all if there is one network.
pub fn finished(parts: &[Part]) -> Vec<PathBuf> {
    let is_listed = |part: &&Part| part.network.is_none() || part.has_summary();
    parts.iter().filter(is_listed).map(|part| part.folder().to_owned()).collect()
}

/// Compares the networks that have results.
fn write_comparison(store: &Store, parts: &[Part]) -> Result<()> {
    let comparison = Comparison::read(&finished(parts))?;
    let page = report::comparison::page(&comparison)?;
    // The files of a run do not depend on where it is.
    let comparison = comparison.relative_to(store.root());
    store.write("comparison.json", comparison.to_json().as_bytes())?;
    store.write("comparison.csv", comparison.to_csv().as_bytes())?;
    store.write("report.html", page.as_bytes())
}

/// Runs the named jobs of a run directory. A job that is done is skipped; the call waits for a job that another process
/// runs. [`REPORT`] runs last.
///
/// # Errors
/// `root` is not a run directory; a job is unknown, or needs a job that is not done; those of [`run`].
pub fn exec(root: &Path, names: &[String], options: &Options) -> Result<()> {
    let parts = read_parts(root)?;
    if let [Part { network: None, .. }] = &parts[..] {
        return exec_one(root, names, options);
    }
    let folders = || parts.iter().filter_map(|part| part.network.as_deref());
    let is_of = |name: &String, folder: &str| {
        name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
    };
    let is_known = |name: &String| name == REPORT || folders().any(|folder| is_of(name, folder).is_some());
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        let hint = nearest(name.split('/').next().unwrap_or(name), folders());
        let message = format!("{} has no job {name:?}{hint}", root.display());
        return Err(CliError::new(ErrorKind::Usage, message));
    }
    let store = open(&parts)?;
    let mut errors = Vec::new();
    for part in &parts {
        let folder = part.network.as_deref().unwrap_or_default();
        let own: Vec<String> = names.iter().filter_map(|name| is_of(name, folder)).collect();
        if own.is_empty() {
            continue;
        }
        let config = format!("{folder}/{CONFIG}");
        if !store.has(&config) {
            store.write(&config, part.config.to_toml().as_bytes())?;
        }
        match exec_one(part.folder(), &own, options) {
            Err(error) if error.kind == ErrorKind::Jobs => errors.push(error),
            other => other?,
        }
    }
    if names.iter().any(|name| name == REPORT) {
        if let Some(part) = parts.iter().find(|part| !part.has_summary()) {
            let folder = part.network.as_deref().unwrap_or_default();
            let message = format!("{REPORT} needs {folder}/{REPORT}, which is not done");
            return Err(CliError::new(ErrorKind::Data, message));
        }
        write_comparison(&store, &parts)?;
    }
    combine_errors(errors, root)
}

/// Builds `report.html` from the files of a finished run directory. Returns its path.
///
/// # Errors
/// `root` is not a run directory; one of its files is missing or malformed; the report cannot be written.
pub fn report(root: &Path) -> Result<PathBuf> {
    let parts = read_parts(root)?;
    if let [Part { network: None, .. }] = &parts[..] {
        return report_one(root);
    }
    for part in parts.iter().filter(|part| part.has_summary()) {
        report_one(part.folder())?;
    }
    write_comparison(&Store::open(root, &[])?, &parts)?;
    Ok(root.join("report.html"))
}

/// The progress of a run directory. Nothing in it changes, and the data set is not needed.
///
/// # Errors
/// `root` is not a run directory.
///
/// # Cost
/// Reads all files of the finished jobs, to compare them with their hashes.
pub fn status(root: &Path) -> Result<Status> {
    let parts = read_parts(root)?;
    let mut all: Option<Status> = None;
    for part in &parts {
        let mut status = status_one(part.folder(), &part.config)?;
        let name =
            |job: &str| part.network.as_ref().map_or(job.to_owned(), |network| format!("{network}/{job}"));
        status.at_work.iter_mut().for_each(|job| *job = name(job));
        status.failures.iter_mut().for_each(|failed| failed.job = name(&failed.job));
        all = Some(match all {
            Some(all) => all.join(status),
            None => status,
        });
    }
    let mut all = all.expect("a configuration has a network");
    all.report &= root.join("report.html").exists();
    Ok(all)
}

impl Status {
    /// Both together.
    fn join(mut self, other: Self) -> Self {
        self.all = self.all.join(other.all);
        for (kind, counts) in other.kinds {
            let own = self.kinds.entry(kind).or_default();
            *own = own.join(counts);
        }
        self.at_work.extend(other.at_work);
        self.failures.extend(other.failures);
        self.report &= other.report;
        self.training_seconds += other.training_seconds;
        self.measuring_seconds += other.measuring_seconds;
        self
    }
}

impl JobCounts {
    fn join(self, other: Self) -> Self {
        Self {
            jobs: self.jobs + other.jobs,
            done: self.done + other.done,
            running: self.running + other.running,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            left: self.left + other.left,
        }
    }
}

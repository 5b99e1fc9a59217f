//! Time, memory and disk of a run. Steps, points and bytes are counted; times are measured on this machine.

use super::calibration::{UnitSeconds, calibrate};
use super::cost::{CostModel, JobCost, MemoryModel};
use crate::config::Config;
use crate::error::{CliError, ErrorKind, Result};
use crate::problem::{Problem, Provenance};
use crate::run::{Job, JobKind, Level};
use serde::Serialize;
use std::path::Path;

/// What reduces the memory and the disk of a run.
const MEMORY_HINT: &str = "fewer --threads, a smaller network or fewer samples need less";
const DISK_HINT: &str = "fewer minima, a smaller lattice.n or another --out need less";

/// Bytes of summary and report.
const REPORT_BYTES: f64 = 5e6;

/// All jobs of a kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindEstimate {
    /// Name of the kind.
    pub kind: &'static str,
    /// Number of jobs.
    pub jobs: usize,
    /// Steps of the optimiser.
    pub steps: u64,
    /// Points where losses are measured.
    pub points: u64,
    /// Seconds of training, summed over jobs.
    pub training_seconds: f64,
    /// Seconds of measuring, summed over jobs.
    pub measuring_seconds: f64,
}

/// Sizes of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataSizes {
    /// Training samples.
    pub train_samples: usize,
    /// Test samples.
    pub test_samples: usize,
    /// Numbers of a sample.
    pub features: usize,
    /// Classes; none of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Targets of a regression; none of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<usize>,
}

impl DataSizes {
    fn of(problem: &dyn Problem) -> Option<Self> {
        let Provenance { train_samples, test_samples, source, .. } = problem.provenance();
        let source = source?;
        let named = |names: &[String]| Some(names.len()).filter(|&count| count > 0);
        let classes = named(&source.class_names);
        Some(Self {
            train_samples: train_samples?,
            test_samples: test_samples?,
            features: source.shape.iter().product(),
            classes,
            targets: if classes.is_none() { named(&source.target_names) } else { None },
        })
    }
}

impl std::fmt::Display for DataSizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { train_samples, test_samples, features, classes, targets } = self;
        write!(f, "{train_samples} training and {test_samples} test samples of {features} features")?;
        classes.map_or(Ok(()), |count| write!(f, ", {count} classes"))?;
        targets
            .map_or(Ok(()), |count| write!(f, ", {count} {}", if count == 1 { "target" } else { "targets" }))
    }
}

/// The estimate of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The run directory.
    pub directory: String,
    /// The samples of a network; none of a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataSizes>,
    /// Number of jobs.
    pub jobs: usize,
    /// The jobs by kind.
    pub kinds: Vec<KindEstimate>,
    /// How many jobs run at the same time.
    pub threads: usize,
    /// Seconds with this number of threads.
    pub seconds: f64,
    /// Bytes of memory with this number of threads.
    pub memory_bytes: u64,
    /// Bytes of available memory.
    pub memory_available: u64,
    /// Bytes of the run directory.
    pub disk_bytes: u64,
    /// Free bytes where the run directory will be; none if unknown.
    pub disk_free: Option<u64>,
    /// Bytes of memory traffic of a step on a GPU without caches; none if no GPU can run it.
    pub gpu_step_bytes: Option<u64>,
    /// What was measured for the times.
    pub basis: String,
    #[serde(skip)]
    unit_seconds: UnitSeconds,
    #[serde(skip)]
    memory: MemoryModel,
    #[serde(skip)]
    cost_model: CostModel,
}

impl Estimate {
    /// Seconds of these jobs on one thread.
    pub fn seconds_of(&self, jobs: &[Job]) -> f64 {
        jobs.iter().map(|&job| self.unit_seconds.total(self.cost_model.job_cost(job))).sum()
    }

    /// Megabytes of memory of a process with this number of threads.
    pub fn megabytes(&self, threads: usize) -> u64 {
        (self.memory.total(threads) / 1e6).ceil() as u64
    }

    /// Refuses a run that does not fit.
    ///
    /// # Errors
    /// The run needs more memory or disk than is available, with both numbers.
    pub fn check(&self) -> Result<()> {
        check_capacity("memory", self.memory_bytes, self.memory_available, MEMORY_HINT)?;
        self.disk_free.map_or(Ok(()), |free| check_capacity("disk", self.disk_bytes, free, DISK_HINT))
    }
}

fn check_capacity(what: &str, needed: u64, available: u64, hint: &str) -> Result<()> {
    if needed <= available {
        return Ok(());
    }
    let [needed, available] = [needed, available].map(|bytes| bytes as f64 / 1e9);
    let message = format!("{what}: {needed:.3} GB needed, {available:.3} GB available; {hint}");
    Err(CliError::new(ErrorKind::Resources, message))
}

impl UnitSeconds {
    fn total(&self, cost: JobCost) -> f64 {
        cost.steps * self.step + cost.passes * self.sample + cost.files * self.file
    }
}

/// Estimates a run with these levels in `directory`, with `threads` jobs at the same time and `memory_available` bytes.
///
/// # Errors
/// The run needs more memory than is available; the engine fails.
///
/// # Cost
/// Some tenths of a second, or a few steps and some batches, and some files.
pub fn estimate(
    config: &Config,
    problem: &dyn Problem,
    levels: &[Level],
    directory: &Path,
    threads: usize,
    memory_available: usize,
) -> Result<Estimate> {
    let memory = MemoryModel::new(config, problem, levels.iter().flat_map(|level| &level.jobs));
    let memory_bytes = memory.total(threads) as u64;
    // Checked before the calibration allocates an engine.
    check_capacity("memory", memory_bytes, memory_available as u64, MEMORY_HINT)?;
    let parent = directory.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let (unit_seconds, basis) = calibrate(config, problem, parent, threads).map_err(|e| {
        CliError::new(ErrorKind::Configuration, format!("the measurement of a step failed: {e}"))
    })?;
    let cost_model = CostModel::new(config, problem);
    let mut kinds: Vec<KindEstimate> = Vec::new();
    let (mut disk, mut seconds) = (0.0, 0.0);
    for level in levels {
        let kind = level.jobs.first().map_or(JobKind::Minima, |job| job.kind()).name();
        let position = kinds.iter().position(|k| k.kind == kind).unwrap_or_else(|| {
            kinds.push(KindEstimate {
                kind,
                jobs: 0,
                steps: 0,
                points: 0,
                training_seconds: 0.0,
                measuring_seconds: 0.0,
            });
            kinds.len() - 1
        });
        let (mut longest, mut sum) = (0.0_f64, 0.0);
        for &job in &level.jobs {
            let cost = cost_model.job_cost(job);
            let job_seconds = unit_seconds.total(cost);
            let of_kind = &mut kinds[position];
            of_kind.jobs += 1;
            of_kind.steps += cost.steps as u64;
            of_kind.points += cost.points as u64;
            let measuring = cost.passes * unit_seconds.sample;
            of_kind.training_seconds += job_seconds - measuring;
            of_kind.measuring_seconds += measuring;
            longest = longest.max(job_seconds);
            sum += job_seconds;
            disk += cost.disk;
        }
        // The last job of a level has the machine to itself.
        seconds += (longest * unit_seconds.alone).max(sum / threads as f64);
    }
    Ok(Estimate {
        directory: directory.display().to_string(),
        data: DataSizes::of(problem),
        jobs: kinds.iter().map(|of_kind| of_kind.jobs).sum(),
        kinds,
        threads,
        seconds,
        memory_bytes,
        memory_available: memory_available as u64,
        disk_bytes: (disk + REPORT_BYTES) as u64,
        disk_free: disk_free(parent),
        gpu_step_bytes: problem.cost().gpu_step_bytes,
        basis,
        unit_seconds,
        memory,
        cost_model,
    })
}

/// Free bytes of the file system of a folder; none if unknown.
fn disk_free(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let system = rustix::fs::statvfs(folder).ok()?;
        Some(system.f_bavail.saturating_mul(system.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

//! What a run will take: steps and points are counted, what one of them takes is measured on this machine, memory and
//! disk are sums of what is allocated and written.

use crate::config::{Config, Sampling};
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::problem::Problem;
use crate::run::{Job, JobKind, Level};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use valleys_core::engine::{Mix, Step, StepParams, Value};
use valleys_core::evaluation::search_max_loss_len;
use valleys_core::rng::Key;
use valleys_core::simplex::{Lattice, control_points_len};

/// The calibration takes steps for so long, at least one.
const CALIBRATION_SECONDS: f64 = 0.1;

/// Operations up to which a point is measured as it is; above, it is told from a step.
const MAX_MEASURED_FLOPS: f64 = 1e9;

/// Rounds of a search for a peak: what searches on networks and functions have taken.
const SEARCH_ROUNDS: f64 = 8.0;

/// Files that a job writes and flushes.
const FILES_PER_JOB: f64 = 7.0;

/// Of the program itself, and of each thread.
const PROCESS_BYTES: f64 = 24e6;
const THREAD_BYTES: f64 = 2e6;

/// Copies of all control points that a job has: in the landscape with momenta, at the start, at the last depth, in a
/// checkpoint, in its bytes.
const THETA_COPIES: f64 = 10.0;

/// A block of a file system.
const BLOCK_BYTES: f64 = 4096.0;

/// Jobs of a kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindEstimate {
    /// Which.
    pub kind: &'static str,
    /// How many.
    pub jobs: usize,
    /// Steps of the optimiser, of all of them.
    pub steps: u64,
    /// Points at which losses are told, of all of them.
    pub points: u64,
    /// Seconds of all of them, one after the other.
    pub seconds: f64,
}

/// What a run will take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The run directory.
    pub directory: String,
    /// How many jobs.
    pub jobs: usize,
    /// By kind.
    pub kinds: Vec<KindEstimate>,
    /// Jobs side by side.
    pub threads: usize,
    /// Seconds with so many jobs side by side.
    pub seconds: f64,
    /// Bytes of memory with so many jobs side by side.
    pub memory_bytes: u64,
    /// Bytes of memory there are.
    pub memory_available: u64,
    /// Bytes of the run directory.
    pub disk_bytes: u64,
    /// Bytes free where it will be; none where it cannot be told.
    pub disk_free: Option<u64>,
    /// Bytes that a step would move on a GPU that keeps nothing in a cache; none for a function.
    pub gpu_step_bytes: Option<u64>,
    /// What the times are from.
    pub basis: String,
    /// Of a step, a point, the files of a job.
    #[serde(skip)]
    unit_seconds: UnitSeconds,
    /// Memory without jobs, and of one job.
    #[serde(skip)]
    memory: [f64; 2],
    #[serde(skip)]
    cost_model: CostModel,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct UnitSeconds {
    step: f64,
    point: f64,
    files: f64,
}

/// What the numbers of a job depend on.
#[derive(Clone, Debug, PartialEq)]
struct CostModel {
    config: Config,
    batches: u64,
    dim: f64,
    has_data: bool,
}

/// Steps, points and bytes of a job.
#[derive(Clone, Copy, Debug, Default)]
struct JobCost {
    steps: f64,
    points: f64,
    disk: f64,
}

impl CostModel {
    fn job_cost(&self, job: Job) -> JobCost {
        let c = &self.config;
        let (vertices, depth, epochs, peak_sampling) = match job {
            Job::Minimum(_) => {
                (1, 1, if c.minima.files.is_empty() { c.minima.epochs } else { 0 }.into(), false)
            }
            Job::Simplex(variant, simplex) => {
                let epochs = if simplex.dimension() == 1 { c.curves.epochs } else { c.triangles.epochs };
                let epoch_multiplier = u64::from(variant.epoch_multiplier);
                (
                    simplex.dimension() + 1,
                    variant.depth,
                    u64::from(epochs) * epoch_multiplier,
                    variant.sampling == Sampling::Peak,
                )
            }
            Job::Network(network) => {
                let steps = network.samples.div_ceil(c.train.batch) as f64 * f64::from(c.minima.epochs);
                let measured = f64::from(c.minima.epochs + c.study.early);
                // A row a layer, of which no network has more than a few hundred.
                return JobCost {
                    steps,
                    points: measured,
                    disk: 4.0 * self.dim + 2.0 * BLOCK_BYTES + 2000.0 * measured,
                };
            }
        };
        let lattice = Lattice::new(vertices, c.lattice.n).len() as f64;
        let search = if vertices > 1 { SEARCH_ROUNDS * search_max_loss_len(vertices) as f64 } else { 0.0 };
        // Two measurements of the cells on few samples, depth by depth.
        let cells =
            if peak_sampling { 2.0 * depth as f64 * 12f64.powi(vertices as i32 - 1) / 10.0 } else { 0.0 };
        // Points inside of the simplex: all but those of its facets, at most all.
        let own = control_points_len(vertices, depth) as f64;
        let row = 20.0 * (vertices as f64 + if self.has_data { 4.0 } else { 1.0 });
        let disk =
            own * (4.0 * self.dim + BLOCK_BYTES) + lattice * row + 32.0 * epochs as f64 + 4.0 * BLOCK_BYTES;
        JobCost { steps: (epochs * self.batches) as f64, points: lattice + search + cells, disk }
    }
}

impl Estimate {
    /// Seconds of jobs one after the other.
    pub fn seconds_of(&self, jobs: &[Job]) -> f64 {
        jobs.iter().map(|&job| self.unit_seconds.total(self.cost_model.job_cost(job))).sum()
    }

    /// Megabytes of a process with so many jobs side by side.
    pub fn megabytes(&self, threads: usize) -> u64 {
        ((self.memory[0] + self.memory[1] * threads as f64) / 1e6).ceil() as u64
    }

    /// Refuses what cannot fit.
    ///
    /// # Errors
    /// More memory or disk than there is, with both numbers.
    pub fn check(&self) -> Result<()> {
        check_capacity("memory", self.memory_bytes, self.memory_available, MEMORY_HINT)?;
        self.disk_free.map_or(Ok(()), |free| check_capacity("disk", self.disk_bytes, free, DISK_HINT))
    }
}

const MEMORY_HINT: &str = "fewer --threads, a smaller network or fewer samples need less";
const DISK_HINT: &str = "fewer minima, a smaller lattice.n or another --out need less";

fn check_capacity(what: &str, needed: u64, there: u64, hint: &str) -> Result<()> {
    if needed <= there {
        return Ok(());
    }
    let [needed, there] = [needed, there].map(|bytes| bytes as f64 / 1e9);
    let message = format!("{what}: {needed:.3} GB needed, {there:.3} GB available; {hint}");
    Err(CliError::new(ErrorKind::Resources, message))
}

impl UnitSeconds {
    fn total(&self, cost: JobCost) -> f64 {
        cost.steps * self.step + cost.points * self.point + self.files
    }
}

/// What a run with these layers will take in `directory`, with `threads` jobs side by side.
///
/// # Errors
/// The problem cannot take a step.
///
/// # Cost
/// A tenth of a second of steps, or one step.
pub fn estimate(
    config: &Config,
    problem: &dyn Problem,
    levels: &[Level],
    directory: &Path,
    threads: usize,
    memory_available: usize,
) -> Result<Estimate> {
    let wrong =
        |e: EngineError| CliError::new(ErrorKind::Configuration, format!("the calibration failed: {e}"));
    let (mut deepest, mut rows) = (1.0_f64, 0.0);
    for &job in levels.iter().flat_map(|level| &level.jobs) {
        if let Job::Simplex(variant, simplex) = job {
            deepest = deepest.max(control_points_len(simplex.dimension() + 1, variant.depth) as f64);
            rows += Lattice::new(simplex.dimension() + 1, config.lattice.n).len() as f64;
        }
    }
    let memory = memory(config, problem, deepest, rows);
    let memory_bytes = (memory[0] + memory[1] * threads as f64) as u64;
    // Before anything is allocated to take steps with.
    check_capacity("memory", memory_bytes, memory_available as u64, MEMORY_HINT)?;
    let (step, steps) = step_seconds(config, problem).map_err(wrong)?;
    let (point, how) = point_seconds(config, problem, step).map_err(wrong)?;
    let there = directory.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let unit_seconds = UnitSeconds { step, point, files: FILES_PER_JOB * file_seconds(there) };
    let cost_model = CostModel {
        config: config.clone(),
        batches: u64::from(problem.batches()),
        dim: problem.dim() as f64,
        has_data: problem.splits().len() > 1,
    };
    let mut kinds: Vec<KindEstimate> = Vec::new();
    let (mut disk, mut seconds) = (0.0, 0.0);
    for level in levels {
        let kind = level.jobs.first().map_or(JobKind::Minima, |job| job.kind()).name();
        let at = kinds.iter().position(|part| part.kind == kind).unwrap_or_else(|| {
            kinds.push(KindEstimate { kind, jobs: 0, steps: 0, points: 0, seconds: 0.0 });
            kinds.len() - 1
        });
        let mut longest = 0.0_f64;
        let mut all = 0.0;
        for &job in &level.jobs {
            let cost = cost_model.job_cost(job);
            let part = &mut kinds[at];
            part.jobs += 1;
            part.steps += cost.steps as u64;
            part.points += cost.points as u64;
            part.seconds += unit_seconds.total(cost);
            longest = longest.max(unit_seconds.total(cost));
            all += unit_seconds.total(cost);
            disk += cost.disk;
        }
        seconds += longest.max(all / threads as f64);
    }
    Ok(Estimate {
        directory: directory.display().to_string(),
        jobs: kinds.iter().map(|part| part.jobs).sum(),
        kinds,
        threads,
        seconds,
        memory_bytes,
        memory_available: memory_available as u64,
        disk_bytes: (disk + 5e6) as u64,
        disk_free: disk_free(there),
        gpu_step_bytes: problem.cost().gpu_step_bytes,
        basis: format!("measured here: {steps} steps of {step:.2e} s, {how} of {point:.2e} s, files"),
        unit_seconds,
        memory,
        cost_model,
    })
}

/// Bytes without jobs, and of one job.
fn memory(config: &Config, problem: &dyn Problem, deepest: f64, rows: f64) -> [f64; 2] {
    let dim = problem.dim() as f64;
    let lattice = Lattice::new((config.index + 2).min(3), config.lattice.n).len() as f64;
    let cost = problem.cost();
    let (samples, activations) = (cost.data_bytes as f64, cost.engine_bytes as f64);
    let job = THREAD_BYTES + THETA_COPIES * 4.0 * deepest * dim + activations + 400.0 * lattice;
    // The report holds the lattices, and its text.
    [PROCESS_BYTES + samples + 16.0 * rows, job]
}

/// Seconds of a step, and how many were taken.
fn step_seconds(config: &Config, problem: &dyn Problem) -> std::result::Result<(f64, usize), EngineError> {
    let theta = problem.initial(config.seed, 0);
    let mut engine = problem.engine(1)?;
    engine.put(0, &theta)?;
    let params = StepParams {
        key: Key::new(config.seed, 1),
        epoch: 0,
        first_trainable: 0,
        momentum: config.train.momentum as f32,
        weight_decay: 0.0,
        tangent_removal: 0.0,
    };
    let mix = Mix::from_iter([(0, 1.0)]);
    // A rate of 0: where it is measured nothing diverges.
    let all = |count: u32| -> Vec<Step> {
        let batches = 0..count.min(problem.batches());
        batches.map(|batch| Step { mix: mix.clone(), rate: 0.0, batch }).collect()
    };
    // The first step brings memory and code to where they stay.
    let mut losses = [0.0; 64];
    engine.advance(&params, &all(1), &mut losses[..1])?;
    let (start, mut count) = (Instant::now(), 0);
    let mut call = 1;
    while count == 0 || start.elapsed().as_secs_f64() < CALIBRATION_SECONDS {
        let steps = all(call);
        engine.advance(&params, &steps, &mut losses[..steps.len()])?;
        count += steps.len();
        call = (2 * call).min(64);
    }
    Ok((start.elapsed().as_secs_f64() / count as f64, count))
}

/// Seconds to measure a point, on every split, and how that is known.
fn point_seconds(
    config: &Config,
    problem: &dyn Problem,
    step: f64,
) -> std::result::Result<(f64, &'static str), EngineError> {
    let cost = problem.cost();
    if cost.point_flops as f64 > MAX_MEASURED_FLOPS {
        return Ok((step * cost.point_flops as f64 / cost.step_flops as f64, "points estimated from steps"));
    }
    let theta = problem.initial(config.seed, 0);
    let mut engine = problem.engine(1)?;
    engine.put(0, &theta)?;
    let points = vec![Mix::from_iter([(0, 1.0)]); 32];
    let mut values = vec![Value::default(); 32];
    engine.values(problem.splits()[0], &points[..1], &mut values[..1])?;
    let start = Instant::now();
    for &split in problem.splits() {
        engine.values(split, &points, &mut values)?;
    }
    Ok((start.elapsed().as_secs_f64() / 32.0, "32 points"))
}

/// Seconds to write a small file for good; 0 where nothing can be written.
fn file_seconds(folder: &Path) -> f64 {
    let start = Instant::now();
    let written = (0..3).try_for_each(|_| {
        let mut file = tempfile::tempfile_in(folder)?;
        std::io::Write::write_all(&mut file, b"valleys")?;
        file.sync_all()
    });
    if written.is_ok() { start.elapsed().as_secs_f64() / 3.0 } else { 0.0 }
}

/// Bytes free in a folder.
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

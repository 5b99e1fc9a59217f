//! Steps, points and bytes of a job, counted from the configuration.

use crate::config::{Config, Sampling};
use crate::problem::{Cost, Problem};
use crate::run::Job;
use crate::study;
use valleys_core::evaluation::{LatticePart, REMEASURED, search_max_loss_len};
use valleys_core::simplex::{Lattice, control_points_len};

/// Rounds of a search for the largest loss: a typical number for networks and functions, on all samples and on a part.
const SEARCH_ROUNDS: f64 = 8.0;
const SEARCH_ROUNDS_ON_SUBSET: f64 = 3.0;

/// Files of a job beside those of its points: lattice, largest loss, record; and flushes of its folder, in files.
const FILES: f64 = 4.5;

/// Bytes of a block of the file system.
const BLOCK_BYTES: f64 = 4096.0;

/// Bytes of the process without jobs, and of a thread.
const PROCESS_BYTES: f64 = 24e6;
const THREAD_BYTES: f64 = 2e6;

/// Copies of all control points of a job: in the engine, with momenta; before the fit; after the last phase; in a
/// checkpoint, and in its bytes.
const THETA_COPIES: f64 = 10.0;

/// What the cost of a job depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel {
    config: Config,
    batches: u64,
    dim: f64,
    problem: Cost,
    splits: usize,
    /// Samples on which peak sampling measures cells.
    cell_samples: usize,
}

/// The cost of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobCost {
    /// Steps of the optimiser.
    pub steps: f64,
    /// Points where losses are measured.
    pub points: f64,
    /// Forward passes of samples in these measurements; of a loss without samples, the points.
    pub passes: f64,
    /// Files that are written and flushed.
    pub files: f64,
    /// Bytes of its files.
    pub disk: f64,
}

impl CostModel {
    /// The cost model of the jobs of a configuration.
    pub fn new(config: &Config, problem: &dyn Problem) -> Self {
        Self {
            config: config.clone(),
            batches: u64::from(problem.batches()),
            dim: problem.dim() as f64,
            problem: problem.cost(),
            splits: problem.splits().len(),
            cell_samples: problem.peak_sampling().samples as usize,
        }
    }

    /// The cost of a job.
    pub fn job_cost(&self, job: Job) -> JobCost {
        let c = &self.config;
        let (vertices, depth, epochs, is_peak) = match job {
            Job::Minimum(_) => {
                let epochs = if c.minima.files.is_empty() { c.minima.epochs } else { 0 };
                (1, 1, u64::from(epochs), false)
            }
            Job::Simplex(variant, simplex) | Job::DirectCurve(variant, simplex) => {
                let epochs = if simplex.dimension() == 1 { c.curves.epochs } else { c.triangles.epochs };
                let phases = variant.phases(epochs);
                let epochs = job.phases(c).map(|phase| phases[phase].len() as u64).sum();
                (simplex.dimension() + 1, variant.depth, epochs, variant.sampling == Sampling::Peak)
            }
            Job::Network(network) => {
                let epochs = f64::from(c.minima.epochs);
                let measurements = f64::from(c.minima.epochs + c.study.early);
                return JobCost {
                    steps: f64::from(study::period(c, network.samples)) * epochs,
                    points: measurements,
                    passes: measurements * self.problem.passes(network.samples, self.splits) as f64,
                    files: 3.0,
                    // Weights, and a row of text for each layer and measurement.
                    disk: 4.0 * self.dim + 2.0 * BLOCK_BYTES + 2000.0 * measurements,
                };
            }
        };
        // At most all control points are written.
        let own_points = control_points_len(vertices, depth) as f64;
        let mut disk = own_points * (4.0 * self.dim + BLOCK_BYTES) + 32.0 * epochs as f64 + 4.0 * BLOCK_BYTES;
        let mut cost = JobCost {
            steps: (epochs * self.batches) as f64,
            files: FILES + own_points / 2.0,
            ..JobCost::default()
        };
        let mut measure = |points: f64, len: usize, splits: usize| {
            cost.points += points;
            cost.passes += points * self.problem.passes(len, splits) as f64;
        };
        if let Job::Minimum(_) | Job::Simplex(..) = job {
            let rank = vertices - 1;
            let lattice = Lattice::new(vertices, c.lattice.intervals(rank));
            let lattice_part = match job {
                Job::Simplex(variant, _) => variant.lattice_part(c, rank),
                _ => LatticePart::All,
            };
            let part = c.measure.part(rank);
            let len = part.map_or(usize::MAX, |len| len as usize);
            measure(lattice_part.len(&lattice) as f64, len, self.splits);
            if rank > 0 && c.peaks.search {
                let rounds = if part.is_some() { SEARCH_ROUNDS_ON_SUBSET } else { SEARCH_ROUNDS };
                measure(rounds * search_max_loss_len(vertices) as f64, len, 1);
            }
            if part.is_some() {
                measure(REMEASURED as f64, usize::MAX, 1);
            }
            let row = 20.0 * (vertices as f64 + 2.0 * self.splits as f64);
            disk += lattice.len() as f64 * row;
        }
        if is_peak {
            // Every phase measures the cells at its start and at its end.
            let phases = job.phases(c).len() as f64;
            measure(2.0 * phases * 12f64.powi(vertices as i32 - 1), self.cell_samples, 1);
        }
        cost.disk = disk;
        cost
    }
}

/// Bytes of memory of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryModel {
    /// Without jobs: the program, the data, the lattices of the report.
    pub process: f64,
    /// Of each job that runs.
    pub job: f64,
}

impl MemoryModel {
    /// The memory model of these jobs.
    pub fn new<'a>(config: &Config, problem: &dyn Problem, jobs: impl IntoIterator<Item = &'a Job>) -> Self {
        let (mut max_points, mut lattice_points) = (1.0_f64, 0.0);
        for job in jobs {
            if let Job::Simplex(variant, simplex) = job {
                let vertices = simplex.dimension() + 1;
                max_points = max_points.max(control_points_len(vertices, variant.depth) as f64);
                lattice_points += Lattice::new(vertices, config.lattice.intervals(vertices - 1)).len() as f64;
            }
        }
        let lattice =
            Lattice::new((config.index + 2).min(3), config.lattice.intervals(config.index.min(1) + 1)).len()
                as f64;
        let cost = problem.cost();
        let (data, activations) = (cost.data_bytes as f64, cost.engine_bytes as f64);
        let theta = 4.0 * problem.dim() as f64;
        Self {
            process: PROCESS_BYTES + data + 16.0 * lattice_points,
            job: THREAD_BYTES + THETA_COPIES * max_points * theta + activations + 400.0 * lattice,
        }
    }

    /// Bytes with this number of jobs at the same time.
    pub fn total(&self, threads: usize) -> f64 {
        self.process + self.job * threads as f64
    }
}

//! Steps, points and bytes of a job, counted from the configuration.

use crate::config::{Config, Sampling};
use crate::problem::Problem;
use crate::run::Job;
use crate::study;
use valleys_core::evaluation::search_max_loss_len;
use valleys_core::simplex::{Lattice, control_points_len};

/// Rounds of a search for the largest loss: a typical number for networks and functions.
const SEARCH_ROUNDS: f64 = 8.0;

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
    has_test_data: bool,
}

/// The cost of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobCost {
    /// Steps of the optimiser.
    pub steps: f64,
    /// Points where losses are evaluated, on every split.
    pub points: f64,
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
            has_test_data: problem.splits().len() > 1,
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
                    // Weights, and a row of text for each layer and measurement.
                    disk: 4.0 * self.dim + 2.0 * BLOCK_BYTES + 2000.0 * measurements,
                };
            }
        };
        let is_evaluated = !matches!(job, Job::DirectCurve(..));
        let lattice = if is_evaluated {
            Lattice::new(vertices, c.lattice.intervals(vertices - 1)).len() as f64
        } else {
            0.0
        };
        let search = if vertices > 1 && is_evaluated {
            SEARCH_ROUNDS * search_max_loss_len(vertices) as f64
        } else {
            0.0
        };
        // Every phase evaluates the cells twice, on about a tenth of the samples.
        let cells = if is_peak { 2.0 * depth as f64 * 12f64.powi(vertices as i32 - 1) / 10.0 } else { 0.0 };
        // At most all control points are written.
        let points = control_points_len(vertices, depth) as f64;
        let row = 20.0 * (vertices as f64 + if self.has_test_data { 4.0 } else { 1.0 });
        let disk = points * (4.0 * self.dim + BLOCK_BYTES)
            + lattice * row
            + 32.0 * epochs as f64
            + 4.0 * BLOCK_BYTES;
        JobCost { steps: (epochs * self.batches) as f64, points: lattice + search + cells, disk }
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

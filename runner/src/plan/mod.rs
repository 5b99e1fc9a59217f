//! The cost of a run, and its jobs as a workflow.
//!
//! # Tour
//!
//! - [`mod@estimate`]: time, memory and disk. `cost` counts steps, points and bytes of a job, `calibration` measures how
//!   long they take.
//! - [`Task`]: jobs of a level that a workflow runs in one process, and the tasks that they need.
//! - [`snakemake()`] and [`make()`]: the tasks as a Snakefile and as a makefile.

mod calibration;
mod cost;
pub mod estimate;
mod make;
mod snakemake;
mod tasks;

pub use estimate::{Estimate, estimate};
pub use make::make;
pub use snakemake::snakemake;
pub use tasks::{Task, tasks};

use std::path::Path;

/// A run as a workflow.
#[derive(Clone, Debug)]
pub struct Workflow<'a> {
    /// The text of `config.toml`.
    pub config: &'a str,
    /// The run directory.
    pub directory: &'a Path,
    /// The tasks. The report needs all of them.
    pub tasks: &'a [Task],
}

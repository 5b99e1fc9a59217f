//! What a run will take, and the same run as tasks of an engine.
//!
//! The tour: [`mod@estimate`] (time, memory, disk, what cannot fit), [`Task`] (chunks of jobs and what they need),
//! [`snakemake()`] and [`make()`] (the tasks as text).

pub mod estimate;
mod make;
mod snakemake;
mod tasks;

pub use estimate::{Estimate, estimate};
pub use make::make;
pub use snakemake::snakemake;
pub use tasks::{Task, tasks};

use crate::config::Config;
use std::path::Path;

/// A run as an engine is told of it.
#[derive(Clone, Debug)]
pub struct Workflow<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The run directory.
    pub directory: &'a Path,
    /// What it takes.
    pub estimate: &'a Estimate,
    /// Its tasks.
    pub tasks: &'a [Task],
}

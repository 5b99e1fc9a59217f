//! How far a run directory is, from its files alone.

use super::configuration;
use super::job::{Job, Kind, levels};
use super::record::Records;
use crate::error::Result;
use crate::store::Store;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All of them.
    pub jobs: usize,
    /// Record there, hashes fit.
    pub done: usize,
    /// A process holds the lock.
    pub running: usize,
    /// Diverged: done, with nothing to show.
    pub failed: usize,
    /// Depend on a job that diverged.
    pub skipped: usize,
    /// Everything else.
    pub left: usize,
}

/// A job that failed, or that will not be done because of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The job.
    pub job: String,
    /// Why.
    pub what: String,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// All jobs.
    #[serde(flatten)]
    pub all: Count,
    /// By kind.
    pub kinds: BTreeMap<&'static str, Count>,
    /// What is running.
    pub at_work: Vec<String>,
    /// What diverged.
    pub failures: Vec<Failed>,
    /// Whether summary and report are there.
    pub report: bool,
}

enum State {
    Done,
    Failed(String),
    Skipped,
    Running,
    Left,
}

/// How far a run directory is. Nothing in it is changed, no data are needed.
///
/// # Errors
/// No run directory.
///
/// # Cost
/// Reads all files that jobs made, to see that they are as their records say.
pub fn status(root: &Path) -> Result<Status> {
    let (config, records) = (configuration(root)?, Records::default());
    let mut status = Status {
        all: Count::default(),
        kinds: BTreeMap::new(),
        at_work: Vec::new(),
        failures: Vec::new(),
        report: root.join("summary.json").exists() && root.join("report.html").exists(),
    };
    let mut counts = Kind::ALL.map(|kind| (kind.name(), Count::default()));
    for level in levels(&config) {
        let states: Vec<(Job, State)> =
            level.jobs.par_iter().map(|&job| (job, state(root, &records, job))).collect();
        for (job, state) in states {
            for count in [&mut status.all, &mut counts[job.kind() as usize].1] {
                count.jobs += 1;
                *match state {
                    State::Done => &mut count.done,
                    State::Failed(_) => &mut count.failed,
                    State::Skipped => &mut count.skipped,
                    State::Running => &mut count.running,
                    State::Left => &mut count.left,
                } += 1;
            }
            match state {
                State::Failed(what) => status.failures.push(Failed { job: job.name(), what }),
                State::Running => status.at_work.push(job.name()),
                _ => {}
            }
        }
    }
    status.kinds = counts.into_iter().filter(|(_, count)| count.jobs > 0).collect();
    Ok(status)
}

fn state(root: &Path, records: &Records, job: Job) -> State {
    match records.of(root, job) {
        Some(seen) => seen.diverged.map_or(State::Done, |diverged| State::Failed(diverged.to_string())),
        None if Store::is_locked(root, &job.name()) => State::Running,
        None if records.skipped(root, job).is_some() => State::Skipped,
        None => State::Left,
    }
}

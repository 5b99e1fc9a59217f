//! How far a run directory is, from its files alone.

use super::load_config;
use super::job::{Job, JobKind, levels};
use super::record::Records;
use crate::error::Result;
use crate::store::Store;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobCounts {
    /// All of them.
    pub jobs: usize,
    /// Record there, hashes fit.
    pub done: usize,
    /// A process holds the lock.
    pub running: usize,
    /// Divergence: done, with nothing to show.
    pub failed: usize,
    /// Depend on a job that diverged.
    pub skipped: usize,
    /// Everything else.
    pub left: usize,
}

/// A job that failed, or that will not be done because of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedJob {
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
    pub all: JobCounts,
    /// By kind.
    pub kinds: BTreeMap<&'static str, JobCounts>,
    /// What is running.
    pub at_work: Vec<String>,
    /// What diverged.
    pub failures: Vec<FailedJob>,
    /// Whether summary and report are there.
    pub report: bool,
}

enum JobState {
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
    let (config, records) = (load_config(root)?, Records::default());
    let mut status = Status {
        all: JobCounts::default(),
        kinds: BTreeMap::new(),
        at_work: Vec::new(),
        failures: Vec::new(),
        report: root.join("summary.json").exists() && root.join("report.html").exists(),
    };
    let mut counts = JobKind::ALL.map(|kind| (kind.name(), JobCounts::default()));
    for level in levels(&config) {
        let states: Vec<(Job, JobState)> =
            level.jobs.par_iter().map(|&job| (job, job_state(root, &records, job))).collect();
        for (job, state) in states {
            for count in [&mut status.all, &mut counts[job.kind() as usize].1] {
                count.jobs += 1;
                *match state {
                    JobState::Done => &mut count.done,
                    JobState::Failed(_) => &mut count.failed,
                    JobState::Skipped => &mut count.skipped,
                    JobState::Running => &mut count.running,
                    JobState::Left => &mut count.left,
                } += 1;
            }
            match state {
                JobState::Failed(what) => status.failures.push(FailedJob { job: job.name(), what }),
                JobState::Running => status.at_work.push(job.name()),
                _ => {}
            }
        }
    }
    status.kinds = counts.into_iter().filter(|(_, count)| count.jobs > 0).collect();
    Ok(status)
}

fn job_state(root: &Path, records: &Records, job: Job) -> JobState {
    match records.verified(root, job) {
        Some(seen) => seen.diverged.map_or(JobState::Done, |diverged| JobState::Failed(diverged.to_string())),
        None if Store::is_locked(root, &job.name()) => JobState::Running,
        None if records.diverged_dependency(root, job).is_some() => JobState::Skipped,
        None => JobState::Left,
    }
}

//! The progress of a run directory, from its files alone.

use super::job::{Job, JobKind, levels};
use super::record::Records;
use crate::config::Config;
use crate::error::Result;
use crate::schema::times;
use crate::store::Store;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobCounts {
    /// All jobs.
    pub jobs: usize,
    /// The record exists and its hashes agree.
    pub done: usize,
    /// A process holds the lock of the job.
    pub running: usize,
    /// The loss stopped being finite. Such a job is not repeated.
    pub failed: usize,
    /// The job depends on a job that failed.
    pub skipped: usize,
    /// All other jobs.
    pub left: usize,
}

/// A job that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedJob {
    /// The name of the job.
    pub job: String,
    /// The reason.
    pub what: String,
}

/// The progress of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// All jobs.
    #[serde(flatten)]
    pub all: JobCounts,
    /// The jobs of each kind.
    pub kinds: BTreeMap<&'static str, JobCounts>,
    /// The names of the running jobs.
    pub at_work: Vec<String>,
    /// The jobs that failed.
    pub failures: Vec<FailedJob>,
    /// Whether `summary.json` and `report.html` exist.
    pub report: bool,
    /// Seconds of training so far, summed over jobs.
    pub training_seconds: f64,
    /// Seconds of measuring so far, summed over jobs.
    pub measuring_seconds: f64,
}

enum JobState {
    Done,
    Failed(String),
    Skipped,
    Running,
    Left,
}

/// The progress of the run directory of one network. Nothing in it changes, and the data set is not needed.
///
/// # Errors
/// A file of times is malformed.
///
/// # Cost
/// Reads all files of the finished jobs, to compare them with their hashes.
pub fn status_one(root: &Path, config: &Config) -> Result<Status> {
    let records = Records::new(config.clone());
    let seconds = times::read_total(root)?.unwrap_or_default();
    let mut status = Status {
        all: JobCounts::default(),
        kinds: BTreeMap::new(),
        at_work: Vec::new(),
        failures: Vec::new(),
        report: root.join("summary.json").exists() && root.join("report.html").exists(),
        training_seconds: seconds.training,
        measuring_seconds: seconds.measuring,
    };
    let mut counts = JobKind::ALL.map(|kind| (kind.name(), JobCounts::default()));
    for level in levels(config) {
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
        Some(record) => record.diverged.map_or(JobState::Done, |d| JobState::Failed(d.to_string())),
        None if Store::is_locked(root, &job.name()) => JobState::Running,
        None if records.diverged_dependency(root, job).is_some() => JobState::Skipped,
        None => JobState::Left,
    }
}

//! The tasks of a workflow: jobs of a level, so many that they are worth a process, and the tasks that they need.

use super::Estimate;
use crate::config::Config;
use crate::run::{Job, Level, REPORT};
use std::collections::{BTreeSet, HashMap};

/// Some jobs of a level.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The level: `curves-uniform-1`, or `resnet20-curves-uniform-1` in a run of several networks.
    pub level: String,
    /// Number of the task in its level.
    pub number: usize,
    /// Names of the jobs.
    pub jobs: Vec<String>,
    /// Names of the tasks that it needs.
    pub needs: BTreeSet<String>,
    /// Estimated seconds on one thread.
    pub seconds: f64,
    /// Megabytes of memory on one thread.
    pub megabytes: u64,
}

impl Task {
    /// The name of the task: `curves-uniform-1-0`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.level, self.number)
    }
}

/// The jobs of all levels as tasks of `chunk_len` jobs. In a run of several networks, `network` is the folder of this
/// one, and the last task makes its report.
pub fn tasks(
    config: &Config,
    levels: &[Level],
    estimate: &Estimate,
    chunk_len: usize,
    network: Option<&str>,
) -> Vec<Task> {
    let level_name = |title: &str| match network {
        Some(network) => format!("{network}-{title}"),
        None => title.to_owned(),
    };
    let job_name = |name: &str| match network {
        Some(network) => format!("{network}/{name}"),
        None => name.to_owned(),
    };
    let megabytes = estimate.megabytes(1);
    let mut task_of: HashMap<Job, String> = HashMap::new();
    let mut tasks: Vec<Task> = Vec::new();
    for level in levels {
        let name = level_name(&level.title.replace(' ', "-"));
        for (number, jobs) in level.jobs.chunks(chunk_len.max(1)).enumerate() {
            let inputs = jobs.iter().flat_map(|job| job.inputs(config));
            let task = Task {
                level: name.clone(),
                number,
                jobs: jobs.iter().map(|job| job_name(&job.name())).collect(),
                needs: inputs.filter_map(|input| task_of.get(&input).cloned()).collect(),
                seconds: estimate.seconds_of(jobs),
                megabytes,
            };
            jobs.iter().for_each(|&job| _ = task_of.insert(job, task.name()));
            tasks.push(task);
        }
    }
    if network.is_some() {
        let needs = tasks.iter().map(Task::name).collect();
        let (level, jobs) = (level_name(REPORT), vec![job_name(REPORT)]);
        tasks.push(Task { level, number: 0, jobs, needs, seconds: 0.0, megabytes });
    }
    tasks
}

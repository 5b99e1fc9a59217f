//! The tasks of a workflow: jobs of a level, so many that they are worth a process, and the tasks that they need.

use crate::config::Config;
use crate::run::{Job, Level};
use std::collections::{BTreeSet, HashMap};

/// Some jobs of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The level: `curves-uniform-1`.
    pub level: String,
    /// Number of the task in its level.
    pub number: usize,
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Names of the tasks that it needs.
    pub needs: BTreeSet<String>,
}

impl Task {
    /// The name of the task: `curves-uniform-1-0`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.level, self.number)
    }
}

/// The jobs of all levels as tasks of `chunk_len` jobs.
pub fn tasks(config: &Config, levels: &[Level], chunk_len: usize) -> Vec<Task> {
    let mut task_of: HashMap<Job, String> = HashMap::new();
    let mut tasks = Vec::new();
    for level in levels {
        let name = level.title.replace(' ', "-");
        for (number, jobs) in level.jobs.chunks(chunk_len.max(1)).enumerate() {
            let inputs = jobs.iter().flat_map(|job| job.inputs(config));
            let needs = inputs.filter_map(|input| task_of.get(&input).cloned()).collect();
            let task = Task { level: name.clone(), number, jobs: jobs.to_vec(), needs };
            jobs.iter().for_each(|&job| _ = task_of.insert(job, task.name()));
            tasks.push(task);
        }
    }
    tasks
}

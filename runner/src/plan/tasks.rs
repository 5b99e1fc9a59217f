//! Tasks: so many jobs of a layer that starting one is worth it, and the tasks that they need.

use crate::run::{Job, Level};
use std::collections::{BTreeSet, HashMap};

/// Some jobs of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The layer: `curves-uniform-1`.
    pub level: String,
    /// Which part of the layer.
    pub part: usize,
    /// The jobs.
    pub jobs: Vec<Job>,
    /// The names of the tasks whose jobs they need.
    pub needs: BTreeSet<String>,
}

impl Task {
    /// `curves-uniform-1-0`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.level, self.part)
    }
}

/// The jobs of all layers, `chunk` to a task.
pub fn tasks(levels: &[Level], chunk: usize) -> Vec<Task> {
    let mut of: HashMap<Job, String> = HashMap::new();
    let mut tasks = Vec::new();
    for level in levels {
        let name = level.title.replace(' ', "-");
        for (part, jobs) in level.jobs.chunks(chunk.max(1)).enumerate() {
            let inputs = jobs.iter().flat_map(|job| job.inputs());
            let needs = inputs.filter_map(|input| of.get(&input).cloned()).collect();
            let task = Task { level: name.clone(), part, jobs: jobs.to_vec(), needs };
            jobs.iter().for_each(|&job| _ = of.insert(job, task.name()));
            tasks.push(task);
        }
    }
    tasks
}

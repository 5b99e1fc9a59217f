//! The jobs of a run at work: layer after layer, side by side, beside those of other processes.

use super::job::{Job, Level};
use super::level_progress::LevelProgress;
use super::record::{Divergence, missing_inputs};
use super::job_checkpoint::JobCheckpoint;
use super::stop::Stop;
use super::{Run, MAX_MODELS_PER_DISPATCH};
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::store::Store;
use crate::study;
use rayon::prelude::*;
use std::time::Duration;
use valleys_core::error::Error;

/// Between two looks at jobs that other processes work on.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Steps, or points, that go to the landscape in one call, at most.
const MAX_CALL_LEN: usize = 64;

/// Operations of a call on a processor, and on a GPU of hardware: a fraction of a second, so that a stop is heard.
const CALL_FLOPS: [usize; 2] = [4_000_000_000, 1_000_000_000_000];

/// What came of an attempt.
enum Outcome {
    /// The job is done, by this process or another.
    Done,
    /// Another process works on it.
    Busy,
    /// It can never be done: another one diverged.
    Skipped,
}

impl Run {
    /// Does what of these jobs is not yet done; one that fails does not stop the others.
    pub(super) fn execute(&self, levels: &[Level], stop: &Stop, quiet: bool) -> Vec<CliError> {
        let mut failures = Vec::new();
        for level in levels {
            let root = self.store.root();
            let open = |job: &Job| self.records.verified(root, *job).is_none();
            let mut open: Vec<Job> = level.jobs.par_iter().copied().filter(open).collect();
            open.retain(|job| self.records.diverged_dependency(root, *job).is_none());
            if open.is_empty() {
                continue;
            }
            let units = open.iter().map(|&job| self.progress_units(job)).sum();
            let progress = LevelProgress::new(&format!("{} {}", open.len(), level.title), units, quiet);
            while !open.is_empty() {
                let attempt = |&job: &Job| (job, self.try_job(job, stop, &|units| progress.add(units)));
                let tried: Vec<_> = open.par_iter().with_max_len(1).map(attempt).collect();
                open.clear();
                for (job, result) in tried {
                    match result {
                        Ok(Outcome::Done | Outcome::Skipped) => {}
                        Ok(Outcome::Busy) => open.push(job),
                        Err(failure) => failures.push(failure),
                    }
                }
                if !open.is_empty() {
                    std::thread::sleep(POLL_INTERVAL);
                }
            }
            progress.finish(quiet);
        }
        failures
    }

    /// Does a job, unless it is done or another process works on it.
    fn try_job(&self, job: Job, stop: &Stop, on_progress: &dyn Fn(u64)) -> Result<Outcome> {
        if stop.is_requested() {
            return Err(Stop::error());
        }
        let (root, name) = (self.store.root(), job.name());
        let Some(_lock) = self.store.lock_job(&name)? else { return Ok(Outcome::Busy) };
        if self.records.verified(root, job).is_some() {
            on_progress(self.progress_units(job));
            return Ok(Outcome::Done);
        }
        if self.records.diverged_dependency(root, job).is_some() {
            return Ok(Outcome::Skipped);
        }
        self.remove_stale_files(job)?;
        let diverged = match job {
            Job::Minimum(simplex) | Job::Simplex(_, simplex) => {
                let variant = self.variant_of(job);
                let fitted = if self.is_fitted(&variant, simplex) {
                    Ok(None)
                } else {
                    self.fit(&variant, simplex, stop, on_progress)?.map(Some)
                };
                match fitted {
                    Err(diverged) => Some(diverged),
                    Ok(_) if self.store.has(&self.lattice_file(&variant, simplex)) => None,
                    Ok(fitted) => self.measure(&variant, simplex, fitted, stop, on_progress)?,
                }
            }
            Job::Network(_) if self.store.has(&name) => None,
            Job::Network(network) => self.train_network(job, network, stop, on_progress)?,
        };
        let outputs = if diverged.is_some() { Vec::new() } else { self.output_files(job)? };
        self.records.commit(&self.store, job, outputs, diverged)?;
        self.store.remove(&Store::checkpoint_name(&name))?;
        Ok(Outcome::Done)
    }

    /// Removes what a job left that does not fit any more: its record first.
    fn remove_stale_files(&self, job: Job) -> Result<()> {
        let (name, record) = (job.name(), super::record::record_file(job));
        if !self.store.has(&record) {
            return Ok(());
        }
        let fits = self.records.folder_is_intact(self.store.root(), job);
        self.store.remove(&record)?;
        self.store.remove(&Store::checkpoint_name(&name))?;
        for (file, part) in
            [(format!("{name}.csv"), false), (format!("{name}.peak.csv"), false), (name, true)]
        {
            // A fit that is as it was need not be done again, only because its measurement is lost.
            if !(part && fits) {
                self.store.remove(&file)?;
            }
        }
        Ok(())
    }

    /// The files of a job that is done.
    fn output_files(&self, job: Job) -> Result<Vec<String>> {
        let name = job.name();
        let path = self.store.root().join(&name);
        let wrong = |e| crate::error::io_error("list", &path, &e);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(wrong)? {
            files.push(format!("{name}/{}", entry.map_err(wrong)?.file_name().to_string_lossy()));
        }
        if !matches!(job, Job::Network(_)) {
            files.extend([format!("{name}.csv"), format!("{name}.peak.csv")]);
        }
        Ok(files)
    }

    /// A job's checkpoint.
    pub(super) fn load_checkpoint(&self, job: Job) -> Option<JobCheckpoint> {
        let name = Store::checkpoint_name(&job.name());
        self.store.has(&name).then(|| JobCheckpoint::decode(&self.store.read(&name).ok()?)).flatten()
    }

    /// Writes a job's checkpoint.
    pub(super) fn write_checkpoint(&self, job: Job, saved: &JobCheckpoint) -> Result<()> {
        self.store.write(&Store::checkpoint_name(&job.name()), &saved.encode())
    }

    /// What a job is made from, as text.
    pub(super) fn inputs_json(&self, job: Job) -> Result<String> {
        let inputs = self.records.inputs(self.store.root(), job).ok_or_else(|| missing_inputs(job))?;
        Ok(serde_json::to_string(&inputs).expect("words are JSON"))
    }

    /// What a job records whose loss is not finite.
    ///
    /// # Errors
    /// What is wrong is something else.
    pub(super) fn divergence(&self, what: &str, job: Job, error: EngineError) -> Result<Divergence> {
        let name = job.name();
        match error {
            EngineError::Call(Error::NotFinite { what: which, at }) => {
                let what = format!("{what} of {name}: {which}");
                Ok(Divergence { what, at, layer: None })
            }
            EngineError::Device(error) => Err(crate::gpu::failure(&error)),
            error => Err(CliError::new(ErrorKind::Jobs, format!("{what} of {name}: {error}"))),
        }
    }

    /// Trains and measures a network of a study.
    fn train_network(
        &self,
        job: Job,
        network: study::StudyNetwork,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<Option<Divergence>> {
        let inputs = self.inputs_json(job)?;
        let train = |layer: Option<&mut Option<String>>| {
            let hooks = study::TrainingHooks {
                saved: self.load_checkpoint(job),
                inputs: inputs.clone(),
                save: &|saved| self.write_checkpoint(job, saved),
                stop,
                call: self.steps_len(),
                on_progress: if layer.is_some() { &|_| () } else { on_progress },
            };
            study::train(&self.config, &*self.problem, &self.store, network, hooks, layer)
        };
        let Err(error) = train(None)? else { return Ok(None) };
        let mut diverged = self.divergence("training", job, error)?;
        // Once more, to see where.
        let _ = train(Some(&mut diverged.layer))?;
        Ok(Some(diverged))
    }

    /// Steps of a call of the engine.
    pub(super) fn steps_len(&self) -> usize {
        let cost = self.problem.cost();
        (CALL_FLOPS[usize::from(cost.on_hardware)] / cost.step_flops.max(1)).clamp(1, MAX_CALL_LEN)
    }

    /// Points of a call of the engine: by the configuration alone, so that no bit depends on the machine.
    pub(super) fn points_len(&self) -> usize {
        let cost = self.problem.cost();
        let least = if cost.on_gpu { MAX_MODELS_PER_DISPATCH } else { 1 };
        (CALL_FLOPS[0] / cost.train_flops.max(1)).clamp(least, MAX_CALL_LEN)
    }

    /// Units of progress of a job: epochs, and the measurement.
    fn progress_units(&self, job: Job) -> u64 {
        match job {
            Job::Minimum(simplex) => u64::from(self.epochs(simplex)) + 1,
            Job::Simplex(variant, simplex) => {
                u64::from(self.epochs(simplex)) * u64::from(variant.epoch_multiplier) + 1
            }
            Job::Network(network) => {
                let batches = network.samples.div_ceil(self.config.train.batch) as u64;
                batches * u64::from(self.config.minima.epochs)
            }
        }
    }
}

//! Runs the jobs of a run, level by level. The jobs of a level run in parallel, also with those of other processes.

use super::evaluate::metrics_file;
use super::fit::job_error;
use super::job::{Job, Level};
use super::job_checkpoint::JobCheckpoint;
use super::level_progress::LevelProgress;
use super::record::{Divergence, record_file};
use super::stop::Stop;
use super::{MAX_MODELS_PER_DISPATCH, Run};
use crate::clock;
use crate::engine_error::EngineError;
use crate::error::{CliError, Result, io_error};
use crate::schema::times::{self, TIMES};
use crate::store::Store;
use crate::study::{self, StudyNetwork};
use rayon::prelude::*;
use std::time::Duration;
use valleys_core::error::Error;

/// How often a process looks at a job that another process runs.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Maximum number of steps or points in one call of an engine.
const MAX_CALL_LEN: usize = 64;

/// Floating-point operations in one call of an engine: on the CPU and software adapters, and on a hardware GPU. A call
/// takes a fraction of a second, so that a job stops soon after a request.
const CALL_FLOPS: [usize; 2] = [4_000_000_000, 1_000_000_000_000];

/// The result of an attempt to run a job.
enum Outcome {
    /// The job is done, by this process or by another one.
    Done,
    /// Another process runs it.
    Busy,
    /// It can never be done: a job that it needs diverged.
    Skipped,
}

impl Run {
    /// Runs the jobs that are not done. Returns the errors of those that failed; the others run all the same.
    pub(super) fn execute(&self, levels: &[Level], stop: &Stop, quiet: bool) -> Vec<CliError> {
        let mut errors = Vec::new();
        for level in levels {
            let root = self.store.root();
            let is_open = |job: &Job| self.records.verified(root, *job).is_none();
            let mut open: Vec<Job> = level.jobs.par_iter().copied().filter(is_open).collect();
            open.retain(|job| self.records.diverged_dependency(root, *job).is_none());
            if !errors.is_empty() {
                // What needs a job that failed is left out: its error says why.
                open.retain(|job| self.records.inputs(root, *job).is_some());
            }
            if open.is_empty() {
                continue;
            }
            let units = open.iter().map(|&job| self.progress_units(job)).sum();
            let plural = if open.len() == 1 { "" } else { "s" };
            let name = format!("{} ({} job{plural})", level.title, open.len());
            let progress = LevelProgress::new(&name, units, quiet);
            while !open.is_empty() {
                let attempt = |&job: &Job| (job, self.try_job(job, stop, &|units| progress.add(units)));
                let attempts: Vec<_> = open.par_iter().with_max_len(1).map(attempt).collect();
                open.clear();
                for (job, result) in attempts {
                    match result {
                        Ok(Outcome::Done | Outcome::Skipped) => {}
                        Ok(Outcome::Busy) => open.push(job),
                        Err(error) => errors.push(error),
                    }
                }
                if !open.is_empty() {
                    std::thread::sleep(POLL_INTERVAL);
                }
            }
            progress.finish(quiet);
        }
        errors
    }

    /// Runs a job, unless it is done or another process runs it.
    fn try_job(&self, job: Job, stop: &Stop, on_progress: &dyn Fn(u64)) -> Result<Outcome> {
        stop.check()?;
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
        let (diverged, seconds) = clock::of_job(|| self.do_job(job, stop, on_progress));
        self.store.append(TIMES, &times::line(&name, seconds))?;
        let diverged = diverged?;
        let outputs = if diverged.is_some() { Vec::new() } else { self.output_files(job)? };
        self.records.commit(&self.store, job, outputs, diverged)?;
        self.store.remove(&Store::checkpoint_name(&name))?;
        Ok(Outcome::Done)
    }

    /// Does what is left of a job. Returns where its loss is not finite.
    fn do_job(&self, job: Job, stop: &Stop, on_progress: &dyn Fn(u64)) -> Result<Option<Divergence>> {
        Ok(match job {
            Job::DirectCurve(..) if self.is_fitted(job) => None,
            Job::DirectCurve(_, simplex) => self.fit(job, simplex, stop, on_progress)?.err(),
            Job::Minimum(simplex) | Job::Simplex(_, simplex) => {
                let variant = self.variant_of(job);
                let fitted = if self.is_fitted(job) {
                    Ok(None)
                } else {
                    self.fit(job, simplex, stop, on_progress)?.map(Some)
                };
                match fitted {
                    Err(diverged) => Some(diverged),
                    Ok(_) if self.store.has(&self.lattice_file(&variant, simplex)) => None,
                    Ok(fitted) => self.evaluate(&variant, simplex, fitted, stop, on_progress)?,
                }
            }
            Job::Network(_) if self.store.has(&job.name()) => None,
            Job::Network(network) => self.train_network(job, network, stop, on_progress)?,
        })
    }

    /// Removes the files of a job whose record does not agree with them, the record first.
    fn remove_stale_files(&self, job: Job) -> Result<()> {
        let (name, record) = (job.name(), record_file(job));
        if !self.store.has(&record) {
            return Ok(());
        }
        let keep_folder = self.records.folder_is_intact(self.store.root(), job);
        self.store.remove(&record)?;
        self.store.remove(&Store::checkpoint_name(&name))?;
        self.store.remove(&format!("{name}.csv"))?;
        self.store.remove(&format!("{name}.peak.csv"))?;
        self.store.remove(&format!("{name}.metrics.csv"))?;
        // A fit that is intact is kept if only its evaluation is lost.
        if keep_folder { Ok(()) } else { self.store.remove(&name) }
    }

    /// The files of a job that is done.
    fn output_files(&self, job: Job) -> Result<Vec<String>> {
        let name = job.name();
        let path = self.store.root().join(&name);
        let cannot_list = |e| io_error("list", &path, &e);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(cannot_list)? {
            files.push(format!("{name}/{}", entry.map_err(cannot_list)?.file_name().to_string_lossy()));
        }
        if matches!(job, Job::Minimum(_) | Job::Simplex(..)) {
            files.push(format!("{name}.csv"));
            let (Job::Minimum(simplex) | Job::Simplex(_, simplex)) = job else { return Ok(files) };
            if simplex.dimension() == 0 && self.store.has(&metrics_file(simplex)) {
                files.push(metrics_file(simplex));
            }
            if self.has_max_loss(simplex.dimension()) {
                files.push(format!("{name}.peak.csv"));
            }
        }
        Ok(files)
    }

    /// Reads the checkpoint of a job, if it has a valid one.
    pub(super) fn load_checkpoint(&self, job: Job) -> Option<JobCheckpoint> {
        let name = Store::checkpoint_name(&job.name());
        self.store.has(&name).then(|| JobCheckpoint::decode(&self.store.read(&name).ok()?)).flatten()
    }

    /// Writes the checkpoint of a job.
    pub(super) fn write_checkpoint(&self, job: Job, checkpoint: &JobCheckpoint) -> Result<()> {
        self.store.write(&Store::checkpoint_name(&job.name()), &checkpoint.encode())
    }

    /// The inputs of a job's record as JSON.
    ///
    /// # Errors
    /// An input is not done.
    pub(super) fn inputs_json(&self, job: Job) -> Result<String> {
        let inputs =
            self.records.inputs(self.store.root(), job).ok_or_else(|| self.records.missing_inputs(job))?;
        Ok(serde_json::to_string(&inputs).expect("strings are JSON"))
    }

    /// Where a job diverged, from the error of its engine. `part` is "fit", "evaluation" or "training".
    ///
    /// # Errors
    /// The error is not about a loss that is not finite.
    pub(super) fn divergence(&self, part: &str, job: Job, error: EngineError) -> Result<Divergence> {
        match error {
            EngineError::Call(Error::NotFinite { what, at }) => {
                Ok(Divergence { what: format!("{part} of {}: {what}", job.name()), at, layer: None })
            }
            EngineError::Device(error) => Err(crate::gpu::failure(&error)),
            error => Err(job_error(part, job, &error)),
        }
    }

    /// Trains and measures a network of a study. Returns where its loss is not finite.
    fn train_network(
        &self,
        job: Job,
        network: StudyNetwork,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<Option<Divergence>> {
        let inputs = self.inputs_json(job)?;
        let train = |layer: Option<&mut Option<String>>| {
            let hooks = study::TrainingHooks {
                checkpoint: self.load_checkpoint(job),
                inputs: inputs.clone(),
                save: &|checkpoint| self.write_checkpoint(job, checkpoint),
                stop,
                steps_len: self.steps_len(),
                on_progress: if layer.is_some() { &|_| () } else { on_progress },
            };
            study::train(&self.config, &*self.problem, &self.store, network, hooks, layer)
        };
        let Err(error) = train(None)? else { return Ok(None) };
        let mut divergence = self.divergence("training", job, error)?;
        // Once more, step by step, to find the layer.
        let _ = train(Some(&mut divergence.layer))?;
        Ok(Some(divergence))
    }

    /// Steps in one call of the engine.
    pub(super) fn steps_len(&self) -> usize {
        let cost = self.problem.cost();
        (CALL_FLOPS[usize::from(cost.on_hardware)] / cost.step_flops.max(1)).clamp(1, MAX_CALL_LEN)
    }

    /// Points in one call of the engine. The number depends on the configuration alone, so that no bit of a result
    /// depends on the machine.
    pub(super) fn points_len(&self) -> usize {
        let cost = self.problem.cost();
        let least = if cost.on_gpu { MAX_MODELS_PER_DISPATCH } else { 1 };
        (CALL_FLOPS[0] / cost.train_flops().max(1)).clamp(least, MAX_CALL_LEN)
    }

    /// Units of progress of a job: its epochs, and one for the evaluation. Of a network of a study: its steps.
    fn progress_units(&self, job: Job) -> u64 {
        match job {
            Job::Minimum(simplex) => u64::from(self.epochs(simplex)) + 1,
            Job::Simplex(variant, simplex) | Job::DirectCurve(variant, simplex) => {
                let phases = variant.phases(self.epochs(simplex));
                let own = job.phases(&self.config).map(|phase| phases[phase].len() as u64).sum::<u64>();
                own + u64::from(!matches!(job, Job::DirectCurve(..)))
            }
            Job::Network(network) => {
                let period = study::period(&self.config, network.samples);
                u64::from(period) * u64::from(self.config.minima.epochs)
            }
        }
    }
}

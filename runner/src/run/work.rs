//! The jobs of a run at work: layer after layer, side by side, beside those of other processes.

use super::job::{Job, Level};
use super::progress::Progress;
use super::record::{Diverged, not_ready};
use super::saved::Saved;
use super::stop::Stop;
use super::{Run, SIDE_BY_SIDE};
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::store::Store;
use crate::study;
use rayon::prelude::*;
use std::time::Duration;
use valleys_core::error::Error;

/// Between two looks at jobs that other processes work on.
const LOOK: Duration = Duration::from_millis(20);

/// Steps, or points, that go to the landscape in one call, at most.
const CALL: usize = 64;

/// Operations of a call on a processor, and on a GPU of hardware: a fraction of a second, so that a stop is heard.
const OPERATIONS: [usize; 2] = [4_000_000_000, 1_000_000_000_000];

/// What came of an attempt.
enum Attempt {
    /// The job is done, by this process or another.
    Done,
    /// Another process works on it.
    Busy,
    /// It can never be done: another one diverged.
    Skipped,
}

impl Run {
    /// Does what of these jobs is not yet done; one that fails does not stop the others.
    pub(super) fn work(&self, levels: &[Level], stop: &Stop, quiet: bool) -> Vec<CliError> {
        let mut failures = Vec::new();
        for level in levels {
            let root = self.store.root();
            let open = |job: &Job| self.records.of(root, *job).is_none();
            let mut open: Vec<Job> = level.jobs.par_iter().copied().filter(open).collect();
            open.retain(|job| self.records.skipped(root, *job).is_none());
            if open.is_empty() {
                continue;
            }
            let units = open.iter().map(|&job| self.units(job)).sum();
            let progress = Progress::new(&format!("{} {}", open.len(), level.title), units, quiet);
            while !open.is_empty() {
                let attempt = |&job: &Job| (job, self.attempt(job, stop, &|units| progress.add(units)));
                let tried: Vec<_> = open.par_iter().with_max_len(1).map(attempt).collect();
                open.clear();
                for (job, result) in tried {
                    match result {
                        Ok(Attempt::Done | Attempt::Skipped) => {}
                        Ok(Attempt::Busy) => open.push(job),
                        Err(failure) => failures.push(failure),
                    }
                }
                if !open.is_empty() {
                    std::thread::sleep(LOOK);
                }
            }
            progress.finish(quiet);
        }
        failures
    }

    /// Does a job, unless it is done or another process works on it.
    fn attempt(&self, job: Job, stop: &Stop, on_progress: &dyn Fn(u64)) -> Result<Attempt> {
        if stop.now() {
            return Err(Stop::failure());
        }
        let (root, name) = (self.store.root(), job.name());
        let Some(_lock) = self.store.lock_job(&name)? else { return Ok(Attempt::Busy) };
        if self.records.of(root, job).is_some() {
            on_progress(self.units(job));
            return Ok(Attempt::Done);
        }
        if self.records.skipped(root, job).is_some() {
            return Ok(Attempt::Skipped);
        }
        self.clear(job)?;
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
            Job::Network(network) => self.network(job, network, stop, on_progress)?,
        };
        let outputs = if diverged.is_some() { Vec::new() } else { self.outputs(job)? };
        self.records.commit(&self.store, job, outputs, diverged)?;
        self.store.remove(&Store::checkpoint_name(&name))?;
        Ok(Attempt::Done)
    }

    /// Removes what a job left that does not fit any more: its record first.
    fn clear(&self, job: Job) -> Result<()> {
        let (name, record) = (job.name(), super::record::file(job));
        if !self.store.has(&record) {
            return Ok(());
        }
        let fits = self.records.fits(self.store.root(), job);
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
    fn outputs(&self, job: Job) -> Result<Vec<String>> {
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
    pub(super) fn saved(&self, job: Job) -> Option<Saved> {
        let name = Store::checkpoint_name(&job.name());
        self.store.has(&name).then(|| Saved::decode(&self.store.read(&name).ok()?)).flatten()
    }

    /// Writes a job's checkpoint.
    pub(super) fn save(&self, job: Job, saved: &Saved) -> Result<()> {
        self.store.write(&Store::checkpoint_name(&job.name()), &saved.encode())
    }

    /// What a job is made from, as text.
    pub(super) fn fingerprint(&self, job: Job) -> Result<String> {
        let inputs = self.records.inputs(self.store.root(), job).ok_or_else(|| not_ready(job))?;
        Ok(serde_json::to_string(&inputs).expect("words are JSON"))
    }

    /// What a job records whose loss is not finite.
    ///
    /// # Errors
    /// What is wrong is something else.
    pub(super) fn diverged(&self, what: &str, job: Job, error: EngineError) -> Result<Diverged> {
        let name = job.name();
        match error {
            EngineError::Call(Error::NotFinite { what: which, at }) => {
                let what = format!("{what} of {name}: {which}");
                Ok(Diverged { what, at, layer: None })
            }
            EngineError::Device(error) => Err(crate::gpu::failure(&error)),
            error => Err(CliError::new(ErrorKind::Jobs, format!("{what} of {name}: {error}"))),
        }
    }

    /// Trains and measures a network of a study.
    fn network(
        &self,
        job: Job,
        network: study::Job,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<Option<Diverged>> {
        let inputs = self.fingerprint(job)?;
        let train = |layer: Option<&mut Option<String>>| {
            let hooks = study::TrainingHooks {
                saved: self.saved(job),
                inputs: inputs.clone(),
                save: &|saved| self.save(job, saved),
                stop,
                call: self.steps_len(),
                on_progress: if layer.is_some() { &|_| () } else { on_progress },
            };
            study::train(&self.config, &*self.problem, &self.store, network, hooks, layer)
        };
        let Err(error) = train(None)? else { return Ok(None) };
        let mut diverged = self.diverged("training", job, error)?;
        // Once more, to see where.
        let _ = train(Some(&mut diverged.layer))?;
        Ok(Some(diverged))
    }

    /// Steps of a call of the engine.
    pub(super) fn steps_len(&self) -> usize {
        let cost = self.problem.cost();
        (OPERATIONS[usize::from(cost.on_hardware)] / cost.step_flops.max(1)).clamp(1, CALL)
    }

    /// Points of a call of the engine: by the configuration alone, so that no bit depends on the machine.
    pub(super) fn points_len(&self) -> usize {
        let cost = self.problem.cost();
        let least = if cost.on_gpu { SIDE_BY_SIDE } else { 1 };
        (OPERATIONS[0] / cost.train_flops.max(1)).clamp(least, CALL)
    }

    /// Units of progress of a job: epochs, and the measurement.
    fn units(&self, job: Job) -> u64 {
        match job {
            Job::Minimum(simplex) => u64::from(self.epochs(simplex)) + 1,
            Job::Simplex(variant, simplex) => {
                u64::from(self.epochs(simplex)) * u64::from(variant.epoch_multiplier) + 1
            }
            Job::Network(network) => {
                let batches = network.size.div_ceil(self.config.train.batch) as u64;
                batches * u64::from(self.config.minima.epochs)
            }
        }
    }
}

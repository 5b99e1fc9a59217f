//! Engines that share dispatches: each has a model of a batch, and steps that several ask for at the same time are taken
//! together.
//!
//! A single small network leaves most of a large GPU idle, and waits for the start of every dispatch. Several networks
//! fill it. They are trained by threads that know nothing of each other: a thread that finds the batch free takes the
//! steps of all that wait.

use crate::counts::Counts;
use crate::device_dataset::DeviceDataset;
use crate::error::{Error, Result};
use crate::kernels::MAX_MODELS;
use crate::key::EngineKey;
use crate::memory::activation_bytes;
use crate::model_batch::ModelBatch;
use crate::request::StepRequest;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Estimated bytes of the activations of all models of a batch, at most.
const MAX_ACTIVATION_BYTES: usize = 2 << 30;

/// A thread waits for others at most as long as the last steps took, divided by this.
const WAIT_DIVISOR: u32 = 8;

/// A batch of models on one device, and who uses it.
#[derive(Debug)]
pub(crate) struct BatchScheduler {
    dataset: Arc<DeviceDataset>,
    key: EngineKey,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// `None` while a thread works with it, and after an error.
    batch: Option<ModelBatch>,
    error: Option<Error>,
    models: Vec<ModelState>,
    /// Requests that wait.
    requests: Vec<StepRequest>,
    /// Losses that another thread computed, by model.
    done: HashMap<usize, (Vec<f32>, Counts)>,
    /// How long the last steps took.
    duration: Duration,
}

/// What is known of a model of a batch.
#[derive(Clone, Copy, Debug, Default)]
struct ModelState {
    is_taken: bool,
    /// Whether its engine asks for steps again and again, so that waiting for it is worthwhile.
    is_stepping: bool,
}

/// An engine's model of a batch.
#[derive(Debug)]
pub(crate) struct ModelHandle {
    scheduler: Arc<BatchScheduler>,
    model: usize,
}

impl BatchScheduler {
    /// A batch of `models` models with so many slots, or of fewer models where there is no room for so many.
    ///
    /// # Errors
    /// As [`ModelBatch::new`], for a single model.
    pub fn new(key: &EngineKey, dataset: Arc<DeviceDataset>, models: usize, slots: usize) -> Result<Self> {
        let room = MAX_ACTIVATION_BYTES / activation_bytes(&key.graph, key.batch).max(1);
        let mut models = models.clamp(1, MAX_MODELS).min(room.max(1));
        let batch = loop {
            let batch = ModelBatch::new(key, dataset.clone(), models);
            match batch.and_then(|mut batch| batch.reserve(slots, false).map(|()| batch)) {
                Err(Error::OutOfMemory { .. } | Error::TooLarge { .. }) if models > 1 => models /= 2,
                batch => break batch?,
            }
        };
        let state = State {
            batch: Some(batch),
            error: None,
            models: vec![ModelState::default(); models],
            requests: Vec::new(),
            done: HashMap::new(),
            duration: Duration::ZERO,
        };
        Ok(Self { dataset, key: key.clone(), state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Whether it is for engines with this key on this data.
    pub fn serves(&self, dataset: &Arc<DeviceDataset>, key: &EngineKey) -> bool {
        Arc::ptr_eq(&self.dataset, dataset) && self.key == *key
    }

    /// A model that no engine has.
    pub fn handle(self: &Arc<Self>) -> Option<ModelHandle> {
        let mut state = self.lock();
        if state.error.is_some() {
            return None;
        }
        let model = state.models.iter().position(|model| !model.is_taken)?;
        state.models[model].is_taken = true;
        Some(ModelHandle { scheduler: self.clone(), model })
    }

    /// Locks the state, also after a panic elsewhere: [`BatchGuard`] keeps it consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Option<Instant>) -> MutexGuard<'a, State> {
        let Some(until) = until else {
            return self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let timeout = until.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Whether all engines that ask for steps again and again have done so.
    fn is_complete(&self) -> bool {
        let asks = |model: usize| self.requests.iter().any(|request| request.model == model);
        let mut models = self.models.iter().enumerate();
        models.all(|(at, model)| !model.is_taken || !model.is_stepping || asks(at))
    }
}

impl ModelHandle {
    /// Index of the model in its batch.
    pub fn model(&self) -> usize {
        self.model
    }

    /// Works with the batch when no other thread does. Returns what was done on the device, too.
    ///
    /// # Errors
    /// Those of the work. Unless the device was merely out of memory, the batch cannot be used afterwards.
    pub fn exclusive<R>(&self, work: impl FnOnce(&mut ModelBatch) -> Result<R>) -> Result<(R, Counts)> {
        let mut state = self.scheduler.lock();
        let batch = loop {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            match state.batch.take() {
                Some(batch) => break batch,
                None => state = self.scheduler.wait(state, None),
            }
        };
        drop(state);
        let mut guard = BatchGuard { scheduler: &self.scheduler, batch: Some(batch) };
        guard.work(work, |error| matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. }))
    }

    /// Takes steps, together with those that other engines ask for. Returns their losses, and what was done on the
    /// device.
    ///
    /// # Errors
    /// As [`exclusive`](Self::exclusive), also if another thread took the steps.
    pub fn advance(&self, request: StepRequest) -> Result<(Vec<f32>, Counts)> {
        let mut state = self.scheduler.lock();
        state.models[self.model].is_stepping = true;
        state.requests.push(request);
        self.scheduler.changed.notify_all();
        let deadline = Instant::now() + state.duration / WAIT_DIVISOR;
        let batch = loop {
            if let Some(done) = state.done.remove(&self.model) {
                return Ok(done);
            }
            if let Some(error) = &state.error {
                let error = error.clone();
                state.requests.retain(|request| request.model != self.model);
                return Err(error);
            }
            if state.is_complete() || Instant::now() >= deadline {
                if let Some(batch) = state.batch.take() {
                    break batch;
                }
                state = self.scheduler.wait(state, None);
            } else {
                state = self.scheduler.wait(state, Some(deadline));
            }
        };
        let own = state.requests.iter().position(|request| request.model == self.model);
        let own = state.requests.swap_remove(own.expect("it was pushed"));
        let waiting = std::mem::take(&mut state.requests);
        let (mut requests, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|other| own.is_compatible(other));
        state.requests = others;
        requests.push(own);
        let waiting: Vec<usize> =
            state.requests.iter().chain(&requests).map(|request| request.model).collect();
        for (at, model) in state.models.iter_mut().enumerate() {
            model.is_stepping &= waiting.contains(&at);
        }
        drop(state);
        let start = Instant::now();
        let mut guard = BatchGuard { scheduler: &self.scheduler, batch: Some(batch) };
        let (mut losses, counts) = guard.work(|batch| batch.advance(&requests), |_| false)?;
        let own = losses.pop().expect("its request is the last one");
        let models = requests.iter().map(|request| request.model);
        let mut state = self.scheduler.lock();
        state.duration = start.elapsed();
        state.done.extend(models.zip(losses).map(|(model, losses)| (model, (losses, counts))));
        // Other threads may find the batch free only after the results are there.
        drop(state);
        drop(guard);
        Ok((own, counts))
    }
}

impl Drop for ModelHandle {
    fn drop(&mut self) {
        let mut state = self.scheduler.lock();
        state.models[self.model] = ModelState::default();
        state.done.remove(&self.model);
        self.scheduler.changed.notify_all();
    }
}

/// Exclusive use of a batch. However the work ends, the batch is returned or the scheduler has an error.
struct BatchGuard<'a> {
    scheduler: &'a BatchScheduler,
    batch: Option<ModelBatch>,
}

impl BatchGuard<'_> {
    /// Works. After an error, the batch is kept only if the error `is_harmless` to other engines.
    fn work<R>(
        &mut self,
        work: impl FnOnce(&mut ModelBatch) -> Result<R>,
        is_harmless: impl Fn(&Error) -> bool,
    ) -> Result<(R, Counts)> {
        let mut batch = self.batch.take().expect("it is there until the guard is dropped");
        let result = work(&mut batch);
        let counts = batch.submitter.counts.take();
        match result {
            Ok(result) => {
                self.batch = Some(batch);
                Ok((result, counts))
            }
            Err(error) => {
                if is_harmless(&error) {
                    self.batch = Some(batch);
                } else {
                    self.scheduler.lock().error.get_or_insert(error.clone());
                }
                Err(error)
            }
        }
    }
}

impl Drop for BatchGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.scheduler.lock();
        state.batch = self.batch.take();
        if state.batch.is_none() {
            state.error.get_or_insert(Error::Lost("by a panic".to_owned()));
        }
        self.scheduler.changed.notify_all();
    }
}

//! Landscapes side by side: each has a model of one engine, and steps that they ask for at the same time go in the same
//! dispatches.
//!
//! A single small network leaves most of a large GPU idle, and waits for the start of every dispatch. Several of them,
//! trained by threads that know nothing of each other, fill it: whoever finds the engine free takes the steps of all
//! who wait. Nobody's bits depend on who else was there.

use crate::dataset::DeviceDataset;
use crate::engine::Counts;
use crate::error::{Error, Result};
use crate::kernels::BatchLayout;
use crate::model_batch::{EngineKey, ModelBatch};
use crate::request::{StepRequest, StepResult};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of activations of all models together, at most, by estimate.
const ROOM: usize = 2 << 30;

/// Landscapes of one kind on one device.
#[derive(Debug)]
pub(crate) struct BatchScheduler {
    pub device_dataset: Arc<DeviceDataset>,
    pub key: EngineKey,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// None while somebody works with it, and after it broke.
    engine: Option<ModelBatch>,
    broken: Option<Error>,
    models: Vec<ModelState>,
    asked: Vec<StepRequest>,
    /// What others asked for and do not know yet.
    done: HashMap<usize, (StepResult, Counts)>,
    /// How long the last steps took.
    took: Duration,
}

/// What is known of a model.
#[derive(Clone, Copy, Debug, Default)]
struct ModelState {
    taken: bool,
    /// It asked for steps, and did not keep others waiting since.
    steps: bool,
}

/// A landscape's place in a group.
#[derive(Debug)]
pub(crate) struct ModelHandle {
    group: Arc<BatchScheduler>,
    model: usize,
}

impl BatchScheduler {
    /// A group of `models` models with so many slots, or of fewer models where there is no room for so many.
    pub fn new(
        key: &EngineKey,
        device_dataset: Arc<DeviceDataset>,
        models: usize,
        slots: usize,
    ) -> Result<Self> {
        let room = ROOM / key.plan.activations(key.batch).max(1);
        let mut models = models.clamp(1, BatchLayout::MAX_MODELS).min(room.max(1));
        let engine = loop {
            let made = ModelBatch::new(key, device_dataset.clone(), models);
            match made.and_then(|mut engine| engine.reserve(slots).map(|()| engine)) {
                Err(Error::OutOfMemory { .. } | Error::TooLarge { .. }) if models > 1 => models /= 2,
                made => break made?,
            }
        };
        let state = State {
            engine: Some(engine),
            broken: None,
            models: vec![ModelState::default(); models],
            asked: Vec::new(),
            done: HashMap::new(),
            took: Duration::ZERO,
        };
        Ok(Self { device_dataset, key: key.clone(), state: Mutex::new(state), changed: Condvar::new() })
    }

    /// A model that nobody has.
    pub fn handle(self: &Arc<Self>) -> Option<ModelHandle> {
        let mut state = self.state();
        if state.broken.is_some() {
            return None;
        }
        let model = state.models.iter().position(|model| !model.taken)?;
        state.models[model].taken = true;
        Some(ModelHandle { group: self.clone(), model })
    }

    /// What a panic elsewhere left is as good as before: see [`EngineGuard`].
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Option<Instant>) -> MutexGuard<'a, State> {
        let Some(until) = until else {
            return self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let left = until.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Whether everybody who asks for steps again and again has done so.
    fn all_there(&self) -> bool {
        let asked = |model: usize| self.asked.iter().any(|steps| steps.model == model);
        self.models.iter().enumerate().all(|(at, model)| !model.taken || !model.steps || asked(at))
    }
}

impl ModelHandle {
    /// The model of the engine.
    pub fn model(&self) -> usize {
        self.model
    }

    /// Works with the engine, when nobody else does; what was done on the device meanwhile is counted.
    ///
    /// # Errors
    /// Those of the work, after which the group is of no more use, unless there was no room for something.
    pub fn alone<R>(&self, work: impl FnOnce(&mut ModelBatch) -> Result<R>) -> Result<(R, Counts)> {
        let mut state = self.group.state();
        let engine = loop {
            if let Some(broken) = &state.broken {
                return Err(broken.clone());
            }
            match state.engine.take() {
                Some(engine) => break engine,
                None => state = self.group.wait(state, None),
            }
        };
        drop(state);
        let mut lead = EngineGuard { group: &self.group, engine: Some(engine) };
        lead.work(work, |error| matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. }))
    }

    /// Takes steps, together with those that others ask for.
    ///
    /// # Errors
    /// As [`ModelHandle::alone`], also where it was another's turn.
    pub fn advance(&self, steps: StepRequest) -> Result<(StepResult, Counts)> {
        let mut state = self.group.state();
        state.models[self.model].steps = true;
        state.asked.push(steps);
        self.group.changed.notify_all();
        // Waiting must cost little beside what it can gain.
        let patience = Instant::now() + state.took / 8;
        let engine = loop {
            if let Some(done) = state.done.remove(&self.model) {
                return Ok(done);
            }
            if let Some(broken) = &state.broken {
                let broken = broken.clone();
                state.asked.retain(|steps| steps.model != self.model);
                return Err(broken);
            }
            let late = Instant::now() >= patience;
            if state.all_there() || late {
                if let Some(engine) = state.engine.take() {
                    break engine;
                }
                state = self.group.wait(state, None);
            } else {
                state = self.group.wait(state, Some(patience));
            }
        };
        let own = state.asked.iter().position(|steps| steps.model == self.model).expect("it was asked for");
        let own = state.asked.swap_remove(own);
        let asked = std::mem::take(&mut state.asked);
        let (mut calls, others): (Vec<_>, Vec<_>) = asked.into_iter().partition(|other| own.goes_with(other));
        state.asked = others;
        calls.push(own);
        let waiting: Vec<usize> = state.asked.iter().chain(&calls).map(|steps| steps.model).collect();
        for (at, model) in state.models.iter_mut().enumerate() {
            model.steps &= waiting.contains(&at);
        }
        drop(state);
        let start = Instant::now();
        let mut lead = EngineGuard { group: &self.group, engine: Some(engine) };
        let (mut moved, counts) = lead.work(|engine| engine.advance(&calls), |_| false)?;
        let own = moved.pop().expect("it is the last");
        let models = calls.iter().map(|steps| steps.model);
        let mut state = self.group.state();
        state.took = start.elapsed();
        state.done.extend(models.zip(moved).map(|(model, moved)| (model, (moved, counts))));
        // Only now may others find the engine free.
        drop(state);
        drop(lead);
        Ok((own, counts))
    }
}

impl Drop for ModelHandle {
    fn drop(&mut self) {
        let mut state = self.group.state();
        state.models[self.model] = ModelState::default();
        state.done.remove(&self.model);
        self.group.changed.notify_all();
    }
}

/// Who works with the engine. It comes back however the work ends, or the group is broken.
struct EngineGuard<'a> {
    group: &'a BatchScheduler,
    engine: Option<ModelBatch>,
}

impl EngineGuard<'_> {
    /// Works; after an error the engine stays only where that is of no consequence to others.
    fn work<R>(
        &mut self,
        work: impl FnOnce(&mut ModelBatch) -> Result<R>,
        harmless: impl Fn(&Error) -> bool,
    ) -> Result<(R, Counts)> {
        let mut engine = self.engine.take().expect("it is there");
        let done = work(&mut engine);
        let counts = engine.submitter.counts.take();
        match done {
            Ok(done) => {
                self.engine = Some(engine);
                Ok((done, counts))
            }
            Err(error) if harmless(&error) => {
                self.engine = Some(engine);
                Err(error)
            }
            Err(error) => {
                self.group.state().broken.get_or_insert(error.clone());
                Err(error)
            }
        }
    }
}

impl Drop for EngineGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.group.state();
        state.engine = self.engine.take();
        if state.engine.is_none() {
            state.broken.get_or_insert(Error::Lost("by a panic".to_owned()));
        }
        self.group.changed.notify_all();
    }
}

//! Landscapes side by side: each has a lane of one engine, and steps that they ask for at the same time go in the same
//! dispatches.
//!
//! A single small network leaves most of a large GPU idle, and waits for the start of every dispatch. Several of them,
//! trained by threads that know nothing of each other, fill it: whoever finds the engine free takes the steps of all
//! who wait. Nobody's bits depend on who else was there.

use crate::data::Resident;
use crate::engine::Counts;
use crate::error::{Error, Result};
use crate::kernels::Lanes;
use crate::model_batch::{Job, ModelBatch};
use crate::request::{Moved, Steps};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of activations of all lanes together, at most, by estimate.
const ROOM: usize = 2 << 30;

/// Landscapes of one kind on one device.
#[derive(Debug)]
pub(crate) struct Group {
    pub resident: Arc<Resident>,
    pub job: Job,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// None while somebody works with it, and after it broke.
    engine: Option<ModelBatch>,
    broken: Option<Error>,
    lanes: Vec<Lane>,
    asked: Vec<Steps>,
    /// What others asked for and do not know yet.
    done: HashMap<usize, (Moved, Counts)>,
    /// How long the last steps took.
    took: Duration,
}

/// What is known of a lane.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    taken: bool,
    /// It asked for steps, and did not keep others waiting since.
    steps: bool,
}

/// A landscape's place in a group.
#[derive(Debug)]
pub(crate) struct Seat {
    group: Arc<Group>,
    lane: usize,
}

impl Group {
    /// A group of `models` lanes with so many slots, or of fewer lanes where there is no room for so many.
    pub fn new(job: &Job, resident: Arc<Resident>, models: usize, slots: usize) -> Result<Self> {
        let room = ROOM / job.plan.activations(job.batch).max(1);
        let mut models = models.clamp(1, Lanes::MOST).min(room.max(1));
        let engine = loop {
            let made = ModelBatch::new(job, resident.clone(), models);
            match made.and_then(|mut engine| engine.reserve(slots).map(|()| engine)) {
                Err(Error::OutOfMemory { .. } | Error::TooLarge { .. }) if models > 1 => models /= 2,
                made => break made?,
            }
        };
        let state = State {
            engine: Some(engine),
            broken: None,
            lanes: vec![Lane::default(); models],
            asked: Vec::new(),
            done: HashMap::new(),
            took: Duration::ZERO,
        };
        Ok(Self { resident, job: job.clone(), state: Mutex::new(state), changed: Condvar::new() })
    }

    /// A lane that nobody has.
    pub fn seat(self: &Arc<Self>) -> Option<Seat> {
        let mut state = self.state();
        if state.broken.is_some() {
            return None;
        }
        let lane = state.lanes.iter().position(|lane| !lane.taken)?;
        state.lanes[lane].taken = true;
        Some(Seat { group: self.clone(), lane })
    }

    /// What a panic elsewhere left is as good as before: see [`Lead`].
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
        let asked = |lane: usize| self.asked.iter().any(|steps| steps.lane == lane);
        self.lanes.iter().enumerate().all(|(at, lane)| !lane.taken || !lane.steps || asked(at))
    }
}

impl Seat {
    /// The lane of the engine.
    pub fn lane(&self) -> usize {
        self.lane
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
        let mut lead = Lead { group: &self.group, engine: Some(engine) };
        lead.work(work, |error| matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. }))
    }

    /// Takes steps, together with those that others ask for.
    ///
    /// # Errors
    /// As [`Seat::alone`], also where it was another's turn.
    pub fn advance(&self, steps: Steps) -> Result<(Moved, Counts)> {
        let mut state = self.group.state();
        state.lanes[self.lane].steps = true;
        state.asked.push(steps);
        self.group.changed.notify_all();
        // Waiting must cost little beside what it can gain.
        let patience = Instant::now() + state.took / 8;
        let engine = loop {
            if let Some(done) = state.done.remove(&self.lane) {
                return Ok(done);
            }
            if let Some(broken) = &state.broken {
                let broken = broken.clone();
                state.asked.retain(|steps| steps.lane != self.lane);
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
        let own = state.asked.iter().position(|steps| steps.lane == self.lane).expect("it was asked for");
        let own = state.asked.swap_remove(own);
        let asked = std::mem::take(&mut state.asked);
        let (mut calls, others): (Vec<_>, Vec<_>) = asked.into_iter().partition(|other| own.goes_with(other));
        state.asked = others;
        calls.push(own);
        let waiting: Vec<usize> = state.asked.iter().chain(&calls).map(|steps| steps.lane).collect();
        for (at, lane) in state.lanes.iter_mut().enumerate() {
            lane.steps &= waiting.contains(&at);
        }
        drop(state);
        let start = Instant::now();
        let mut lead = Lead { group: &self.group, engine: Some(engine) };
        let (mut moved, counts) = lead.work(|engine| engine.advance(&calls), |_| false)?;
        let own = moved.pop().expect("it is the last");
        let lanes = calls.iter().map(|steps| steps.lane);
        let mut state = self.group.state();
        state.took = start.elapsed();
        state.done.extend(lanes.zip(moved).map(|(lane, moved)| (lane, (moved, counts))));
        // Only now may others find the engine free.
        drop(state);
        drop(lead);
        Ok((own, counts))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.group.state();
        state.lanes[self.lane] = Lane::default();
        state.done.remove(&self.lane);
        self.group.changed.notify_all();
    }
}

/// Who works with the engine. It comes back however the work ends, or the group is broken.
struct Lead<'a> {
    group: &'a Group,
    engine: Option<ModelBatch>,
}

impl Lead<'_> {
    /// Works; after an error the engine stays only where that is of no consequence to others.
    fn work<R>(
        &mut self,
        work: impl FnOnce(&mut ModelBatch) -> Result<R>,
        harmless: impl Fn(&Error) -> bool,
    ) -> Result<(R, Counts)> {
        let mut engine = self.engine.take().expect("it is there");
        let done = work(&mut engine);
        let counts = engine.replay.counts.take();
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

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut state = self.group.state();
        state.engine = self.engine.take();
        if state.engine.is_none() {
            state.broken.get_or_insert(Error::Lost("by a panic".to_owned()));
        }
        self.group.changed.notify_all();
    }
}

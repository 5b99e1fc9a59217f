//! What an engine keeps on the host to replace a lost device: slots as they were once, and the steps taken since.
//!
//! Reading the slots back after every call would stall the device and move all control points and moments each time. So
//! the host reads them back now and then, and keeps the steps in between. Steps are deterministic: repeated from the
//! same slots on another device of the same kind, they give the same bits.

use crate::request::SlotState;
use std::sync::Arc;
use std::time::Duration;
use valleys_core::engine::{MAX_COUNT, Step, StepParams};

/// Time spent in steps after which the slots are read back: what a lost device costs, at most.
const READ_BACK_INTERVAL: Duration = Duration::from_secs(5);

/// Steps after which the slots are read back, whatever the time: they bound the memory of the log, to some 5 MiB.
const MAX_LOGGED_STEPS: usize = 1 << 16;

/// The steps of one call.
#[derive(Clone, Debug)]
pub(crate) struct LoggedSteps {
    pub params: StepParams,
    pub steps: Arc<[Step]>,
}

impl LoggedSteps {
    /// Counts these steps for the slots that they train, if they are Adam's.
    pub fn count(&self, counts: &mut [f32]) {
        if self.params.optimizer.needs_second_moments() {
            let trainable = counts.iter_mut().skip(self.params.first_trainable as usize);
            trainable.for_each(|count| *count = (*count + self.steps.len() as f32).min(MAX_COUNT));
        }
    }
}

/// Slots as they were when they were last set or read back, and the steps since.
#[derive(Debug)]
pub(crate) struct Recovery {
    slots: Vec<SlotState>,
    log: Vec<LoggedSteps>,
    /// Of each slot, the number of Adam's steps, with those of the log.
    counts: Vec<f32>,
    /// Steps of the log, and the time that they took.
    steps: usize,
    time: Duration,
    /// When a read-back is due.
    pub max_steps: usize,
    pub interval: Duration,
}

impl Recovery {
    /// All slots 0.
    pub fn new(slots: usize, dim: usize) -> Self {
        Self {
            slots: vec![SlotState::at(vec![0.0; dim], false); slots],
            log: Vec::new(),
            counts: vec![0.0; slots],
            steps: 0,
            time: Duration::ZERO,
            max_steps: MAX_LOGGED_STEPS,
            interval: READ_BACK_INTERVAL,
        }
    }

    /// Gives all slots second moments, 0, unless they have them.
    pub fn add_second_moments(&mut self) {
        for slot in &mut self.slots {
            let len = slot.point.len() + 1;
            slot.second.get_or_insert_with(|| vec![0.0; len]);
        }
    }

    /// Of each slot, the number of Adam's steps until now.
    pub fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// The slots before the logged steps.
    pub fn slots(&self) -> &[SlotState] {
        &self.slots
    }

    /// The steps since.
    pub fn log(&self) -> &[LoggedSteps] {
        &self.log
    }

    /// Appends the steps of a call, and the time that it took.
    pub fn append(&mut self, steps: LoggedSteps, time: Duration) {
        self.steps += steps.steps.len();
        self.time += time;
        steps.count(&mut self.counts);
        self.log.push(steps);
    }

    /// Whether the slots are to be read back now.
    pub fn is_due(&self) -> bool {
        self.steps >= self.max_steps || self.time >= self.interval
    }

    /// The first slot that the logged steps have trained: slots before it are as they were.
    pub fn first_stale(&self) -> usize {
        let first = self.log.iter().map(|logged| logged.params.first_trainable as usize).min();
        first.unwrap_or(self.slots.len()).min(self.slots.len())
    }

    /// Replaces the slots from `first` on, and forgets the steps: they are part of the slots now.
    pub fn replace(&mut self, first: usize, states: Vec<SlotState>) {
        self.slots.splice(first..first + states.len(), states);
        self.counts = self.slots.iter().map(SlotState::count).collect();
        self.log.clear();
        (self.steps, self.time) = (0, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valleys_core::engine::{Mix, Optimizer};
    use valleys_core::rng::Key;

    fn steps(first_trainable: u32, count: usize) -> LoggedSteps {
        let params = StepParams {
            key: Key::new(1, 1),
            epoch: 0,
            first_trainable,
            optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
            weight_decay: 0.0,
            tangent_removal: 0.0,
            max_gradient_norm: f32::INFINITY,
        };
        LoggedSteps { params, steps: vec![Step { mix: Mix::new(), rate: 0.1, batch: 0 }; count].into() }
    }

    #[test]
    fn a_read_back_is_due_after_steps_or_time() {
        let mut recovery = Recovery::new(3, 2);
        assert_eq!((recovery.first_stale(), recovery.is_due()), (3, false));
        recovery.append(steps(2, 10), Duration::from_secs(4));
        recovery.append(steps(1, 10), Duration::ZERO);
        assert_eq!((recovery.first_stale(), recovery.is_due(), recovery.log().len()), (1, false, 2));
        recovery.append(steps(7, 0), Duration::from_secs(1));
        assert!(recovery.is_due());
        let state = SlotState { momentum: vec![2.0; 2], ..SlotState::at(vec![1.0; 2], false) };
        recovery.replace(1, vec![state; 2]);
        assert_eq!((recovery.first_stale(), recovery.is_due()), (3, false));
        let points: Vec<f32> = recovery.slots().iter().map(|slot| slot.point[0]).collect();
        assert_eq!(points, [0.0, 1.0, 1.0]);
        recovery.append(steps(0, MAX_LOGGED_STEPS), Duration::ZERO);
        assert!(recovery.is_due());
    }
    #[test]
    fn steps_of_adam_are_counted_for_the_slots_that_they_train() {
        let mut recovery = Recovery::new(3, 2);
        recovery.add_second_moments();
        let adam = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: false };
        let of_adam = |first_trainable, count| {
            let steps = steps(first_trainable, count);
            LoggedSteps { params: StepParams { optimizer: adam, ..steps.params }, ..steps }
        };
        recovery.append(of_adam(2, 4), Duration::ZERO);
        recovery.append(steps(0, 10), Duration::ZERO);
        recovery.append(of_adam(1, 3), Duration::ZERO);
        assert_eq!(recovery.counts(), [0.0, 3.0, 7.0]);
        // A slot that is set has taken no steps; one that is read back has those of its state.
        let mut read = SlotState::at(vec![1.0; 2], true);
        read.second = Some(vec![0.5, 0.5, 7.0]);
        recovery.replace(1, vec![SlotState::at(vec![1.0; 2], true), read]);
        assert_eq!(recovery.counts(), [0.0, 0.0, 7.0]);
        recovery.append(of_adam(2, 1 << 25), Duration::ZERO);
        assert_eq!(recovery.counts(), [0.0, 0.0, MAX_COUNT]);
    }
}

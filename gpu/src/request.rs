//! What landscapes ask an engine for, and what they get.

use crate::engine::Slot;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::{Mix, Step, StepParams};

/// Steps that a landscape asks for.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    pub lane: usize,
    /// How many slots the landscape has.
    pub slots: usize,
    pub course: StepParams,
    pub steps: Vec<Step>,
    /// Samples and codes of each step's batch.
    pub entries: Arc<Vec<Vec<[u32; 2]>>>,
}

impl Steps {
    /// The slots that are trained.
    pub fn trainable(&self) -> Range<usize> {
        let first = self.course.first_trainable as usize;
        first..self.slots.max(first)
    }

    /// Whether the part of gradients along the simplex is removed.
    pub fn project(&self) -> bool {
        self.course.tangent_removal > 0.0
    }

    /// Whether the same dispatches do for both.
    pub fn goes_with(&self, other: &Self) -> bool {
        self.trainable() == other.trainable() && self.project() == other.project()
    }
}

/// Points at which a landscape asks for the loss.
pub(crate) struct Points<'a> {
    pub lane: usize,
    /// On the test samples, not on the training samples.
    pub test: bool,
    pub chosen: &'a [u32],
    pub points: &'a [Mix],
}

/// What steps give.
#[derive(Debug)]
pub(crate) struct Moved {
    pub losses: Vec<f32>,
    /// The trainable ones.
    pub slots: Vec<Slot>,
}

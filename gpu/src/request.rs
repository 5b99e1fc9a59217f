//! What landscapes ask an engine for, and what they get.

use crate::engine::Slot;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::{Mix, Step, StepParams};

/// StepRequest that a landscape asks for.
#[derive(Clone, Debug)]
pub(crate) struct StepRequest {
    pub model: usize,
    /// How many slots the landscape has.
    pub slots: usize,
    pub params: StepParams,
    pub steps: Vec<Step>,
    /// Samples and codes of each step's batch.
    pub entries: Arc<Vec<Vec<[u32; 2]>>>,
}

impl StepRequest {
    /// The slots that are trained.
    pub fn trainable(&self) -> Range<usize> {
        let first = self.params.first_trainable as usize;
        first..self.slots.max(first)
    }

    /// Whether the part of gradients along the simplex is removed.
    pub fn project(&self) -> bool {
        self.params.tangent_removal > 0.0
    }

    /// Whether the same dispatches do for both.
    pub fn goes_with(&self, other: &Self) -> bool {
        self.trainable() == other.trainable() && self.project() == other.project()
    }
}

/// ValueRequest at which a landscape asks for the loss.
pub(crate) struct ValueRequest<'a> {
    pub model: usize,
    /// On the test samples, not on the training samples.
    pub test: bool,
    pub chosen: &'a [u32],
    pub points: &'a [Mix],
}

/// What steps give.
#[derive(Debug)]
pub(crate) struct StepResult {
    pub losses: Vec<f32>,
    /// The trainable ones.
    pub slots: Vec<Slot>,
}

//! What an engine asks of a batch of models.

use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::{Mix, Step, StepParams};

/// A control point with its moments.
#[derive(Clone, Debug)]
pub(crate) struct SlotState {
    pub point: Vec<f32>,
    pub momentum: Vec<f32>,
    /// Adam's second moment, and behind it the number of its steps: in engines with memory for it.
    pub second: Option<Vec<f32>>,
}

impl SlotState {
    /// A control point without moments, in an engine with memory for second moments or without.
    pub fn at(point: Vec<f32>, second_moments: bool) -> Self {
        let len = point.len();
        Self { point, momentum: vec![0.0; len], second: second_moments.then(|| vec![0.0; len + 1]) }
    }

    /// Number of Adam's steps.
    pub fn count(&self) -> f32 {
        self.second.as_ref().and_then(|second| second.last()).copied().unwrap_or(0.0)
    }
}

/// The samples of a step.
#[derive(Clone, Debug)]
pub(crate) struct StepBatch {
    /// Samples and their augmentation codes.
    pub samples: Vec<[u32; 2]>,
    /// The sum of their weights.
    pub weight: f64,
}

/// Steps of one model.
#[derive(Clone, Debug)]
pub(crate) struct StepRequest {
    /// Index of the model in its batch.
    pub model: usize,
    /// Slots of the model.
    pub slots: usize,
    pub params: StepParams,
    pub steps: Arc<[Step]>,
    /// Of each step.
    pub batches: Arc<[StepBatch]>,
    /// Of each slot, the number of Adam's steps before these.
    pub counts: Vec<f32>,
}

impl StepRequest {
    /// The slots that are trained.
    pub fn trainable(&self) -> Range<usize> {
        let first = self.params.first_trainable as usize;
        first..self.slots.max(first)
    }

    /// Whether the tangent component of gradients is removed.
    pub fn removes_tangent(&self) -> bool {
        self.params.tangent_removal > 0.0
    }

    /// Whether the length of gradients is limited.
    pub fn clips(&self) -> bool {
        self.params.max_gradient_norm < f32::INFINITY
    }

    /// Whether both can share dispatches.
    pub fn is_compatible(&self, other: &Self) -> bool {
        let kernels = |request: &Self| {
            let is_adam = request.params.optimizer.needs_second_moments();
            [request.removes_tangent(), request.clips(), is_adam]
        };
        self.trainable() == other.trainable() && kernels(self) == kernels(other)
    }
}

/// Points at which the loss of one model is evaluated.
pub(crate) struct ValueRequest<'a> {
    /// Index of the model in its batch.
    pub model: usize,
    /// The training samples of the statistics.
    pub train: &'a [u32],
    pub splits: &'a [MeasuredSplit],
    pub points: &'a [Mix],
}

/// The samples of a split over which a loss is averaged.
pub(crate) struct MeasuredSplit {
    /// Test samples, instead of training samples.
    pub on_test: bool,
    pub samples: Vec<u32>,
}

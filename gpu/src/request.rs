//! What an engine asks of a batch of models.

use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::{Mix, Step, StepParams};

/// A control point with its momentum.
#[derive(Clone, Debug)]
pub(crate) struct SlotState {
    pub point: Vec<f32>,
    pub momentum: Vec<f32>,
}

impl SlotState {
    pub fn zeros(dim: usize) -> Self {
        Self { point: vec![0.0; dim], momentum: vec![0.0; dim] }
    }
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
    /// For each step the samples of its batch and their augmentation codes.
    pub entries: Arc<[Vec<[u32; 2]>]>,
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

    /// Whether both can share dispatches.
    pub fn is_compatible(&self, other: &Self) -> bool {
        self.trainable() == other.trainable() && self.removes_tangent() == other.removes_tangent()
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

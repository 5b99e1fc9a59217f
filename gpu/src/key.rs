//! What engines have in common that can share dispatches.

use valleys_core::engine::StepParams;
use valleys_core::network::graph::{Graph, Op};
use valleys_core::network::{CropFlip, CropFlipDraw};
use valleys_core::rng::{Purpose, Stream};

/// Network, batch and data sizes, augmentation: engines with equal keys share dispatches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EngineKey {
    pub graph: Graph<Vec<Op>>,
    /// Samples of a training batch; the last one of an epoch may be smaller.
    pub batch: usize,
    /// Number of training samples, of test samples.
    pub train_len: usize,
    pub test_len: usize,
    pub augment: Option<CropFlip<Vec<f32>>>,
}

impl EngineKey {
    /// The code of a sample in a step: how it is augmented.
    pub fn augment_code(&self, params: &StepParams, sample: u32) -> u32 {
        let Some(augment) = &self.augment else { return 0 };
        let mut stream = Stream::new(params.key, Purpose::Augment, params.epoch, sample);
        augment_code(CropFlipDraw::draw(&mut stream, augment.padding))
    }

    /// The code that leaves a sample as it is.
    pub fn identity_code(&self) -> u32 {
        let shift = self.augment.as_ref().map_or(0, |augment| augment.padding as u32);
        augment_code(CropFlipDraw { down: shift, right: shift, mirrored: false })
    }
}

/// An augmentation as `gather.wgsl` reads it: shift down, shift right, mirrored, one byte each.
pub(crate) fn augment_code(draw: CropFlipDraw) -> u32 {
    draw.down | draw.right << 8 | u32::from(draw.mirrored) << 16
}

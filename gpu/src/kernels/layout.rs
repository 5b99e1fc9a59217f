//! Models side by side, and the numbers of a pass for each.

use super::channel_blocks;

/// The numbers of one pass over a batch in one model, as `prelude.wgsl` has them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct PassParams {
    /// Images in the batch; 0 where the model rests.
    pub count: u32,
    /// Its first entry in the order of the samples.
    pub first: u32,
    /// Where its loss goes.
    pub number: u32,
    /// Its share of the samples.
    pub share: f32,
    /// Learning rate.
    pub rate: f32,
    /// Momentum μ.
    pub momentum: f32,
    /// Weight decay λ.
    pub decay: f32,
    /// Weight of the control point that is moved.
    pub weight: f32,
    /// Weights of the control points in the mix.
    pub mix: [f32; 8],
    /// The model whose control points they are.
    pub home: u32,
    /// What fills up a vector.
    pub rest: [u32; 3],
}

/// Models that work side by side in one dispatch, each in a model of every buffer, and how far apart the models lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLayout {
    /// How many.
    pub models: usize,
    /// Images of a model of a tensor.
    pub images: usize,
    /// Parameters, which lie in whole quads.
    pub dim: usize,
    /// Packed weights, in whole quads.
    pub packed: usize,
    /// DeviceSplit sums, in whole quads.
    pub part: usize,
}

impl BatchLayout {
    /// The most that a run takes.
    pub const MAX_MODELS: usize = 8;

    /// A single model: nothing is apart from anything.
    pub const ONE: Self = Self { models: 1, images: 0, dim: 0, packed: 0, part: 0 };

    /// Numbers of θ of a model: whole quads.
    pub const fn theta_len(&self) -> usize {
        4 * channel_blocks(self.dim)
    }

    /// Bytes from the records of one pass to those of the next: what every adapter allows as an offset.
    pub const fn stride(&self) -> u64 {
        ((self.models * size_of::<PassParams>()) as u64).next_multiple_of(256)
    }

    /// From one model to the next, where a model takes so many.
    const fn apart(&self, len: usize) -> i64 {
        if self.models > 1 { len as i64 } else { 0 }
    }

    /// Quads from one model to the next in a buffer of all models.
    pub(super) fn stride_in(&self, buffer: &wgpu::Buffer) -> i64 {
        self.apart(buffer.size() as usize / 16 / self.models)
    }

    /// What kernels know of it. The text for a single model is the same for all networks.
    pub(super) fn values(&self) -> [(&'static str, i64); 5] {
        [
            ("MODELS", self.models as i64),
            ("IMAGES", self.apart(self.images)),
            ("DIM", self.apart(channel_blocks(self.dim))),
            ("PACKED", self.apart(channel_blocks(self.packed))),
            ("PARTIAL", self.apart(channel_blocks(self.part))),
        ]
    }
}

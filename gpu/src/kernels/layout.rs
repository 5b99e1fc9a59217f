//! The models of a dispatch: how far apart they are in every buffer, and the pass parameters of each.

use super::channel_blocks;

/// What one model does in one pass over a batch; the struct of the same name in `prelude.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct PassParams {
    /// Images in the batch; 0 where the model is idle.
    pub count: u32,
    /// Index of the batch's first entry in the order of the samples.
    pub first: u32,
    /// Where the sums of losses and errors are written.
    pub loss_index: u32,
    /// The batch's share of the samples.
    pub share: f32,
    /// Learning rate η; of Adam η/(1 − β₁ᵏ).
    pub learning_rate: f32,
    /// Momentum μ, or β₁.
    pub momentum: f32,
    /// Weight decay λ, where no kernel before has added it.
    pub weight_decay: f32,
    /// Weight of the control point that is moved.
    pub slot_weight: f32,
    /// Weights of the control points of the mix.
    pub mix: [f32; 8],
    /// The model whose control points are mixed.
    pub slot_model: u32,
    /// The share of the gradient's tangent component that is removed.
    pub tangent_removal: f32,
    /// 1 where the momentum is Nesterov's, else 0.
    pub nesterov: u32,
    /// Adam's β₂.
    pub beta2: f32,
    /// Adam's ε.
    pub epsilon: f32,
    /// Adam's 1/√(1 − β₂ᵏ).
    pub root: f32,
    /// η times the weight decay of the control point that is not part of the gradient.
    pub decoupled_decay: f32,
    /// The length beyond which the gradient is scaled down.
    pub max_gradient_norm: f32,
    /// 1 / the sum of the weights of the samples.
    pub loss_scale: f32,
    /// The seed of the masks of dropout.
    pub dropout_key: [u32; 2],
    /// Padding to a multiple of 16 bytes.
    pub padding: u32,
}

/// Models that share dispatches, at most.
pub const MAX_MODELS: usize = 8;

/// The models of a dispatch, and how far apart they are in every buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLayout {
    /// Number of models.
    pub models: usize,
    /// Images of a model in a tensor.
    pub images: usize,
    /// Parameters of a model; θ is padded to whole vec4s.
    pub dim: usize,
    /// Packed weights of a model.
    pub packed: usize,
    /// Partial sums of a model.
    pub partial: usize,
}

impl BatchLayout {
    /// A single model.
    pub const SINGLE: Self = Self { models: 1, images: 0, dim: 0, packed: 0, partial: 0 };

    /// Elements of θ of a model, padded to whole vec4s.
    pub const fn theta_len(&self) -> usize {
        4 * channel_blocks(self.dim)
    }

    /// Bytes between rows of pass parameters: every adapter allows multiples of 256 as offsets.
    pub const fn params_stride(&self) -> u64 {
        ((self.models * size_of::<PassParams>()) as u64).next_multiple_of(256)
    }

    /// The distance between consecutive models of that size; 0 for a single one, so that its shaders have the same text
    /// for all networks.
    const fn stride(&self, len: usize) -> i64 {
        if self.models > 1 { len as i64 } else { 0 }
    }

    /// vec4s between consecutive models in a buffer of all models.
    pub fn stride_in(&self, buffer: &wgpu::Buffer) -> i64 {
        self.stride(buffer.size() as usize / 16 / self.models)
    }

    /// Values of the shaders' parameters.
    pub fn values(&self) -> [(&'static str, i64); 5] {
        [
            ("MODELS", self.models as i64),
            ("IMAGES", self.stride(self.images)),
            ("THETA", self.stride(channel_blocks(self.dim))),
            ("PACKED", self.stride(channel_blocks(self.packed))),
            ("PARTIAL", self.stride(channel_blocks(self.partial))),
        ]
    }
}

//! Layer norms: an image by its own mean and variance.

use super::{
    Dispatch, Dispatcher, Grid, LAYER_NORM, LAYER_NORM_BACKWARD, LAYER_NORM_SUMS, LAYER_NORM_SUMS_REDUCE,
    channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::network::Shape;

/// A layer norm of images of this shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerNorm(pub Shape);

/// What the forward and the backward pass of a layer norm read beside tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNormBuffers<'a> {
    /// Offset of γ, then β, in θ.
    pub place: &'a wgpu::Buffer,
    pub theta: &'a wgpu::Buffer,
    /// Of each image: mean, 1/√(variance + ε). The forward pass writes them.
    pub moments: &'a wgpu::Buffer,
}

impl LayerNorm {
    fn values(self) -> [(&'static str, i64); 3] {
        let Shape { channels, height, width } = self.0;
        [
            ("AREA", (height * width) as i64),
            ("CHANNELS", channels as i64),
            ("BLOCKS", channel_blocks(channels) as i64),
        ]
    }

    /// Channel blocks of an image.
    const fn blocks(self) -> usize {
        self.0.height * self.0.width * channel_blocks(self.0.channels)
    }

    /// Parts into which the images of a batch are divided for the gradients of γ and β.
    fn splits(self, dispatcher: &Dispatcher, batch: usize) -> usize {
        (dispatcher.invocations() / self.blocks()).min(batch / 4).clamp(1, 64)
    }

    /// Elements of the partial sums of [`backward_parameters`](Self::backward_parameters).
    pub fn partial_len(self, dispatcher: &Dispatcher, batch: usize) -> usize {
        self.splits(dispatcher, batch) * self.blocks() * 8
    }

    /// y = γ x̂ + β.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn forward(
        self,
        dispatcher: &Dispatcher,
        LayerNormBuffers { place, theta, moments }: LayerNormBuffers,
        x: &wgpu::Buffer,
        y: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let buffers = [place, theta, x, y, moments].map(whole);
        dispatcher.dispatch(&LAYER_NORM, &self.values(), &buffers, Grid::images(64, 64))
    }

    /// The gradient of the input, added to the content of dx if `accumulate` is true.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward(
        self,
        dispatcher: &Dispatcher,
        LayerNormBuffers { place, theta, moments }: LayerNormBuffers,
        accumulate: bool,
        [x, dy, dx]: [&wgpu::Buffer; 3],
    ) -> Result<Dispatch> {
        let values = [&self.values()[..], &[("ACCUMULATE", accumulate.into())]].concat();
        let buffers = [place, theta, x, moments, dy, dx].map(whole);
        dispatcher.dispatch(&LAYER_NORM_BACKWARD, &values, &buffers, Grid::images(64, 64))
    }

    /// The gradients of γ and β of a batch: partial sums, then their sums.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward_parameters(
        self,
        dispatcher: &Dispatcher,
        batch: usize,
        LayerNormBuffers { place, moments, .. }: LayerNormBuffers,
        [x, dy]: [&wgpu::Buffer; 2],
        partial: &wgpu::Buffer,
        gradient: &wgpu::Buffer,
    ) -> Result<[Dispatch; 2]> {
        let splits = self.splits(dispatcher, batch);
        let [area, channels, blocks] = self.values();
        let splits_value = ("SPLITS", splits as i64);
        let workgroup_size = dispatcher.workgroup_size();
        let sums = dispatcher.dispatch(
            &LAYER_NORM_SUMS,
            &[area, blocks, splits_value],
            &[x, moments, dy, partial].map(whole),
            Grid::fixed(splits * self.blocks(), workgroup_size),
        )?;
        let reduce = dispatcher.dispatch(
            &LAYER_NORM_SUMS_REDUCE,
            &[area, channels, blocks, splits_value],
            &[place, partial, gradient].map(whole),
            Grid::fixed(self.blocks(), workgroup_size),
        )?;
        Ok([sums, reduce])
    }
}

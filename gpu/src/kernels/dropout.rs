//! Dropout in training steps. Measurements leave it out.

use super::activation::bits;
use super::{DROPOUT, Dispatch, Dispatcher, Grid, channel_blocks, whole};
use crate::error::Result;
use valleys_core::kernels::dropout::{Mask, row_key};
use valleys_core::network::Shape;

/// A layer of dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dropout {
    /// Shape of an image.
    pub shape: Shape,
    /// Its row in the network.
    pub row: usize,
    /// With which an element is dropped.
    pub probability: f32,
}

impl Dropout {
    /// y = x / (1 − p) where an element is kept, else 0.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn forward(&self, dispatcher: &Dispatcher, x: &wgpu::Buffer, y: &wgpu::Buffer) -> Result<Dispatch> {
        self.dispatch(dispatcher, None, [x, y])
    }

    /// dx = dy / (1 − p) where an element is kept, added to the content of dx if `accumulate` is true.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward(
        &self,
        dispatcher: &Dispatcher,
        accumulate: bool,
        dy: &wgpu::Buffer,
        dx: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        self.dispatch(dispatcher, Some(accumulate), [dy, dx])
    }

    fn dispatch(
        &self,
        dispatcher: &Dispatcher,
        accumulate: Option<bool>,
        buffers: [&wgpu::Buffer; 2],
    ) -> Result<Dispatch> {
        let Shape { channels, height, width } = self.shape;
        let (area, blocks) = (height * width, channel_blocks(channels));
        let Mask { threshold, scale, .. } = Mask::new([0; 2], self.row, self.probability);
        // The part of `Mask::new` that the seed of a step has no part in.
        let row = row_key(self.row);
        let values = [
            ("BACKWARD", accumulate.is_some().into()),
            ("ACCUMULATE", (accumulate == Some(true)).into()),
            ("AREA", area as i64),
            ("CHANNELS", channels as i64),
            ("BLOCKS", blocks as i64),
            ("ROW", row.into()),
            ("THRESHOLD", threshold.into()),
            ("SCALE", bits(scale)),
        ];
        let grid = Grid::images(area * blocks, dispatcher.workgroup_size());
        dispatcher.dispatch(&DROPOUT, &values, &buffers.map(whole), grid)
    }
}

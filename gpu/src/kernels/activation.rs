//! Activations: of an operation that another kernel computes, and backward through that of a convolution.

use super::{ACTIVATION_BACKWARD, Dispatch, Dispatcher, Grid, channel_blocks, whole};
use crate::error::Result;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Shape;

/// The values of the parameters of `activation.wgsl`, for outputs of so many channels.
pub(crate) fn values(activation: Option<Activation>, channels: usize) -> [(&'static str, i64); 3] {
    let (number, slope, channels) = match activation {
        None => (0, 0.0, 0),
        Some(Activation::Relu) => (1, 0.0, 0),
        // −0 is a slope, too.
        Some(Activation::LeakyRelu { slope }) => (2, slope.abs(), 0),
        Some(Activation::Tanh) => (3, 0.0, 0),
        Some(Activation::Sigmoid) => (4, 0.0, channels as i64),
        Some(Activation::Silu) => (5, 0.0, 0),
        Some(Activation::Gelu) => (6, 0.0, 0),
    };
    [("ACTIVATION", number), ("SLOPE", bits(slope)), ("CHANNELS", channels)]
}

/// The bits of a number that is not negative, as shaders read parameters that are no integers.
pub(super) fn bits(x: f32) -> i64 {
    x.to_bits().into()
}

/// dz ← dz · f'(z) of an activation whose derivative is a function of its output, in place.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn backward(
    dispatcher: &Dispatcher,
    activation: Activation,
    shape: Shape,
    z: &wgpu::Buffer,
    dz: &wgpu::Buffer,
) -> Result<Dispatch> {
    let (area, blocks) = (shape.height * shape.width, channel_blocks(shape.channels));
    let values =
        [&[("AREA", area as i64), ("BLOCKS", blocks as i64)][..], &values(Some(activation), shape.channels)];
    let grid = Grid::images(area * blocks, dispatcher.workgroup_size());
    dispatcher.dispatch(&ACTIVATION_BACKWARD, &values.concat(), &[whole(z), whole(dz)], grid)
}

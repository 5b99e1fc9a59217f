//! Pooling, and the ReLU at the end of a convolution, backward.

use super::{AVERAGE_POOL, Dispatch, Grid, KernelContext, MAX_POOL, RELU_BACKWARD, channel_blocks, whole};
use crate::error::Result;
use valleys_core::kernels::Window;
use valleys_core::network::Shape;

fn max_pool(
    context: &KernelContext,
    window: &Window,
    channels: usize,
    backward: Option<bool>,
    buffers: &[&wgpu::Buffer],
) -> Result<Dispatch> {
    let (rows, columns) = window.output();
    let values = [
        ("BACKWARD", backward.is_some().into()),
        ("ACCUMULATE", (backward == Some(true)).into()),
        ("HEIGHT", window.height as i64),
        ("WIDTH", window.width as i64),
        ("IN_BLOCKS", channel_blocks(channels) as i64),
        ("KERNEL", window.kernel as i64),
        ("STRIDE", window.stride as i64),
        ("OUT_HEIGHT", rows as i64),
        ("OUT_WIDTH", columns as i64),
    ];
    let places = if backward.is_some() { window.height * window.width } else { rows * columns };
    let buffers: Vec<_> = buffers.iter().map(|b| whole(b)).collect();
    context.dispatch(
        &MAX_POOL,
        &values,
        &buffers,
        Grid::images(places * channel_blocks(channels), context.size()),
    )
}

/// y = the largest of each window.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn max_forward(
    context: &KernelContext,
    window: &Window,
    channels: usize,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    max_pool(context, window, channels, None, &[x, y])
}

/// dx = dy at the largest of each window, added to what is there if `accumulate` says so.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn max_backward(
    context: &KernelContext,
    window: &Window,
    channels: usize,
    accumulate: bool,
    [x, dy, dx]: [&wgpu::Buffer; 3],
) -> Result<Dispatch> {
    max_pool(context, window, channels, Some(accumulate), &[x, dy, dx])
}

fn average(
    context: &KernelContext,
    shape: Shape,
    backward: Option<bool>,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    let area = shape.height * shape.width;
    let values = [
        ("BACKWARD", backward.is_some().into()),
        ("ACCUMULATE", (backward == Some(true)).into()),
        ("AREA", area as i64),
        ("IN_BLOCKS", channel_blocks(shape.channels) as i64),
    ];
    let units = channel_blocks(shape.channels) * if backward.is_some() { area } else { 1 };
    context.dispatch(&AVERAGE_POOL, &values, &[whole(x), whole(y)], Grid::images(units, context.size()))
}

/// y = the mean of each channel of an image.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn average_forward(
    context: &KernelContext,
    shape: Shape,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    average(context, shape, None, x, y)
}

/// dx = dy / (H·W), added to what is there if `accumulate` says so.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn average_backward(
    context: &KernelContext,
    shape: Shape,
    accumulate: bool,
    dy: &wgpu::Buffer,
    dx: &wgpu::Buffer,
) -> Result<Dispatch> {
    average(context, shape, Some(accumulate), dy, dx)
}

/// dz = 0 where z is not above 0, in place.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn mask(context: &KernelContext, shape: Shape, z: &wgpu::Buffer, dz: &wgpu::Buffer) -> Result<Dispatch> {
    let units = shape.height * shape.width * channel_blocks(shape.channels);
    let values =
        [("AREA", (shape.height * shape.width) as i64), ("IN_BLOCKS", channel_blocks(shape.channels) as i64)];
    context.dispatch(&RELU_BACKWARD, &values, &[whole(z), whole(dz)], Grid::images(units, context.size()))
}

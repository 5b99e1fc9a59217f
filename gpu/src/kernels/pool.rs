//! Pooling, and the backward pass of the ReLU of a convolution.

use super::{AVERAGE_POOL, Dispatch, Dispatcher, Grid, MAX_POOL, RELU_BACKWARD, channel_blocks, whole};
use crate::error::Result;
use valleys_core::kernels::Window;
use valleys_core::network::Shape;

/// Forward where `accumulate` is `None`; else backward, added to the content if it is true.
fn max_pool(
    dispatcher: &Dispatcher,
    window: &Window,
    channels: usize,
    accumulate: Option<bool>,
    buffers: &[&wgpu::Buffer],
) -> Result<Dispatch> {
    let (rows, columns) = window.output();
    let blocks = channel_blocks(channels);
    let values = [
        ("BACKWARD", accumulate.is_some().into()),
        ("ACCUMULATE", (accumulate == Some(true)).into()),
        ("IN_HEIGHT", window.height as i64),
        ("IN_WIDTH", window.width as i64),
        ("BLOCKS", blocks as i64),
        ("KERNEL", window.kernel as i64),
        ("STRIDE", window.stride as i64),
        ("OUT_HEIGHT", rows as i64),
        ("OUT_WIDTH", columns as i64),
    ];
    let positions = if accumulate.is_some() { window.height * window.width } else { rows * columns };
    let buffers: Vec<_> = buffers.iter().map(|buffer| whole(buffer)).collect();
    let grid = Grid::images(positions * blocks, dispatcher.workgroup_size());
    dispatcher.dispatch(&MAX_POOL, &values, &buffers, grid)
}

/// y = the largest element of each window of x.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn max_forward(
    dispatcher: &Dispatcher,
    window: &Window,
    channels: usize,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    max_pool(dispatcher, window, channels, None, &[x, y])
}

/// dx = dy at the largest element of each window, added to the content of dx if `accumulate` is true.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn max_backward(
    dispatcher: &Dispatcher,
    window: &Window,
    channels: usize,
    accumulate: bool,
    [x, dy, dx]: [&wgpu::Buffer; 3],
) -> Result<Dispatch> {
    max_pool(dispatcher, window, channels, Some(accumulate), &[x, dy, dx])
}

/// As `max_pool`.
fn average_pool(
    dispatcher: &Dispatcher,
    shape: Shape,
    accumulate: Option<bool>,
    buffers: [&wgpu::Buffer; 2],
) -> Result<Dispatch> {
    let (area, blocks) = (shape.height * shape.width, channel_blocks(shape.channels));
    let values = [
        ("BACKWARD", accumulate.is_some().into()),
        ("ACCUMULATE", (accumulate == Some(true)).into()),
        ("AREA", area as i64),
        ("BLOCKS", blocks as i64),
    ];
    let units = blocks * if accumulate.is_some() { area } else { 1 };
    let grid = Grid::images(units, dispatcher.workgroup_size());
    dispatcher.dispatch(&AVERAGE_POOL, &values, &buffers.map(whole), grid)
}

/// y = the mean of each channel of an image of x.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn average_forward(
    dispatcher: &Dispatcher,
    shape: Shape,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    average_pool(dispatcher, shape, None, [x, y])
}

/// dx = dy / (H · W), added to the content of dx if `accumulate` is true.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn average_backward(
    dispatcher: &Dispatcher,
    shape: Shape,
    accumulate: bool,
    dy: &wgpu::Buffer,
    dx: &wgpu::Buffer,
) -> Result<Dispatch> {
    average_pool(dispatcher, shape, Some(accumulate), [dy, dx])
}

/// dz = 0 where z is not above 0, in place.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn relu_backward(
    dispatcher: &Dispatcher,
    shape: Shape,
    z: &wgpu::Buffer,
    dz: &wgpu::Buffer,
) -> Result<Dispatch> {
    let (area, blocks) = (shape.height * shape.width, channel_blocks(shape.channels));
    let values = [("AREA", area as i64), ("BLOCKS", blocks as i64)];
    let grid = Grid::images(area * blocks, dispatcher.workgroup_size());
    dispatcher.dispatch(&RELU_BACKWARD, &values, &[whole(z), whole(dz)], grid)
}

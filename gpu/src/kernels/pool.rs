//! Pooling, and the ReLU at the end of a convolution, backward.

use super::{AVERAGE_POOL, Dispatch, Grid, MASK, MAX_POOL, Recorder, quads, whole};
use crate::error::Result;
use valleys_core::kernels::Window;
use valleys_core::network::Shape;

fn max_pool(
    recorder: &Recorder,
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
        ("QUADS", quads(channels) as i64),
        ("KERNEL", window.kernel as i64),
        ("STRIDE", window.stride as i64),
        ("OUT_HEIGHT", rows as i64),
        ("OUT_WIDTH", columns as i64),
    ];
    let places = if backward.is_some() { window.height * window.width } else { rows * columns };
    let buffers: Vec<_> = buffers.iter().map(|b| whole(b)).collect();
    recorder.dispatch(&MAX_POOL, &values, &buffers, Grid::images(places * quads(channels), recorder.size()))
}

/// y = the largest of each window.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn max_forward(
    recorder: &Recorder,
    window: &Window,
    channels: usize,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    max_pool(recorder, window, channels, None, &[x, y])
}

/// dx = dy at the largest of each window, added to what is there if `accumulate` says so.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn max_backward(
    recorder: &Recorder,
    window: &Window,
    channels: usize,
    accumulate: bool,
    [x, dy, dx]: [&wgpu::Buffer; 3],
) -> Result<Dispatch> {
    max_pool(recorder, window, channels, Some(accumulate), &[x, dy, dx])
}

fn average(
    recorder: &Recorder,
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
        ("QUADS", quads(shape.channels) as i64),
    ];
    let units = quads(shape.channels) * if backward.is_some() { area } else { 1 };
    recorder.dispatch(&AVERAGE_POOL, &values, &[whole(x), whole(y)], Grid::images(units, recorder.size()))
}

/// y = the mean of each channel of an image.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn average_forward(
    recorder: &Recorder,
    shape: Shape,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    average(recorder, shape, None, x, y)
}

/// dx = dy / (H·W), added to what is there if `accumulate` says so.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn average_backward(
    recorder: &Recorder,
    shape: Shape,
    accumulate: bool,
    dy: &wgpu::Buffer,
    dx: &wgpu::Buffer,
) -> Result<Dispatch> {
    average(recorder, shape, Some(accumulate), dy, dx)
}

/// dz = 0 where z is not above 0, in place.
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn mask(recorder: &Recorder, shape: Shape, z: &wgpu::Buffer, dz: &wgpu::Buffer) -> Result<Dispatch> {
    let units = shape.height * shape.width * quads(shape.channels);
    let values = [("AREA", (shape.height * shape.width) as i64), ("QUADS", quads(shape.channels) as i64)];
    recorder.dispatch(&MASK, &values, &[whole(z), whole(dz)], Grid::images(units, recorder.size()))
}

//! Pooling.

use super::{
    AVERAGE_POOL, Dispatch, Dispatcher, GLOBAL_AVERAGE_POOL, Grid, Kernel, MAX_POOL, channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::kernels::Window;
use valleys_core::network::Shape;

/// How a window is pooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Its largest element.
    Max,
    /// Its mean; padding counts as zeros.
    Average,
}

/// Forward where `accumulate` is `None`; else backward, added to the content if it is true.
fn pool(
    dispatcher: &Dispatcher,
    kernel: &Kernel,
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
        ("PADDING", window.padding as i64),
        ("OUT_HEIGHT", rows as i64),
        ("OUT_WIDTH", columns as i64),
    ];
    let positions = if accumulate.is_some() { window.height * window.width } else { rows * columns };
    let buffers: Vec<_> = buffers.iter().map(|buffer| whole(buffer)).collect();
    let grid = Grid::images(positions * blocks, dispatcher.workgroup_size());
    dispatcher.dispatch(kernel, &values, &buffers, grid)
}

impl Pool {
    const fn kernel(self) -> &'static Kernel {
        match self {
            Self::Max => &MAX_POOL,
            Self::Average => &AVERAGE_POOL,
        }
    }

    /// y = each window of x, pooled.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn forward(
        self,
        dispatcher: &Dispatcher,
        window: &Window,
        channels: usize,
        x: &wgpu::Buffer,
        y: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        pool(dispatcher, self.kernel(), window, channels, None, &[x, y])
    }

    /// dx = dy at the largest element of each window, or its share at all of them, added to the content of dx if
    /// `accumulate` is true.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward(
        self,
        dispatcher: &Dispatcher,
        window: &Window,
        channels: usize,
        accumulate: bool,
        [x, dy, dx]: [&wgpu::Buffer; 3],
    ) -> Result<Dispatch> {
        let buffers = if self == Self::Max { &[x, dy, dx][..] } else { &[dy, dx] };
        pool(dispatcher, self.kernel(), window, channels, Some(accumulate), buffers)
    }
}

/// As `pool`.
fn global_average_pool(
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
    dispatcher.dispatch(&GLOBAL_AVERAGE_POOL, &values, &buffers.map(whole), grid)
}

/// y = the mean of each channel of an image of x.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn global_average_forward(
    dispatcher: &Dispatcher,
    shape: Shape,
    x: &wgpu::Buffer,
    y: &wgpu::Buffer,
) -> Result<Dispatch> {
    global_average_pool(dispatcher, shape, None, [x, y])
}

/// dx = dy / (H · W), added to the content of dx if `accumulate` is true.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn global_average_backward(
    dispatcher: &Dispatcher,
    shape: Shape,
    accumulate: bool,
    dy: &wgpu::Buffer,
    dx: &wgpu::Buffer,
) -> Result<Dispatch> {
    global_average_pool(dispatcher, shape, Some(accumulate), [dy, dx])
}

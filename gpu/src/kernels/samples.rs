//! Batches from the samples on the device.

use super::{Dispatch, Dispatcher, GATHER, Grid, channel_blocks, whole};
use crate::error::Result;
use valleys_core::network::Shape;

/// Samples `first..first + count` of a split, in one buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    /// (count, C, H, W): f32 elements, or the bytes of a palette.
    pub samples: &'a wgpu::Buffer,
    /// What the bytes stand for, (planes, 256), and the elements of a plane.
    pub palette: Option<(&'a wgpu::Buffer, usize)>,
    pub first: usize,
    pub count: usize,
}

/// Gathers the images of a batch that lie in a chunk, with their labels, in and out, if there are any; with a border, shifted
/// by at most its padding. The buffers are the order and the images of the batch.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn gather(
    dispatcher: &Dispatcher,
    shape: Shape,
    chunk: Chunk,
    border: Option<(&wgpu::Buffer, usize)>,
    labels: Option<[&wgpu::Buffer; 2]>,
    [order, images]: [&wgpu::Buffer; 2],
) -> Result<Dispatch> {
    let blocks = channel_blocks(shape.channels);
    let values = [
        ("CHANNELS", shape.channels as i64),
        ("HEIGHT", shape.height as i64),
        ("WIDTH", shape.width as i64),
        ("BLOCKS", blocks as i64),
        ("FIRST", chunk.first as i64),
        ("COUNT", chunk.count as i64),
        ("PADDING", border.map_or(0, |(_, padding)| padding as i64)),
        ("PLANE", chunk.palette.map_or(0, |(_, plane)| plane as i64)),
        ("LABELS", labels.is_some().into()),
    ];
    let mut bindings = vec![whole(chunk.samples)];
    bindings.extend(labels.map(|[labels, _]| whole(labels)));
    bindings.extend([order, images].map(whole));
    bindings.extend(labels.map(|[_, batch_labels]| whole(batch_labels)));
    bindings.extend(border.map(|(border, _)| whole(border)));
    bindings.extend(chunk.palette.map(|(palette, _)| whole(palette)));
    let grid = Grid::images(shape.height * shape.width * blocks, dispatcher.workgroup_size());
    dispatcher.dispatch(&GATHER, &values, &bindings, grid)
}

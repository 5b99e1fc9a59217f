//! Batches from the samples on the device.

use super::{Dispatch, GATHER, Grid, KernelContext, channel_blocks, whole};
use crate::error::Result;
use valleys_core::network::{CropFlipDraw, Shape};

/// Samples `first..first + count` of a part of the data, in one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// (count, C, H, W): numbers, or the bytes of a palette.
    pub samples: &'a wgpu::Buffer,
    /// What the bytes stand for, (planes, 256), and the numbers of a plane.
    pub palette: Option<(&'a wgpu::Buffer, usize)>,
    /// The first.
    pub first: usize,
    /// How many.
    pub count: usize,
}

/// A change of an image as the kernel reads it: shift down, shift right, mirrored, in bytes.
pub fn code(change: CropFlipDraw) -> u32 {
    change.down | change.right << 8 | u32::from(change.mirrored) << 16
}

/// Gathers the images of a batch that lie in a chunk, and their labels; with a border, shifted by at most its padding.
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn gather(
    context: &KernelContext,
    shape: Shape,
    chunk: Chunk,
    border: Option<(&wgpu::Buffer, usize)>,
    [labels, order, x, chosen]: [&wgpu::Buffer; 4],
) -> Result<Dispatch> {
    let values = [
        ("CHANNELS", shape.channels as i64),
        ("HEIGHT", shape.height as i64),
        ("WIDTH", shape.width as i64),
        ("IN_BLOCKS", channel_blocks(shape.channels) as i64),
        ("FIRST", chunk.first as i64),
        ("COUNT", chunk.count as i64),
        ("PADDING", border.map_or(0, |(_, padding)| padding as i64)),
        ("PLANE", chunk.palette.map_or(0, |(_, plane)| plane as i64)),
        ("PALETTE", if border.is_some() { 7 } else { 6 }),
    ];
    let mut buffers = [chunk.samples, labels, order, x, chosen].map(whole).to_vec();
    buffers.extend(border.map(|(border, _)| whole(border)));
    buffers.extend(chunk.palette.map(|(palette, _)| whole(palette)));
    let units = shape.height * shape.width * channel_blocks(shape.channels);
    context.dispatch(&GATHER, &values, &buffers, Grid::images(units, context.size()))
}

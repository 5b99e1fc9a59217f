//! Samples on a device.

use crate::device::Device;
use crate::error::{Result, length};
use crate::kernels::samples::Chunk;
use crate::palette::Palette;
use bytemuck::Pod;
use std::sync::Arc;
use valleys_core::network::{LabelledData, OwnedCriterion, Samples, Targets};

/// Consecutive samples of a split in one buffer.
#[derive(Debug)]
pub(crate) struct DeviceChunk {
    pub samples: wgpu::Buffer,
    pub first: usize,
    pub count: usize,
}

impl DeviceChunk {
    /// The chunk, as kernels read it.
    pub fn with_palette<'a>(&'a self, palette: Option<(&'a wgpu::Buffer, usize)>) -> Chunk<'a> {
        Chunk { samples: &self.samples, palette, first: self.first, count: self.count }
    }
}

/// The targets of a split on a device.
#[derive(Debug)]
pub(crate) enum DeviceTargets {
    /// Classes.
    Labels(wgpu::Buffer),
    /// f32 elements.
    Values(Vec<DeviceChunk>),
}

/// A split of the data on a device.
#[derive(Debug)]
pub(crate) struct DeviceSplit {
    /// As many samples in each as a buffer holds.
    pub chunks: Vec<DeviceChunk>,
    /// What the bytes of the samples stand for, and the elements of a plane; `None` where samples are f32.
    pub palette: Option<(wgpu::Buffer, usize)>,
    pub targets: DeviceTargets,
}

impl DeviceSplit {
    fn new(device: &Device, samples: Samples<f32>, planes: usize) -> Result<Self> {
        let count = samples.len();
        let len = samples.inputs.len() / count.max(1);
        length("inputs of the samples", len * count, samples.inputs.len())?;
        let plane = len / planes.max(1);
        let targets = match samples.targets {
            Targets::Labels(labels) => {
                let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
                DeviceTargets::Labels(device.buffer_with("labels", &labels)?)
            }
            Targets::Values { width, values, .. } => {
                DeviceTargets::Values(chunks(device, "targets", values, width)?)
            }
        };
        let has_planes = plane * planes == len;
        let palette = if has_planes { Palette::of(samples.inputs, len, plane) } else { None };
        let Some(palette) = palette else {
            return Ok(Self {
                chunks: chunks(device, "samples", samples.inputs, len)?,
                palette: None,
                targets,
            });
        };
        let chunks = chunks(device, "samples", &palette.bytes, len)?;
        let palette = Some((device.buffer_with("palette of the samples", &palette.values)?, plane));
        Ok(Self { chunks, palette, targets })
    }
}

/// Uploads samples, or their targets, of `len` elements, as many in each buffer as it holds.
fn chunks<T: Pod>(
    device: &Device,
    what: &'static str,
    samples: &[T],
    len: usize,
) -> Result<Vec<DeviceChunk>> {
    let limits = device.limits();
    let max_bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) as usize;
    let per_chunk = (max_bytes / size_of::<T>() / len.max(1)).max(1);
    let chunk = |(i, chunk): (usize, &[T])| {
        let samples = device.buffer_with(what, chunk)?;
        Ok(DeviceChunk { samples, first: i * per_chunk, count: chunk.len() / len })
    };
    samples.chunks(per_chunk * len.max(1)).enumerate().map(chunk).collect()
}

/// The data on one device.
#[derive(Debug)]
pub(crate) struct DeviceDataset {
    pub device: Arc<Device>,
    pub train: DeviceSplit,
    pub test: DeviceSplit,
    pub criterion: OwnedCriterion,
}

impl DeviceDataset {
    /// Uploads all samples. Each of them consists of `planes` planes, whose elements share a palette.
    ///
    /// # Errors
    /// As [`Device::buffer`]; samples of different lengths.
    pub fn new(
        device: Arc<Device>,
        data: &dyn LabelledData,
        planes: usize,
        criterion: OwnedCriterion,
    ) -> Result<Self> {
        let train = DeviceSplit::new(&device, data.train(), planes)?;
        let test = DeviceSplit::new(&device, data.test(), planes)?;
        Ok(Self { device, train, test, criterion })
    }
}

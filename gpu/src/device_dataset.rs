//! Samples on a device, uploaded once for all landscapes on them.

use crate::device::{Device, DeviceProvider};
use crate::error::{Result, length};
use crate::model_batch::EngineKey;
use crate::palette::Palette;
use crate::scheduler::{BatchScheduler, ModelHandle};
use bytemuck::Pod;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use valleys_core::network::{LabelledData, Samples};

/// A part of the data on a device.
#[derive(Debug)]
pub(crate) struct DeviceSplit {
    /// Samples from a first one on, as many as a buffer may hold.
    pub chunks: Vec<(wgpu::Buffer, usize, usize)>,
    /// What their bytes stand for, and the numbers of a plane; none where they are numbers themselves.
    pub palette: Option<(wgpu::Buffer, usize)>,
    pub labels: wgpu::Buffer,
}

impl DeviceSplit {
    fn new(device: &Device, samples: Samples<f32>, planes: usize) -> Result<Self> {
        let len = samples.labels.len();
        let numbers = samples.inputs.len() / len.max(1);
        length("inputs of the samples", numbers * len, samples.inputs.len())?;
        let plane = numbers / planes.max(1);
        let labels: Vec<u32> = samples.labels.iter().map(|&label| label.into()).collect();
        let labels = device.buffer_with("labels", &labels)?;
        let palette =
            if plane * planes == numbers { Palette::of(samples.inputs, numbers, plane) } else { None };
        let Some(palette) = palette else {
            return Ok(Self { chunks: chunks(device, samples.inputs, numbers)?, palette: None, labels });
        };
        let chunks = chunks(device, &palette.bytes, numbers)?;
        let palette = Some((device.buffer_with("numbers of the samples", &palette.numbers)?, plane));
        Ok(Self { chunks, palette, labels })
    }
}

/// Whole samples of so many numbers or bytes in each buffer.
fn chunks<T: Pod>(
    device: &Device,
    samples: &[T],
    numbers: usize,
) -> Result<Vec<(wgpu::Buffer, usize, usize)>> {
    let limits = device.limits();
    let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) as usize / size_of::<T>();
    let per = (most / numbers.max(1)).max(1);
    let chunk = |(i, chunk): (usize, &[T])| {
        Ok((device.buffer_with("samples", chunk)?, i * per, chunk.len() / numbers))
    };
    samples.chunks(per * numbers.max(1)).enumerate().map(chunk).collect()
}

/// The data on one device.
#[derive(Debug)]
pub(crate) struct DeviceDataset {
    pub device: Arc<Device>,
    pub train: DeviceSplit,
    pub test: DeviceSplit,
}

/// Data for landscapes on whichever device is open.
#[derive(Debug)]
pub struct GpuDataset {
    provider: Arc<DeviceProvider>,
    data: Arc<dyn LabelledData>,
    planes: usize,
    models: usize,
    device_dataset: Mutex<Option<Arc<DeviceDataset>>>,
    groups: Mutex<Vec<Weak<BatchScheduler>>>,
}

impl GpuDataset {
    /// Data for landscapes on the devices of an provider. Nothing is uploaded yet.
    ///
    /// A sample falls into `planes` of equally many numbers, as an image into its channels. Where none of them has more than
    /// 256 different numbers over all samples, the device holds bytes, and looks the numbers up.
    pub fn new(provider: Arc<DeviceProvider>, data: Arc<dyn LabelledData>, planes: usize) -> Self {
        Self { provider, data, planes, models: 1, device_dataset: Mutex::default(), groups: Mutex::default() }
    }

    /// The same, with as many as `models` landscapes of a kind in the same dispatches, 8 at most, where they ask for steps
    /// at the same time from several threads. One is the fewest, and what a new one has.
    ///
    /// # Cost
    /// Memory for the activations of all of them; fewer are taken where there is no room.
    pub fn with_models(self, models: usize) -> Self {
        Self { models, ..self }
    }

    /// A handle for a landscape with so many slots: in a group of its kind where one is free, or in a new one.
    pub(crate) fn handle(&self, key: &EngineKey, slots: usize) -> Result<ModelHandle> {
        let device_dataset = self.device_dataset()?;
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|group| group.strong_count() > 0);
        let there = groups.iter().filter_map(Weak::upgrade);
        let mut fits =
            there.filter(|group| Arc::ptr_eq(&group.device_dataset, &device_dataset) && group.key == *key);
        if let Some(handle) = fits.find_map(|group| group.handle()) {
            return Ok(handle);
        }
        let group = Arc::new(BatchScheduler::new(key, device_dataset, self.models, slots)?);
        groups.push(Arc::downgrade(&group));
        Ok(group.handle().expect("a new group has room"))
    }

    /// The data on the host.
    pub fn data(&self) -> &dyn LabelledData {
        &*self.data
    }

    /// The data on the device that is open, uploaded if it is not there yet.
    pub(crate) fn device_dataset(&self) -> Result<Arc<DeviceDataset>> {
        let mut device_dataset = self.device_dataset.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = device_dataset.as_ref().filter(|there| !there.device.is_lost()) {
            return Ok(there.clone());
        }
        let device = self.provider.device()?;
        let train = DeviceSplit::new(&device, self.data.train(), self.planes)?;
        let test = DeviceSplit::new(&device, self.data.test(), self.planes)?;
        let there = Arc::new(DeviceDataset { device, train, test });
        *device_dataset = Some(there.clone());
        Ok(there)
    }
}

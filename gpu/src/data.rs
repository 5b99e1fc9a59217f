//! Samples on a device, uploaded once for all landscapes on them.

use crate::device::{Device, Opener};
use crate::error::{Result, length};
use std::sync::{Arc, Mutex, PoisonError};
use valleys_core::network::Samples;

/// Labelled samples on the host, from which a new device is filled when one was lost.
pub trait Data: Send + Sync + std::fmt::Debug {
    /// The training samples.
    fn train(&self) -> Samples<'_, f32>;
    /// The test samples.
    fn test(&self) -> Samples<'_, f32>;
}

/// A part of the data on a device.
#[derive(Debug)]
pub(crate) struct Part {
    /// Samples from a first one on, as many as a buffer may hold.
    pub chunks: Vec<(wgpu::Buffer, usize, usize)>,
    pub labels: wgpu::Buffer,
}

impl Part {
    fn new(device: &Device, samples: Samples<f32>) -> Result<Self> {
        let len = samples.labels.len();
        let numbers = samples.inputs.len() / len.max(1);
        length("inputs of the samples", numbers * len, samples.inputs.len())?;
        let limits = device.limits();
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
        let per = (most as usize / numbers.max(1)).max(1);
        let chunks = samples
            .inputs
            .chunks(per * numbers.max(1))
            .enumerate()
            .map(|(i, inputs)| Ok((device.holding("samples", inputs)?, i * per, inputs.len() / numbers)));
        let chunks = chunks.collect::<Result<_>>()?;
        let labels: Vec<u32> = samples.labels.iter().map(|&label| label.into()).collect();
        Ok(Self { chunks, labels: device.holding("labels", &labels)? })
    }
}

/// The data on one device.
#[derive(Debug)]
pub(crate) struct Resident {
    pub device: Arc<Device>,
    pub train: Part,
    pub test: Part,
}

/// Data for landscapes on whichever device is open.
#[derive(Debug)]
pub struct Shared {
    opener: Arc<Opener>,
    data: Arc<dyn Data>,
    resident: Mutex<Option<Arc<Resident>>>,
}

impl Shared {
    /// Data for landscapes on the devices of an opener. Nothing is uploaded yet.
    pub fn new(opener: Arc<Opener>, data: Arc<dyn Data>) -> Self {
        Self { opener, data, resident: Mutex::new(None) }
    }

    /// The data on the host.
    pub fn data(&self) -> &dyn Data {
        &*self.data
    }

    /// The data on the device that is open, uploaded if it is not there yet.
    pub(crate) fn resident(&self) -> Result<Arc<Resident>> {
        let mut resident = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = resident.as_ref().filter(|there| !there.device.is_lost()) {
            return Ok(there.clone());
        }
        let device = self.opener.device()?;
        let train = Part::new(&device, self.data.train())?;
        let test = Part::new(&device, self.data.test())?;
        let there = Arc::new(Resident { device, train, test });
        *resident = Some(there.clone());
        Ok(there)
    }
}

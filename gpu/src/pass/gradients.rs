//! Buffers for the gradients of values, each of which is needed from the value's last reader to its maker.

use crate::device::Device;
use crate::error::Result;
use std::collections::HashMap;

/// Buffers for the gradients of values.
pub(super) struct Gradients<'a> {
    device: &'a Device,
    /// Of each value: size, and the buffer that is in use.
    bytes: Vec<u64>,
    in_use: Vec<Option<wgpu::Buffer>>,
    /// Unused buffers by their size.
    free: HashMap<u64, Vec<wgpu::Buffer>>,
}

impl<'a> Gradients<'a> {
    /// For values whose gradients have these sizes in bytes.
    pub fn new(device: &'a Device, bytes: impl Iterator<Item = u64>) -> Self {
        let bytes: Vec<u64> = bytes.collect();
        Self { device, in_use: vec![None; bytes.len()], bytes, free: HashMap::new() }
    }

    /// The buffer of a value's gradient, and whether it has content to which more is to be added.
    ///
    /// # Errors
    /// As [`Device::buffer`].
    pub fn acquire(&mut self, value: usize) -> Result<(wgpu::Buffer, bool)> {
        if let Some(buffer) = &self.in_use[value] {
            return Ok((buffer.clone(), true));
        }
        let bytes = self.bytes[value];
        let buffer = match self.free.get_mut(&bytes).and_then(Vec::pop) {
            Some(buffer) => buffer,
            None => self.device.buffer("gradient of activations", bytes)?,
        };
        self.in_use[value] = Some(buffer.clone());
        Ok((buffer, false))
    }

    /// The gradient of a value when all readers have added to it; `None` if it has no readers.
    pub fn finish(&mut self, value: usize) -> Option<wgpu::Buffer> {
        self.in_use[value].take()
    }

    /// Lets other values use a buffer.
    pub fn release(&mut self, buffer: wgpu::Buffer) {
        self.free.entry(buffer.size()).or_default().push(buffer);
    }
}

//! Buffers for gradients of tensors, each of which is there from the tensor's first reader, on the way back, to its maker.

use crate::device::Device;
use crate::error::Result;
use std::collections::HashMap;

/// Buffers for gradients of tensors.
pub(crate) struct Gradients<'a> {
    device: &'a Device,
    /// Of each tensor.
    bytes: Vec<u64>,
    held: Vec<Option<wgpu::Buffer>>,
    /// By their bytes.
    free: HashMap<u64, Vec<wgpu::Buffer>>,
}

impl<'a> Gradients<'a> {
    /// None yet, for tensors whose gradients have so many bytes.
    pub fn new(device: &'a Device, bytes: impl Iterator<Item = u64>) -> Self {
        let bytes: Vec<u64> = bytes.collect();
        Self { device, held: vec![None; bytes.len()], bytes, free: HashMap::new() }
    }

    /// The buffer of a tensor's gradient, and whether something is there already, to which more is to be added.
    ///
    /// # Errors
    /// As [`Device::buffer`].
    pub fn take(&mut self, tensor: usize) -> Result<(wgpu::Buffer, bool)> {
        if let Some(held) = &self.held[tensor] {
            return Ok((held.clone(), true));
        }
        let bytes = self.bytes[tensor];
        let buffer = match self.free.get_mut(&bytes).and_then(Vec::pop) {
            Some(buffer) => buffer,
            None => self.device.buffer("gradient of activations", bytes)?,
        };
        self.held[tensor] = Some(buffer.clone());
        Ok((buffer, false))
    }

    /// The gradient that is there, for the last time.
    pub fn give(&mut self, tensor: usize) -> Option<wgpu::Buffer> {
        self.held[tensor].take()
    }

    /// Another tensor may have a buffer now.
    pub fn free(&mut self, buffer: wgpu::Buffer) {
        self.free.entry(buffer.size()).or_default().push(buffer);
    }
}

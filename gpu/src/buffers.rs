//! Buffers of a device: made, written, read back.

use crate::device::Device;
use crate::error::{Error, Result};
use bytemuck::Pod;
use wgpu::BufferUsages as Usage;

/// Bytes that are written at a time, so that a large data set needs little staging memory.
const CHUNK: usize = 32 << 20;

impl Device {
    /// A storage buffer of at least `bytes` bytes, all 0.
    ///
    /// # Errors
    /// It is above the adapter's largest binding; the device is out of memory.
    pub(crate) fn buffer(&self, what: &'static str, bytes: u64) -> Result<wgpu::Buffer> {
        let limits = self.limits();
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        // Whole vec4s, and at least one: a binding may not be empty.
        let needed = bytes.max(16).next_multiple_of(16);
        if needed > limit {
            return Err(Error::TooLarge { what, needed, limit });
        }
        self.create(what, needed, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
    }

    /// A storage buffer of `len` f32 elements, all 0. See [`Device::buffer`].
    pub(crate) fn floats(&self, what: &'static str, len: usize) -> Result<wgpu::Buffer> {
        self.buffer(what, 4 * len as u64)
    }

    /// A storage buffer with some data. See [`Device::buffer`].
    pub(crate) fn buffer_with<T: Pod>(&self, what: &'static str, data: &[T]) -> Result<wgpu::Buffer> {
        let buffer = self.buffer(what, size_of_val(data) as u64)?;
        self.write(&buffer, data);
        Ok(buffer)
    }

    /// A uniform buffer.
    pub(crate) fn uniform(&self, what: &'static str, bytes: u64) -> Result<wgpu::Buffer> {
        self.create(what, bytes, Usage::UNIFORM | Usage::COPY_DST)
    }

    /// A buffer for the results of a query set.
    pub(crate) fn query_buffer(&self, what: &'static str, bytes: u64) -> Result<wgpu::Buffer> {
        self.create(what, bytes, Usage::QUERY_RESOLVE | Usage::COPY_SRC)
    }

    fn create(&self, what: &'static str, size: u64, usage: Usage) -> Result<wgpu::Buffer> {
        self.check()?;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        match pollster::block_on(scope.pop()) {
            None => self.check().map(|()| buffer),
            Some(_) => Err(Error::OutOfMemory { what, needed: size }),
        }
    }

    /// Writes to the front of a buffer, before everything that is submitted later.
    pub(crate) fn write<T: Pod>(&self, buffer: &wgpu::Buffer, data: &[T]) {
        self.write_at(buffer, 0, data);
    }

    /// Writes to a buffer from its f32 element `first` on, before everything that is submitted later.
    pub(crate) fn write_at<T: Pod>(&self, buffer: &wgpu::Buffer, first: usize, data: &[T]) {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        for (i, chunk) in bytes.chunks(CHUNK).enumerate() {
            let at = (4 * first + i * CHUNK) as u64;
            // A copy is of whole words.
            let (words, rest) = chunk.split_at(chunk.len() / 4 * 4);
            self.queue.write_buffer(buffer, at, words);
            if !rest.is_empty() {
                let mut last = [0; 4];
                last[..rest.len()].copy_from_slice(rest);
                self.queue.write_buffer(buffer, at + words.len() as u64, &last);
            }
            if bytes.len() > CHUNK {
                self.queue.submit([]);
            }
        }
    }

    /// Reads parts of some buffers, after everything submitted before: buffer, index of the first f32 element, where
    /// they go.
    ///
    /// # Errors
    /// The device was lost.
    pub(crate) fn read(&self, parts: &mut [(&wgpu::Buffer, usize, &mut [f32])]) -> Result<()> {
        let size = parts.iter().map(|(_, _, to)| 4 * to.len() as u64).sum::<u64>();
        if size == 0 {
            return self.wait();
        }
        let staging = self.create("results", size, Usage::MAP_READ | Usage::COPY_DST)?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for (from, first, to) in parts.iter() {
            encoder.copy_buffer_to_buffer(from, 4 * *first as u64, &staging, at, 4 * to.len() as u64);
            at += 4 * to.len() as u64;
        }
        self.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| ());
        self.wait()?;
        let view = staging.slice(..).get_mapped_range().map_err(|e| Error::Lost(e.to_string()))?;
        let mut at = 0;
        for (_, _, to) in parts.iter_mut() {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(to);
            bytes.copy_from_slice(&view[at..at + bytes.len()]);
            at += bytes.len();
        }
        Ok(())
    }
}

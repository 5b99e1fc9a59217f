//! The layers of a pass that the Winograd path covers.

use super::OpKernels;
use super::packing::{ALIGNMENT, PackedRanges};
use crate::error::Result;
use crate::kernels::winograd::{WinogradConvolution, transform_weights};
use crate::kernels::{Dispatch, Dispatcher};
use std::ops::Range;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::graph::Op;

/// A convolution with its part of the transformed weights, and the scratch buffers that all of them share.
#[derive(Clone, Debug)]
pub(super) struct WinogradLayer {
    convolution: WinogradConvolution,
    /// Transformed weights of the first model, forward and backward.
    weights: [Range<usize>; 2],
    /// From the weights of the first model to those of the last one.
    last_model: usize,
    transformed: wgpu::Buffer,
    scratch: [wgpu::Buffer; 2],
}

/// What transforms packed weights, and the Winograd layer of each operation that has one; `None` if no operation has.
///
/// A batch has at most `images` images.
///
/// # Errors
/// As [`Device::buffer`](crate::device::Device::buffer) and [`Dispatcher::dispatch`].
pub(super) fn layers<'a>(
    dispatcher: &Dispatcher,
    ops: impl Iterator<Item = (OpKernels, &'a PackedRanges, &'a Op)>,
    packed: &wgpu::Buffer,
    images: usize,
) -> Result<Option<(Dispatch, Vec<Option<WinogradLayer>>)>> {
    let device = dispatcher.device;
    let Some(winograd) = device.paths().winograd else { return Ok(None) };
    let limits = device.limits();
    let models = dispatcher.layout.models;
    // Decided for a single model: the result must not depend on how many models share dispatches. Where the scratch
    // buffers of all models are too large, the batch gets fewer models.
    let max_len = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
    let of_op = |kernels: OpKernels| {
        let OpKernels::Convolution(convolution) = kernels else { return None };
        let fits = |w: &WinogradConvolution| w.scratch_len(images).iter().all(|&len| len as u64 <= max_len);
        WinogradConvolution::worthwhile(convolution, winograd).filter(fits)
    };
    let (mut table, mut len, mut scratch_len) = (Vec::new(), 0_usize, [0; 2]);
    let layers = ops.map(|(kernels, packed, op)| {
        let convolution = of_op(kernels)?;
        let needed = convolution.scratch_len(images);
        scratch_len = [scratch_len[0].max(needed[0]), scratch_len[1].max(needed[1])];
        // The images have no gradient.
        let directions = [(false, true, packed.forward.start), (true, op.input > 0, packed.backward.start)];
        let weights = directions.map(|(is_backward, is_needed, packed)| {
            if !is_needed {
                return 0..0;
            }
            let start = len.next_multiple_of(ALIGNMENT);
            len = start + convolution.weights_len(is_backward);
            table.extend(convolution.weights_table(is_backward, packed, start));
            start..len
        });
        Some((convolution, weights))
    });
    let layers: Vec<_> = layers.collect();
    if table.is_empty() {
        return Ok(None);
    }
    let transformed = device.floats("transformed weights", models * len)?;
    let [inputs, products] = scratch_len.map(|len| device.floats("transformed activations", models * len));
    let scratch = [inputs?, products?];
    let table_buffer = device.buffer_with("table of the transformed weights", &table)?;
    let transform =
        transform_weights(dispatcher, winograd, table.len(), &table_buffer, packed, &transformed)?;
    let layers = layers.into_iter().map(|layer| {
        let (convolution, weights) = layer?;
        let last_model = (models - 1) * len;
        let (transformed, scratch) = (transformed.clone(), scratch.clone());
        Some(WinogradLayer { convolution, weights, last_model, transformed, scratch })
    });
    Ok(Some((transform, layers.collect())))
}

impl WinogradLayer {
    fn weights(&self, is_backward: bool) -> wgpu::BufferBinding<'_> {
        let range = &self.weights[usize::from(is_backward)];
        let size = wgpu::BufferSize::new(4 * (self.last_model + range.len()) as u64);
        wgpu::BufferBinding { buffer: &self.transformed, offset: 4 * range.start as u64, size }
    }

    /// As [`WinogradConvolution::forward`].
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn forward(
        &self,
        dispatcher: &Dispatcher,
        activation: Option<Activation>,
        x: &wgpu::Buffer,
        bias: Option<wgpu::BufferBinding>,
        y: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        self.convolution.forward(dispatcher, activation, x, self.weights(false), bias, &self.scratch, y)
    }

    /// As [`WinogradConvolution::backward_data`].
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward_data(
        &self,
        dispatcher: &Dispatcher,
        accumulate: bool,
        dy: &wgpu::Buffer,
        dx: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        self.convolution.backward_data(dispatcher, accumulate, dy, self.weights(true), &self.scratch, dx)
    }
}

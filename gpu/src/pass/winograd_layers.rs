//! Layers of a pass that go by minimal winograd_convolution, where its device takes that path.

use crate::error::Result;
use crate::kernels::winograd::{WinogradConvolution, transform_weights};
use crate::kernels::{Dispatch, KernelContext};
use crate::network::{Kind, Plan};
use crate::packing::ALIGNMENT;
use std::ops::Range;

/// A layer with its part of the transformed weights, and room that all such layers share.
#[derive(Clone, Debug)]
pub(crate) struct WinogradLayer {
    winograd_convolution: WinogradConvolution,
    /// Forward, backward, of the first model; how far behind it the weights of the last one begin.
    parts: [Range<usize>; 2],
    others: usize,
    transformed: wgpu::Buffer,
    planes: [wgpu::Buffer; 2],
}

/// What transforms packed weights, and for each operation the way it goes, if it is this one; none, where none does.
///
/// `starts` are where each operation's packed weights lie, forward and backward; a batch has `images` images at most.
///
/// # Errors
/// No room; a pipeline that the driver refuses.
pub(crate) fn layers(
    context: &KernelContext,
    plan: &Plan,
    starts: impl Iterator<Item = [usize; 2]>,
    packed: &wgpu::Buffer,
    images: usize,
) -> Result<Option<(Dispatch, Vec<Option<WinogradLayer>>)>> {
    let device = context.device;
    let Some(winograd) = device.paths().winograd else { return Ok(None) };
    let limits = device.limits();
    let models = context.layout.models;
    // By one model alone: which way a layer goes must not depend on who is beside it. Where there is no room for the
    // planes of all, there are fewer.
    let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
    let of_op = |kind: &Kind| {
        let Kind::Convolution(convolution, _) = kind else { return None };
        let fits = |f: &WinogradConvolution| f.planes_len(images).iter().all(|&len| len as u64 <= most);
        WinogradConvolution::worth(*convolution, winograd).filter(fits)
    };
    let (mut table, mut len, mut planes_len) = (Vec::new(), 0_usize, [0; 2]);
    let layers = plan.ops.iter().zip(starts).map(|(op, starts)| {
        let winograd_convolution = of_op(&op.kind)?;
        let needed = winograd_convolution.planes_len(images);
        planes_len = [planes_len[0].max(needed[0]), planes_len[1].max(needed[1])];
        // The images have no gradient.
        let parts = [(false, true), (true, op.x > 0)].map(|(back, there)| {
            if !there {
                return 0..0;
            }
            let start = len.next_multiple_of(ALIGNMENT);
            len = start + winograd_convolution.weights_len(back);
            table.extend(winograd_convolution.weights_table(back, starts[usize::from(back)], start));
            start..len
        });
        Some((winograd_convolution, parts))
    });
    let layers: Vec<_> = layers.collect();
    if table.is_empty() {
        return Ok(None);
    }
    let transformed = device.floats("transformed weights", models * len)?;
    let [before, after] = planes_len.map(|len| device.floats("transformed activations", models * len));
    let planes = [before?, after?];
    let on_device = device.buffer_with("table of the transformed weights", &table)?;
    let weights = transform_weights(context, winograd, table.len(), &on_device, packed, &transformed)?;
    let layers = layers.into_iter().map(|layer| {
        let (winograd_convolution, parts) = layer?;
        let others = (models - 1) * len;
        Some(WinogradLayer {
            winograd_convolution,
            parts,
            others,
            transformed: transformed.clone(),
            planes: planes.clone(),
        })
    });
    Ok(Some((weights, layers.collect())))
}

impl WinogradLayer {
    fn weights(&self, back: bool) -> wgpu::BufferBinding<'_> {
        let range = &self.parts[usize::from(back)];
        let size = wgpu::BufferSize::new(4 * (self.others + range.len()) as u64);
        wgpu::BufferBinding { buffer: &self.transformed, offset: 4 * range.start as u64, size }
    }

    /// As [`WinogradConvolution::forward`].
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn forward(
        &self,
        context: &KernelContext,
        relu: bool,
        x: &wgpu::Buffer,
        bias: Option<wgpu::BufferBinding>,
        y: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        self.winograd_convolution.forward(context, relu, x, self.weights(false), bias, &self.planes, y)
    }

    /// As [`WinogradConvolution::backward_data`].
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn backward_data(
        &self,
        context: &KernelContext,
        accumulate: bool,
        dy: &wgpu::Buffer,
        dx: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        self.winograd_convolution.backward_data(context, accumulate, dy, self.weights(true), &self.planes, dx)
    }
}

//! The buffers of a pass, while its lists are built.

use super::packing::PackedRanges;
use super::winograd_layers::{self, WinogradLayer};
use super::{BatchInputs, OpKernels};
use crate::device_dataset::{DeviceChunk, DeviceSplit};
use crate::error::{Error, Result};
use crate::kernels::{BatchLayout, Dispatch, Dispatcher, loss, samples, tensor_len};
use std::ops::Range;
use valleys_core::network::graph::{Graph, Op};

/// Buffers of a batch norm.
pub(super) struct NormState {
    pub norm: wgpu::Buffer,
    pub means: wgpu::Buffer,
    pub statistics: wgpu::Buffer,
}

/// What an operation has for itself.
pub(super) struct OpBuffers {
    pub kernels: OpKernels,
    pub packed: PackedRanges,
    /// Offset of its parameters in θ, of its bias.
    pub place: wgpu::Buffer,
    pub bias_place: wgpu::Buffer,
    pub norm: Option<NormState>,
    /// How a convolution is computed on the Winograd path.
    pub winograd: Option<WinogradLayer>,
}

/// Builds the lists of a [`Pass`](super::Pass).
pub(super) struct PassBuilder<'a> {
    pub dispatcher: Dispatcher<'a>,
    pub graph: &'a Graph<Vec<Op>>,
    pub batch: usize,
    /// Of each operation.
    pub own: Vec<OpBuffers>,
    /// Activations: of each value of the graph.
    pub values: Vec<wgpu::Buffer>,
    pub theta: wgpu::Buffer,
    pub gradient: wgpu::Buffer,
    pub packed: wgpu::Buffer,
    pub partial: wgpu::Buffer,
    /// Losses and errors of the images of a batch.
    pub scores: wgpu::Buffer,
    pub labels: wgpu::Buffer,
}

impl<'a> PassBuilder<'a> {
    pub fn new(
        dispatcher: Dispatcher<'a>,
        graph: &'a Graph<Vec<Op>>,
        kernels: Vec<OpKernels>,
        batch: usize,
        ranges: Vec<PackedRanges>,
    ) -> Result<Self> {
        let Dispatcher { device, layout, .. } = dispatcher;
        let floats = |what, len: usize| device.floats(what, layout.models * len);
        let logits = graph.values_len() - 1;
        let values = (0..graph.values_len()).map(|value| {
            let element = if dispatcher.f16 && value != logits { 2 } else { 4 };
            let len = layout.models * layout.images * tensor_len(graph.shape(value));
            device.buffer("activations", (element * len) as u64)
        });
        let place = |offset: usize| {
            let place = device.uniform("place", 16)?;
            device.write(&place, &[offset as u32, 0, 0, 0]);
            Ok::<_, Error>(place)
        };
        let own = graph.ops().iter().zip(kernels).zip(ranges).map(|((op, kernels), packed)| {
            let norm = match kernels {
                OpKernels::Normalisation(normalisation) if normalisation.norm => {
                    let len = normalisation.norm_len();
                    Some(NormState {
                        norm: floats("coefficients of a batch norm", len)?,
                        means: floats("means of a gradient", len / 2)?,
                        statistics: floats("statistics", len / 2)?,
                    })
                }
                _ => None,
            };
            let (place, bias_place) = (place(op.parameters().start)?, place(op.bias().start)?);
            Ok(OpBuffers { kernels, packed, place, bias_place, norm, winograd: None })
        });
        Ok(Self {
            own: own.collect::<Result<_>>()?,
            values: values.collect::<Result<_>>()?,
            theta: floats("parameters", layout.theta_len())?,
            gradient: floats("gradient", layout.theta_len())?,
            packed: floats("packed weights", layout.packed)?,
            partial: floats("partial sums", layout.partial)?,
            scores: floats("losses", 2 * layout.images)?,
            labels: floats("labels", layout.images)?,
            dispatcher,
            graph,
            batch,
        })
    }

    /// Switches the layers that the Winograd path covers to it. Returns the dispatch that transforms their packed
    /// weights, if there are any.
    pub fn use_winograd(&mut self, evaluation_batch: usize) -> Result<Option<Dispatch>> {
        let layers = self.own.iter().zip(self.graph.ops()).map(|(own, op)| (own.kernels, &own.packed, op));
        let layers = winograd_layers::layers(&self.dispatcher, layers, &self.packed, evaluation_batch)?;
        let Some((transform, layers)) = layers else { return Ok(None) };
        self.own.iter_mut().zip(layers).for_each(|(own, layer)| own.winograd = layer);
        Ok(Some(transform))
    }

    /// Packed weights of the first model, at the end of which kernels find those of the others.
    pub fn weights(&self, range: &Range<usize>) -> wgpu::BufferBinding<'_> {
        let BatchLayout { models, packed, .. } = self.dispatcher.layout;
        let size = wgpu::BufferSize::new(4 * ((models - 1) * packed + range.len()) as u64);
        wgpu::BufferBinding { buffer: &self.packed, offset: 4 * range.start as u64, size }
    }

    /// The network's statistics of each batch norm.
    pub fn statistics(&self) -> Vec<wgpu::Buffer> {
        let norms = self.own.iter().filter_map(|own| own.norm.as_ref());
        norms.map(|norm| norm.statistics.clone()).collect()
    }

    /// Gathers a batch of a split: one dispatch for each chunk of its samples.
    pub fn gather(&self, split: &DeviceSplit, inputs: &BatchInputs) -> Result<Vec<Dispatch>> {
        let gather = |chunk: &DeviceChunk| {
            let palette = split.palette.as_ref().map(|(palette, plane)| (palette, *plane));
            let chunk =
                samples::Chunk { samples: &chunk.samples, palette, first: chunk.first, count: chunk.count };
            let buffers = [&split.labels, inputs.order, &self.values[0], &self.labels];
            samples::gather(&self.dispatcher, self.graph.shape(0), chunk, inputs.border, buffers)
        };
        split.chunks.iter().map(gather).collect()
    }

    /// Losses of a batch, with the gradient of the logits if it is given, and their sums.
    pub fn loss_dispatches(
        &self,
        sums: &wgpu::Buffer,
        gradient: Option<&wgpu::Buffer>,
    ) -> Result<Vec<Dispatch>> {
        let logits = &self.values[self.values.len() - 1];
        let (dispatcher, classes) = (&self.dispatcher, self.graph.outputs());
        let losses = loss::cross_entropy(dispatcher, classes, logits, &self.labels, &self.scores, gradient)?;
        Ok(vec![losses, loss::sums(dispatcher, &self.scores, sums)?])
    }

    /// Losses of a batch that is only evaluated.
    pub fn losses(&self, sums: &wgpu::Buffer) -> Result<Vec<Dispatch>> {
        self.loss_dispatches(sums, None)
    }
}

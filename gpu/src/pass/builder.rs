//! The buffers of a pass, while its lists are built.

use super::forward::Statistics;
use super::packing::PackedRanges;
use super::winograd_layers::{self, WinogradLayer};
use super::{BatchInputs, OpKernels};
use crate::device_dataset::{DeviceChunk, DeviceSplit, DeviceTargets};
use crate::error::{Error, Result};
use crate::kernels::loss::{self, LossBuffers};
use crate::kernels::{BatchLayout, Dispatch, Dispatcher, samples, tensor_len};
use std::ops::Range;
use valleys_core::network::Criterion;
use valleys_core::network::graph::{Graph, Op, OpKind};

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
    /// Of a layer norm: moments of the images.
    pub moments: Option<wgpu::Buffer>,
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
    /// Labels, or targets, of a batch.
    pub targets: wgpu::Buffer,
    pub criterion: Criterion<'a>,
    /// Those of `cross_entropy.wgsl`.
    pub factors: Option<wgpu::Buffer>,
}

impl<'a> PassBuilder<'a> {
    pub fn new(
        dispatcher: Dispatcher<'a>,
        graph: &'a Graph<Vec<Op>>,
        criterion: Criterion<'a>,
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
            let moments = match kernels {
                OpKernels::LayerNorm(_) => Some(floats("moments of a layer norm", 2 * layout.images)?),
                _ => None,
            };
            let (place, bias_place) = (place(op.parameters().start)?, place(op.bias().start)?);
            Ok(OpBuffers { kernels, packed, place, bias_place, norm, moments, winograd: None })
        });
        let targets_len = match criterion {
            Criterion::CrossEntropy(_) => 1,
            Criterion::Regression(_) => tensor_len(graph.shape(logits)),
        };
        let factors = match criterion {
            Criterion::CrossEntropy(options) => loss::factors(&options, graph.outputs()),
            Criterion::Regression(_) => None,
        };
        let factors =
            factors.map(|factors| device.buffer_with("factors of classes", &factors)).transpose()?;
        Ok(Self {
            own: own.collect::<Result<_>>()?,
            values: values.collect::<Result<_>>()?,
            theta: floats("parameters", layout.theta_len())?,
            gradient: floats("gradient", layout.theta_len())?,
            packed: floats("packed weights", layout.packed)?,
            partial: floats("partial sums", layout.partial)?,
            scores: floats("losses", 2 * layout.images)?,
            targets: floats("targets", layout.images * targets_len)?,
            criterion,
            factors,
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
        let labels = match &split.targets {
            DeviceTargets::Labels(labels) => Some([labels, &self.targets]),
            DeviceTargets::Values(_) => None,
        };
        let gather = |chunk: &DeviceChunk| {
            let palette = split.palette.as_ref().map(|(palette, plane)| (palette, *plane));
            let buffers = [inputs.order, &self.values[0]];
            let (shape, chunk) = (self.graph.shape(0), chunk.with_palette(palette));
            samples::gather(&self.dispatcher, shape, chunk, inputs.border, labels, buffers)
        };
        // Targets have the layout of outputs, which are f32 on all paths.
        let dispatcher = Dispatcher { f16: false, ..self.dispatcher };
        let gather_targets = |chunk: &DeviceChunk| {
            let (shape, buffers) =
                (self.graph.shape(self.graph.values_len() - 1), [inputs.order, &self.targets]);
            samples::gather(&dispatcher, shape, chunk.with_palette(None), None, None, buffers)
        };
        let targets = match &split.targets {
            DeviceTargets::Labels(_) => &[][..],
            DeviceTargets::Values(chunks) => chunks,
        };
        split.chunks.iter().map(gather).chain(targets.iter().map(gather_targets)).collect()
    }

    /// The buffer of a value in a pass with these statistics. Dropout is left out of all but steps: there its output is its
    /// input.
    pub fn value(&self, statistics: Statistics, value: usize) -> &wgpu::Buffer {
        match value.checked_sub(1).map(|op| &self.graph.ops()[op]) {
            Some(op) if matches!(op.kind, OpKind::Dropout { .. }) && statistics != Statistics::OfBatch => {
                self.value(statistics, op.input)
            }
            _ => &self.values[value],
        }
    }

    /// Losses of a batch after a pass with these statistics, with the gradient of the outputs if it is given, and their sums.
    pub fn loss_dispatches(
        &self,
        statistics: Statistics,
        sums: &wgpu::Buffer,
        gradient: Option<&wgpu::Buffer>,
    ) -> Result<Vec<Dispatch>> {
        let (dispatcher, last) = (&self.dispatcher, self.values.len() - 1);
        let shape = self.graph.shape(last);
        let outputs = self.value(statistics, last);
        let buffers = LossBuffers { outputs, targets: &self.targets, scores: &self.scores, gradient };
        let losses = match self.criterion {
            Criterion::CrossEntropy(_) => {
                loss::cross_entropy(dispatcher, shape, self.factors.as_ref(), &buffers)?
            }
            Criterion::Regression(deviation) => loss::regression(dispatcher, shape, deviation, &buffers)?,
        };
        Ok(vec![losses, loss::sums(dispatcher, &self.scores, sums)?])
    }
}

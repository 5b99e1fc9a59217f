//! The lists of dispatches of a network: gather a batch, go forward, go backward.

use crate::dataset::{DeviceDataset, DeviceSplit};
use crate::error::Result;
use crate::gradients::Gradients;
use crate::kernels::batch_norm::{self, BackwardBuffers, MomentParts, NormBuffers, Normalisation};
use crate::kernels::convolution::Epilogue;
use crate::kernels::{
    BatchLayout, Dispatch, KernelContext, loss, parameters, pool, samples, tangent_removal, tensor_len,
};
use crate::network::{Follows, Kind, Op, Plan};
use crate::packing::table;
use crate::winograd_layers::{self, WinogradLayer};
use std::ops::Range;

/// The lists of dispatches, and buffers that others need.
#[derive(Debug)]
pub(crate) struct Pass {
    /// The models, and how far apart they lie in every buffer.
    pub layout: BatchLayout,
    /// Weights from θ(t), once for each θ(t).
    pub pack: Vec<Dispatch>,
    /// A batch of the training samples, of the test samples.
    pub gather: [Vec<Dispatch>; 2],
    /// Forward with the batch's statistics, losses, backward.
    pub train: Vec<Dispatch>,
    /// Forward with the batch's statistics as far as they are needed; they are added to those of the network.
    pub accumulate: Vec<Dispatch>,
    /// How batch norms act with the network's statistics, once for each θ(t).
    pub fix: Vec<Dispatch>,
    /// Forward with them, losses.
    pub measure: Vec<Dispatch>,
    /// Images of a batch of `measure` at most.
    pub wide: usize,
    pub theta: wgpu::Buffer,
    pub gradient: wgpu::Buffer,
    pub part: wgpu::Buffer,
    /// Of each batch norm.
    pub statistics: Vec<wgpu::Buffer>,
}

/// Buffers that are there before a pass.
pub(crate) struct BatchInputs<'a> {
    pub device_dataset: &'a DeviceDataset,
    pub order: &'a wgpu::Buffer,
    pub sums: &'a wgpu::Buffer,
    /// What black is, and the largest shift, of images that steps shift and mirror.
    pub border: Option<(&'a wgpu::Buffer, usize)>,
}

/// How batch norms get their statistics.
#[derive(Clone, Copy, PartialEq)]
enum Statistics {
    Batch,
    Accumulated,
    Given,
}

/// What an operation has for itself.
struct OpBuffers {
    /// Where its packed weights are: forward, backward, bias.
    packed: [Range<usize>; 3],
    /// The offset of its parameters in θ, of its bias.
    places: [wgpu::Buffer; 2],
    /// Of a batch norm: how it acts, the means of its gradient, its statistics.
    norm: Option<[wgpu::Buffer; 3]>,
    /// Of a convolution that goes by minimal winograd_convolution.
    filtered: Option<WinogradLayer>,
}

/// Buffers of a pass while its lists are made.
struct PassBuilder<'a> {
    context: KernelContext<'a>,
    plan: &'a Plan,
    batch: usize,
    tensors: Vec<wgpu::Buffer>,
    theta: wgpu::Buffer,
    gradient: wgpu::Buffer,
    packed: wgpu::Buffer,
    part: wgpu::Buffer,
    scores: wgpu::Buffer,
    labels: wgpu::Buffer,
    own: Vec<OpBuffers>,
}

impl Pass {
    /// The lists of the context's models, of which only the count is looked at, for batches of at most `batch` images.
    ///
    /// # Errors
    /// No room; a buffer above what the adapter binds; a pipeline that the driver refuses.
    pub fn new(context: KernelContext, plan: &Plan, batch: usize, outside: &BatchInputs) -> Result<Self> {
        let wide = plan.images(batch);
        let (table, ranges) = table(plan);
        let layout = BatchLayout {
            images: wide,
            dim: plan.dim,
            packed: table.len(),
            part: part_len(&context, plan, batch),
            ..context.layout
        };
        let context = KernelContext { layout, ..context };
        let mut maker = PassBuilder::new(context, plan, batch, ranges)?;
        let weights = context.device.buffer_with("table of the weights", &table)?;
        let mut pack = vec![parameters::pack(&context, table.len(), &weights, &maker.theta, &maker.packed)?];
        let starts = maker.own.iter().map(|own| [own.packed[0].start, own.packed[1].start]);
        if let Some((weights, layers)) = winograd_layers::layers(&context, plan, starts, &maker.packed, wide)?
        {
            pack.push(weights);
            maker.own.iter_mut().zip(layers).for_each(|(own, layer)| own.filtered = layer);
        }
        let mut accumulate = maker.forward(Statistics::Accumulated)?;
        let last = accumulate.iter().rposition(|dispatch| dispatch.kernel() == "moments_reduce");
        accumulate.truncate(last.map_or(0, |last| last + 1));
        Ok(Self {
            pack,
            gather: [
                maker.gather(&outside.device_dataset.train, outside)?,
                maker.gather(&outside.device_dataset.test, outside)?,
            ],
            train: [maker.forward(Statistics::Batch)?, maker.backward(outside.sums)?].concat(),
            accumulate,
            fix: maker.fix()?,
            measure: [maker.forward(Statistics::Given)?, maker.losses(outside.sums)?].concat(),
            layout,
            wide,
            statistics: maker.own.iter().filter_map(|own| Some(own.norm.as_ref()?[2].clone())).collect(),
            theta: maker.theta,
            gradient: maker.gradient,
            part: maker.part,
        })
    }
}

/// Numbers of the part sums of a model: those of the operation that has most.
fn part_len(context: &KernelContext, plan: &Plan, batch: usize) -> usize {
    let of_op = |op: &Op| match op.kind {
        Kind::Convolution(convolution, _) => {
            let (weights, run) = (convolution.part_len(context, batch), convolution.run_len(context));
            let sums = batch_norm::part_len(context, convolution.output, batch);
            weights.max(sums).max(batch_norm::moments_len(convolution.output, batch, run))
        }
        Kind::Normalisation(normalise) => batch_norm::part_len(context, normalise.shape, batch),
        _ => 0,
    };
    plan.ops.iter().map(of_op).fold(tangent_removal::PART_LEN, usize::max)
}

impl<'a> PassBuilder<'a> {
    fn new(
        context: KernelContext<'a>,
        plan: &'a Plan,
        batch: usize,
        ranges: Vec<[Range<usize>; 3]>,
    ) -> Result<Self> {
        let KernelContext { device, layout, .. } = context;
        let numbers = |what, len: usize| device.floats(what, layout.models * len);
        let logits = plan.tensors.len() - 1;
        let tensors = plan.tensors.iter().enumerate().map(|(tensor, &shape)| {
            let each = if context.f16 && tensor != logits { 2 } else { 4 };
            device.buffer("activations", (each * layout.models * tensor_len(shape) * layout.images) as u64)
        });
        let place = |offset: usize| {
            let place = device.uniform("place", 16)?;
            device.write(&place, &[offset as u32, 0, 0, 0]);
            Ok::<_, crate::error::Error>(place)
        };
        let own = plan.ops.iter().zip(ranges).map(|(op, packed)| {
            let bias = match op.kind {
                Kind::Convolution(c, _) => c.input.channels * c.output.channels * c.taps(),
                _ => 0,
            };
            let norm = match op.kind {
                Kind::Normalisation(normalise) if normalise.norm => {
                    let half = normalise.norm_len() / 2;
                    let [act, means, statistics] = [2 * half, half, half];
                    Some([
                        numbers("batch norm", act)?,
                        numbers("means of a gradient", means)?,
                        numbers("statistics", statistics)?,
                    ])
                }
                _ => None,
            };
            Ok(OpBuffers {
                packed,
                places: [place(op.parameters)?, place(op.parameters + bias)?],
                norm,
                filtered: None,
            })
        });
        Ok(Self {
            tensors: tensors.collect::<Result<_>>()?,
            theta: numbers("parameters", layout.theta_len())?,
            gradient: numbers("gradient", layout.theta_len())?,
            packed: numbers("packed weights", layout.packed)?,
            part: numbers("part sums", layout.part)?,
            scores: numbers("losses", 2 * layout.images)?,
            labels: numbers("labels", layout.images)?,
            own: own.collect::<Result<_>>()?,
            context,
            plan,
            batch,
        })
    }

    /// A part of the packed weights, of the first model, from where kernels find that of the others.
    fn weights(&self, range: &Range<usize>) -> wgpu::BufferBinding<'_> {
        let BatchLayout { models: count, packed, .. } = self.context.layout;
        let size = wgpu::BufferSize::new(4 * ((count - 1) * packed + range.len()) as u64);
        wgpu::BufferBinding { buffer: &self.packed, offset: 4 * range.start as u64, size }
    }

    fn gather(&self, part: &DeviceSplit, outside: &BatchInputs) -> Result<Vec<Dispatch>> {
        let gather = |(samples, first, count): &(wgpu::Buffer, usize, usize)| {
            let palette = part.palette.as_ref().map(|(palette, plane)| (palette, *plane));
            let chunk = samples::Chunk { samples, palette, first: *first, count: *count };
            let buffers = [&part.labels, outside.order, &self.tensors[0], &self.labels];
            samples::gather(&self.context, self.plan.tensors[0], chunk, outside.border, buffers)
        };
        part.chunks.iter().map(gather).collect()
    }

    fn forward(&self, statistics: Statistics) -> Result<Vec<Dispatch>> {
        let (context, part) = (&self.context, &self.part);
        let mut list = Vec::new();
        // The moments that the operation before has left.
        let mut left = None;
        for (op, own) in self.plan.ops.iter().zip(&self.own) {
            let [x, z] = [op.x, op.z].map(|tensor| &self.tensors[tensor]);
            match op.kind {
                Kind::Convolution(convolution, follows) => {
                    let [weights, _, bias] = &own.packed;
                    let weights = self.weights(weights);
                    let bias = convolution.bias.then(|| self.weights(bias));
                    if let Some(filtered) = &own.filtered {
                        list.extend(filtered.forward(context, follows == Follows::Relu, x, bias, z)?);
                        continue;
                    }
                    let then = match follows {
                        Follows::Relu => Epilogue::Relu,
                        Follows::Norm if statistics != Statistics::Given => Epilogue::Moments(part),
                        _ => Epilogue::Nothing,
                    };
                    left = matches!(then, Epilogue::Moments(_))
                        .then(|| MomentParts::Runs(convolution.run_len(context)));
                    list.push(convolution.forward(context, then, x, weights, bias, z)?);
                }
                Kind::Normalisation(normalise) => {
                    if let (Some([norm, _, sums]), true) = (&own.norm, statistics != Statistics::Given) {
                        let statistics = (statistics == Statistics::Accumulated).then_some(sums);
                        let acts =
                            NormBuffers { place: &own.places[0], theta: &self.theta, norm, statistics };
                        match left.take() {
                            Some(parts) => list.push(normalise.join(context, parts, part, &acts)?),
                            None => list.extend(normalise.moments(context, self.batch, x, part, &acts)?),
                        }
                    }
                    let other = op.other.map(|tensor| &self.tensors[tensor]);
                    let norm = own.norm.as_ref().map_or(x, |[norm, ..]| norm);
                    list.push(normalise.forward(context, x, norm, other, z)?);
                }
                Kind::MaxPool(window) => {
                    let channels = self.plan.tensors[op.x].channels;
                    list.push(pool::max_forward(context, &window, channels, x, z)?);
                }
                Kind::AveragePool => {
                    list.push(pool::average_forward(context, self.plan.tensors[op.x], x, z)?);
                }
            }
        }
        Ok(list)
    }

    fn fix(&self) -> Result<Vec<Dispatch>> {
        let norms = self.plan.ops.iter().zip(&self.own).filter_map(|(op, own)| match op.kind {
            Kind::Normalisation(normalise) => Some((normalise, &own.places[0], own.norm.as_ref()?)),
            _ => None,
        });
        let fix = |(normalise, place, [norm, _, statistics]): (Normalisation, _, &[_; 3])| {
            normalise.given(&self.context, place, &self.theta, statistics, norm)
        };
        norms.map(fix).collect()
    }

    fn losses(&self, sums: &wgpu::Buffer) -> Result<Vec<Dispatch>> {
        let logits = &self.tensors[self.plan.tensors.len() - 1];
        let [labels, scores] = [&self.labels, &self.scores];
        let losses = loss::cross_entropy(&self.context, self.plan.classes, logits, labels, scores, None)?;
        Ok(vec![losses, loss::sums(&self.context, scores, sums)?])
    }

    /// Losses and the way back. A tensor's gradient lies in a buffer of its own from its first reader, on the way
    /// back, to its maker; then another of that size may have it.
    fn backward(&self, sums: &wgpu::Buffer) -> Result<Vec<Dispatch>> {
        let context = &self.context;
        let BatchLayout { models: count, images, .. } = context.layout;
        // A single model needs no more than its batch.
        let images = if count == 1 { self.batch } else { count * images };
        let bytes = self.plan.tensors.iter().map(|&shape| 4 * (tensor_len(shape) * images) as u64);
        let mut gradients = Gradients::new(context.device, bytes);
        let last = self.plan.tensors.len() - 1;
        let (logits, [labels, scores]) = (&self.tensors[last], [&self.labels, &self.scores]);
        let (dz, _) = gradients.take(last)?;
        let mut list = vec![
            loss::cross_entropy(context, self.plan.classes, logits, labels, scores, Some(&dz))?,
            loss::sums(context, scores, sums)?,
        ];
        for (op, own) in self.plan.ops.iter().zip(&self.own).rev() {
            // What nobody reads has no gradient.
            let Some(dz) = gradients.give(op.z) else { continue };
            self.back(op, own, &dz, &mut gradients, &mut list)?;
            gradients.free(dz);
        }
        Ok(list)
    }

    fn back(
        &self,
        op: &Op,
        own: &OpBuffers,
        dz: &wgpu::Buffer,
        gradients: &mut Gradients,
        list: &mut Vec<Dispatch>,
    ) -> Result<()> {
        let (context, shape) = (&self.context, self.plan.tensors[op.x]);
        let [x, z] = [op.x, op.z].map(|tensor| &self.tensors[tensor]);
        let [place, place_of_bias] = &own.places;
        match op.kind {
            Kind::Convolution(convolution, follows) => {
                if follows == Follows::Relu {
                    list.push(pool::mask(context, convolution.output, z, dz)?);
                }
                let [part, gradient] = [&self.part, &self.gradient];
                let weights =
                    convolution.backward_weights(context, self.batch, x, dz, part, place, gradient)?;
                list.extend(weights);
                if convolution.bias {
                    let plain =
                        Normalisation { shape: convolution.output, norm: false, add: false, relu: false };
                    let back = BackwardBuffers { dz, x, norm: x, means: x, z, dx: (x, false), dother: None };
                    list.extend(plain.backward_sums(
                        context,
                        self.batch,
                        &back,
                        part,
                        place_of_bias,
                        gradient,
                    )?);
                }
                if op.x > 0 {
                    let (dx, there) = gradients.take(op.x)?;
                    let weights = self.weights(&own.packed[1]);
                    match &own.filtered {
                        Some(filtered) => list.extend(filtered.backward_data(context, there, dz, &dx)?),
                        None => list.push(convolution.backward_data(context, there, dz, weights, &dx)?),
                    }
                }
            }
            Kind::Normalisation(normalise) => {
                let [norm, means] = own.norm.as_ref().map_or([x, x], |[norm, means, _]| [norm, means]);
                let mut back = BackwardBuffers { dz, x, norm, means, z, dx: (x, false), dother: None };
                if normalise.norm {
                    let [part, gradient] = [&self.part, &self.gradient];
                    list.extend(normalise.backward_sums(context, self.batch, &back, part, place, gradient)?);
                }
                // The images have no gradient; nor can a buffer be bound twice, where a tensor is added to itself.
                let other = op.other.filter(|&other| other > 0);
                let apart = other.is_some_and(|other| other == op.x || op.x == 0);
                if apart {
                    let (dx, there) = gradients.take(other.unwrap_or(0))?;
                    let only = Normalisation { norm: false, add: false, ..normalise };
                    list.push(only.backward(context, &BackwardBuffers { dx: (&dx, there), ..back })?);
                }
                if op.x > 0 {
                    let (dx, there) = gradients.take(op.x)?;
                    let dother = match other.filter(|_| !apart) {
                        Some(other) => Some(gradients.take(other)?),
                        None => None,
                    };
                    back.dx = (&dx, there);
                    back.dother = dother.as_ref().map(|(dother, there)| (dother, *there));
                    let both = Normalisation { add: back.dother.is_some(), ..normalise };
                    list.push(both.backward(context, &back)?);
                }
            }
            Kind::MaxPool(_) | Kind::AveragePool if op.x == 0 => {}
            Kind::MaxPool(window) => {
                let (dx, there) = gradients.take(op.x)?;
                list.push(pool::max_backward(context, &window, shape.channels, there, [x, dz, &dx])?);
            }
            Kind::AveragePool => {
                let (dx, there) = gradients.take(op.x)?;
                list.push(pool::average_backward(context, shape, there, dz, &dx)?);
            }
        }
        Ok(())
    }
}

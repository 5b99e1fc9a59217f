//! A network as lists of dispatches: gather a batch, forward, backward.

mod backward;
mod builder;
mod forward;
mod gradients;
mod packing;
mod winograd_layers;

use crate::device_dataset::DeviceDataset;
use crate::error::Result;
use crate::kernels::batch_norm::{self, Normalisation};
use crate::kernels::convolution::{Convolution, feeds_norm};
use crate::kernels::dropout::Dropout;
use crate::kernels::layer_norm::LayerNorm;
use crate::kernels::pool::Pool;
use crate::kernels::{BatchLayout, Dispatch, Dispatcher, parameters, tangent_removal};
use crate::memory::evaluation_batch;
use builder::PassBuilder;
use forward::Statistics;
use valleys_core::kernels::Window;
use valleys_core::network::graph::{Graph, Op, OpKind};

/// The lists of dispatches of a network, and buffers that other modules need.
#[derive(Debug)]
pub(crate) struct Pass {
    /// The models, and how far apart they are in every buffer.
    pub layout: BatchLayout,
    /// Packs the weights of θ(t); once for each θ(t).
    pub pack: Vec<Dispatch>,
    /// Gathers a batch of the training samples, of the test samples.
    pub gather: [Vec<Dispatch>; 2],
    /// Forward with the statistics of the batch, losses, backward.
    pub train: Vec<Dispatch>,
    /// Forward with the statistics of the batch, as far as batch norms need it; adds them to those of the network.
    pub accumulate: Vec<Dispatch>,
    /// Coefficients of the batch norms from the statistics of the network; once for each θ(t).
    pub apply_statistics: Vec<Dispatch>,
    /// Forward with them, losses.
    pub evaluate: Vec<Dispatch>,
    /// Images of a batch of `evaluate`, at most.
    pub evaluation_batch: usize,
    pub theta: wgpu::Buffer,
    pub gradient: wgpu::Buffer,
    pub partial: wgpu::Buffer,
    /// The network's statistics of each batch norm.
    pub statistics: Vec<wgpu::Buffer>,
}

/// Buffers that a pass reads its batches from and writes its losses to.
pub(crate) struct BatchInputs<'a> {
    pub dataset: &'a DeviceDataset,
    /// (entries, 2): sample, augmentation code.
    pub order: &'a wgpu::Buffer,
    /// Sums of losses and errors of batches.
    pub sums: &'a wgpu::Buffer,
    /// The value of each channel outside of an image, and the largest shift, of augmented images.
    pub border: Option<(&'a wgpu::Buffer, usize)>,
}

/// Which kernels an operation needs.
#[derive(Clone, Copy)]
enum OpKernels {
    Convolution(Convolution),
    Normalisation(Normalisation),
    LayerNorm(LayerNorm),
    Dropout(Dropout),
    Pool(Pool, Window),
    GlobalAveragePool,
}

impl OpKernels {
    fn of(op: &Op, is_last: bool) -> Self {
        match op.kind {
            OpKind::MaxPool(window) => Self::Pool(Pool::Max, window),
            OpKind::AveragePool(window) => Self::Pool(Pool::Average, window),
            OpKind::GlobalAveragePool => Self::GlobalAveragePool,
            OpKind::BatchNorm | OpKind::Elementwise => Self::Normalisation(Normalisation::of(op)),
            OpKind::Linear | OpKind::Convolution { .. } => {
                Self::Convolution(Convolution::of(op, is_last).expect("it is one"))
            }
            OpKind::LayerNorm => Self::LayerNorm(LayerNorm(op.input_shape)),
            OpKind::Dropout { probability } => {
                Self::Dropout(Dropout { shape: op.input_shape, row: op.rows[0], probability })
            }
        }
    }

    /// Those of all operations of a graph.
    fn all(graph: &Graph<Vec<Op>>) -> Vec<Self> {
        let ops = graph.ops();
        ops.iter().enumerate().map(|(i, op)| Self::of(op, i + 1 == ops.len())).collect()
    }
}

impl Pass {
    /// The lists for the dispatcher's number of models, with training batches of at most `batch` images.
    ///
    /// # Errors
    /// A buffer above the adapter's largest binding; a device out of memory; a pipeline that the driver refuses.
    pub fn new(
        dispatcher: Dispatcher,
        graph: &Graph<Vec<Op>>,
        batch: usize,
        inputs: &BatchInputs,
    ) -> Result<Self> {
        let evaluation_batch = evaluation_batch(graph, batch);
        let kernels = OpKernels::all(graph);
        let (table, ranges) = packing::table(graph, &kernels);
        let layout = BatchLayout {
            images: evaluation_batch,
            dim: graph.parameter_len(),
            packed: table.len(),
            partial: partial_len(&dispatcher, graph, &kernels, batch),
            ..dispatcher.layout
        };
        let dispatcher = Dispatcher { layout, ..dispatcher };
        let criterion = inputs.dataset.criterion.get();
        let mut builder = PassBuilder::new(dispatcher, graph, criterion, kernels, batch, ranges)?;
        let table_buffer = dispatcher.device.buffer_with("table of the packed weights", &table)?;
        let mut pack =
            vec![parameters::pack(&dispatcher, table.len(), &table_buffer, &builder.theta, &builder.packed)?];
        pack.extend(builder.use_winograd(evaluation_batch)?);
        // What the last batch norm does not need is left out.
        let mut accumulate = builder.forward(Statistics::Accumulated)?;
        let last = accumulate.iter().rposition(|dispatch| dispatch.kernel() == "moments_reduce");
        accumulate.truncate(last.map_or(0, |last| last + 1));
        Ok(Self {
            pack,
            gather: [
                builder.gather(&inputs.dataset.train, inputs)?,
                builder.gather(&inputs.dataset.test, inputs)?,
            ],
            train: [builder.forward(Statistics::OfBatch)?, builder.backward(inputs.sums)?].concat(),
            accumulate,
            apply_statistics: builder.apply_statistics()?,
            evaluate: [
                builder.forward(Statistics::OfNetwork)?,
                builder.loss_dispatches(Statistics::OfNetwork, inputs.sums, None)?,
            ]
            .concat(),
            layout,
            evaluation_batch,
            statistics: builder.statistics(),
            theta: builder.theta,
            gradient: builder.gradient,
            partial: builder.partial,
        })
    }
}

/// Elements of the partial sums of a model: those of the operation that needs most.
fn partial_len(
    dispatcher: &Dispatcher,
    graph: &Graph<Vec<Op>>,
    kernels: &[OpKernels],
    batch: usize,
) -> usize {
    let of_op = |(i, kernels): (usize, &OpKernels)| match *kernels {
        OpKernels::Convolution(convolution) => {
            let output = convolution.output;
            let moments = match feeds_norm(graph, i) {
                true => batch_norm::moments_len(output, batch, convolution.run_len(dispatcher)),
                false => 0,
            };
            let sums = batch_norm::partial_len(dispatcher, output, batch);
            convolution.partial_len(dispatcher, batch).max(sums).max(moments)
        }
        OpKernels::Normalisation(normalisation) => {
            batch_norm::partial_len(dispatcher, normalisation.shape, batch)
        }
        OpKernels::LayerNorm(layer_norm) => layer_norm.partial_len(dispatcher, batch),
        OpKernels::Dropout(_) | OpKernels::Pool(..) | OpKernels::GlobalAveragePool => 0,
    };
    let of_steps = tangent_removal::PARTIAL_LEN.max(parameters::CLIP_PARTIAL_LEN);
    kernels.iter().enumerate().map(of_op).fold(of_steps, usize::max)
}

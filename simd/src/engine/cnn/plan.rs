//! From the graph of a network to the buffers of its kernels.

use super::algorithm::Algorithm;
use super::batched::{BatchedConvolution, BatchedPair};
use super::draft::Draft;
use super::planes::Planes;
use super::stages::{Kind, Stage, stages};
use crate::engine::mlp::MlpPlan;
use crate::floats::padded;
use fearless_simd::Level;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::kernels::Window;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::graph::{Graph, Op};

/// Where the gradient of a value goes.
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    /// Its buffer.
    pub buffer: usize,
    /// Whether the buffer already has a part of the gradient, to which this one is added.
    pub add: bool,
}

/// A convolution and its activation.
#[derive(Clone, Debug)]
pub struct ConvolutionOp {
    /// Buffer of the input.
    pub x: usize,
    /// Buffer of the output.
    pub y: usize,
    /// Gradient of the input; none for the samples.
    pub dx: Option<Sink>,
    /// Buffer of the gradient of the output.
    pub dy: usize,
    /// The window.
    pub window: Window,
    /// Where w is in θ.
    pub weight: Range<usize>,
    /// Where b is in θ; empty without a bias.
    pub bias: Range<usize>,
    /// The activation that follows.
    pub activation: Option<Activation>,
    /// How it is computed.
    pub kernels: Kernels,
}

/// How a convolution is computed.
#[derive(Clone, Debug)]
pub enum Kernels {
    /// By each sample group.
    OfGroup {
        /// The forward convolution.
        forward: Algorithm,
        /// The convolutions that give dx.
        backward: Vec<Algorithm>,
    },
    /// By all groups of a batch together.
    OfBatch(BatchedPair),
}

/// Convolutions whose weights are packed, in the order of the packed weights.
#[derive(Clone, Copy, Debug)]
pub enum Packing<'a> {
    /// One of a sample group.
    OfGroup(&'a Algorithm),
    /// One of a batch.
    OfBatch(&'a BatchedConvolution),
}

impl Packing<'_> {
    /// Number of its packed weights.
    pub const fn len(self) -> usize {
        match self {
            Self::OfGroup(algorithm) => algorithm.packed_len(),
            Self::OfBatch(convolution) => convolution.packed_len(),
        }
    }

    /// Packs the weights.
    pub fn pack(self, level: Level, weight: &[f32], packed: &mut [f32]) {
        match self {
            Self::OfGroup(algorithm) => algorithm.pack(level, weight, packed),
            Self::OfBatch(convolution) => convolution.pack(level, weight, packed),
        }
    }
}

impl ConvolutionOp {
    /// All its convolutions, in the order of the packed weights.
    pub fn packings(&self) -> impl Iterator<Item = Packing<'_>> {
        let (alone, parts, pair) = match &self.kernels {
            Kernels::OfGroup { forward, backward } => (Some(forward), &backward[..], None),
            Kernels::OfBatch(pair) => (None, &[][..], Some(pair)),
        };
        let of_group = alone.into_iter().chain(parts).map(Packing::OfGroup);
        of_group.chain(pair.into_iter().flat_map(BatchedPair::each).map(Packing::OfBatch))
    }

    fn scratch_len(&self) -> usize {
        match &self.kernels {
            Kernels::OfGroup { forward, backward } => {
                [forward].into_iter().chain(backward).map(Algorithm::scratch_len).max().unwrap_or(0)
            }
            Kernels::OfBatch(_) => 0,
        }
    }
}

/// A linear layer of the flattened input, and its activation.
#[derive(Clone, Debug)]
pub struct LinearOp {
    /// Buffer of the input.
    pub x: usize,
    /// Buffer of the output.
    pub y: usize,
    /// Gradient of the input; none for the samples.
    pub dx: Option<Sink>,
    /// Buffer of the gradient of the output.
    pub dy: usize,
    /// Numbers of an input.
    pub inputs: usize,
    /// Numbers of an output.
    pub outputs: usize,
    /// Where W is in θ.
    pub weight: Range<usize>,
    /// Where b is in θ.
    pub bias: Range<usize>,
    /// The activation that follows.
    pub activation: Option<Activation>,
}

/// A batch norm, the addition of a residual, and the activation.
///
/// The gradients of the residual and of y (before the activation) are equal. They share a buffer where nothing later reads
/// the residual.
#[derive(Clone, Debug)]
pub struct BatchNormOp {
    /// Buffer of the input.
    pub z: usize,
    /// Buffer of the output.
    pub y: usize,
    /// Buffer of the residual.
    pub residual: Option<usize>,
    /// Gradient of the input; none for the samples.
    pub dz: Option<Sink>,
    /// Gradient of the residual, where it has a buffer of its own.
    pub residual_gradient: Option<Sink>,
    /// Buffer of the gradient of the output.
    pub dy: usize,
    /// The activation that follows.
    pub activation: Option<Activation>,
    /// Its channels among those of all batch norms.
    pub channels: Range<usize>,
    /// Offset of γ in θ; β follows.
    pub parameters: usize,
}

impl BatchNormOp {
    /// Whether its kernels include a ReLU.
    pub fn relu(&self) -> bool {
        self.activation == Some(Activation::Relu)
    }

    /// γ and β of its channel `i`.
    pub fn parameters_of(&self, theta: &[f32], i: usize) -> [f32; 2] {
        [theta[self.parameters + i], theta[self.parameters + self.channels.len() + i]]
    }
}

/// An operation without weights, or with those of a layer norm.
#[derive(Clone, Debug)]
pub struct SimpleOp {
    /// What it does.
    pub kind: SimpleKind,
    /// Buffer of the input.
    pub x: usize,
    /// Buffer of the output.
    pub y: usize,
    /// Gradient of the input; none for the samples, and where it shares the buffer of that of the output.
    pub dx: Option<Sink>,
    /// Buffer of the gradient of the output.
    pub dy: usize,
}

/// What a [`SimpleOp`] does.
#[derive(Clone, Debug)]
pub enum SimpleKind {
    /// An activation.
    Activation(Activation),
    /// The addition of a residual, and the activation; see [`BatchNormOp`] for the gradients.
    Sum {
        /// Buffer of the residual.
        residual: usize,
        /// Gradient of the residual, where it has a buffer of its own.
        gradient: Option<Sink>,
        /// The activation that follows.
        activation: Option<Activation>,
    },
    /// Dropout.
    Dropout {
        /// Its row in the network.
        row: usize,
        /// From 0 to below 1.
        probability: f32,
    },
    /// A layer norm; where γ and β are in θ.
    LayerNorm(Range<usize>),
    /// The largest element of each window.
    MaxPool(Window),
    /// The mean of each window.
    AveragePool(Window),
    /// The mean of each channel.
    GlobalAveragePool,
}

/// An operation on buffers.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few dozen of them")]
pub enum Operation {
    /// A convolution.
    Convolution(ConvolutionOp),
    /// A linear layer.
    Linear(LinearOp),
    /// A batch norm.
    BatchNorm(BatchNormOp),
    /// The rest.
    Simple(SimpleOp),
}

/// The operations of a network, their buffers, and the stages of a pass.
#[derive(Debug)]
pub struct CnnPlan {
    /// The layout of each buffer.
    pub buffers: Vec<Planes>,
    /// The operations before the head, first to last.
    pub ops: Vec<Operation>,
    /// Buffer of the samples.
    pub input: usize,
    /// Buffer that the head reads.
    pub output: usize,
    /// Buffer of its gradient; none where the samples are the output.
    pub output_gradient: usize,
    /// The head: the multilayer perceptron at the end, of no layers where the network ends in another layer.
    pub head: Arc<MlpPlan>,
    /// Elements of the packed weights.
    pub packed_len: usize,
    /// Pixels of scratch memory.
    pub scratch_len: usize,
    /// Lines of inputs, and of outputs, of the largest linear layer before the head.
    pub linear_len: [usize; 2],
    /// Channels of all batch norms.
    pub channels: usize,
    /// Stages of a training step.
    pub training: Vec<Stage>,
    /// Stages up to the last batch norm: its statistics.
    pub statistics: Vec<Stage>,
    /// The forward pass with given statistics: one stage, unless convolutions are of a batch.
    pub scores: Vec<Stage>,
    /// Pixels of transformed inputs, and of transformed outputs, of a group.
    pub transformed_len: [usize; 2],
    /// Elements of the sums of products of the weights of a convolution of a batch.
    pub products_len: usize,
    /// The parameters whose gradient is summed over tiles: all but the weights of convolutions of a batch.
    pub of_tiles: Vec<Range<usize>>,
}

impl CnnPlan {
    /// The plan of a graph whose end, behind the first `split` operations, is this head.
    pub fn new(graph: &Graph<Vec<Op>>, head: MlpPlan, split: usize) -> Self {
        let output = graph.ops().get(split).map_or(split, |op| op.input);
        let mut draft = Draft::new(graph, split);
        (0..split).for_each(|number| draft.add(graph, number));
        let live = draft.order_gradients(output);
        let (input, output) = (draft.values[0], draft.values[output]);
        let Draft { buffers, ops, packed_len, .. } = draft;
        let kinds: Vec<Kind> = ops.iter().zip(live).map(|(op, is_live)| op.kind(is_live)).collect();
        let [training, statistics, scores] = stages(&kinds);
        let convolutions = || ops.iter().filter_map(Operation::convolution);
        let batched = || ops.iter().filter_map(Operation::batched);
        let transformed = |of: fn(&BatchedConvolution) -> usize| {
            batched().map(|(_, pair)| of(&pair.forward) * pair.forward.places()).max().unwrap_or(0)
        };
        let of_batch: Vec<_> = batched().map(|(op, _)| op.weight.clone()).collect();
        let linear = |of: fn(&LinearOp) -> usize| {
            ops.iter().filter_map(Operation::linear).map(of).max().map_or(0, padded)
        };
        Self {
            input: input.buffer,
            output: output.buffer,
            output_gradient: output.gradient,
            head: Arc::new(head),
            packed_len,
            scratch_len: convolutions().map(ConvolutionOp::scratch_len).max().unwrap_or(0),
            transformed_len: [
                transformed(|convolution| convolution.pitch(convolution.inputs())),
                transformed(|convolution| convolution.pitch(convolution.outputs())),
            ],
            products_len: batched().map(|(_, pair)| pair.forward.packed_len()).max().unwrap_or(0),
            of_tiles: gaps(graph.parameter_len(), &of_batch),
            linear_len: [linear(|op| op.inputs), linear(|op| op.outputs)],
            channels: ops.iter().filter_map(Operation::batch_norm).map(|op| op.channels.len()).sum(),
            training,
            statistics,
            scores,
            buffers,
            ops,
        }
    }

    /// The batch norms.
    pub fn batch_norms(&self) -> impl Iterator<Item = &BatchNormOp> {
        self.ops.iter().filter_map(Operation::batch_norm)
    }

    /// The convolutions.
    pub fn convolutions(&self) -> impl Iterator<Item = &ConvolutionOp> {
        self.ops.iter().filter_map(Operation::convolution)
    }
}

/// What is left of `0..len` without some ranges, which are in order.
fn gaps(len: usize, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let starts = std::iter::once(0).chain(ranges.iter().map(|range| range.end));
    let ends = ranges.iter().map(|range| range.start).chain([len]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
}

impl Operation {
    fn kind(&self, is_live: bool) -> Kind {
        Kind {
            is_batch_norm: self.batch_norm().is_some(),
            is_linear: self.linear().is_some(),
            is_batched: self.batched().is_some(),
            is_live,
        }
    }

    /// The convolution.
    pub fn convolution(&self) -> Option<&ConvolutionOp> {
        if let Self::Convolution(op) = self { Some(op) } else { None }
    }

    /// The convolution, if it is of all groups of a batch together, and how it is computed.
    pub fn batched(&self) -> Option<(&ConvolutionOp, &BatchedPair)> {
        match self {
            Self::Convolution(op) => match &op.kernels {
                Kernels::OfBatch(pair) => Some((op, pair)),
                Kernels::OfGroup { .. } => None,
            },
            _ => None,
        }
    }

    fn linear(&self) -> Option<&LinearOp> {
        if let Self::Linear(op) = self { Some(op) } else { None }
    }

    /// The batch norm.
    pub fn batch_norm(&self) -> Option<&BatchNormOp> {
        if let Self::BatchNorm(op) = self { Some(op) } else { None }
    }
}

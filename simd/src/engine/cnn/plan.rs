//! From the graph of a network to the buffers of its kernels.

use super::algorithm::Algorithm;
use super::draft::Draft;
use super::planes::Planes;
use super::stages::{Instruction, Kind, Stage, stages};
use crate::engine::mlp::MlpPlan;
use crate::floats::padded;
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
    /// The forward convolution.
    pub forward: Algorithm,
    /// The convolutions that give dx.
    pub backward: Vec<Algorithm>,
}

impl ConvolutionOp {
    /// All its convolutions.
    pub fn algorithms(&self) -> impl Iterator<Item = &Algorithm> {
        self.backward.iter().chain([&self.forward])
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
    /// The forward pass with given statistics.
    pub scores: Stage,
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
        let [training, statistics] = stages(&kinds);
        let forward = kinds.iter().enumerate().map(|(i, kind)| kind.forward(i));
        let convolutions = ops.iter().filter_map(Operation::convolution);
        let scratch_len = convolutions.flat_map(ConvolutionOp::algorithms).map(Algorithm::scratch_len).max();
        let linear = |of: fn(&LinearOp) -> usize| {
            ops.iter().filter_map(Operation::linear).map(of).max().map_or(0, padded)
        };
        Self {
            input: input.buffer,
            output: output.buffer,
            output_gradient: output.gradient,
            head: Arc::new(head),
            packed_len,
            scratch_len: scratch_len.unwrap_or(0),
            linear_len: [linear(|op| op.inputs), linear(|op| op.outputs)],
            channels: ops.iter().filter_map(Operation::batch_norm).map(|op| op.channels.len()).sum(),
            training,
            statistics,
            scores: [Instruction::Read].into_iter().chain(forward).chain([Instruction::Scores]).collect(),
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

impl Operation {
    fn kind(&self, is_live: bool) -> Kind {
        Kind { is_batch_norm: self.batch_norm().is_some(), is_linear: self.linear().is_some(), is_live }
    }

    fn convolution(&self) -> Option<&ConvolutionOp> {
        if let Self::Convolution(op) = self { Some(op) } else { None }
    }

    fn linear(&self) -> Option<&LinearOp> {
        if let Self::Linear(op) = self { Some(op) } else { None }
    }

    /// The batch norm.
    pub fn batch_norm(&self) -> Option<&BatchNormOp> {
        if let Self::BatchNorm(op) = self { Some(op) } else { None }
    }
}

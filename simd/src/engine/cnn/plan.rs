//! From the graph of a convolutional network to the buffers of its kernels.

use super::algorithm::Algorithm;
use super::planes::Planes;
use super::stages::{Instruction, Stage, stages};
use crate::engine::mlp::MlpPlan;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::error::Error;
use valleys_core::kernels::Window;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Shape;
use valleys_core::network::graph::{Graph, Op, OpKind};

/// A convolution and its ReLU.
#[derive(Clone, Debug)]
pub struct ConvolutionOp {
    /// Buffer of the input.
    pub x: usize,
    /// Buffer of the output.
    pub y: usize,
    /// Buffer of the gradient of the input; none for the samples.
    pub dx: Option<usize>,
    /// Buffer of the gradient of the output.
    pub dy: usize,
    /// Whether dx already has a value, to which this convolution adds.
    pub add: bool,
    /// The window.
    pub window: Window,
    /// Where w is in θ.
    pub weight: Range<usize>,
    /// Where b is in θ; empty without a bias.
    pub bias: Range<usize>,
    /// Whether a ReLU follows.
    pub relu: bool,
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

/// A batch norm, the addition of a residual, and the ReLU.
///
/// The gradients of the residual and of y (before the ReLU) are equal, and share a buffer.
#[derive(Clone, Debug)]
pub struct BatchNormOp {
    /// Buffer of the input.
    pub z: usize,
    /// Buffer of the output.
    pub y: usize,
    /// Buffer of the residual.
    pub residual: Option<usize>,
    /// Buffer of the gradient of the input.
    pub dz: usize,
    /// Buffer of the gradient of the output.
    pub dy: usize,
    /// Whether a ReLU follows.
    pub relu: bool,
    /// Its channels among those of all batch norms.
    pub channels: Range<usize>,
    /// Offset of γ in θ; β follows.
    pub parameters: usize,
}

/// An operation on buffers.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few dozen of them")]
pub enum Operation {
    /// A convolution.
    Convolution(ConvolutionOp),
    /// A batch norm.
    BatchNorm(BatchNormOp),
    /// The maximum over adjacent windows of `edge` by `edge`.
    MaxPool { edge: usize, x: usize, y: usize, dx: usize, dy: usize },
    /// The mean of each channel.
    AveragePool { x: usize, y: usize, dx: usize, dy: usize },
}

/// The operations of a network, their buffers, and the stages of a pass.
#[derive(Debug)]
pub struct CnnPlan {
    /// The layout of each buffer.
    pub buffers: Vec<Planes>,
    /// The operations before the linear layers, first to last.
    pub ops: Vec<Operation>,
    /// Buffer of the samples.
    pub input: usize,
    /// Buffer that the linear layers read.
    pub output: usize,
    /// Buffer of its gradient.
    pub output_gradient: usize,
    /// The linear layers.
    pub head: Arc<MlpPlan>,
    /// Elements of the packed weights.
    pub packed_len: usize,
    /// Pixels of scratch memory.
    pub scratch_len: usize,
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
    /// The plan of a graph.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network of another kind: convolutions of stride 1 or 2 with less padding than taps,
    /// batch norms, adjacent windows of max pooling, average pooling, then linear layers. Additions and ReLUs must be fused
    /// with an operation before them, additions with a batch norm.
    pub fn new(graph: &Graph<Vec<Op>>) -> Result<Self, Error> {
        let all = graph.ops();
        let split = all.iter().position(|op| op.kind == OpKind::Linear).unwrap_or(all.len());
        let head = MlpPlan::new(&all[split..], split)?;
        let mut draft = Draft::default();
        let input = draft.value(graph.shape(0), None);
        for number in 0..split {
            draft.add(graph, number)?;
        }
        let output = draft.values[split];
        draft.order_gradients(output)?;
        let Draft { buffers, ops, packed_len, .. } = draft;
        let batch_norms: Vec<bool> = ops.iter().map(|op| op.batch_norm().is_some()).collect();
        let [training, statistics] = stages(&batch_norms);
        let forward = (0..ops.len()).map(Instruction::Forward);
        let convolutions = ops.iter().filter_map(Operation::convolution);
        let scratch_len = convolutions.flat_map(ConvolutionOp::algorithms).map(Algorithm::scratch_len).max();
        Ok(Self {
            input: input.buffer,
            output: output.buffer,
            output_gradient: output.gradient,
            head: Arc::new(head),
            packed_len,
            scratch_len: scratch_len.unwrap_or(0),
            channels: ops.iter().filter_map(Operation::batch_norm).map(|op| op.channels.len()).sum(),
            training,
            statistics,
            scores: [Instruction::Read].into_iter().chain(forward).chain([Instruction::Scores]).collect(),
            buffers,
            ops,
        })
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
    fn convolution(&self) -> Option<&ConvolutionOp> {
        if let Self::Convolution(op) = self { Some(op) } else { None }
    }

    fn batch_norm(&self) -> Option<&BatchNormOp> {
        if let Self::BatchNorm(op) = self { Some(op) } else { None }
    }
}

/// Whether a ReLU is fused with an operation.
pub fn has_relu(op: &Op) -> Result<bool, Error> {
    match op.activation {
        None => Ok(false),
        Some(Activation::Relu) => Ok(true),
        Some(_) => unsupported("an activation other than ReLU"),
    }
}

fn unsupported<T>(what: &'static str) -> Result<T, Error> {
    Err(Error::Unsupported { what })
}

/// The buffers of a value of the graph.
#[derive(Clone, Copy)]
struct ValueBuffers {
    buffer: usize,
    gradient: usize,
}

/// The part of a plan that is built operation by operation.
#[derive(Default)]
struct Draft {
    /// Of each value of the graph.
    values: Vec<ValueBuffers>,
    buffers: Vec<Planes>,
    ops: Vec<Operation>,
    packed_len: usize,
}

impl Draft {
    fn buffer(&mut self, Shape { channels, height, width }: Shape) -> usize {
        self.buffers.push(Planes { channels, height, width, halo: 0 });
        self.buffers.len() - 1
    }

    /// Adds the next value, with a new buffer for its gradient unless one is given.
    fn value(&mut self, shape: Shape, gradient: Option<usize>) -> ValueBuffers {
        let buffer = self.buffer(shape);
        let value = ValueBuffers { buffer, gradient: gradient.unwrap_or_else(|| self.buffer(shape)) };
        self.values.push(value);
        value
    }

    /// Adds an operation of the graph, and its output.
    fn add(&mut self, graph: &Graph<Vec<Op>>, number: usize) -> Result<(), Error> {
        let op = &graph.ops()[number];
        let x = self.values[op.input];
        match op.kind {
            OpKind::Convolution { window: Window { stride: 3.., .. }, .. } => {
                return unsupported("a convolution with a stride above 2");
            }
            OpKind::Convolution { window: Window { padding, kernel, .. }, .. } if padding >= kernel => {
                return unsupported("a convolution whose padding is not smaller than its kernel");
            }
            OpKind::Convolution { window, groups } if groups > 1 || window.dilation > 1 => {
                return unsupported("a convolution in groups or with dilation");
            }
            OpKind::Convolution { window, .. } => {
                let mut readers = graph.readers(number + 1);
                let next = graph.ops().get(number + 1).map(|op| op.kind);
                let is_brief = next == Some(OpKind::BatchNorm)
                    && readers.next() == Some(number + 1)
                    && readers.next().is_none();
                let shared = if is_brief { self.batch_norm_gradient(op.output_shape) } else { None };
                let y = self.value(op.output_shape, shared);
                self.add_convolution(op, window, x, y)?;
            }
            OpKind::BatchNorm => {
                let residual = op.residual.map(|value| self.values[value]);
                let y = self.value(op.output_shape, residual.map(|value| value.gradient));
                let Range { start, end } = op.statistics();
                self.ops.push(Operation::BatchNorm(BatchNormOp {
                    z: x.buffer,
                    y: y.buffer,
                    residual: residual.map(|value| value.buffer),
                    dz: x.gradient,
                    dy: y.gradient,
                    relu: has_relu(op)?,
                    channels: start / 2..end / 2,
                    parameters: op.parameters().start,
                }));
            }
            OpKind::MaxPool(Window { kernel: edge, stride, padding: 0, .. }) if edge == stride => {
                let y = self.value(op.output_shape, None);
                let (dx, dy) = (x.gradient, y.gradient);
                self.ops.push(Operation::MaxPool { edge, x: x.buffer, y: y.buffer, dx, dy });
            }
            OpKind::MaxPool(_) => {
                return unsupported("max pooling with padding or with a stride other than its kernel");
            }
            OpKind::AveragePool(_) | OpKind::LayerNorm | OpKind::Dropout { .. } => {
                return unsupported("average pooling in windows, layer norm or dropout");
            }
            OpKind::GlobalAveragePool => {
                let y = self.value(op.output_shape, None);
                let (dx, dy) = (x.gradient, y.gradient);
                self.ops.push(Operation::AveragePool { x: x.buffer, y: y.buffer, dx, dy });
            }
            OpKind::Elementwise | OpKind::Linear => {
                return unsupported(
                    "an addition that does not follow a batch norm, or a ReLU that follows no convolution, batch norm \
                     or linear layer",
                );
            }
        }
        Ok(())
    }

    /// The gradient buffer of the input of an earlier batch norm, of the same shape. Such a gradient is needed only until
    /// the convolution before the batch norm has used it, so all of them share a buffer.
    fn batch_norm_gradient(&self, Shape { channels, height, width }: Shape) -> Option<usize> {
        self.ops.iter().filter_map(Operation::batch_norm).map(|op| op.dz).find(|&dz| {
            let planes = self.buffers[dz];
            (planes.channels, planes.height, planes.width) == (channels, height, width)
        })
    }

    fn add_convolution(
        &mut self,
        op: &Op,
        window: Window,
        x: ValueBuffers,
        y: ValueBuffers,
    ) -> Result<(), Error> {
        let (inputs, outputs) = (op.input_shape.channels, op.output_shape.channels);
        let forward = Algorithm::forward(&window, inputs, outputs, self.packed_len);
        self.packed_len += forward.packed_len();
        self.widen(x.buffer, &forward);
        let (mut dx, mut backward) = (None, Vec::new());
        if op.input > 0 {
            dx = Some(x.gradient);
            backward = Algorithm::backward(&window, inputs, outputs, self.packed_len);
            self.packed_len += backward.iter().map(Algorithm::packed_len).sum::<usize>();
            backward.iter().for_each(|algorithm| self.widen(y.gradient, algorithm));
        }
        self.ops.push(Operation::Convolution(ConvolutionOp {
            x: x.buffer,
            y: y.buffer,
            dx,
            dy: y.gradient,
            add: false,
            window,
            bias: op.bias(),
            weight: op.weight(),
            relu: has_relu(op)?,
            forward,
            backward,
        }));
        Ok(())
    }

    /// Widens the halo of a buffer that a convolution reads.
    fn widen(&mut self, buffer: usize, algorithm: &Algorithm) {
        let planes = &mut self.buffers[buffer];
        planes.halo = planes.halo.max(algorithm.halo(planes.width));
    }

    /// Decides which convolutions add to the gradient of their input, and which overwrite it.
    fn order_gradients(&mut self, output: ValueBuffers) -> Result<(), Error> {
        let samples = self.values[0].buffer;
        let mut is_written = vec![false; self.buffers.len()];
        is_written[output.buffer] = true;
        let mut write = |buffer: usize| std::mem::replace(&mut is_written[buffer], true);
        for op in self.ops.iter_mut().rev() {
            let (x, y) = match op {
                Operation::Convolution(op) => {
                    op.add = write(op.x);
                    if !write(op.y) {
                        return unsupported("a layer whose output is not read");
                    }
                    continue;
                }
                Operation::BatchNorm(op) => {
                    if op.residual.is_some_and(&mut write) {
                        return unsupported("a residual that a later layer reads, too");
                    }
                    (op.z, op.y)
                }
                Operation::MaxPool { x, y, .. } | Operation::AveragePool { x, y, .. } => (*x, *y),
            };
            if x == samples {
                return unsupported("batch norm or pooling of the samples");
            }
            if write(x) {
                return unsupported("an input of batch norm or pooling that a later layer reads, too");
            }
            if !write(y) {
                return unsupported("a layer whose output is not read");
            }
        }
        Ok(())
    }
}

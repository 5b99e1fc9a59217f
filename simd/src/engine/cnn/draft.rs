//! The part of a plan that is built operation by operation: buffers of values and of their gradients.

use super::algorithm::Algorithm;
use super::batched::BatchedPair;
use super::plan::{
    BatchNormOp, ConvolutionOp, Kernels, LinearOp, Operation, Packing, SimpleKind, SimpleOp, Sink,
};
use super::planes::Planes;
use std::ops::Range;
use valleys_core::kernels::Window;
use valleys_core::network::Shape;
use valleys_core::network::graph::{Graph, Op, OpKind};

/// The buffers of a value of the graph.
#[derive(Clone, Copy)]
pub struct ValueBuffers {
    /// Of the value.
    pub buffer: usize,
    /// Of its gradient, perhaps shared.
    pub gradient: usize,
}

/// Operations and buffers.
#[derive(Default)]
pub struct Draft {
    /// Of each value of the graph.
    pub values: Vec<ValueBuffers>,
    /// The layout of each buffer.
    pub buffers: Vec<Planes>,
    /// The operations so far.
    pub ops: Vec<Operation>,
    /// Elements of the packed weights.
    pub packed_len: usize,
    /// Of each operation: the values that it reads, input and residual.
    reads: Vec<(usize, Option<usize>)>,
    /// Gradients that are needed only from a batch norm to the convolution before it.
    brief: Vec<usize>,
    /// Operations that belong to the plan.
    split: usize,
}

impl Draft {
    /// The samples of a graph of which the first `split` operations are planned.
    pub fn new(graph: &Graph<Vec<Op>>, split: usize) -> Self {
        let mut draft = Self { split, ..Self::default() };
        draft.value(graph.shape(0), None);
        draft
    }

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
    pub fn add(&mut self, graph: &Graph<Vec<Op>>, number: usize) {
        let op = &graph.ops()[number];
        let x = self.values[op.input];
        self.reads.push((op.input, op.residual));
        let gradient = match op.kind {
            OpKind::Convolution { .. } => self.convolution_gradient(graph, number),
            _ => self.shared_gradient(graph, number),
        };
        let y = self.value(op.output_shape, gradient);
        // Whether gradients are added is decided when all operations are known.
        let sink = |buffer: usize| Some(Sink { buffer, add: false });
        let dx = if op.input > 0 { sink(x.gradient) } else { None };
        let residual = op.residual.map(|value| self.values[value]);
        let residual_gradient = match (op.residual, residual) {
            (Some(1..), Some(value)) if value.gradient != y.gradient => sink(value.gradient),
            _ => None,
        };
        let simple = |kind: SimpleKind| {
            let dx = dx.filter(|dx| dx.buffer != y.gradient);
            Operation::Simple(SimpleOp { kind, x: x.buffer, y: y.buffer, dx, dy: y.gradient })
        };
        let new = match op.kind {
            OpKind::Convolution { window, groups } => self.convolution(op, window, groups, x, y, dx),
            OpKind::Linear => Operation::Linear(LinearOp {
                x: x.buffer,
                y: y.buffer,
                dx,
                dy: y.gradient,
                inputs: op.input_shape.len(),
                outputs: op.output_shape.len(),
                weight: op.weight(),
                bias: op.bias(),
                activation: op.activation,
            }),
            OpKind::BatchNorm => {
                let Range { start, end } = op.statistics();
                Operation::BatchNorm(BatchNormOp {
                    z: x.buffer,
                    y: y.buffer,
                    residual: residual.map(|value| value.buffer),
                    dz: dx,
                    residual_gradient,
                    dy: y.gradient,
                    activation: op.activation,
                    channels: start / 2..end / 2,
                    parameters: op.parameters().start,
                })
            }
            OpKind::LayerNorm => simple(SimpleKind::LayerNorm(op.parameters())),
            OpKind::Dropout { probability } => simple(SimpleKind::Dropout { row: op.rows[0], probability }),
            OpKind::MaxPool(window) => simple(SimpleKind::MaxPool(window)),
            OpKind::AveragePool(window) => simple(SimpleKind::AveragePool(window)),
            OpKind::GlobalAveragePool => simple(SimpleKind::GlobalAveragePool),
            OpKind::Elementwise => simple(match (residual, op.activation) {
                (None, Some(activation)) => SimpleKind::Activation(activation),
                (residual, activation) => SimpleKind::Sum {
                    residual: residual.map_or(x.buffer, |value| value.buffer),
                    gradient: residual_gradient,
                    activation,
                },
            }),
        };
        self.ops.push(new);
    }

    /// The gradient of the residual of an operation, which may be that of its output, too: what is added has the same
    /// gradient. Not where something later reads the residual, for then its gradient is written before.
    fn shared_gradient(&self, graph: &Graph<Vec<Op>>, number: usize) -> Option<usize> {
        let op = graph.ops().get(number)?;
        let residual = op.residual?;
        let is_last = graph.readers(residual).next_back() == Some(number) && residual != op.input;
        if is_last {
            return Some(self.values.get(residual)?.gradient);
        }
        // That of the other term, if a convolution before has it for itself.
        (op.kind == OpKind::Elementwise && self.passes_on(graph, number)).then(|| {
            let value = self.values.get(op.input)?;
            Some(value.gradient)
        })?
    }

    /// Whether the input of an addition is that of the convolution before it, which has no activation, and which nothing
    /// else reads: its gradient is that of the sum, and used up by the next step back.
    fn passes_on(&self, graph: &Graph<Vec<Op>>, number: usize) -> bool {
        let Some(before) = number.checked_sub(1).map(|before| &graph.ops()[before]) else { return false };
        let mut readers = graph.readers(number);
        graph.ops()[number].input == number
            && matches!(before.kind, OpKind::Convolution { .. })
            && before.activation.is_none()
            && (readers.next(), readers.next()) == (Some(number), None)
            && graph.ops()[number].residual != Some(number)
    }

    /// A gradient buffer that the output of a convolution shares, if there is one.
    fn convolution_gradient(&mut self, graph: &Graph<Vec<Op>>, number: usize) -> Option<usize> {
        let op = &graph.ops()[number];
        let next = graph.ops().get(number + 1).filter(|_| number + 1 < self.split)?;
        let mut readers = graph.readers(number + 1);
        let alone = (readers.next(), readers.next()) == (Some(number + 1), None);
        if !alone || next.input != number + 1 {
            return None;
        }
        if next.kind == OpKind::BatchNorm {
            return Some(self.brief_gradient(op.output_shape));
        }
        let own = self.values[op.input].gradient;
        let is_sum = next.kind == OpKind::Elementwise && next.residual.is_some();
        if is_sum && self.passes_on(graph, number + 1) {
            // The residual is an earlier value: the convolution alone reads what is between.
            let residual = next.residual.filter(|&value| value <= number)?;
            let is_last = graph.readers(residual).next_back() == Some(number + 1);
            return is_last.then(|| self.values[residual].gradient).filter(|&shared| shared != own);
        }
        None
    }

    /// The gradient buffer of the input of a batch norm. Such a gradient is needed only until the convolution before the
    /// batch norm has used it, so all of the same shape share a buffer.
    fn brief_gradient(&mut self, shape: Shape) -> usize {
        let Shape { channels, height, width } = shape;
        let same = |&&buffer: &&usize| {
            let planes = self.buffers[buffer];
            (planes.channels, planes.height, planes.width) == (channels, height, width)
        };
        if let Some(&buffer) = self.brief.iter().find(same) {
            return buffer;
        }
        let buffer = self.buffer(shape);
        self.brief.push(buffer);
        buffer
    }

    fn convolution(
        &mut self,
        op: &Op,
        window: Window,
        groups: usize,
        x: ValueBuffers,
        y: ValueBuffers,
        dx: Option<Sink>,
    ) -> Operation {
        let (inputs, outputs) = (op.input_shape.channels, op.output_shape.channels);
        let channels = [inputs, outputs];
        let kernels = match BatchedPair::new(&window, groups, channels, dx.is_some(), self.packed_len) {
            Some(pair) => {
                self.widen(x.buffer, pair.forward.halo());
                if let Some(backward) = &pair.backward {
                    self.widen(y.gradient, backward.halo());
                }
                Kernels::OfBatch(pair)
            }
            None => {
                let forward = Algorithm::forward(&window, groups, inputs, outputs, self.packed_len);
                self.widen(x.buffer, forward.halo(op.input_shape.width));
                let mut backward = Vec::new();
                if dx.is_some() {
                    let end = self.packed_len + forward.packed_len();
                    backward = Algorithm::backward(&window, groups, inputs, outputs, end);
                    for algorithm in &backward {
                        self.widen(y.gradient, algorithm.halo(op.output_shape.width));
                    }
                }
                Kernels::OfGroup { forward, backward }
            }
        };
        let op = ConvolutionOp {
            x: x.buffer,
            y: y.buffer,
            dx,
            dy: y.gradient,
            window,
            bias: op.bias(),
            weight: op.weight(),
            activation: op.activation,
            kernels,
        };
        self.packed_len += op.packings().into_iter().map(Packing::len).sum::<usize>();
        Operation::Convolution(op)
    }

    /// Widens the halo of a buffer that a convolution reads.
    fn widen(&mut self, buffer: usize, halo: usize) {
        let planes = &mut self.buffers[buffer];
        planes.halo = planes.halo.max(halo);
    }

    /// Decides which gradients add to what is there, and which overwrite it. Returns which operations the output, a value,
    /// depends on: only these go backward.
    pub fn order_gradients(&mut self, output: usize) -> Vec<bool> {
        let mut is_written = vec![false; self.values.len()];
        is_written[output] = true;
        let mut live = vec![false; self.ops.len()];
        for (number, (op, &(input, residual))) in self.ops.iter_mut().zip(&self.reads).enumerate().rev() {
            live[number] = is_written[number + 1];
            if !live[number] {
                continue;
            }
            let add = std::mem::replace(&mut is_written[input], true);
            let (dx, other) = match op {
                Operation::Convolution(op) => (&mut op.dx, None),
                Operation::Linear(op) => (&mut op.dx, None),
                Operation::BatchNorm(op) => (&mut op.dz, op.residual_gradient.as_mut()),
                Operation::Simple(op) => {
                    let other = if let SimpleKind::Sum { gradient, .. } = &mut op.kind {
                        gradient.as_mut()
                    } else {
                        None
                    };
                    (&mut op.dx, other)
                }
            };
            if let Some(dx) = dx {
                dx.add = add;
            }
            if let Some(residual) = residual {
                let add = std::mem::replace(&mut is_written[residual], true);
                if let Some(other) = other {
                    other.add = add;
                }
            }
        }
        live
    }
}

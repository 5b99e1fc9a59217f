//! The graph of fused operations of a network: computed once, read by every engine.
//!
//! An engine gains by computing consecutive layers in one pass over memory. Which layers are fused is the same
//! everywhere, so it is decided here:
//!
//! - a convolution or a linear layer, with the activation behind it;
//! - a batch norm, with the addition of a residual behind it, and the activation behind that;
//! - an addition, with the activation behind it;
//! - what is left: layer norm, dropout, pooling, an activation of its own.
//!
//! Two layers are fused only where no other layer reads the output of the first, and an activation only where its
//! derivative is a function of its output, because the sum before it is not kept. The reference kernels go through the
//! layers one by one, without the graph: they are the oracle of the engines that use it.

use super::{Layer, Network, Row, Shape};
use crate::error::{Error, enough};
use crate::kernels::Window;
use crate::kernels::activation::Activation;
use core::fmt;
use core::ops::{Deref, DerefMut, Range};

/// What an operation does, before the addition of a residual and the activation that are fused with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OpKind {
    /// y = W x + b of the flattened input.
    Linear,
    /// y = x ∗ w (+ b).
    Convolution {
        /// The window.
        window: Window,
        /// Parts of the channels that are convolved apart from each other.
        groups: usize,
    },
    /// y = γ (x − mean) / √(variance + ε) + β.
    BatchNorm,
    /// y = γ (x − mean) / √(variance + ε) + β over the elements of a sample.
    LayerNorm,
    /// y = x: only the addition and the activation.
    Elementwise,
    /// While training, elements are dropped with this probability.
    Dropout {
        /// From 0 to below 1.
        probability: f32,
    },
    /// The largest element of each window.
    MaxPool(Window),
    /// The mean of each window; padding counts as zeros.
    AveragePool(Window),
    /// The mean of each channel.
    GlobalAveragePool,
}

impl OpKind {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Convolution { .. } => "convolution",
            Self::BatchNorm => "batch norm",
            Self::LayerNorm => "layer norm",
            Self::Elementwise => "elementwise",
            Self::Dropout { .. } => "dropout",
            Self::MaxPool(_) => "max pool",
            Self::AveragePool(_) => "average pool",
            Self::GlobalAveragePool => "global average pool",
        }
    }
}

/// One fused operation. Values are numbered: 0 is the samples, i + 1 the output of operation i.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Op {
    /// What it does.
    pub kind: OpKind,
    /// The value that it reads.
    pub input: usize,
    /// The value that it adds.
    pub residual: Option<usize>,
    /// The activation that comes last.
    pub activation: Option<Activation>,
    /// Shape of one sample of what it reads.
    pub input_shape: Shape,
    /// Shape of one sample of what it makes.
    pub output_shape: Shape,
    /// The first and the last of the network's rows that it stands for.
    pub rows: [usize; 2],
    /// Offset of its parameters in θ.
    parameter_offset: usize,
    /// Number of weights, then of biases (of γ, then of β in norms).
    parameter_lens: [usize; 2],
    /// Offset of its statistics among those of the network.
    statistics_offset: usize,
}

impl Op {
    /// No operation yet: what static memory for a [`Graph`] starts with.
    pub const BLANK: Self = Self {
        kind: OpKind::Elementwise,
        input: 0,
        residual: None,
        activation: None,
        input_shape: Shape::flat(0),
        output_shape: Shape::flat(0),
        rows: [0; 2],
        parameter_offset: 0,
        parameter_lens: [0; 2],
        statistics_offset: 0,
    };

    /// Where its parameters are in θ.
    pub const fn parameters(&self) -> Range<usize> {
        self.parameter_offset..self.parameter_offset + self.parameter_lens[0] + self.parameter_lens[1]
    }

    /// Where its weights are in θ; γ of a norm.
    pub const fn weight(&self) -> Range<usize> {
        self.parameter_offset..self.parameter_offset + self.parameter_lens[0]
    }

    /// Where its biases are in θ, empty where it has none; β of a norm.
    pub const fn bias(&self) -> Range<usize> {
        self.parameter_offset + self.parameter_lens[0]..self.parameters().end
    }

    /// Where its statistics are among those of the network: means, then variances; empty but for a batch norm.
    pub const fn statistics(&self) -> Range<usize> {
        let len = if let OpKind::BatchNorm = self.kind { 2 * self.input_shape.channels } else { 0 };
        self.statistics_offset..self.statistics_offset + len
    }

    /// Floating-point operations of one forward pass of one sample; those of convolutions count the padding.
    pub const fn flops(&self) -> usize {
        let (inputs, outputs) = (self.input_shape.len(), self.output_shape.len());
        let own = match self.kind {
            OpKind::Linear => 2 * outputs * inputs,
            OpKind::Convolution { window: Window { kernel, .. }, groups } => {
                2 * self.input_shape.channels / groups * kernel * kernel * outputs
            }
            OpKind::BatchNorm => 2 * inputs,
            OpKind::LayerNorm => 7 * inputs,
            OpKind::MaxPool(Window { kernel, .. }) | OpKind::AveragePool(Window { kernel, .. }) => {
                kernel * kernel * outputs
            }
            OpKind::Dropout { .. } | OpKind::GlobalAveragePool => inputs,
            OpKind::Elementwise => 0,
        };
        own + (self.residual.is_some() as usize + self.activation.is_some() as usize) * outputs
    }

    /// Floats that a forward pass of `batch` samples reads and writes: input, residual, parameters, output.
    pub const fn floats(&self, batch: usize) -> usize {
        let residual = if self.residual.is_some() { self.output_shape.len() } else { 0 };
        batch * (self.input_shape.len() + residual + self.output_shape.len()) + self.parameters().end
            - self.parameters().start
    }
}

/// The graph of a network, in the caller's memory: `&mut [Op]` on a device, `Vec<Op>` on a host.
///
/// # Example
/// ```
/// use valleys_core::network::graph::{Graph, Op};
/// use valleys_core::network::{Layer, Network, Shape};
///
/// let layers = [Layer::Linear { outputs: 8 }, Layer::RELU, Layer::Linear { outputs: 2 }];
/// let network = Network { input: Shape::flat(4), layers: &layers };
/// let mut memory = [Op::BLANK; 3];
/// let graph = Graph::new(&network, &mut memory[..])?;
/// assert_eq!(graph.ops().len(), 2);
/// assert!(graph.ops()[0].activation.is_some() && graph.ops()[1].activation.is_none());
/// # Ok::<(), valleys_core::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Graph<M> {
    input: Shape,
    memory: M,
    len: usize,
}

impl Graph<&mut [Op]> {
    /// Operations of memory for the graph of a network, at least.
    pub const fn memory_len(network: &Network) -> usize {
        network.layers.len()
    }
}

#[cfg(feature = "alloc")]
impl Graph<alloc::vec::Vec<Op>> {
    /// The graph of a network, in memory of its own.
    ///
    /// # Errors
    /// Layers that do not fit together.
    pub fn of(network: &Network) -> Result<Self, Error> {
        let mut graph = Self::new(network, alloc::vec![Op::BLANK; Graph::memory_len(network)])?;
        graph.memory.truncate(graph.len);
        Ok(graph)
    }
}

impl<M: DerefMut<Target = [Op]>> Graph<M> {
    /// The graph of a network in memory of at least [`memory_len`](Graph::memory_len) operations.
    ///
    /// # Errors
    /// Layers that do not fit together; memory that is too short.
    ///
    /// # Cost
    /// O(n²) for n layers.
    pub fn new(network: &Network, mut memory: M) -> Result<Self, Error> {
        network.check()?;
        enough("operations of a graph", network.layers.len(), memory.len())?;
        let (mut at, mut len) = (0, 0);
        while at < network.layers.len() {
            if let Layer::Branch { .. } = network.layers[at] {
                at += 1;
                continue;
            }
            let op = fuse(network, at, &memory[..len]);
            at = op.rows[1] + 1;
            memory[len] = op;
            len += 1;
        }
        Ok(Self { input: network.input, memory, len })
    }
}

impl<M: Deref<Target = [Op]>> Graph<M> {
    /// The operations, first to last.
    pub fn ops(&self) -> &[Op] {
        &self.memory[..self.len]
    }

    /// Number of values: the samples, and one for each operation.
    pub fn values_len(&self) -> usize {
        self.len + 1
    }

    /// Shape of one sample of a value.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn shape(&self, value: usize) -> Shape {
        match value.checked_sub(1) {
            Some(op) => self.ops()[op].output_shape,
            None => self.input,
        }
    }

    /// The operations that read a value, as input or as residual, in order. A value is needed from operation
    /// `value - 1`, which makes it, to the last of these; going backward, its gradient is needed from the last of these
    /// to `value - 1`.
    pub fn readers(&self, value: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let reads = move |op: &Op| op.input == value || op.residual == Some(value);
        self.ops().iter().enumerate().filter(move |(_, op)| reads(op)).map(|(number, _)| number)
    }

    /// Floats of all values of one sample: what a training step keeps for its backward pass.
    pub fn activation_len(&self) -> usize {
        self.ops().iter().map(|op| op.output_shape.len()).sum::<usize>() + self.input.len()
    }

    /// Floats of the values of one sample that a forward pass needs at a time, at most, when each is given up after its
    /// last reader.
    pub fn live_len(&self) -> usize {
        let is_live = |value: usize, op: usize| {
            value <= op + 1
                && (value == op + 1 || self.readers(value).next_back().is_some_and(|last| last >= op))
        };
        let at = |op: usize| (0..self.values_len()).filter(move |&value| is_live(value, op));
        (0..self.len).map(|op| at(op).map(|value| self.shape(value).len()).sum()).max().unwrap_or(0)
    }

    /// Floating-point operations of one forward pass of one sample.
    pub fn flops(&self) -> usize {
        self.ops().iter().map(Op::flops).sum()
    }

    /// Number of parameters: the length of θ.
    pub fn parameter_len(&self) -> usize {
        self.ops().iter().map(|op| op.parameters().end).max().unwrap_or(0)
    }

    /// Number of outputs: the size of the last value.
    pub fn outputs(&self) -> usize {
        self.shape(self.len).len()
    }
}

/// The operation that begins at a row which is no branch; `ops` are those before it.
fn fuse(network: &Network, at: usize, ops: &[Op]) -> Op {
    let row = network.row(at);
    let value = |row: usize| ops.iter().position(|op| op.rows[1] == row).map_or(0, |op| op + 1);
    let mut last = at;
    // The row behind the last one, if it alone reads its output, as its input.
    let next = |last: usize| {
        let next = last + 1;
        let alone = next < network.layers.len()
            && !matches!(network.layers[next], Layer::Branch { .. })
            && network.source(next) == Some(last)
            && readers(network, last) == 1;
        alone.then(|| network.layers[next])
    };
    let added = |row: usize, back: usize| value(network.computed(row - back));
    let mut residual = None;
    let kind = match row.layer {
        Layer::Linear { .. } => OpKind::Linear,
        Layer::Convolution { groups, .. } => {
            OpKind::Convolution { window: row.layer.window(row.input), groups }
        }
        Layer::MaxPool { .. } => OpKind::MaxPool(row.layer.window(row.input)),
        Layer::AveragePool { .. } => OpKind::AveragePool(row.layer.window(row.input)),
        Layer::GlobalAveragePool => OpKind::GlobalAveragePool,
        Layer::LayerNorm => OpKind::LayerNorm,
        Layer::Dropout { probability } => OpKind::Dropout { probability },
        Layer::BatchNorm => {
            if let Some(Layer::Add { back }) = next(last) {
                last += 1;
                residual = Some(added(last, back));
            }
            OpKind::BatchNorm
        }
        Layer::Add { back } => {
            residual = Some(added(at, back));
            OpKind::Elementwise
        }
        Layer::Activation(_) | Layer::Branch { .. } => OpKind::Elementwise,
    };
    let fuses =
        matches!(kind, OpKind::Linear | OpKind::Convolution { .. } | OpKind::BatchNorm | OpKind::Elementwise);
    let activation = match (row.layer, next(last)) {
        (Layer::Activation(own), _) => Some(own),
        (_, Some(Layer::Activation(behind))) if fuses && behind.derives_from_output() => {
            last += 1;
            Some(behind)
        }
        _ => None,
    };
    let parameters = row.layer.parameter_len(row.input);
    let biases = match row.layer {
        Layer::Linear { outputs } => outputs,
        Layer::Convolution { outputs, bias, .. } => outputs * usize::from(bias),
        Layer::BatchNorm | Layer::LayerNorm => parameters / 2,
        _ => 0,
    };
    let Row { input, output, parameter_offset, statistics_offset, source, .. } = row;
    Op {
        kind,
        input: source.map_or(0, value),
        residual,
        activation,
        input_shape: input,
        output_shape: output,
        rows: [at, last],
        parameter_offset,
        parameter_lens: [parameters - biases, biases],
        statistics_offset,
    }
}

/// How often rows read the output of a row, which is no branch.
fn readers(network: &Network, at: usize) -> usize {
    let reads = |row: usize| {
        let residual = match network.layers[row] {
            Layer::Branch { .. } => return 0,
            Layer::Add { back } => Some(network.computed(row - back)),
            _ => None,
        };
        usize::from(network.source(row) == Some(at)) + usize::from(residual == Some(at))
    };
    (at + 1..network.layers.len()).map(reads).sum()
}

impl<M: Deref<Target = [Op]>> fmt::Display for Graph<M> {
    /// A table: operation, what is fused with it, values read, shapes, floats of θ, operations and floats moved by a
    /// sample, and the operations between which its output is needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>3} {:<19} {:<15} {:>7} {:>10} {:>10} {:>17} {:>10} {:>9} {:>9}",
            "op", "kind", "fused", "reads", "in", "out", "parameters", "flops", "floats", "needed by"
        )?;
        for (number, op) in self.ops().iter().enumerate() {
            let add = if op.residual.is_some() { "add" } else { "" };
            let comma = if op.residual.is_some() && op.activation.is_some() { ", " } else { "" };
            let activation = op.activation.map_or("", Activation::name);
            let fused = heapless::format!(24; "{add}{comma}{activation}").unwrap_or_default();
            let reads = match op.residual {
                Some(residual) => heapless::format!(16; "{}+{residual}", op.input),
                None => heapless::format!(16; "{}", op.input),
            };
            let last = match self.readers(number + 1).next_back() {
                Some(last) => heapless::format!(12; "{last}"),
                None => heapless::format!(12; "the loss"),
            };
            writeln!(
                f,
                "{number:>3} {:<19} {fused:<15} {:>7} {:>10} {:>10} {:>8}..{:<7} {:>10} {:>9} {:>9}",
                op.kind.name(),
                reads.unwrap_or_default(),
                op.input_shape,
                op.output_shape,
                op.parameters().start,
                op.parameters().end,
                op.flops(),
                op.floats(1),
                last.unwrap_or_default(),
            )?;
        }
        write!(
            f,
            "one sample: {} flops forward; {} floats kept for the backward pass, {} at a time without it",
            self.flops(),
            self.activation_len(),
            self.live_len()
        )
    }
}

//! A network is data: an input shape and a slice of layers. Every offset and length is computed from it.

mod init;
mod layer;
mod pass;
pub mod zoo;

use core::fmt;
use core::ops::Range;

pub use init::initialise;
pub use layer::{Layer, Shape, Tensor};
pub use pass::{Samples, Scores, gradient, scores, scratch_len};

/// A feed-forward network that classifies; const-constructible.
///
/// # Layout
/// θ holds the layers' parameters in order, each layer's weight before its bias, rows first, as PyTorch stores
/// them. The activations of a batch of B samples are the layers' outputs in order, each (B, C, H, W).
///
/// ```
/// use valleys_core::network::{Layer, Network, Shape};
/// const NETWORK: Network = Network {
///     input: Shape::flat(64),
///     layers: &[Layer::Linear { outputs: 32 }, Layer::Relu, Layer::Linear { outputs: 10 }],
/// };
/// static THETA: [f32; NETWORK.parameter_len()] = [0.0; NETWORK.parameter_len()];
/// assert_eq!(THETA.len(), 64 * 32 + 32 + 32 * 10 + 10);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// Shape of one sample.
    pub input: Shape,
    /// The layers, first to last.
    pub layers: &'a [Layer],
}

/// One layer of the plan: where its parameters and its activations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The layer.
    pub layer: Layer,
    /// Shape of one sample before it.
    pub input: Shape,
    /// Shape of one sample after it.
    pub output: Shape,
    /// Offset of its parameters in θ.
    pub parameter_offset: usize,
    /// Offset of its output among the activations of one sample.
    pub activation_offset: usize,
}

impl Row {
    /// Where its parameters are in θ.
    pub const fn parameters(&self) -> Range<usize> {
        self.parameter_offset..self.parameter_offset + self.layer.parameter_len(self.input)
    }

    /// Where its outputs are among the activations of `batch` samples.
    pub const fn activations(&self, batch: usize) -> Range<usize> {
        let start = self.activation_offset * batch;
        start..start + self.output.len() * batch
    }
}

impl Network<'_> {
    /// Row `i` of the plan; row `layers.len()` is the end: its offsets are the total lengths.
    ///
    /// # Panics
    /// If `i` > `layers.len()`.
    ///
    /// # Cost
    /// O(i): keep the rows where that matters.
    pub const fn row(&self, i: usize) -> Row {
        let mut row = Row {
            layer: Layer::Relu,
            input: self.input,
            output: self.input,
            parameter_offset: 0,
            activation_offset: 0,
        };
        let mut k = 0;
        while k < i {
            let layer = self.layers[k];
            row.parameter_offset += layer.parameter_len(row.input);
            row.input = layer.output(row.input);
            row.activation_offset += row.input.len();
            k += 1;
        }
        if i < self.layers.len() {
            row.layer = self.layers[i];
            row.output = row.layer.output(row.input);
        } else {
            row.output = row.input;
        }
        row
    }

    /// The plan, first row to last.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row> + '_ {
        (0..self.layers.len()).map(|i| self.row(i))
    }

    /// Number of parameters: the length of θ.
    pub const fn parameter_len(&self) -> usize {
        self.row(self.layers.len()).parameter_offset
    }

    /// Number of activations of one sample.
    pub const fn activation_len(&self) -> usize {
        self.row(self.layers.len()).activation_offset
    }

    /// Number of classes: the size of the last output.
    pub const fn classes(&self) -> usize {
        self.row(self.layers.len()).output.len()
    }

    /// Floating-point operations of one forward pass of one sample.
    pub const fn flops(&self) -> usize {
        let mut sum = 0;
        let mut i = 0;
        while i < self.layers.len() {
            let row = self.row(i);
            sum += row.layer.flops(row.input);
            i += 1;
        }
        sum
    }
}

impl fmt::Display for Network<'_> {
    /// The memory layout as a table: layer, shapes, parameter and activation ranges, operations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:>12} {:>12} {:>20} {:>20} {:>12}",
            "layer", "in", "out", "parameters", "activations", "flops"
        )?;
        for row in self.rows() {
            let (p, a) = (row.parameters(), row.activations(1));
            writeln!(
                f,
                "{:<8} {:>12} {:>12} {:>9}..{:<9} {:>9}..{:<9} {:>12}",
                row.layer.name(),
                row.input,
                row.output,
                p.start,
                p.end,
                a.start,
                a.end,
                row.layer.flops(row.input)
            )?;
        }
        write!(
            f,
            "{} parameters, {} activations and {} flops a sample",
            self.parameter_len(),
            self.activation_len(),
            self.flops()
        )
    }
}

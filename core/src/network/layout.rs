//! The memory layout of a network: which row reads which, and where everything lies.

use super::{Layer, Network, Shape};
use core::fmt;
use core::ops::Range;

/// One layer with its place in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub number: usize,
    /// The layer.
    pub layer: Layer,
    /// The row whose output it reads; none where it reads the samples.
    pub source: Option<usize>,
    /// Shape of one sample before it.
    pub input: Shape,
    /// Shape of one sample after it.
    pub output: Shape,
    /// Offset of its parameters in θ.
    pub parameter_offset: usize,
    /// Offset of its statistics among those of the network.
    pub statistics_offset: usize,
    /// Offset of its input among the activations of one sample; 0 where it reads the samples.
    pub input_offset: usize,
    /// Offset of its output among the activations of one sample; a branch has that of its source.
    pub activation_offset: usize,
}

impl Row {
    /// Where its parameters are in θ.
    pub const fn parameters(&self) -> Range<usize> {
        self.parameter_offset..self.parameter_offset + self.layer.parameter_len(self.input)
    }

    /// Where its statistics are.
    pub const fn statistics(&self) -> Range<usize> {
        self.statistics_offset..self.statistics_offset + self.layer.statistics_len(self.input)
    }

    /// Where its inputs are among the activations of `batch` samples, unless it reads the samples.
    pub const fn inputs(&self, batch: usize) -> Range<usize> {
        let start = self.input_offset * batch;
        start..start + self.input.len() * batch
    }

    /// Where its outputs are among the activations of `batch` samples.
    pub const fn activations(&self, batch: usize) -> Range<usize> {
        let start = self.activation_offset * batch;
        start..start + self.output.len() * batch
    }
}

impl Network<'_> {
    /// Row `i`; row `layers.len()` is the end: its offsets are the total lengths.
    ///
    /// # Panics
    /// If `i` > `layers.len()`, or if the layers do not fit together (see [`Network::check`]).
    ///
    /// # Cost
    /// O(i): keep the rows where that matters.
    pub const fn row(&self, i: usize) -> Row {
        let source = self.source(i);
        let mut row = Row {
            number: i,
            layer: Layer::RELU,
            source,
            input: self.input,
            output: self.input,
            parameter_offset: 0,
            statistics_offset: 0,
            input_offset: 0,
            activation_offset: 0,
        };
        let mut k = 0;
        while k < i {
            let layer = self.layers[k];
            if matches!(source, Some(source) if source == k) {
                row.input_offset = row.activation_offset;
            }
            row.parameter_offset += layer.parameter_len(row.input);
            row.statistics_offset += layer.statistics_len(row.input);
            if let Layer::Branch { back } = layer {
                row.input = self.output_of(k - back);
            } else {
                row.input = layer.output(row.input);
                row.activation_offset += row.input.len();
            }
            k += 1;
        }
        if i < self.layers.len() {
            row.layer = self.layers[i];
            if let (Layer::Branch { .. }, Some(source)) = (row.layer, source) {
                row.input = self.output_of(source);
                row.activation_offset = row.input_offset;
            }
            row.output = row.layer.output(row.input);
        } else {
            row.output = row.input;
        }
        row
    }

    /// The row whose output row `i` reads, which is no branch; none where it reads the samples.
    pub(super) const fn source(&self, i: usize) -> Option<usize> {
        match i {
            0 => None,
            i if i < self.layers.len() => match self.layers[i] {
                Layer::Branch { back } => Some(self.computed(i - back)),
                _ => Some(self.computed(i - 1)),
            },
            i => Some(self.computed(i - 1)),
        }
    }

    /// The row whose output is that of row `i`: itself, but for a branch.
    pub(super) const fn computed(&self, mut i: usize) -> usize {
        while let Layer::Branch { back } = self.layers[i] {
            i -= back;
        }
        i
    }

    /// Shape of one sample after row `i`, found from what it reads.
    const fn output_of(&self, i: usize) -> Shape {
        let input = match self.source(i) {
            Some(source) => self.output_of(source),
            None => self.input,
        };
        self.layers[i].output(input)
    }

    /// The rows, first to last.
    ///
    /// # Cost
    /// O(n²) for n rows in all.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row> + '_ {
        (0..self.layers.len()).map(|i| self.row(i))
    }

    /// Number of parameters: the length of θ.
    pub const fn parameter_len(&self) -> usize {
        self.row(self.layers.len()).parameter_offset
    }

    /// Number of statistics of all batch norms.
    pub const fn statistics_len(&self) -> usize {
        self.row(self.layers.len()).statistics_offset
    }

    /// Number of activations of one sample.
    pub const fn activation_len(&self) -> usize {
        self.row(self.layers.len()).activation_offset
    }

    /// Number of outputs, the size of the last layer's: of classes, or of numbers that are predicted.
    pub const fn outputs(&self) -> usize {
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
    /// The memory layout as a table: row, layer, row that is read (and added), shapes, parameter and activation ranges,
    /// operations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>3} {:<19} {:>7} {:>10} {:>10} {:>17} {:>17} {:>10}",
            "row", "layer", "reads", "in", "out", "parameters", "activations", "flops"
        )?;
        for row in self.rows() {
            let (p, a) = (row.parameters(), row.activations(1));
            let reads = match (row.source, row.layer) {
                (None, _) => heapless::format!(16; "samples"),
                (Some(source), Layer::Add { back }) => {
                    heapless::format!(16; "{source}+{}", row.number - back)
                }
                (Some(source), _) => heapless::format!(16; "{source}"),
            };
            writeln!(
                f,
                "{:>3} {:<19} {:>7} {:>10} {:>10} {:>8}..{:<7} {:>8}..{:<7} {:>10}",
                row.number,
                row.layer.name(),
                reads.unwrap_or_default(),
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

//! The layers, their shapes and their parameters.

use core::fmt;

/// Shape of one sample: (C, H, W); a vector of n features is (n, 1, 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A vector of `features` numbers.
    pub const fn flat(features: usize) -> Self {
        Self { channels: features, height: 1, width: 1 }
    }

    /// Number of elements.
    pub const fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there is no element.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.height * self.width == 1 {
            f.pad(heapless::format!(24; "{}", self.channels).unwrap_or_default().as_str())
        } else {
            let text = heapless::format!(64; "{}x{}x{}", self.channels, self.height, self.width);
            f.pad(text.unwrap_or_default().as_str())
        }
    }
}

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// y = W x + b with W (outputs, inputs); the input is flattened.
    Linear {
        /// Number of outputs.
        outputs: usize,
    },
    /// y = max(x, 0).
    Relu,
}

/// A parameter tensor of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name within the module, as PyTorch has it: `weight`, `bias`.
    pub name: &'static str,
    /// Its shape.
    pub shape: heapless::Vec<usize, 4>,
}

impl Layer {
    /// Its name in tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Relu => "relu",
        }
    }

    /// Shape of one sample after the layer.
    pub const fn output(&self, input: Shape) -> Shape {
        match *self {
            Self::Linear { outputs } => Shape::flat(outputs),
            Self::Relu => input,
        }
    }

    /// Number of parameters.
    pub const fn parameter_len(&self, input: Shape) -> usize {
        match *self {
            Self::Linear { outputs } => outputs * (input.len() + 1),
            Self::Relu => 0,
        }
    }

    /// Its parameter tensors, in the order of θ.
    pub fn tensors(&self, input: Shape) -> heapless::Vec<Tensor, 2> {
        match *self {
            Self::Linear { outputs } => heapless::Vec::from_array([
                Tensor { name: "weight", shape: [outputs, input.len()].into_iter().collect() },
                Tensor { name: "bias", shape: core::iter::once(outputs).collect() },
            ]),
            Self::Relu => heapless::Vec::new(),
        }
    }

    /// Floating-point operations of one forward pass of one sample.
    pub const fn flops(&self, input: Shape) -> usize {
        match *self {
            Self::Linear { outputs } => 2 * outputs * input.len(),
            Self::Relu => input.len(),
        }
    }
}

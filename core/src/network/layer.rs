//! The layers, their shapes and their parameters.

use crate::kernels::Window;
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
    /// y = x ∗ w, and + b where `bias` says so, with w (outputs, inputs, kernel, kernel).
    Convolution {
        /// Output channels.
        outputs: usize,
        /// Rows, and columns, of the kernel.
        kernel: usize,
        /// From one position to the next.
        stride: usize,
        /// Zeros around the input.
        padding: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// y = γ (x − mean) / √(variance + ε) + β per channel; see [`kernels::batch_norm`](crate::kernels::batch_norm).
    BatchNorm,
    /// y = max(x, 0).
    Relu,
    /// The largest element in each window.
    MaxPool {
        /// Rows, and columns, of the window.
        kernel: usize,
        /// From one position to the next.
        stride: usize,
    },
    /// The mean of each channel.
    AveragePool,
    /// The output of an earlier row again: here a second branch starts. Nothing is computed or copied.
    Branch {
        /// How many rows earlier.
        back: usize,
    },
    /// The sum with the output of an earlier row: here two branches meet.
    Add {
        /// How many rows earlier.
        back: usize,
    },
}

/// A parameter tensor of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name within the module, as in PyTorch: `weight`, `bias`.
    pub name: &'static str,
    /// Its shape.
    pub shape: heapless::Vec<usize, 4>,
}

/// Whether the layers of images are there: the feature `images`.
pub(super) const IMAGES: bool = cfg!(feature = "images");

impl Layer {
    /// Whether it needs the feature `images`.
    pub const fn is_convolutional(&self) -> bool {
        matches!(self, Self::Convolution { .. } | Self::BatchNorm | Self::MaxPool { .. } | Self::AveragePool)
    }

    /// The names of all layers, in tables and in messages.
    pub const NAMES: [&str; 8] =
        ["linear", "convolution", "batch norm", "relu", "max pool", "average pool", "branch", "add"];

    /// Its name.
    pub const fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Linear { .. } => 0,
            Self::Convolution { .. } => 1,
            Self::BatchNorm => 2,
            Self::Relu => 3,
            Self::MaxPool { .. } => 4,
            Self::AveragePool => 5,
            Self::Branch { .. } => 6,
            Self::Add { .. } => 7,
        }]
    }

    /// The window it looks through: of one element, but for convolutions and pooling.
    pub const fn window(&self, input: Shape) -> Window {
        let Shape { height, width, .. } = input;
        let (kernel, stride, padding) = match *self {
            Self::Convolution { kernel, stride, padding, .. } => (kernel, stride, padding),
            Self::MaxPool { kernel, stride } => (kernel, stride, 0),
            _ => (1, 1, 0),
        };
        Window { height, width, kernel, stride, padding }
    }

    /// Shape of one sample after the layer.
    pub const fn output(&self, input: Shape) -> Shape {
        let channels = match *self {
            Self::Linear { outputs } => return Shape::flat(outputs),
            Self::AveragePool => return Shape::flat(input.channels),
            Self::Convolution { outputs, .. } => outputs,
            _ => input.channels,
        };
        let (height, width) = self.window(input).output();
        Shape { channels, height, width }
    }

    /// Number of parameters.
    pub const fn parameter_len(&self, input: Shape) -> usize {
        match *self {
            Self::Linear { outputs } => outputs * (input.len() + 1),
            Self::Convolution { outputs, kernel, bias, .. } => {
                outputs * (input.channels * kernel * kernel + bias as usize)
            }
            Self::BatchNorm => 2 * input.channels,
            _ => 0,
        }
    }

    /// Number of statistics of the data, which are no parameters: a mean and a variance for each channel of a batch norm.
    pub const fn statistics_len(&self, input: Shape) -> usize {
        if let Self::BatchNorm = self { 2 * input.channels } else { 0 }
    }

    /// Its parameter tensors, in the order of θ.
    pub fn tensors(&self, input: Shape) -> heapless::Vec<Tensor, 2> {
        let tensor = |name, shape: &[usize]| Tensor { name, shape: shape.iter().copied().collect() };
        let one = |weight: &[usize]| heapless::Vec::from_iter([tensor("weight", weight)]);
        let two = |weight: &[usize], bias| {
            heapless::Vec::from_array([tensor("weight", weight), tensor("bias", &[bias])])
        };
        match *self {
            Self::Linear { outputs } => two(&[outputs, input.len()], outputs),
            Self::Convolution { outputs, kernel, bias: true, .. } => {
                two(&[outputs, input.channels, kernel, kernel], outputs)
            }
            Self::Convolution { outputs, kernel, bias: false, .. } => {
                one(&[outputs, input.channels, kernel, kernel])
            }
            Self::BatchNorm => two(&[input.channels], input.channels),
            _ => heapless::Vec::new(),
        }
    }

    /// Floating-point operations of one forward pass of one sample; those of convolutions count the padding.
    pub const fn flops(&self, input: Shape) -> usize {
        match *self {
            Self::Linear { outputs } => 2 * outputs * input.len(),
            Self::Convolution { kernel, .. } => {
                2 * input.channels * kernel * kernel * self.output(input).len()
            }
            Self::BatchNorm => 2 * input.len(),
            Self::MaxPool { kernel, .. } => kernel * kernel * self.output(input).len(),
            Self::Relu | Self::AveragePool | Self::Add { .. } => input.len(),
            Self::Branch { .. } => 0,
        }
    }
}

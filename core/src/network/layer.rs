//! The layers, their shapes and their parameters.

use crate::kernels::Window;
use crate::kernels::activation::Activation;
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// y = W x + b with W (outputs, inputs); the input is flattened.
    Linear {
        /// Number of outputs.
        outputs: usize,
    },
    /// y = x ∗ w, and + b where `bias` says so, with w (outputs, inputs / groups, kernel, kernel).
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
        /// Parts of the channels that are convolved apart from each other.
        groups: usize,
        /// From one element of the kernel to the next.
        dilation: usize,
    },
    /// y = γ (x − mean) / √(variance + ε) + β per channel; see [`kernels::batch_norm`](crate::kernels::batch_norm).
    BatchNorm,
    /// y = γ (x − mean) / √(variance + ε) + β over the elements of a sample; see
    /// [`kernels::layer_norm`](crate::kernels::layer_norm).
    LayerNorm,
    /// y = f(x), element by element.
    Activation(Activation),
    /// While training, elements are set to 0 with this probability, and the others divided by its complement.
    Dropout {
        /// From 0 to below 1.
        probability: f32,
    },
    /// The largest element in each window.
    MaxPool {
        /// Rows, and columns, of the window.
        kernel: usize,
        /// From one position to the next.
        stride: usize,
        /// Around the input, at most half of the kernel; nothing in it is the largest.
        padding: usize,
    },
    /// The mean of each window, in which padding counts as zeros.
    AveragePool {
        /// Rows, and columns, of the window.
        kernel: usize,
        /// From one position to the next.
        stride: usize,
        /// Zeros around the input, at most half of the kernel.
        padding: usize,
    },
    /// The mean of each channel.
    GlobalAveragePool,
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

/// Whether all layers are there: the feature `all-layers`.
pub(super) const ALL_LAYERS: bool = cfg!(feature = "all-layers");

impl Layer {
    /// y = max(x, 0).
    pub const RELU: Self = Self::Activation(Activation::Relu);

    /// Whether it needs the feature `all-layers`.
    pub const fn needs_feature(&self) -> bool {
        !matches!(
            self,
            Self::Linear { .. } | Self::Activation(Activation::Relu) | Self::Branch { .. } | Self::Add { .. }
        )
    }

    /// The names of all layers but activations, in tables and in messages.
    pub const NAMES: [&str; 10] = [
        "linear",
        "convolution",
        "batch norm",
        "layer norm",
        "dropout",
        "max pool",
        "average pool",
        "global average pool",
        "branch",
        "add",
    ];

    /// Its name.
    pub const fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Activation(activation) => return activation.name(),
            Self::Linear { .. } => 0,
            Self::Convolution { .. } => 1,
            Self::BatchNorm => 2,
            Self::LayerNorm => 3,
            Self::Dropout { .. } => 4,
            Self::MaxPool { .. } => 5,
            Self::AveragePool { .. } => 6,
            Self::GlobalAveragePool => 7,
            Self::Branch { .. } => 8,
            Self::Add { .. } => 9,
        }]
    }

    /// The window it looks through: of one element, but for convolutions and pooling.
    pub const fn window(&self, input: Shape) -> Window {
        let Shape { height, width, .. } = input;
        let (kernel, stride, padding, dilation) = match *self {
            Self::Convolution { kernel, stride, padding, dilation, .. } => {
                (kernel, stride, padding, dilation)
            }
            Self::MaxPool { kernel, stride, padding } | Self::AveragePool { kernel, stride, padding } => {
                (kernel, stride, padding, 1)
            }
            _ => (1, 1, 0, 1),
        };
        Window { height, width, kernel, stride, padding, dilation }
    }

    /// Shape of one sample after the layer.
    pub const fn output(&self, input: Shape) -> Shape {
        let channels = match *self {
            Self::Linear { outputs } => return Shape::flat(outputs),
            Self::GlobalAveragePool => return Shape::flat(input.channels),
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
            Self::Convolution { outputs, kernel, bias, groups, .. } => {
                outputs * (input.channels / groups * kernel * kernel + bias as usize)
            }
            Self::BatchNorm => 2 * input.channels,
            Self::LayerNorm => 2 * input.len(),
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
        let two = |weight: &[usize], bias: &[usize]| {
            heapless::Vec::from_array([tensor("weight", weight), tensor("bias", bias)])
        };
        match *self {
            Self::Linear { outputs } => two(&[outputs, input.len()], &[outputs]),
            Self::Convolution { outputs, kernel, bias: true, groups, .. } => {
                two(&[outputs, input.channels / groups, kernel, kernel], &[outputs])
            }
            Self::Convolution { outputs, kernel, bias: false, groups, .. } => {
                one(&[outputs, input.channels / groups, kernel, kernel])
            }
            Self::BatchNorm => two(&[input.channels], &[input.channels]),
            Self::LayerNorm if input.height * input.width == 1 => two(&[input.channels], &[input.channels]),
            Self::LayerNorm => {
                let shape = [input.channels, input.height, input.width];
                two(&shape, &shape)
            }
            _ => heapless::Vec::new(),
        }
    }

    /// Floating-point operations of one forward pass of one sample; those of convolutions count the padding.
    pub const fn flops(&self, input: Shape) -> usize {
        match *self {
            Self::Linear { outputs } => 2 * outputs * input.len(),
            Self::Convolution { kernel, groups, .. } => {
                2 * input.channels / groups * kernel * kernel * self.output(input).len()
            }
            Self::BatchNorm => 2 * input.len(),
            Self::LayerNorm => 7 * input.len(),
            Self::MaxPool { kernel, .. } | Self::AveragePool { kernel, .. } => {
                kernel * kernel * self.output(input).len()
            }
            Self::Activation(_) | Self::Dropout { .. } | Self::GlobalAveragePool | Self::Add { .. } => {
                input.len()
            }
            Self::Branch { .. } => 0,
        }
    }
}

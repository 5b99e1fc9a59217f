//! Networks as data: a list of layers in TOML.

use super::builder::Builder;
use super::{Io, Model};
use crate::wording::nearest;
use serde::{Deserialize, Serialize};
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Layer;

/// Residual blocks inside of each other, at most.
const MOST_NESTED: usize = 16;

/// Layers of a network, at most.
const MOST_LAYERS: usize = 10_000;

/// A layer of a list. Layers without fields are structures, so that a field is refused. Field names and defaults are those of PyTorch, but for a convolution's `outputs` and `kernel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerSpec {
    /// y = W x + b of the flattened input.
    Linear {
        /// Number of outputs. The last linear layer may leave it to the data set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<usize>,
        /// Name of the module in a checkpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A convolution with a square kernel.
    Convolution {
        /// Output channels.
        outputs: usize,
        /// Rows, and columns, of the kernel.
        kernel: usize,
        /// From one position to the next.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        stride: usize,
        /// Zeros around the input.
        #[serde(default, skip_serializing_if = "is_zero")]
        padding: usize,
        /// Whether there is a bias.
        #[serde(default = "yes")]
        bias: bool,
        /// Parts of the channels that are convolved apart from each other.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
        /// From one element of the kernel to the next.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        dilation: usize,
        /// Name of the module in a checkpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Batch norm, per channel.
    BatchNorm {
        /// Name of the module in a checkpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Layer norm over all elements of a sample.
    LayerNorm {
        /// Name of the module in a checkpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// max(x, 0).
    Relu {},
    /// x where x > 0, else slope · x.
    LeakyRelu {
        /// 0 or above.
        #[serde(default = "leaky_slope")]
        slope: f64,
    },
    /// tanh x.
    Tanh {},
    /// 1 / (1 + e⁻ˣ).
    Sigmoid {},
    /// x / (1 + e⁻ˣ).
    Silu {},
    /// x Φ(x).
    Gelu {},
    /// Elements are dropped with this probability while training.
    Dropout {
        /// From 0 to below 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// The largest element of each window.
    MaxPool {
        /// Rows, and columns, of the window.
        kernel: usize,
        /// From one position to the next; the kernel by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<usize>,
        /// Around the input.
        #[serde(default, skip_serializing_if = "is_zero")]
        padding: usize,
    },
    /// The mean of each window.
    AveragePool {
        /// Rows, and columns, of the window.
        kernel: usize,
        /// From one position to the next; the kernel by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<usize>,
        /// Around the input.
        #[serde(default, skip_serializing_if = "is_zero")]
        padding: usize,
    },
    /// The mean of each channel.
    GlobalAveragePool {},
    /// The sample as one vector. A linear layer does this by itself.
    Flatten {},
    /// The sum of two branches: `layers`, and `shortcut` or else the input.
    Residual {
        /// The main branch.
        layers: Vec<LayerSpec>,
        /// The other branch; empty for the input itself.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shortcut: Vec<LayerSpec>,
        /// Prefix of the names of its modules in a checkpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// Checks the types of layers in a table, before it is read.
///
/// # Errors
/// An unknown one, with the place of the layer and the nearest known type.
pub fn check_types(layers: &toml::Value, place: &str) -> Result<(), String> {
    let Some(layers) = layers.as_array() else { return Ok(()) };
    for (number, layer) in layers.iter().enumerate() {
        let place = format!("{place}[{number}]");
        if let Some(name) = layer.get("type").and_then(toml::Value::as_str)
            && !LayerSpec::TYPES.contains(&name)
        {
            let hint = match nearest(&name.to_lowercase().replace('_', "-"), LayerSpec::TYPES.into_iter()) {
                hint if hint.is_empty() => format!("; there are {}", LayerSpec::TYPES.join(", ")),
                hint => hint,
            };
            return Err(format!("{place}: unknown type {name:?}{hint}"));
        }
        for branch in ["layers", "shortcut"] {
            if let Some(layers) = layer.get(branch) {
                check_types(layers, &format!("{place}.{branch}"))?;
            }
        }
    }
    Ok(())
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn half() -> f64 {
    0.5
}

fn leaky_slope() -> f64 {
    0.01
}

fn is_one(x: &usize) -> bool {
    *x == 1
}

fn is_zero(x: &usize) -> bool {
    *x == 0
}

impl LayerSpec {
    /// The types of layers in a file, in the order of the variants.
    pub const TYPES: [&str; 16] = [
        "linear",
        "convolution",
        "batch-norm",
        "layer-norm",
        "relu",
        "leaky-relu",
        "tanh",
        "sigmoid",
        "silu",
        "gelu",
        "dropout",
        "max-pool",
        "average-pool",
        "global-average-pool",
        "flatten",
        "residual",
    ];

    /// Its type in a file.
    fn kind(&self) -> &'static str {
        Self::TYPES[match self {
            Self::Linear { .. } => 0,
            Self::Convolution { .. } => 1,
            Self::BatchNorm { .. } => 2,
            Self::LayerNorm { .. } => 3,
            Self::Relu {} => 4,
            Self::LeakyRelu { .. } => 5,
            Self::Tanh {} => 6,
            Self::Sigmoid {} => 7,
            Self::Silu {} => 8,
            Self::Gelu {} => 9,
            Self::Dropout { .. } => 10,
            Self::MaxPool { .. } => 11,
            Self::AveragePool { .. } => 12,
            Self::GlobalAveragePool {} => 13,
            Self::Flatten {} => 14,
            Self::Residual { .. } => 15,
        }]
    }

    /// The layer of the core; none for what is not one layer.
    fn layer(&self, outputs: usize) -> Option<Layer> {
        Some(match *self {
            Self::Linear { outputs: own, .. } => Layer::Linear { outputs: own.unwrap_or(outputs) },
            Self::Convolution { outputs, kernel, stride, padding, bias, groups, dilation, .. } => {
                Layer::Convolution { outputs, kernel, stride, padding, bias, groups, dilation }
            }
            Self::BatchNorm { .. } => Layer::BatchNorm,
            Self::LayerNorm { .. } => Layer::LayerNorm,
            Self::Relu {} => Layer::RELU,
            Self::LeakyRelu { slope } => Layer::Activation(Activation::LeakyRelu { slope: slope as f32 }),
            Self::Tanh {} => Layer::Activation(Activation::Tanh),
            Self::Sigmoid {} => Layer::Activation(Activation::Sigmoid),
            Self::Silu {} => Layer::Activation(Activation::Silu),
            Self::Gelu {} => Layer::Activation(Activation::Gelu),
            Self::Dropout { probability } => Layer::Dropout { probability: probability as f32 },
            Self::MaxPool { kernel, stride, padding } => {
                Layer::MaxPool { kernel, stride: stride.unwrap_or(kernel), padding }
            }
            Self::AveragePool { kernel, stride, padding } => {
                Layer::AveragePool { kernel, stride: stride.unwrap_or(kernel), padding }
            }
            Self::GlobalAveragePool {} => Layer::GlobalAveragePool,
            Self::Flatten {} | Self::Residual { .. } => return None,
        })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Linear { name, .. }
            | Self::Convolution { name, .. }
            | Self::BatchNorm { name }
            | Self::LayerNorm { name }
            | Self::Residual { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Whether it is a batch norm, or has one.
    pub fn has_batch_norm(&self) -> bool {
        match self {
            Self::BatchNorm { .. } => true,
            Self::Residual { layers, shortcut, .. } => {
                layers.iter().chain(shortcut).any(Self::has_batch_norm)
            }
            _ => false,
        }
    }

    fn has_parameters(&self) -> bool {
        matches!(
            self,
            Self::Linear { .. } | Self::Convolution { .. } | Self::BatchNorm { .. } | Self::LayerNorm { .. }
        )
    }
}

/// Builds a network from its list.
///
/// # Errors
/// The first layer that does not fit, by its place in the list, its type and the shape that arrives; a network whose
/// outputs are not those of the data set.
pub fn build(specs: &[LayerSpec], io: Io) -> Result<Model, String> {
    if specs.is_empty() {
        return Err("it has no layers".to_owned());
    }
    let mut list =
        List { builder: Builder::new(io.input), outputs: io.outputs, is_flat: false, names: Vec::new() };
    list.push_all(specs, "layers", "", 0, true)?;
    let shape = list.builder.shape();
    if shape.channels * shape.height * shape.width != io.outputs {
        return Err(format!(
            "its last layer has {} outputs ({shape}), but {} are needed; a last linear layer without `outputs` takes \
             what the data set needs",
            shape.len(),
            io.outputs
        ));
    }
    Ok(list.builder.finish())
}

/// A network under construction.
struct List {
    builder: Builder,
    outputs: usize,
    /// Whether a `flatten` is in force: the next layer that looks at positions must be linear.
    is_flat: bool,
    names: Vec<String>,
}

impl List {
    /// Appends layers. `place` is where they are in the file, `prefix` that of the names of their modules.
    fn push_all(
        &mut self,
        specs: &[LayerSpec],
        place: &str,
        prefix: &str,
        depth: usize,
        is_last: bool,
    ) -> Result<(), String> {
        for (number, spec) in specs.iter().enumerate() {
            let place = format!("{place}[{number}]");
            let name = format!("{prefix}{}", spec.name().map_or(number.to_string(), str::to_owned));
            let of_layer = |what: String| format!("{place} ({}): {what}", spec.kind());
            // Linear layers behind which there is another one have their own number of outputs.
            let is_last_linear = is_last && !specs[number + 1..].iter().any(has_linear);
            self.push(spec, &place, name, depth, is_last_linear).map_err(|what| {
                // A layer inside of a block names itself.
                if what.starts_with("layers[") { what } else { of_layer(what) }
            })?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        spec: &LayerSpec,
        place: &str,
        name: String,
        depth: usize,
        is_last_linear: bool,
    ) -> Result<(), String> {
        if self.builder.len() >= MOST_LAYERS {
            return Err(format!("there are more than {MOST_LAYERS} layers"));
        }
        if spec.has_parameters() {
            if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
                return Err(format!("the name {name:?} has blanks or is empty"));
            }
            if self.names.contains(&name) {
                return Err(format!("the name {name:?} is that of another layer, too"));
            }
            self.names.push(name.clone());
        }
        match spec {
            LayerSpec::Flatten {} => {
                self.is_flat = true;
                return Ok(());
            }
            LayerSpec::Residual { layers, shortcut, .. } => {
                return self.push_block(layers, shortcut, place, &name, depth);
            }
            LayerSpec::Linear { outputs: None, .. } if !is_last_linear => {
                return Err("`outputs` is missing; only the last linear layer may leave it to the data set"
                    .to_owned());
            }
            _ => {}
        }
        let shape = self.builder.shape();
        let looks_at_positions = matches!(
            spec,
            LayerSpec::Convolution { .. }
                | LayerSpec::BatchNorm { .. }
                | LayerSpec::LayerNorm { .. }
                | LayerSpec::MaxPool { .. }
                | LayerSpec::AveragePool { .. }
                | LayerSpec::GlobalAveragePool {}
        );
        if self.is_flat && looks_at_positions && shape.height * shape.width > 1 {
            return Err(format!("behind `flatten` a linear layer is expected, but {shape} arrives"));
        }
        if let LayerSpec::Linear { .. } = spec {
            self.is_flat = false;
        }
        let Some(layer) = spec.layer(self.outputs) else { return Ok(()) };
        self.builder.push(if spec.has_parameters() { name } else { String::new() }, layer)
    }

    /// A residual block.
    fn push_block(
        &mut self,
        layers: &[LayerSpec],
        shortcut: &[LayerSpec],
        place: &str,
        name: &str,
        depth: usize,
    ) -> Result<(), String> {
        if depth >= MOST_NESTED {
            return Err(format!("more than {MOST_NESTED} blocks are inside of each other"));
        }
        if layers.is_empty() {
            return Err("`layers` is empty".to_owned());
        }
        let (start, shape) = (self.builder.len(), self.builder.shape());
        let Some(start) = start.checked_sub(1) else {
            return Err("a block cannot be the first layer; put a layer before it".to_owned());
        };
        let added = |row: usize, what: &str| {
            if row == start { Err(format!("`{what}` has nothing but `flatten`")) } else { Ok(()) }
        };
        self.push_all(layers, &format!("{place}.layers"), &format!("{name}.layers."), depth + 1, false)?;
        let (end, end_shape) = (self.builder.len() - 1, self.builder.shape());
        added(end, "layers")?;
        if shortcut.is_empty() {
            return self.builder.add(start, shape);
        }
        self.builder.branch(start, shape);
        let before = self.builder.len();
        self.push_all(
            shortcut,
            &format!("{place}.shortcut"),
            &format!("{name}.shortcut."),
            depth + 1,
            false,
        )?;
        if self.builder.len() == before {
            return Err("`shortcut` has nothing but `flatten`".to_owned());
        }
        self.builder.add(end, end_shape)
    }
}

fn has_linear(spec: &LayerSpec) -> bool {
    match spec {
        LayerSpec::Linear { .. } => true,
        LayerSpec::Residual { layers, .. } => layers.iter().any(has_linear),
        _ => false,
    }
}

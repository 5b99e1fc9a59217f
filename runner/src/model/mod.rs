//! Networks: by name, or as a list of layers; with the names of their tensors in a PyTorch `state_dict`.
//!
//! # Tour
//!
//! - [`NetworkSpec`]: what a configuration says of a network.
//! - `named`: the families that have names.
//! - [`LayerSpec`]: layers in TOML, and how a list of them becomes a network.
//! - `builder`: layers one behind the other, each checked against the shape that arrives.

mod builder;
mod layers;
mod named;
mod spec;

use crate::error::{CliError, ErrorKind, Result};
use crate::wording::nearest;
use std::ops::Range;
use valleys_core::engine::Function;
use valleys_core::network::{Layer, Network, Shape, zoo};

pub use layers::LayerSpec;
pub use spec::NetworkSpec;

/// Most layers of a multilayer perceptron.
const MLP_LAYERS: usize = 64;

/// Deepest and widest residual network: 6 · 200 + 2 layers.
const MOST_BLOCKS: usize = 200;
const MOST_WIDTH: usize = 64;

/// What may be meant by a name that is nobody's.
const EXAMPLES: &[&str] = &[
    "mlp:64-32-10",
    "lenet5",
    "resnet20",
    "resnet56",
    "resnet110",
    "resnet20-ns",
    "wrn56-2",
    "wrn56-2-ns",
    "resnet9",
    "preresnet20",
    "preresnet56",
    "preresnet110",
    "vgg11",
    "vgg16",
    "vgg16-bn",
    "convfc",
];

/// What a network reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Io {
    /// Shape of a sample.
    pub input: Shape,
    /// Number of outputs: of classes, or of numbers that are predicted.
    pub outputs: usize,
}

/// A network whose layers have names.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Shape of a sample.
    pub input: Shape,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// The name of each layer's module; empty where it has no parameters.
    pub modules: Vec<String>,
}

/// A named piece of a flat slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTensor {
    /// As in a PyTorch `state_dict`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Where it is.
    pub range: Range<usize>,
}

/// The names of everything that a network's checkpoint holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The pieces of θ, in its order.
    pub parameters: Vec<NamedTensor>,
    /// The pieces of the statistics of batch norms, in their order.
    pub statistics: Vec<NamedTensor>,
}

impl Model {
    /// A network by name, for the inputs and outputs that it is known for: `mlp:64-32-10`, `lenet5` (1 x 28 x 28),
    /// `resnet20`, `wrn56-2`, `vgg16-bn` and their kin (3 x 32 x 32), 10 classes.
    ///
    /// # Errors
    /// Another name, with the nearest known one; widths or a depth that make no network.
    pub fn by_name(name: &str) -> Result<Self> {
        let input = if name == "lenet5" { zoo::LENET5_INPUT } else { zoo::RESNET_INPUT };
        Self::for_data(name, Io { input, outputs: 10 })
    }

    /// A network by name, for these inputs and outputs. Widths that a name states stay: `mlp:64-32-10` has 64 inputs and 10
    /// outputs whatever `io` says, `mlp:*-32-*` has those of `io`.
    ///
    /// # Errors
    /// Those of [`by_name`](Self::by_name); inputs that are too small for the network.
    pub fn for_data(name: &str, io: Io) -> Result<Self> {
        let wrong = |message: String| Err(CliError::new(ErrorKind::Configuration, message));
        let fitting = |model: std::result::Result<Self, String>| {
            model.map_err(|what| CliError::new(ErrorKind::Configuration, format!("network {name:?}: {what}")))
        };
        if name.starts_with("mlp:") {
            return Self::perceptron(name, io);
        }
        match name {
            "lenet5" => return fitting(named::lenet5(io)),
            "convfc" => return fitting(named::convfc(io)),
            "resnet9" => return fitting(named::resnet9(io)),
            _ => {}
        }
        if let Some(depth) = name.strip_prefix("vgg") {
            let (depth, has_norms) = depth.strip_suffix("-bn").map_or((depth, false), |depth| (depth, true));
            return match named::vgg(io, depth, has_norms) {
                Some(model) => fitting(model),
                None => wrong(format!(
                    "network {name:?}: vgg11, vgg13, vgg16 or vgg19, or one of these with -bn, expected"
                )),
            };
        }
        if let Some(depth) = name.strip_prefix("preresnet") {
            return match depth.parse().ok().and_then(|depth| named::preresnet(io, depth)) {
                Some(model) => fitting(model),
                None => wrong(format!(
                    "network {name:?}: a depth of 6n + 2 below 44 (8, 14, 20, ...) or of 9n + 2 above (47, 56, 110, 164, \
                     ...) expected"
                )),
            };
        }
        let (plain, shortcuts) = name.strip_suffix("-ns").map_or((name, true), |plain| (plain, false));
        let numbers = match (plain.strip_prefix("resnet"), plain.strip_prefix("wrn")) {
            (Some(depth), _) => Some((depth, "1")),
            (_, Some(numbers)) => numbers.split_once('-'),
            _ => None,
        };
        let numbers: Option<(usize, usize)> =
            numbers.and_then(|(depth, width)| depth.parse().ok().zip(width.parse().ok()));
        let Some((depth, width)) = numbers else {
            let families = Function::ALL.into_iter().map(Function::name).chain(EXAMPLES.iter().copied());
            let mut hint = nearest(&name.to_lowercase(), families.clone());
            if hint.is_empty() {
                hint =
                    format!("; there are {}, and others like them", families.collect::<Vec<_>>().join(", "));
            }
            return wrong(format!("unknown network {name:?}{hint}"));
        };
        let blocks = depth.saturating_sub(2) / 6;
        if depth != 6 * blocks + 2
            || !(1..=MOST_BLOCKS).contains(&blocks)
            || !(1..=MOST_WIDTH).contains(&width)
        {
            let most = 6 * MOST_BLOCKS + 2;
            return wrong(format!(
                "network {name:?}: a depth of 6n + 2 (8, 14, 20, ..., {most}) and a width of 1 to {MOST_WIDTH} expected"
            ));
        }
        Ok(named::resnet(io, blocks, width, shortcuts))
    }

    /// `mlp:…`; a first or last width of `*` is that of `io`.
    fn perceptron(name: &str, io: Io) -> Result<Self> {
        let wrong = |message: String| Err(CliError::new(ErrorKind::Configuration, message));
        let fields: Vec<&str> = name.trim_start_matches("mlp:").split('-').collect();
        let last = fields.len() - 1;
        let width = |(i, field): (usize, &&str)| match *field {
            "*" if i == 0 => Some(io.input.len()),
            "*" if i == last => Some(io.outputs),
            field => field.parse().ok(),
        };
        let widths: Option<Vec<usize>> = fields.iter().enumerate().map(width).collect();
        let Some(widths) = widths else {
            return wrong(format!(
                "network {name:?}: widths such as mlp:64-32-10 expected; the first and the last may be *, for those of the \
                 data set"
            ));
        };
        let layers = match zoo::mlp::<MLP_LAYERS>(&widths) {
            Ok(layers) => layers,
            Err(error) => return wrong(format!("network {name:?}: {error}")),
        };
        let mut linear = 0;
        let modules = layers.iter().map(|&layer| {
            linear += usize::from(layer != Layer::RELU);
            if layer == Layer::RELU { String::new() } else { format!("fc{linear}") }
        });
        Ok(Self { input: Shape::flat(widths[0]), modules: modules.collect(), layers: layers.to_vec() })
    }

    /// The network.
    pub fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    /// The names and shapes of the pieces of θ and of the statistics.
    pub fn state(&self) -> State {
        let mut state = State::default();
        for (row, module) in self.network().rows().zip(&self.modules) {
            let mut start = row.parameters().start;
            for piece in row.layer.tensors(row.input) {
                let range = start..start + piece.shape.iter().product::<usize>();
                start = range.end;
                let name = format!("{module}.{}", piece.name);
                state.parameters.push(NamedTensor { name, shape: piece.shape.to_vec(), range });
            }
            let statistics = row.statistics();
            let middle = statistics.start + statistics.len() / 2;
            if !statistics.is_empty() {
                for (name, range) in
                    [("running_mean", statistics.start..middle), ("running_var", middle..statistics.end)]
                {
                    let name = format!("{module}.{name}");
                    state.statistics.push(NamedTensor { name, shape: vec![range.len()], range });
                }
            }
        }
        state
    }
}

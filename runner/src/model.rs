//! Networks by name, with the names of their pieces in a PyTorch `state_dict`.

use crate::config::nearest;
use crate::error::{CliError, ErrorKind, Result};
use std::ops::Range;
use valleys_core::engine::Function;
use valleys_core::network::{Layer, Network, Shape, zoo};

/// Most layers of a multilayer perceptron.
const MLP_LAYERS: usize = 64;

/// Deepest and widest residual network: 6 · 200 + 2 layers.
const MOST_BLOCKS: usize = 200;
const MOST_WIDTH: usize = 64;

/// What may be meant by a name that is nobody's.
const EXAMPLES: &[&str] =
    &["mlp:64-32-10", "lenet5", "resnet20", "resnet56", "resnet110", "resnet20-ns", "wrn56-2", "wrn56-2-ns"];

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
    /// `mlp:64-32-10`, `lenet5`, `resnet20`, `wrn56-2`, their kin, and residual networks without shortcuts as `…-ns`.
    ///
    /// # Errors
    /// Another name, with the nearest known one; widths or a depth that make no network.
    pub fn by_name(name: &str) -> Result<Self> {
        let wrong = |message: String| Err(CliError::new(ErrorKind::Configuration, message));
        if let Some(widths) = name.strip_prefix("mlp:") {
            let widths: Option<Vec<usize>> = widths.split('-').map(|w| w.parse().ok()).collect();
            let Some(widths) = widths else {
                return wrong(format!("network {name:?}: widths such as mlp:64-32-10 expected"));
            };
            return match zoo::mlp::<MLP_LAYERS>(&widths) {
                Ok(layers) => Ok(Self::perceptron(widths[0], &layers)),
                Err(error) => wrong(format!("network {name:?}: {error}")),
            };
        }
        if name == "lenet5" {
            let layers = zoo::LENET5.map(|(module, layer)| (module.to_owned(), layer));
            return Ok(Self::new(zoo::LENET5_INPUT, layers));
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
        let layers = zoo::resnet(blocks, width, shortcuts);
        Ok(Self::new(zoo::RESNET_INPUT, layers.map(|(module, layer)| (module.as_str().to_owned(), layer))))
    }

    fn new(input: Shape, layers: impl IntoIterator<Item = (String, Layer)>) -> Self {
        let (modules, layers) = layers.into_iter().unzip();
        Self { input, layers, modules }
    }

    fn perceptron(inputs: usize, layers: &[Layer]) -> Self {
        let mut linear = 0;
        let named = layers.iter().map(|&layer| {
            linear += usize::from(layer != Layer::RELU);
            (if layer == Layer::RELU { String::new() } else { format!("fc{linear}") }, layer)
        });
        Self::new(Shape::flat(inputs), named)
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

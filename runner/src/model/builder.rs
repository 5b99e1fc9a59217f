//! Layers one behind the other, each checked against the shape that arrives.

use super::Model;
use valleys_core::error::Error;
use valleys_core::network::{Layer, Network, Shape};

/// Most parameters, and most activations of a sample: more do not fit into 32-bit offsets of bytes.
const MOST_NUMBERS: u128 = 1 << 30;

/// A network that is built layer by layer.
#[derive(Debug)]
pub struct Builder {
    model: Model,
    shape: Shape,
    parameters: u128,
    activations: u128,
}

impl Builder {
    /// No layer yet, for samples of a shape.
    pub fn new(input: Shape) -> Self {
        let model = Model { input, layers: Vec::new(), modules: Vec::new() };
        Self { model, shape: input, parameters: 0, activations: 0 }
    }

    /// The shape of a sample after the layers so far.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of layers so far.
    pub fn len(&self) -> usize {
        self.model.layers.len()
    }

    /// Appends a layer. `module` is its name in a checkpoint; empty where it has no parameters.
    ///
    /// # Errors
    /// What does not fit, in words that follow the name of the layer.
    pub fn push(&mut self, module: impl Into<String>, layer: Layer) -> Result<(), String> {
        let input = self.shape;
        self.check(&layer).map_err(|what| format!("{what}, but {input} arrives"))?;
        self.shape = layer.output(input);
        self.parameters += layer.parameter_len(input) as u128;
        self.activations += len(self.shape);
        if self.parameters > MOST_NUMBERS || self.activations > MOST_NUMBERS {
            return Err(format!(
                "the network up to here has {} parameters and {} activations a sample; at most {MOST_NUMBERS} of each \
                 are possible",
                self.parameters, self.activations
            ));
        }
        self.append(module.into(), layer);
        Ok(())
    }

    fn check(&self, layer: &Layer) -> Result<(), String> {
        // A window or a layer whose numbers overflow is not looked at closer.
        let window = self.shape_numbers(layer);
        if window.iter().any(|&number| number > MOST_NUMBERS as f64) {
            return Err(format!("numbers up to {MOST_NUMBERS} are possible"));
        }
        match (Network { input: self.shape, layers: std::slice::from_ref(layer) }).check() {
            Ok(()) => Ok(()),
            Err(Error::Layer { needed, .. }) => Err(format!("it needs {needed}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What is multiplied where the output and the parameters of a layer are computed.
    fn shape_numbers(&self, layer: &Layer) -> Vec<f64> {
        // Products of what a user writes overflow every integer.
        let wide = |x: usize| x as f64;
        let edge = |kernel: usize, padding: usize, dilation: usize| {
            let longest = self.shape.height.max(self.shape.width);
            wide(longest) + 2.0 * wide(padding) + wide(kernel) * wide(dilation)
        };
        match *layer {
            Layer::Linear { outputs } => vec![wide(outputs) * (len(self.shape) as f64 + 1.0)],
            Layer::Convolution { outputs, kernel, padding, dilation, stride, groups, .. } => {
                let edge = edge(kernel, padding, dilation);
                let weights = wide(outputs) * (wide(self.shape.channels) * wide(kernel) * wide(kernel) + 1.0);
                vec![edge * edge, weights, wide(stride), wide(groups), wide(outputs) * edge * edge]
            }
            Layer::MaxPool { kernel, stride, padding } | Layer::AveragePool { kernel, stride, padding } => {
                let edge = edge(kernel, padding, 1);
                vec![edge * edge, wide(stride), wide(self.shape.channels) * edge * edge]
            }
            _ => vec![len(self.shape) as f64],
        }
    }

    /// Goes back to the output of layer `row`, where a second branch starts.
    pub fn branch(&mut self, row: usize, shape: Shape) {
        self.shape = shape;
        self.append(String::new(), Layer::Branch { back: self.len() - row });
    }

    /// Adds the output of layer `row`, of this shape.
    ///
    /// # Errors
    /// Another shape than that of the last layer.
    pub fn add(&mut self, row: usize, shape: Shape) -> Result<(), String> {
        if shape != self.shape {
            return Err(format!(
                "its branches end with the shapes {shape} and {}, which must be equal",
                self.shape
            ));
        }
        self.activations += len(shape);
        self.append(String::new(), Layer::Add { back: self.len() - row });
        Ok(())
    }

    fn append(&mut self, module: String, layer: Layer) {
        self.model.layers.push(layer);
        self.model.modules.push(module);
    }

    /// The network.
    pub fn finish(self) -> Model {
        self.model
    }
}

fn len(shape: Shape) -> u128 {
    shape.channels as u128 * shape.height as u128 * shape.width as u128
}

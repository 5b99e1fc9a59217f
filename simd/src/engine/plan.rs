//! From layers to fused blocks: where their parameters are in θ, and their lines in a panel.

use crate::floats::padded;
use valleys_core::error::Error;
use valleys_core::network::{Layer, Network};

/// A linear layer, with the ReLU that follows it.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Inputs I.
    pub inputs: usize,
    /// Outputs O.
    pub outputs: usize,
    /// Whether a ReLU follows.
    pub relu: bool,
    /// Offset in θ of W (O, I).
    pub weight: usize,
    /// Offset in θ of b (O).
    pub bias: usize,
    /// First line of its input among the activations of a panel.
    pub x: usize,
    /// First line of the gradient of its output (before the ReLU) among the gradients of a panel.
    pub dy: usize,
}

impl Block {
    /// Its weights and its biases in something that is laid out as θ is.
    pub fn split<'a>(&self, theta: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        let (weight, bias) = theta[self.weight..].split_at_mut(self.bias - self.weight);
        (weight, &mut bias[..self.outputs])
    }
}

/// The blocks of a network, first to last.
///
/// # Layout
/// A *panel* is [`LANES`](super::floats::LANES) samples. Its activations are the inputs of the blocks in order and
/// the logits, each (features, padded to whole lines; lanes); its gradients the outputs' in order, each (outputs,
/// lanes).
#[derive(Clone, Debug)]
pub struct Plan {
    /// The blocks.
    pub blocks: Vec<Block>,
    /// Number of parameters: the length of θ.
    pub dim: usize,
    /// Number of classes.
    pub classes: usize,
    /// First line of the logits among the activations of a panel.
    pub logits: usize,
    /// Lines of the activations of a panel.
    pub x_len: usize,
    /// Lines of the gradients of a panel.
    pub dy_len: usize,
}

impl Plan {
    /// The first element of θ after the first block's.
    pub fn mixed_from(&self) -> usize {
        self.blocks.get(1).map_or(self.dim, |block| block.weight)
    }

    /// Fuses the layers.
    ///
    /// # Errors
    /// No layer, a layer that is neither linear nor ReLU, or a ReLU that does not stand between two linear layers.
    pub fn new(network: &Network) -> Result<Self, Error> {
        let misplaced = Error::Range {
            what: "linear layers before and after a ReLU, and no others",
            least: 1,
            most: 1,
            given: 0,
        };
        let mut plan = Self {
            blocks: Vec::new(),
            dim: network.parameter_len(),
            classes: 0,
            logits: 0,
            x_len: 0,
            dy_len: 0,
        };
        for row in network.rows() {
            match row.layer {
                Layer::Linear { outputs } => {
                    let inputs = row.input.len();
                    let weight = row.parameter_offset;
                    let (x, dy, bias) = (plan.x_len, plan.dy_len, weight + inputs * outputs);
                    plan.blocks.push(Block { inputs, outputs, relu: false, weight, bias, x, dy });
                    plan.x_len += padded(inputs);
                    plan.dy_len += outputs;
                }
                Layer::Relu => match plan.blocks.last_mut() {
                    Some(block) if !block.relu => block.relu = true,
                    _ => return Err(misplaced),
                },
                _ => return Err(misplaced),
            }
        }
        plan.logits = plan.x_len;
        match plan.blocks.last() {
            Some(last) if !last.relu => plan.classes = last.outputs,
            _ => return Err(misplaced),
        }
        plan.x_len += padded(plan.classes);
        Ok(plan)
    }
}

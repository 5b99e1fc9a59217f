//! From the graph of a multilayer perceptron to the memory of its kernels.

use crate::floats::padded;
use valleys_core::error::Error;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::graph::{Op, OpKind};

/// A linear layer with the ReLU that is fused with it.
#[derive(Clone, Copy, Debug)]
pub struct LinearLayer {
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
    /// First line of the input among the activations of a sample tile.
    pub x: usize,
    /// First line of the gradient of the output (before the ReLU) among the gradients of a sample tile.
    pub dy: usize,
}

impl LinearLayer {
    /// The weights and the biases in a slice with the layout of θ.
    pub fn split<'a>(&self, theta: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        let (weight, bias) = theta[self.weight..].split_at_mut(self.bias - self.weight);
        (weight, &mut bias[..self.outputs])
    }
}

/// The layers of a multilayer perceptron, first to last.
///
/// # Layout
/// The activations of a sample tile are the inputs of the layers in order and the logits, each (features, padded to whole
/// lines; samples). The gradients are those of the layers' outputs in order, each (outputs, samples).
#[derive(Clone, Debug)]
pub struct MlpPlan {
    /// The layers.
    pub layers: Vec<LinearLayer>,
    /// Number of classes.
    pub classes: usize,
    /// First line of the logits among the activations of a sample tile.
    pub logits: usize,
    /// Lines of the activations of a sample tile.
    pub x_len: usize,
    /// Lines of the gradients of a sample tile.
    pub dy_len: usize,
}

impl MlpPlan {
    /// The plan of linear operations, the first of which reads value number `first` of the graph.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other operations, layers that do not form a chain, a ReLU after the last layer, and no
    /// layer.
    pub fn new(ops: &[Op], first: usize) -> Result<Self, Error> {
        let unsupported = |what| Err(Error::Unsupported { what });
        let mut plan = Self { layers: Vec::new(), classes: 0, logits: 0, x_len: 0, dy_len: 0 };
        for (op, value) in ops.iter().zip(first..) {
            if op.kind != OpKind::Linear {
                return unsupported(
                    "a layer after a linear one that is neither linear nor a ReLU between two of them",
                );
            }
            if op.input != value {
                return unsupported("linear layers that do not form a chain");
            }
            let (inputs, outputs) = (op.input_shape.len(), op.output_shape.len());
            let (weight, bias, relu) = (op.weight().start, op.bias().start, op.activation.is_some());
            if op.activation.is_some_and(|activation| activation != Activation::Relu) {
                return unsupported("an activation other than ReLU");
            }
            let (x, dy) = (plan.x_len, plan.dy_len);
            plan.layers.push(LinearLayer { inputs, outputs, relu, weight, bias, x, dy });
            plan.x_len += padded(inputs);
            plan.dy_len += outputs;
        }
        match plan.layers.last() {
            None => return unsupported("a network whose last layer is not linear"),
            Some(last) if last.relu => return unsupported("a ReLU after the last linear layer"),
            Some(last) => plan.classes = last.outputs,
        }
        plan.logits = plan.x_len;
        plan.x_len += padded(plan.classes);
        Ok(plan)
    }

    /// Offset in θ of the first parameter after those of the first layer.
    pub fn second_layer(&self) -> usize {
        self.layers[0].bias + self.layers[0].outputs
    }
}

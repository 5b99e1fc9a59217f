//! From the graph of a multilayer perceptron to the memory of its kernels.

use crate::floats::padded;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::graph::{Graph, Op, OpKind};

/// A linear layer with what is done to its outputs.
#[derive(Clone, Copy, Debug)]
pub struct LinearLayer {
    /// Inputs I.
    pub inputs: usize,
    /// Outputs O.
    pub outputs: usize,
    /// Offset in θ of W (O, I).
    pub weight: usize,
    /// Offset in θ of b (O).
    pub bias: usize,
    /// First line of the input among the activations of a sample tile.
    pub x: usize,
    /// First line of the gradient of the output (before the activation) among the gradients of a sample tile.
    pub dy: usize,
    /// The activation behind it.
    pub activation: Option<Activation>,
    /// First line of the sums before the activation, where its derivative is no function of its output.
    pub z: Option<usize>,
    /// Dropout behind the activation: its row in the network, and its probability.
    pub dropout: Option<(usize, f32)>,
}

impl LinearLayer {
    /// The weights and the biases in a slice with the layout of θ.
    pub fn split<'a>(&self, theta: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        let (weight, bias) = theta[self.weight..].split_at_mut(self.bias - self.weight);
        (weight, &mut bias[..self.outputs])
    }

    /// Whether the kernels of the layer include all that follows it: a ReLU, or nothing.
    pub fn is_fused(&self) -> bool {
        self.dropout.is_none() && matches!(self.activation, None | Some(Activation::Relu))
    }

    /// Whether its kernels include a ReLU.
    pub fn relu(&self) -> bool {
        self.activation == Some(Activation::Relu)
    }
}

/// The layers of a multilayer perceptron, first to last; none where the samples are the outputs.
///
/// # Layout
/// The activations of a sample tile are the inputs of the layers in order and the outputs of the last, each (features,
/// padded to whole lines; samples). The gradients are those of the layers' outputs in order, each (outputs, samples); those
/// of the samples where there are no layers.
#[derive(Clone, Debug)]
pub struct MlpPlan {
    /// The layers.
    pub layers: Vec<LinearLayer>,
    /// Numbers of a sample.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// First line of the outputs among the activations of a sample tile.
    pub y: usize,
    /// Lines of the activations of a sample tile.
    pub x_len: usize,
    /// Lines of the gradients of a sample tile.
    pub dy_len: usize,
    /// Lines of the sums before activations.
    pub z_len: usize,
}

impl MlpPlan {
    /// The plan of the longest chain of linear layers, activations and dropout at the end of a graph, and the number of
    /// operations before it.
    pub fn of_end(graph: &Graph<Vec<Op>>) -> (Self, usize) {
        let ops = graph.ops();
        let mut split = ops.len();
        let mut at = ops.len();
        // Going back, an activation or dropout waits for the linear layer before it.
        let (mut dropout, mut activation) = (false, false);
        while let Some(number) = at.checked_sub(1) {
            let op = &ops[number];
            let is_last = number + 1 == ops.len();
            let mut readers = graph.readers(number + 1);
            let alone = readers.next() == (!is_last).then_some(number + 1) && readers.next().is_none();
            if !alone || op.residual.is_some() {
                break;
            }
            match op.kind {
                OpKind::Linear if op.activation.is_none() || !activation => {
                    split = number;
                    (dropout, activation) = (false, false);
                }
                OpKind::Dropout { .. } if !dropout && !activation && op.input == number => dropout = true,
                OpKind::Elementwise if op.activation.is_some() && !activation && op.input == number => {
                    activation = true;
                }
                _ => break,
            }
            if op.input != number {
                break;
            }
            at = number;
        }
        let features = match ops.get(split) {
            Some(first) => first.input_shape.len(),
            None => graph.outputs(),
        };
        (Self::new(features, &ops[split..]), split)
    }

    /// The plan of a chain.
    fn new(inputs: usize, ops: &[Op]) -> Self {
        let mut plan =
            Self { layers: Vec::new(), inputs, outputs: inputs, y: 0, x_len: 0, dy_len: 0, z_len: 0 };
        for op in ops {
            match (op.kind, plan.layers.last_mut()) {
                (OpKind::Dropout { probability }, Some(layer)) => {
                    layer.dropout = Some((op.rows[0], probability));
                }
                (OpKind::Elementwise, Some(layer)) => layer.activation = op.activation,
                _ => {
                    plan.outputs = op.output_shape.len();
                    plan.layers.push(LinearLayer {
                        inputs: op.input_shape.len(),
                        outputs: plan.outputs,
                        weight: op.weight().start,
                        bias: op.bias().start,
                        x: plan.x_len,
                        dy: plan.dy_len,
                        activation: op.activation,
                        z: None,
                        dropout: None,
                    });
                    plan.x_len += padded(op.input_shape.len());
                    plan.dy_len += plan.outputs;
                }
            }
        }
        for layer in &mut plan.layers {
            if layer.activation.is_some_and(|activation| !activation.derives_from_output()) {
                layer.z = Some(plan.z_len);
                plan.z_len += layer.outputs;
            }
        }
        plan.y = plan.x_len;
        plan.x_len += padded(plan.outputs);
        plan.dy_len = plan.dy_len.max(plan.outputs);
        plan
    }

    /// Offset in θ of the first parameter after those of the first layer.
    pub fn second_layer(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.bias + layer.outputs)
    }
}

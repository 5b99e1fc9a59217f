//! Linear layers before the head: the kernels of multilayer perceptrons, on all samples of a tile.

use super::plan::LinearOp;
use super::sample_group::{PassInput, SampleGroup};
use crate::engine::mlp;
use crate::floats::{AlignedFloats, Line};

/// Memory for the inputs and the outputs of the largest layer.
#[derive(Debug)]
pub struct LinearMemory {
    /// Inputs, (features, samples).
    x: AlignedFloats,
    /// Inputs transposed, (features / 32, samples, 32 features).
    rows: AlignedFloats,
    /// Outputs, or their gradient.
    y: AlignedFloats,
}

impl LinearMemory {
    /// For so many lines of inputs and of outputs.
    pub fn new([inputs, outputs]: [usize; 2]) -> Self {
        Self {
            x: AlignedFloats::of_lines(inputs),
            rows: AlignedFloats::of_lines(inputs),
            y: AlignedFloats::of_lines(outputs),
        }
    }

    /// y = f(W x + b).
    pub fn forward(&mut self, input: &PassInput, op: &LinearOp, groups: &mut [SampleGroup; 2]) {
        let (x, y) = (&mut self.x.lines_mut()[..op.inputs], &mut self.y.lines_mut()[..op.outputs]);
        SampleGroup::gather(groups, op.x, x);
        let (weight, bias) = (&input.pass.theta[op.weight.clone()], &input.pass.theta[op.bias.clone()]);
        mlp::linear_forward(input.pass.level, weight, bias, x, y);
        SampleGroup::scatter(groups, op.y, false, y);
        groups.iter_mut().for_each(|group| group.activate(input, op.activation, op.y));
    }

    /// Gradients of W, b and x. Those of W and b, which no other samples of the tile have a part in, are overwritten.
    pub fn backward(
        &mut self,
        input: &PassInput,
        op: &LinearOp,
        groups: &mut [SampleGroup; 2],
        gradient: &mut [f32],
    ) {
        groups.iter_mut().for_each(|group| group.differentiate(input, op.activation, op.y, op.dy));
        let level = input.pass.level;
        let dy = &mut self.y.lines_mut()[..op.outputs];
        SampleGroup::gather(groups, op.dy, dy);
        let x: &mut [Line] = self.x.lines_mut();
        SampleGroup::gather(groups, op.x, &mut x[..op.inputs]);
        // Lines behind the inputs are read, but not used: they may not be what makes a number of no value.
        x[op.inputs..].iter_mut().for_each(|x| x.fill(0.0));
        let (weight, bias) = gradient[op.weight.start..op.bias.end].split_at_mut(op.weight.len());
        mlp::linear_weight_gradient(level, x, dy, self.rows.lines_mut(), weight, bias);
        if let Some(to) = op.dx {
            let dx = &mut x[..op.inputs];
            mlp::linear_data_gradient(level, &input.pass.theta[op.weight.clone()], dy, dx);
            SampleGroup::scatter(groups, to.buffer, to.add, dx);
        }
    }
}

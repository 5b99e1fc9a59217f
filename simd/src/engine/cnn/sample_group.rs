//! A sample group: up to 16 samples, and their way through the operations before the linear layers.

use super::batch_norm::{self, Channel, Moments};
use super::convolution::Epilogue;
use super::plan::{CnnPlan, Kernels, Operation, SimpleKind, SimpleOp};
use super::planes::{GROUP_LEN, ImageBuffer, Pixel};
use super::stages::Instruction;
use super::weight_gradient::add_bias_gradient;
use super::{elementwise, layer_norm, pool, window_pool};
use crate::engine::elementwise::Dropper;
use crate::engine::mlp::Pass;
use crate::engine::samples::SampleReader;
use crate::floats::{AlignedFloats, Line};
use valleys_core::kernels::Window;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::dropout::Mask;

/// What all sample tiles read.
#[derive(Clone, Copy)]
pub struct PassInput<'a> {
    /// Instruction set, criterion, point.
    pub pass: Pass<'a>,
    /// Whether dropout drops elements.
    pub drops: bool,
    /// The plan.
    pub plan: &'a CnnPlan,
    /// The samples.
    pub reader: SampleReader<'a>,
    /// The packed weights of all convolutions at this point.
    pub packed: &'a [f32],
    /// How the channels of all batch norms are normalised.
    pub channels: &'a [Channel],
    /// The products of the convolution of a batch at hand, (places, outputs, groups, tiles).
    pub products: &'a [Pixel],
    /// Groups of the batch.
    pub groups: usize,
}

/// The buffers of up to [`GROUP_LEN`] samples.
#[derive(Debug)]
pub struct SampleGroup {
    /// See [`CnnPlan::buffers`].
    buffers: Vec<ImageBuffer>,
    /// Number of samples.
    count: usize,
    /// Number of the first sample in the batch.
    first: usize,
    /// 1 for each sample, then 0.
    used: Pixel,
    /// Inputs of the convolution of a batch at hand, transformed; gradients of its outputs, transformed for the gradient of
    /// the weights, and for that of the inputs.
    transformed: [AlignedFloats; 3],
    /// Moments of the inputs of all batch norms.
    pub moments: Vec<Moments>,
    /// Sums of the gradients of all batch norms; see [`batch_norm::sums`].
    pub sums: Vec<[f64; 2]>,
}

impl SampleGroup {
    /// Memory for a group.
    pub fn new(plan: &CnnPlan) -> Self {
        Self {
            buffers: plan.buffers.iter().map(|&planes| ImageBuffer::new(planes)).collect(),
            count: 0,
            first: 0,
            used: [0.0; GROUP_LEN],
            transformed: [0, 1, 1].map(|i| AlignedFloats::new(plan.transformed_len[i] * GROUP_LEN)),
            moments: vec![Moments::default(); plan.channels],
            sums: vec![[0.0; 2]; plan.channels],
        }
    }

    /// Takes a number of samples, from number `first` of the batch on, and forgets all sums.
    pub fn reset(&mut self, count: usize, first: usize) {
        (self.count, self.first) = (count, first);
        self.used = std::array::from_fn(|i| if i < count { 1.0 } else { 0.0 });
        self.moments.fill(Moments::default());
        self.sums.fill([0.0; 2]);
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Copies a buffer of both groups of a tile to lines, one for each number of a sample.
    pub fn gather(groups: &[Self; 2], buffer: usize, to: &mut [Line]) {
        for (i, group) in groups.iter().enumerate() {
            if group.is_empty() {
                // What an earlier pass left may not be finite, and 0 times that is not 0.
                to.iter_mut().for_each(|to| to.as_chunks_mut::<GROUP_LEN>().0[i].fill(0.0));
                continue;
            }
            let (from, planes) = group.buffers[buffer].view();
            let from = planes.all_rows().flat_map(|row| &from[row]);
            to.iter_mut().zip(from).for_each(|(to, from)| to.as_chunks_mut().0[i] = *from);
        }
    }

    /// Copies lines to a buffer of both groups of a tile, or adds them.
    pub fn scatter(groups: &mut [Self; 2], buffer: usize, add: bool, from: &[Line]) {
        for (i, group) in groups.iter_mut().enumerate() {
            let (to, planes) = group.buffers[buffer].view_mut();
            let mut from = from.iter().map(|from| from.as_chunks::<GROUP_LEN>().0[i]);
            for row in planes.all_rows() {
                for (to, from) in to[row].iter_mut().zip(&mut from) {
                    if add {
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    } else {
                        *to = from;
                    }
                }
            }
        }
    }

    /// Reads the chosen samples, at most [`GROUP_LEN`]; the others become 0. `augmented` is memory for one sample.
    pub fn read(&mut self, input: &PassInput, chosen: &[u32], augmented: &mut [f32]) {
        let (to, planes) = self.buffers[input.plan.input].view_mut();
        for lane in 0..GROUP_LEN {
            let image = chosen.get(lane).map(|&sample| input.reader.input(sample, augmented));
            for (i, row) in planes.all_rows().enumerate() {
                match image {
                    Some(image) => {
                        let image = &image[i * planes.width..][..planes.width];
                        to[row].iter_mut().zip(image).for_each(|(to, &x)| to[lane] = x);
                    }
                    None => to[row].iter_mut().for_each(|to| to[lane] = 0.0),
                }
            }
        }
    }

    /// Executes an instruction on an operation. Gradients of parameters are added to `gradient`, which has the layout of θ.
    pub fn execute(
        &mut self,
        input: &PassInput,
        instruction: Instruction,
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        let PassInput { pass: Pass { level, .. }, plan, channels, .. } = *input;
        match instruction {
            Instruction::Forward(i) => self.forward(input, &plan.ops[i], scratch),
            Instruction::Backward(i) => self.backward(input, &plan.ops[i], gradient, scratch),
            Instruction::Moments(i) => {
                let Operation::BatchNorm(op) = &plan.ops[i] else { return };
                let moments = &mut self.moments[op.channels.clone()];
                batch_norm::moments(level, self.buffers[op.z].view(), self.count, moments);
            }
            Instruction::Sums(i) => {
                let Operation::BatchNorm(op) = &plan.ops[i] else { return };
                if !op.relu() {
                    self.differentiate(input, op.activation, op.y, op.dy);
                }
                let [z, y, dy] = several(&mut self.buffers, [op.z, op.y, op.dy]);
                let (channels, sums) = (&channels[op.channels.clone()], &mut self.sums[op.channels.clone()]);
                let y = op.relu().then_some(y.view());
                batch_norm::sums(level, channels, z.view(), y, dy.view_mut(), sums);
            }
            Instruction::Transform(i) => {
                let Some((op, pair)) = plan.ops[i].batched() else { return };
                let to = self.transformed[0].get_mut().as_chunks_mut().0;
                pair.forward.transform(level, self.buffers[op.x].view(), to);
            }
            Instruction::Inverse(i) => {
                let Some((op, pair)) = plan.ops[i].batched() else { return };
                let relu = op.activation == Some(Activation::Relu);
                let bias = &input.pass.theta[op.bias.clone()];
                let epilogue = Epilogue { bias, relu, add: false };
                let of = (self.first / GROUP_LEN, input.groups);
                let y = self.buffers[op.y].view_mut();
                pair.forward.inverse(level, input.products, of, y, &epilogue);
                if !relu {
                    self.activate(input, op.activation, op.y);
                }
            }
            Instruction::TransformBackward(i) => {
                let Some((op, pair)) = plan.ops[i].batched() else { return };
                self.differentiate(input, op.activation, op.y, op.dy);
                let (x, dy) = (self.buffers[op.x].view(), self.buffers[op.dy].view());
                add_bias_gradient(level, dy, &mut gradient[op.bias.clone()]);
                let [of_x, of_dy, of_inputs] =
                    self.transformed.each_mut().map(|to| to.get_mut().as_chunks_mut().0);
                pair.forward.transform(level, x, of_x);
                pair.forward.transform_gradient(level, dy, of_dy);
                if let Some(backward) = &pair.backward {
                    backward.transform(level, dy, of_inputs);
                }
            }
            Instruction::InverseBackward(i) => {
                let Some((op, pair)) = plan.ops[i].batched() else { return };
                let (Some(backward), Some(to)) = (&pair.backward, op.dx) else { return };
                let epilogue = Epilogue { bias: &[], relu: false, add: to.add };
                let of = (self.first / GROUP_LEN, input.groups);
                let dx = self.buffers[to.buffer].view_mut();
                backward.inverse(level, input.products, of, dx, &epilogue);
            }
            // Those of a tile.
            _ => {}
        }
    }

    /// What the last instruction transformed; see [`SampleGroup::transformed`].
    pub fn transformed(&self, number: usize) -> &[Pixel] {
        self.transformed[number].get().as_chunks().0
    }

    fn forward(&mut self, input: &PassInput, op: &Operation, scratch: &mut [Pixel]) {
        let PassInput { pass: Pass { level, theta, .. }, packed, channels, .. } = *input;
        match op {
            Operation::Convolution(op) => {
                let Kernels::OfGroup { forward, .. } = &op.kernels else { return };
                let [x, y] = several(&mut self.buffers, [op.x, op.y]);
                let relu = op.activation == Some(Activation::Relu);
                let epilogue = Epilogue { bias: &theta[op.bias.clone()], relu, add: false };
                forward.run(level, packed, x.view(), y.view_mut(), epilogue, scratch);
                if !relu {
                    self.activate(input, op.activation, op.y);
                }
            }
            Operation::BatchNorm(op) => {
                let channels = &channels[op.channels.clone()];
                // A residual that is the input, too, is added apart.
                let fused = op.residual.filter(|&residual| residual != op.z);
                let relu = op.relu() && (fused.is_some() || op.residual.is_none());
                if let Some(residual) = fused {
                    let [z, residual, y] = several(&mut self.buffers, [op.z, residual, op.y]);
                    let residual = Some(residual.view());
                    batch_norm::forward(level, channels, z.view(), residual, y.view_mut(), relu);
                } else {
                    let [z, y] = several(&mut self.buffers, [op.z, op.y]);
                    batch_norm::forward(level, channels, z.view(), None, y.view_mut(), relu);
                    if let Some(residual) = op.residual {
                        self.transfer(input, true, residual, op.y);
                    }
                }
                if !relu {
                    self.activate(input, op.activation, op.y);
                }
            }
            Operation::Simple(op) => self.simple_forward(input, op),
            Operation::Linear(_) => {}
        }
    }

    fn simple_forward(&mut self, input: &PassInput, op: &SimpleOp) {
        let level = input.pass.level;
        let [x, y] = several(&mut self.buffers, [op.x, op.y]);
        let (x, y) = (x.view(), y.view_mut());
        match &op.kind {
            &SimpleKind::Activation(activation) => {
                elementwise::transfer(level, false, x, (&mut *y.0, y.1));
                elementwise::activate(level, activation, y);
            }
            &SimpleKind::Sum { residual, activation, .. } => {
                elementwise::transfer(level, false, x, y);
                self.transfer(input, true, residual, op.y);
                self.activate(input, activation, op.y);
            }
            &SimpleKind::Dropout { row, probability } if input.drops => {
                let mask = Mask::new(input.pass.step, row, probability);
                let dropper = Dropper::new(mask, self.first as u32, x.1.sample_len());
                elementwise::drop_elements(level, &dropper, false, x, y);
            }
            SimpleKind::Dropout { .. } => elementwise::transfer(level, false, x, y),
            SimpleKind::LayerNorm(parameters) => {
                layer_norm::forward(level, &input.pass.theta[parameters.clone()], x, y);
            }
            &SimpleKind::MaxPool(window) => match adjacent(&window) {
                true => pool::max(level, window.kernel, x, y),
                false => window_pool::max(level, &window, x, y),
            },
            SimpleKind::AveragePool(window) => {
                window_pool::average(level, window, x, y);
            }
            SimpleKind::GlobalAveragePool => pool::average(level, x, y),
        }
    }

    fn backward(&mut self, input: &PassInput, op: &Operation, gradient: &mut [f32], scratch: &mut [Pixel]) {
        let PassInput { pass: Pass { level, .. }, packed, channels, .. } = *input;
        match op {
            Operation::Convolution(op) => {
                let Kernels::OfGroup { forward, backward } = &op.kernels else { return };
                self.differentiate(input, op.activation, op.y, op.dy);
                let (x, dy) = (self.buffers[op.x].view(), self.buffers[op.dy].view());
                let weights = &mut gradient[op.weight.clone()];
                forward.add_gradient(level, &op.window, x, dy, weights, scratch);
                add_bias_gradient(level, dy, &mut gradient[op.bias.clone()]);
                if let Some(to) = op.dx {
                    let [dy, dx] = several(&mut self.buffers, [op.dy, to.buffer]);
                    for part in backward {
                        let epilogue = Epilogue { bias: &[], relu: false, add: to.add };
                        part.run(level, packed, dy.view(), dx.view_mut(), epilogue, scratch);
                    }
                }
            }
            Operation::BatchNorm(op) => {
                if let Some(to) = op.dz {
                    let [z, g, dz] = several(&mut self.buffers, [op.z, op.dy, to.buffer]);
                    let channels = &channels[op.channels.clone()];
                    let (z, g, dz) = (z.view(), g.view(), dz.view_mut());
                    batch_norm::backward(level, channels, &self.used, to.add, z, g, dz);
                }
                if let Some(to) = op.residual_gradient {
                    self.transfer(input, to.add, op.dy, to.buffer);
                }
            }
            Operation::Simple(op) => self.simple_backward(input, op, gradient),
            Operation::Linear(_) => {}
        }
    }

    fn simple_backward(&mut self, input: &PassInput, op: &SimpleOp, gradient: &mut [f32]) {
        let level = input.pass.level;
        match &op.kind {
            &SimpleKind::Activation(activation) => {
                let of = if activation.derives_from_output() { op.y } else { op.x };
                self.differentiate(input, Some(activation), of, op.dy);
            }
            &SimpleKind::Sum { activation, .. } => self.differentiate(input, activation, op.y, op.dy),
            SimpleKind::LayerNorm(parameters) => {
                let gamma = &input.pass.theta[parameters.clone()][..parameters.len() / 2];
                let gradient = &mut gradient[parameters.clone()];
                let add = op.dx.is_some_and(|to| to.add);
                match op.dx {
                    Some(to) => {
                        let [x, dy, dx] = several(&mut self.buffers, [op.x, op.dy, to.buffer]);
                        let (x, dy, dx) = (x.view(), dy.view(), Some(dx.view_mut()));
                        layer_norm::backward(level, gamma, add, x, dy, gradient, dx);
                    }
                    None => {
                        let (x, dy) = (self.buffers[op.x].view(), self.buffers[op.dy].view());
                        layer_norm::backward(level, gamma, add, x, dy, gradient, None);
                    }
                }
                return;
            }
            _ => {}
        }
        if let Some(to) = op.dx {
            let add = to.add;
            let [x, y, dy, dx] = several(&mut self.buffers, [op.x, op.y, op.dy, to.buffer]);
            let (x, y, dy, dx) = (x.view(), y.view(), dy.view(), dx.view_mut());
            match op.kind {
                SimpleKind::Activation(_) | SimpleKind::Sum { .. } => {
                    elementwise::transfer(level, add, dy, dx);
                }
                SimpleKind::Dropout { row, probability } => {
                    let mask = Mask::new(input.pass.step, row, probability);
                    let dropper = Dropper::new(mask, self.first as u32, x.1.sample_len());
                    elementwise::drop_elements(level, &dropper, add, dy, dx);
                }
                SimpleKind::MaxPool(window) if adjacent(&window) && !add => {
                    pool::max_backward(level, window.kernel, x, y, dy, dx);
                }
                SimpleKind::MaxPool(window) => {
                    window_pool::max_backward(level, &window, add, [x, y], dy, dx);
                }
                SimpleKind::AveragePool(window) => {
                    window_pool::average_backward(level, &window, add, dy, dx);
                }
                SimpleKind::GlobalAveragePool => pool::average_backward(add, dy, dx),
                SimpleKind::LayerNorm(_) => {}
            }
        }
        if let SimpleKind::Sum { gradient: Some(to), .. } = op.kind {
            self.transfer(input, to.add, op.dy, to.buffer);
        }
    }

    /// y ← f(y).
    pub fn activate(&mut self, input: &PassInput, activation: Option<Activation>, y: usize) {
        if let Some(activation) = activation {
            elementwise::activate(input.pass.level, activation, self.buffers[y].view_mut());
        }
    }

    /// dy ← dy · f'.
    pub fn differentiate(&mut self, input: &PassInput, activation: Option<Activation>, of: usize, dy: usize) {
        let Some(activation) = activation else { return };
        let [of, dy] = several(&mut self.buffers, [of, dy]);
        elementwise::differentiate(input.pass.level, activation, of.view(), dy.view_mut());
    }

    /// Copies a buffer to another, or adds it.
    fn transfer(&mut self, input: &PassInput, add: bool, from: usize, to: usize) {
        let [from, to] = several(&mut self.buffers, [from, to]);
        elementwise::transfer(input.pass.level, add, from.view(), to.view_mut());
    }
}

/// Whether windows are next to each other: no element belongs to two, none to the padding.
fn adjacent(window: &Window) -> bool {
    window.kernel == window.stride && window.padding == 0
}

/// Different buffers.
fn several<const N: usize>(buffers: &mut [ImageBuffer], numbers: [usize; N]) -> [&mut ImageBuffer; N] {
    buffers.get_disjoint_mut(numbers).expect("the buffers of an operation are different")
}

//! A sample group: up to 16 samples, and their way through the operations before the linear layers.

use super::batch_norm::{self, Channel, Moments};
use super::convolution::Epilogue;
use super::plan::{CnnPlan, Operation};
use super::planes::{GROUP_LEN, ImageBuffer, Pixel};
use super::stages::Instruction;
use super::weight_gradient::add_bias_gradient;
use super::{pool, relu};
use crate::engine::samples::SampleReader;
use fearless_simd::Level;

/// What all sample tiles read.
#[derive(Clone, Copy)]
pub struct PassInput<'a> {
    /// Instruction set.
    pub level: Level,
    /// The plan.
    pub plan: &'a CnnPlan,
    /// The samples.
    pub reader: SampleReader<'a>,
    /// The point.
    pub theta: &'a [f32],
    /// The packed weights of all convolutions at this point.
    pub packed: &'a [f32],
    /// How the channels of all batch norms are normalised.
    pub channels: &'a [Channel],
    /// One over the number of samples of the batch.
    pub share: f32,
}

/// The buffers of up to [`GROUP_LEN`] samples.
#[derive(Debug)]
pub struct SampleGroup {
    /// See [`CnnPlan::buffers`].
    buffers: Vec<ImageBuffer>,
    /// Number of samples.
    count: usize,
    /// 1 for each sample, then 0.
    used: Pixel,
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
            used: [0.0; GROUP_LEN],
            moments: vec![Moments::default(); plan.channels],
            sums: vec![[0.0; 2]; plan.channels],
        }
    }

    /// Takes a number of samples, and forgets all sums.
    pub fn reset(&mut self, count: usize) {
        self.count = count;
        self.used = std::array::from_fn(|i| if i < count { 1.0 } else { 0.0 });
        self.moments.fill(Moments::default());
        self.sums.fill([0.0; 2]);
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A buffer of the plan.
    pub fn buffer(&self, number: usize) -> &ImageBuffer {
        &self.buffers[number]
    }

    /// A buffer of the plan, to write.
    pub fn buffer_mut(&mut self, number: usize) -> &mut ImageBuffer {
        &mut self.buffers[number]
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
        let PassInput { level, plan, channels, .. } = *input;
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
                let [z, y, dy] = several(&mut self.buffers, [op.z, op.y, op.dy]);
                let (channels, sums) = (&channels[op.channels.clone()], &mut self.sums[op.channels.clone()]);
                let y = op.relu.then_some(y.view());
                batch_norm::sums(level, channels, z.view(), y, dy.view_mut(), sums);
            }
            Instruction::Read | Instruction::Head | Instruction::Scores => {}
        }
    }

    fn forward(&mut self, input: &PassInput, op: &Operation, scratch: &mut [Pixel]) {
        let PassInput { level, theta, packed, channels, .. } = *input;
        match op {
            Operation::Convolution(op) => {
                let [x, y] = several(&mut self.buffers, [op.x, op.y]);
                let epilogue = Epilogue { bias: &theta[op.bias.clone()], relu: op.relu, add: false };
                op.forward.run(level, packed, x.view(), y.view_mut(), epilogue, scratch);
            }
            Operation::BatchNorm(op) => {
                let channels = &channels[op.channels.clone()];
                if let Some(residual) = op.residual {
                    let [z, residual, y] = several(&mut self.buffers, [op.z, residual, op.y]);
                    let residual = Some(residual.view());
                    batch_norm::forward(level, channels, z.view(), residual, y.view_mut(), op.relu);
                } else {
                    let [z, y] = several(&mut self.buffers, [op.z, op.y]);
                    batch_norm::forward(level, channels, z.view(), None, y.view_mut(), op.relu);
                }
            }
            &Operation::MaxPool { edge, x, y, .. } => {
                let [x, y] = several(&mut self.buffers, [x, y]);
                pool::max(level, edge, x.view(), y.view_mut());
            }
            &Operation::AveragePool { x, y, .. } => {
                let [x, y] = several(&mut self.buffers, [x, y]);
                pool::average(level, x.view(), y.view_mut());
            }
        }
    }

    fn backward(&mut self, input: &PassInput, op: &Operation, gradient: &mut [f32], scratch: &mut [Pixel]) {
        let PassInput { level, packed, channels, .. } = *input;
        match op {
            Operation::Convolution(op) => {
                if op.relu {
                    let [y, dy] = several(&mut self.buffers, [op.y, op.dy]);
                    relu::backward(level, y.view(), dy.view_mut());
                }
                let (x, dy) = (self.buffers[op.x].view(), self.buffers[op.dy].view());
                let weights = &mut gradient[op.weight.clone()];
                op.forward.add_gradient(level, &op.window, x, dy, weights, scratch);
                add_bias_gradient(level, dy, &mut gradient[op.bias.clone()]);
                if let Some(at) = op.dx {
                    let [dy, dx] = several(&mut self.buffers, [op.dy, at]);
                    for part in &op.backward {
                        let epilogue = Epilogue { bias: &[], relu: false, add: op.add };
                        part.run(level, packed, dy.view(), dx.view_mut(), epilogue, scratch);
                    }
                }
            }
            Operation::BatchNorm(op) => {
                let [z, g, dz] = several(&mut self.buffers, [op.z, op.dy, op.dz]);
                let channels = &channels[op.channels.clone()];
                batch_norm::backward(level, channels, &self.used, z.view(), g.view(), dz.view_mut());
            }
            &Operation::MaxPool { edge, x, y, dx, dy } => {
                let [x, y, dx, dy] = several(&mut self.buffers, [x, y, dx, dy]);
                pool::max_backward(level, edge, x.view(), y.view(), dy.view(), dx.view_mut());
            }
            &Operation::AveragePool { dx, dy, .. } => {
                let [dx, dy] = several(&mut self.buffers, [dx, dy]);
                pool::average_backward(dy.view(), dx.view_mut());
            }
        }
    }
}

/// Different buffers.
fn several<const N: usize>(buffers: &mut [ImageBuffer], numbers: [usize; N]) -> [&mut ImageBuffer; N] {
    buffers.get_disjoint_mut(numbers).expect("the buffers of an operation are different")
}

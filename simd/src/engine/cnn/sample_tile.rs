//! A sample tile: two sample groups, which are together in linear layers.

use super::linear::LinearMemory;
use super::plan::{CnnPlan, Operation};
use super::planes::{GROUP_LEN, Pixel};
use super::sample_group::{PassInput, SampleGroup};
use super::stages::Instruction;
use crate::engine::mlp::{self, weight_gradient};
use crate::floats::{AlignedFloats, LINE_LEN};
use valleys_core::network::Scores;

/// The memory of up to [`LINE_LEN`] samples.
#[derive(Debug)]
pub struct SampleTile {
    groups: [SampleGroup; 2],
    head: mlp::SampleTile,
    linear: LinearMemory,
    /// The contribution of the samples to the gradient.
    pub gradient: AlignedFloats,
    /// Sums over the samples.
    pub scores: Scores,
    chosen: Vec<u32>,
    /// Number of the first sample in the batch.
    first: usize,
    /// Memory for one augmented sample.
    augmented: Vec<f32>,
    /// Scratch memory of convolutions.
    scratch: AlignedFloats,
}

impl SampleTile {
    /// Memory for a tile; `gradient_len` elements of gradient, `values` targets of a sample that are numbers.
    pub fn new(plan: &CnnPlan, gradient_len: usize, values: usize) -> Self {
        Self {
            groups: [SampleGroup::new(plan), SampleGroup::new(plan)],
            head: mlp::SampleTile::new(plan.head.clone(), values),
            linear: LinearMemory::new(plan.linear_len),
            gradient: AlignedFloats::new(gradient_len),
            scores: Scores::default(),
            chosen: Vec::with_capacity(LINE_LEN),
            first: 0,
            augmented: vec![0.0; plan.buffers[plan.input].sample_len()],
            scratch: AlignedFloats::new(plan.scratch_len * GROUP_LEN),
        }
    }

    /// The groups, in the order of their samples.
    pub fn groups(&self) -> &[SampleGroup] {
        &self.groups
    }

    /// The outputs of the last pass; see [`mlp::SampleTile::write_outputs`].
    pub fn write_outputs(&self, to: &mut [f32]) {
        self.head.write_outputs(to);
    }

    /// Takes samples, at most [`LINE_LEN`], from number `first` of the batch on, and forgets all sums.
    pub fn choose(&mut self, chosen: &[u32], first: usize) {
        self.first = first;
        self.chosen.clear();
        self.chosen.extend_from_slice(chosen);
        for (i, group) in self.groups.iter_mut().enumerate() {
            let at = i * GROUP_LEN;
            group.reset(chosen.len().saturating_sub(at).min(GROUP_LEN), first + at);
        }
        self.scores = Scores::default();
    }

    /// Executes a stage. Between instructions for both groups, the first group goes first.
    pub fn execute(&mut self, input: &PassInput, stage: &[Instruction]) {
        for part in stage.split_inclusive(|instruction| instruction.is_joint()) {
            for i in 0..2 {
                for &instruction in part.iter().filter(|instruction| !instruction.is_joint()) {
                    match instruction {
                        Instruction::Read => self.read(input, i),
                        _ if self.groups[i].is_empty() => {}
                        _ => {
                            let scratch: &mut [Pixel] = self.scratch.get_mut().as_chunks_mut().0;
                            let gradient = self.gradient.get_mut();
                            self.groups[i].execute(input, instruction, gradient, scratch);
                        }
                    }
                }
            }
            match part.last() {
                Some(Instruction::Head) => self.head(input),
                Some(Instruction::Scores) => self.head_scores(input),
                Some(&Instruction::Linear(i)) => {
                    let Operation::Linear(op) = &input.plan.ops[i] else { continue };
                    self.linear.forward(input, op, &mut self.groups);
                }
                Some(&Instruction::LinearBackward(i)) => {
                    let Operation::Linear(op) = &input.plan.ops[i] else { continue };
                    self.linear.backward(input, op, &mut self.groups, self.gradient.get_mut());
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, input: &PassInput, i: usize) {
        if i == 0 {
            // The others stay 0.
            let gradient = self.gradient.get_mut();
            input.plan.of_tiles.iter().for_each(|range| gradient[range.clone()].fill(0.0));
        }
        let chosen = self.chosen.chunks(GROUP_LEN).nth(i).unwrap_or(&[]);
        self.groups[i].read(input, chosen, &mut self.augmented);
    }

    /// Copies the inputs of the head, and the targets.
    fn read_head(&mut self, input: &PassInput) {
        let x = self.head.inputs_mut(&input.reader, &self.chosen, self.first);
        SampleGroup::gather(&self.groups, input.plan.output, x);
    }

    /// The head, forward only.
    fn head_scores(&mut self, input: &PassInput) {
        self.read_head(input);
        self.scores = self.head.evaluate(&input.pass);
    }

    /// The head, forward and backward.
    fn head(&mut self, input: &PassInput) {
        self.read_head(input);
        let PassInput { pass, plan, .. } = *input;
        self.head.transpose_inputs(pass.level);
        self.head.train(&pass);
        self.scores = self.head.scores;
        for layer in &plan.head.layers {
            let (weight, bias) = layer.split(self.gradient.get_mut());
            weight_gradient(pass.level, std::slice::from_ref(&self.head), layer, 0, weight, bias);
        }
        let dx = self.head.input_gradient(pass.level, pass.theta);
        SampleGroup::scatter(&mut self.groups, plan.output_gradient, false, dx);
    }
}

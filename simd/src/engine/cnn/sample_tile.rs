//! A sample tile: two sample groups before the linear layers, together in the linear layers.

use super::plan::CnnPlan;
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
    /// The contribution of the samples to the gradient.
    pub gradient: AlignedFloats,
    /// Sums over the samples.
    pub scores: Scores,
    chosen: Vec<u32>,
    /// Memory for one augmented sample.
    augmented: Vec<f32>,
    /// Scratch memory of convolutions.
    scratch: AlignedFloats,
}

impl SampleTile {
    /// Memory for a tile; `gradient_len` elements of gradient.
    pub fn new(plan: &CnnPlan, gradient_len: usize) -> Self {
        let input = plan.buffers[plan.input];
        Self {
            groups: [SampleGroup::new(plan), SampleGroup::new(plan)],
            head: mlp::SampleTile::new(plan.head.clone()),
            gradient: AlignedFloats::new(gradient_len),
            scores: Scores::default(),
            chosen: Vec::with_capacity(LINE_LEN),
            augmented: vec![0.0; input.channels * input.height * input.width],
            scratch: AlignedFloats::new(plan.scratch_len * GROUP_LEN),
        }
    }

    /// The groups, in the order of their samples.
    pub fn groups(&self) -> &[SampleGroup] {
        &self.groups
    }

    /// Takes samples, at most [`LINE_LEN`], and forgets all sums.
    pub fn choose(&mut self, chosen: &[u32]) {
        self.chosen.clear();
        self.chosen.extend_from_slice(chosen);
        for (i, group) in self.groups.iter_mut().enumerate() {
            group.reset(chosen.len().saturating_sub(i * GROUP_LEN).min(GROUP_LEN));
        }
        self.scores = Scores::default();
    }

    /// Executes a stage. Between instructions for both groups, the first group goes first.
    pub fn execute(&mut self, input: &PassInput, stage: &[Instruction]) {
        let is_joint =
            |instruction: &Instruction| matches!(instruction, Instruction::Head | Instruction::Scores);
        for part in stage.split_inclusive(is_joint) {
            for i in 0..2 {
                for &instruction in part.iter().filter(|instruction| !is_joint(instruction)) {
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
                _ => {}
            }
        }
    }

    fn read(&mut self, input: &PassInput, i: usize) {
        if i == 0 {
            self.gradient.get_mut().fill(0.0);
        }
        let chosen = self.chosen.chunks(GROUP_LEN).nth(i).unwrap_or(&[]);
        self.groups[i].read(input, chosen, &mut self.augmented);
    }

    /// Copies the inputs of the linear layers, and the labels.
    fn read_head(&mut self, input: &PassInput) {
        let labels = self.chosen.iter().map(|&sample| input.reader.label(sample));
        let x = self.head.inputs_mut(labels);
        for (i, group) in self.groups.iter().enumerate() {
            if group.is_empty() {
                // What an earlier pass left may not be finite, and 0 times that is not 0.
                x.iter_mut().for_each(|x| group_of(x, i).fill(0.0));
                continue;
            }
            let (from, planes) = group.buffer(input.plan.output).view();
            let from = planes.all_rows().flat_map(|row| &from[row]);
            x.iter_mut().zip(from).for_each(|(x, from)| group_of(x, i).copy_from_slice(from));
        }
    }

    /// The linear layers, forward only.
    fn head_scores(&mut self, input: &PassInput) {
        self.read_head(input);
        self.scores = self.head.evaluate(input.level, input.theta);
    }

    /// The linear layers, forward and backward.
    fn head(&mut self, input: &PassInput) {
        self.read_head(input);
        let PassInput { level, plan, theta, .. } = *input;
        self.head.transpose_inputs(level);
        self.head.train(level, input.share, theta);
        self.scores = self.head.scores;
        for layer in &plan.head.layers {
            let (weight, bias) = layer.split(self.gradient.get_mut());
            weight_gradient(level, std::slice::from_ref(&self.head), layer, 0, weight, bias);
        }
        let dx = self.head.input_gradient(level, theta);
        for (i, group) in self.groups.iter_mut().enumerate() {
            let (to, planes) = group.buffer_mut(plan.output_gradient).view_mut();
            let mut dx = dx.iter();
            for row in planes.all_rows() {
                let pixels = to[row].iter_mut().zip(&mut dx);
                pixels.for_each(|(to, dx)| to.copy_from_slice(&dx[i * GROUP_LEN..][..GROUP_LEN]));
            }
        }
    }
}

/// The part of a line that belongs to a group.
fn group_of(line: &mut [f32; LINE_LEN], group: usize) -> &mut [f32] {
    &mut line[group * GROUP_LEN..][..GROUP_LEN]
}

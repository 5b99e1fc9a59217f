//! Gradients and losses of a convolutional network.
//!
//! Sums of the sample tiles are joined in the order of the tiles, so no result depends on the number of threads.

use super::batch_norm::{Channel, Moments};
use super::plan::{CnnPlan, Operation};
use super::sample_group::{PassInput, SampleGroup};
use super::sample_tile::SampleTile;
use super::stages::{Instruction, Stage};
use crate::engine::samples::SampleReader;
use crate::engine::sgd::{stride, vectors, vectors_mut};
use crate::floats::{AlignedFloats, LINE_LEN};
use fearless_simd::{Level, dispatch, prelude::*};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::network::Scores;

/// A plan, and the memory to execute it.
#[derive(Debug)]
pub struct CnnExecutor {
    plan: Arc<CnnPlan>,
    /// The weights of all convolutions at the point at hand, in the order in which the kernels read them.
    packed: AlignedFloats,
    /// How the channels of all batch norms are normalised.
    channels: Vec<Channel>,
    /// As many as a batch needs.
    tiles: Vec<SampleTile>,
}

/// Mean and unbiased variance of a channel.
pub type Statistics = [f64; 2];

impl CnnExecutor {
    /// An executor for batches of `batch` samples.
    pub fn new(plan: CnnPlan, dim: usize, batch: usize) -> Self {
        Self {
            packed: AlignedFloats::new(plan.packed_len),
            channels: vec![Channel::default(); plan.channels],
            tiles: (0..batch.div_ceil(LINE_LEN)).map(|_| SampleTile::new(&plan, stride(dim))).collect(),
            plan: Arc::new(plan),
        }
    }

    /// Writes the gradient of the mean loss of a batch at θ; returns the sum of the losses. `gradient` has the stride of
    /// the slots.
    pub fn gradient(
        &mut self,
        level: Level,
        reader: &SampleReader,
        chosen: &[u32],
        theta: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        let plan = self.plan.clone();
        self.pack(level, theta);
        self.choose(chosen);
        gradient.fill(0.0);
        for stage in &plan.training {
            self.execute(level, reader, theta, chosen.len(), stage);
            match stage.last() {
                Some(&Instruction::Moments(op)) => self.normalise_by_batch(op, theta),
                Some(&Instruction::Sums(op)) => self.prepare_backward(op, chosen.len(), gradient),
                _ => {}
            }
        }
        let mut loss = 0.0;
        for tile in &self.tiles[..chosen.len().div_ceil(LINE_LEN)] {
            loss += tile.scores.loss;
            dispatch!(level, simd => add(simd, tile.gradient.get(), gradient));
        }
        loss
    }

    /// The channels of each batch norm among those of all.
    pub fn batch_norms(&self) -> impl Iterator<Item = Range<usize>> {
        self.plan.batch_norms().map(|norm| norm.channels.clone())
    }

    /// Packs the weights of all convolutions.
    pub fn pack(&mut self, level: Level, theta: &[f32]) {
        let packed = self.packed.get_mut();
        for op in self.plan.convolutions() {
            let weight = &theta[op.weight.clone()];
            op.algorithms().for_each(|algorithm| algorithm.pack(level, weight, packed));
        }
    }

    /// The statistics of all batch norms at θ, averaged over the batches of these samples. The weights are
    /// [packed](Self::pack).
    pub fn statistics(
        &mut self,
        level: Level,
        reader: &SampleReader,
        all: &[u32],
        batch: usize,
        theta: &[f32],
    ) -> Vec<Statistics> {
        let plan = self.plan.clone();
        let mut sums = vec![[0.0; 2]; plan.channels];
        if sums.is_empty() {
            return sums;
        }
        for chosen in all.chunks(batch) {
            self.choose(chosen);
            for stage in &plan.statistics {
                self.execute(level, reader, theta, chosen.len(), stage);
                if let Some(&Instruction::Moments(op)) = stage.last() {
                    self.normalise_by_batch(op, theta);
                }
            }
            let share = chosen.len() as f64 / all.len() as f64;
            for (channel, sum) in sums.iter_mut().enumerate() {
                let [mean, variance] = self.moments(channel).unbiased();
                *sum = [sum[0] + share * mean, sum[1] + share * variance];
            }
        }
        sums
    }

    /// Scores at θ, summed over samples. Batch norms normalise with `statistics`. The weights are [packed](Self::pack).
    pub fn scores(
        &mut self,
        level: Level,
        reader: &SampleReader,
        chosen: &[u32],
        theta: &[f32],
        statistics: &[Statistics],
    ) -> Scores {
        for norm in self.plan.batch_norms() {
            for (i, channel) in norm.channels.clone().enumerate() {
                let [gamma, beta] = [0, norm.channels.len()].map(|part| theta[norm.parameters + part + i]);
                self.channels[channel] = Channel::new(statistics[channel], gamma, beta);
            }
        }
        let input = PassInput {
            level,
            plan: &self.plan,
            reader: *reader,
            theta,
            packed: self.packed.get(),
            channels: &self.channels,
            share: 0.0,
        };
        // Each tile takes many parts of the samples, so that threads wait for each other only once.
        let count = self.tiles.len();
        self.tiles.par_iter_mut().enumerate().for_each(|(i, tile)| {
            let mut sum = Scores::default();
            for chosen in chosen.chunks(LINE_LEN).skip(i).step_by(count) {
                tile.choose(chosen);
                tile.execute(&input, &input.plan.scores);
                sum += tile.scores;
            }
            tile.scores = sum;
        });
        self.tiles.iter().map(|tile| tile.scores).sum()
    }

    /// Divides the samples of a batch among the tiles.
    fn choose(&mut self, chosen: &[u32]) {
        self.tiles.iter_mut().zip(chosen.chunks(LINE_LEN)).for_each(|(tile, chosen)| tile.choose(chosen));
        self.tiles.iter_mut().skip(chosen.len().div_ceil(LINE_LEN)).for_each(|tile| tile.choose(&[]));
    }

    /// Executes a stage with all tiles that hold samples of a batch of `count`.
    fn execute(&mut self, level: Level, reader: &SampleReader, theta: &[f32], count: usize, stage: &Stage) {
        let input = PassInput {
            level,
            plan: &self.plan,
            reader: *reader,
            theta,
            packed: self.packed.get(),
            channels: &self.channels,
            share: 1.0 / count as f32,
        };
        let used = &mut self.tiles[..count.div_ceil(LINE_LEN)];
        used.par_iter_mut().for_each(|tile| tile.execute(&input, stage));
    }

    fn groups(&self) -> impl Iterator<Item = &SampleGroup> {
        self.tiles.iter().flat_map(SampleTile::groups)
    }

    /// The moments of a channel over the batch.
    fn moments(&self, channel: usize) -> Moments {
        self.groups().map(|group| group.moments[channel]).fold(Moments::default(), Moments::join)
    }

    /// Makes a batch norm normalise with the moments of the batch.
    fn normalise_by_batch(&mut self, op: usize, theta: &[f32]) {
        let Operation::BatchNorm(norm) = &self.plan.ops[op] else { return };
        for (i, channel) in norm.channels.clone().enumerate() {
            let [gamma, beta] = [0, norm.channels.len()].map(|part| theta[norm.parameters + part + i]);
            self.channels[channel] = Channel::new(self.moments(channel).biased(), gamma, beta);
        }
    }

    /// Prepares the backward pass of a batch norm; writes the gradient of its parameters.
    fn prepare_backward(&mut self, op: usize, count: usize, gradient: &mut [f32]) {
        let Operation::BatchNorm(norm) = &self.plan.ops[op] else { return };
        let planes = &self.plan.buffers[norm.z];
        let elements = (count * planes.height * planes.width) as f64;
        for (i, channel) in norm.channels.clone().enumerate() {
            let sums = self.groups().map(|group| group.sums[channel]);
            let sums = sums.fold([0.0; 2], |[a, b], [x, y]| [a + x, b + y]);
            let [gamma, beta] = self.channels[channel].set_backward(sums, elements);
            let parameters = &mut gradient[norm.parameters..];
            (parameters[i], parameters[norm.channels.len() + i]) = (gamma, beta);
        }
    }
}

/// sum += part.
#[inline(always)]
fn add<S: Simd>(simd: S, part: &[f32], sum: &mut [f32]) {
    for (part, sum) in vectors::<S>(part).zip(vectors_mut::<S>(sum)) {
        (S::f32s::from_slice(simd, part) + S::f32s::from_slice(simd, sum)).store_slice(sum);
    }
}

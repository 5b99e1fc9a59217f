//! Gradients and losses of a convolutional network.
//!
//! Sums of the sample tiles are joined in the order of the tiles, so no result depends on the number of threads.

use super::batch_norm::{Channel, Moments};
use super::batched::{BatchedConvolution, Transformed, data_products, weight_products};
use super::plan::{CnnPlan, Operation};
use super::planes::GROUP_LEN;
use super::sample_group::{PassInput, SampleGroup};
use super::sample_tile::SampleTile;
use super::stages::{Instruction, Stage};
use crate::engine::mlp::Pass;
use crate::engine::moves::{stride, vectors, vectors_mut};
use crate::engine::samples::SampleReader;
use crate::floats::{AlignedFloats, LINE_LEN};
use fearless_simd::{Level, dispatch, prelude::*};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::network::Scores;

/// Packed weights from which on threads share their packing.
const PARALLEL_LEN: usize = 1 << 20;

/// A plan, and the memory to execute it.
#[derive(Debug)]
pub struct CnnExecutor {
    plan: Arc<CnnPlan>,
    /// The weights of all convolutions at the point at hand, in the order in which the kernels read them.
    packed: AlignedFloats,
    /// How the channels of all batch norms are normalised.
    channels: Vec<Channel>,
    /// Products of the convolution of a batch at hand.
    products: AlignedFloats,
    /// Sums of products of its weights.
    sums: AlignedFloats,
    /// As many as a batch needs.
    tiles: Vec<SampleTile>,
}

/// Mean and unbiased variance of a channel.
pub type Statistics = [f64; 2];

impl CnnExecutor {
    /// An executor for batches of `batch` samples, with `values` targets each that are numbers.
    pub fn new(plan: CnnPlan, dim: usize, batch: usize, values: usize) -> Self {
        let tile = |_| SampleTile::new(&plan, stride(dim), values);
        Self {
            packed: AlignedFloats::new(plan.packed_len),
            products: AlignedFloats::new(
                plan.transformed_len[0].max(plan.transformed_len[1]) * batch.next_multiple_of(GROUP_LEN),
            ),
            sums: AlignedFloats::new(plan.products_len),
            channels: vec![Channel::default(); plan.channels],
            tiles: (0..batch.div_ceil(LINE_LEN)).map(tile).collect(),
            plan: Arc::new(plan),
        }
    }

    /// Writes the gradient of `share` times the sum of the losses of a batch at θ; returns the sum of the losses. `gradient`
    /// has the stride of the slots.
    pub fn gradient(
        &mut self,
        pass: &Pass,
        reader: &SampleReader,
        chosen: &[u32],
        gradient: &mut [f32],
    ) -> f64 {
        let (plan, Pass { level, theta, .. }) = (self.plan.clone(), *pass);
        self.pack(level, theta);
        self.choose(chosen);
        gradient.fill(0.0);
        for stage in &plan.training {
            self.execute(pass, true, reader, chosen.len(), stage);
            match stage.last() {
                Some(&Instruction::Moments(op)) => self.normalise_by_batch(op, theta),
                Some(&Instruction::Sums(op)) => self.prepare_backward(op, chosen.len(), gradient),
                Some(&Instruction::Transform(op)) => self.multiply(level, op, chosen.len()),
                Some(&Instruction::TransformBackward(op)) => {
                    self.multiply_backward(level, op, chosen.len(), gradient);
                }
                _ => {}
            }
        }
        let mut loss = 0.0;
        for tile in &self.tiles[..chosen.len().div_ceil(LINE_LEN)] {
            loss += tile.scores.loss;
            for range in &plan.of_tiles {
                let (part, sum) = (&tile.gradient.get()[range.clone()], &mut gradient[range.clone()]);
                dispatch!(level, simd => add(simd, part, sum));
            }
        }
        loss
    }

    /// The products of a convolution of a batch, forward.
    fn multiply(&mut self, level: Level, op: usize, count: usize) {
        let Some((_, pair)) = self.plan.ops[op].batched() else { return };
        let forward = &pair.forward;
        let x = transformed(&self.tiles, count, 0, forward, forward.inputs());
        let len = forward.places() * forward.outputs() * x.count();
        let y = &mut self.products.get_mut().as_chunks_mut().0[..len];
        data_products(level, forward, forward.weights(self.packed.get()), &x, y);
    }

    /// The products of a convolution of a batch that give the gradients of its weights and of its inputs.
    fn multiply_backward(&mut self, level: Level, op: usize, count: usize, gradient: &mut [f32]) {
        let Some((op, pair)) = self.plan.ops[op].batched() else { return };
        let forward = &pair.forward;
        let x = transformed(&self.tiles, count, 0, forward, forward.inputs());
        let dy = transformed(&self.tiles, count, 1, forward, forward.outputs());
        let sums = self.sums.get_mut().as_chunks_mut().0;
        weight_products(level, forward, (&x, &dy), sums, &mut gradient[op.weight.clone()]);
        if let Some(backward) = &pair.backward {
            let dy = transformed(&self.tiles, count, 2, backward, backward.inputs());
            let len = backward.places() * backward.outputs() * dy.count();
            let dx = &mut self.products.get_mut().as_chunks_mut().0[..len];
            data_products(level, backward, backward.weights(self.packed.get()), &dy, dx);
        }
    }

    /// The channels of each batch norm among those of all.
    pub fn batch_norms(&self) -> impl Iterator<Item = Range<usize>> {
        self.plan.batch_norms().map(|norm| norm.channels.clone())
    }

    /// Packs the weights of all convolutions.
    pub fn pack(&mut self, level: Level, theta: &[f32]) {
        let mut rest = self.packed.get_mut();
        let each = self.plan.convolutions().flat_map(|op| {
            let weight = &theta[op.weight.clone()];
            op.packings().map(move |packing| (packing, weight))
        });
        let tasks = each.map(|(packing, weight)| {
            let (packed, behind) = std::mem::take(&mut rest).split_at_mut(packing.len());
            rest = behind;
            (packing, weight, packed)
        });
        if self.plan.packed_len < PARALLEL_LEN {
            tasks.for_each(|(packing, weight, packed)| packing.pack(level, weight, packed));
        } else {
            let tasks: Vec<_> = tasks.collect();
            tasks.into_par_iter().for_each(|(packing, weight, packed)| packing.pack(level, weight, packed));
        }
    }

    /// The statistics of all batch norms at θ, averaged over the batches of these samples. The weights are
    /// [packed](Self::pack).
    pub fn statistics(
        &mut self,
        pass: &Pass,
        reader: &SampleReader,
        all: &[u32],
        batch: usize,
    ) -> Vec<Statistics> {
        let plan = self.plan.clone();
        let mut sums = vec![[0.0; 2]; plan.channels];
        for chosen in all.chunks(batch) {
            self.choose(chosen);
            for stage in &plan.statistics {
                self.execute(pass, false, reader, chosen.len(), stage);
                match stage.last() {
                    Some(&Instruction::Moments(op)) => self.normalise_by_batch(op, pass.theta),
                    Some(&Instruction::Transform(op)) => self.multiply(pass.level, op, chosen.len()),
                    _ => {}
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
        pass: &Pass,
        reader: &SampleReader,
        chosen: &[u32],
        statistics: &[Statistics],
    ) -> Scores {
        self.normalise_by(statistics, pass.theta);
        let plan = self.plan.clone();
        let [stage] = &plan.scores[..] else {
            let parts = chosen.chunks(LINE_LEN * self.tiles.len());
            return parts
                .map(|chosen| {
                    self.forward(pass, reader, chosen);
                    self.tiles.iter().map(|tile| tile.scores).sum()
                })
                .sum();
        };
        let input = PassInput {
            pass: *pass,
            drops: false,
            plan: &self.plan,
            reader: *reader,
            packed: self.packed.get(),
            channels: &self.channels,
            products: &[],
            groups: 0,
        };
        // Each tile takes many parts of the samples, so that threads wait for each other only once.
        let count = self.tiles.len();
        self.tiles.par_iter_mut().enumerate().for_each(|(i, tile)| {
            let mut sum = Scores::default();
            for chosen in chosen.chunks(LINE_LEN).skip(i).step_by(count) {
                tile.choose(chosen, 0);
                tile.execute(&input, stage);
                sum += tile.scores;
            }
            tile.scores = sum;
        });
        self.tiles.iter().map(|tile| tile.scores).sum()
    }

    /// The forward pass of a part of the samples, at most as many as the tiles hold.
    fn forward(&mut self, pass: &Pass, reader: &SampleReader, chosen: &[u32]) {
        let plan = self.plan.clone();
        self.choose(chosen);
        for stage in &plan.scores {
            self.execute(pass, false, reader, chosen.len(), stage);
            if let Some(&Instruction::Transform(op)) = stage.last() {
                self.multiply(pass.level, op, chosen.len());
            }
        }
    }

    /// Writes the outputs at θ, (samples, outputs); see [`scores`](Self::scores).
    pub fn outputs(
        &mut self,
        pass: &Pass,
        reader: &SampleReader,
        chosen: &[u32],
        statistics: &[Statistics],
        outputs: &mut [f32],
    ) {
        self.normalise_by(statistics, pass.theta);
        let (width, most) = (self.plan.head.outputs, LINE_LEN * self.tiles.len());
        for (chosen, outputs) in chosen.chunks(most).zip(outputs.chunks_mut(most * width)) {
            self.forward(pass, reader, chosen);
            let parts = self.tiles.iter().zip(outputs.chunks_mut(LINE_LEN * width));
            parts.for_each(|(tile, outputs)| tile.write_outputs(outputs));
        }
    }

    /// Makes batch norms normalise with these statistics.
    fn normalise_by(&mut self, statistics: &[Statistics], theta: &[f32]) {
        for norm in self.plan.batch_norms() {
            for (i, channel) in norm.channels.clone().enumerate() {
                let [gamma, beta] = norm.parameters_of(theta, i);
                self.channels[channel] = Channel::new(statistics[channel], gamma, beta);
            }
        }
    }

    /// Divides the samples of a batch among the tiles.
    fn choose(&mut self, chosen: &[u32]) {
        for (i, tile) in self.tiles.iter_mut().enumerate() {
            let first = (i * LINE_LEN).min(chosen.len());
            tile.choose(&chosen[first..chosen.len().min(first + LINE_LEN)], first);
        }
    }

    /// Executes a stage with all tiles that hold samples of a batch of `count`.
    fn execute(&mut self, pass: &Pass, drops: bool, reader: &SampleReader, count: usize, stage: &Stage) {
        let input = PassInput {
            pass: *pass,
            drops,
            plan: &self.plan,
            reader: *reader,
            packed: self.packed.get(),
            channels: &self.channels,
            products: self.products.get().as_chunks().0,
            groups: count.div_ceil(GROUP_LEN),
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
            let [gamma, beta] = norm.parameters_of(theta, i);
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

/// What the groups of a batch of `count` samples transformed for a convolution of so many channels.
fn transformed<'a>(
    tiles: &'a [SampleTile],
    count: usize,
    number: usize,
    convolution: &BatchedConvolution,
    channels: usize,
) -> Transformed<'a> {
    let groups = tiles.iter().flat_map(SampleTile::groups).take(count.div_ceil(GROUP_LEN));
    Transformed {
        groups: groups.map(|group| group.transformed(number)).collect(),
        channels,
        tiles: convolution.tiles(),
        pitch: convolution.pitch(channels),
    }
}

/// sum += part.
#[inline(always)]
fn add<S: Simd>(simd: S, part: &[f32], sum: &mut [f32]) {
    let whole = part.len() / S::f32s::LEN * S::f32s::LEN;
    part[whole..].iter().zip(&mut sum[whole..]).for_each(|(part, sum)| *sum += part);
    for (part, sum) in vectors::<S>(part).zip(vectors_mut::<S>(sum)) {
        (S::f32s::from_slice(simd, part) + S::f32s::from_slice(simd, sum)).store_slice(sum);
    }
}

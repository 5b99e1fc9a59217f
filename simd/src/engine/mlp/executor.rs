//! Gradients and losses of a multilayer perceptron.
//!
//! The output of the first layer, before the ReLU, is linear in θ, and its input is the data. So at
//! θ(t) = Σ weight · control point it is Σ weight · (W x + b)(control point). To evaluate many points, such as the lattice
//! of a simplex, the engine computes these products once for each sample tile and control point, and mixes them for each
//! point. For `mlp:64-32-32-10` this saves 57 % of all multiplications.

use super::plan::MlpPlan;
use super::sample_tile::{Pass, SampleTile, weight_gradient};
use crate::engine::moves::stride;
use crate::engine::samples::SampleReader;
use crate::engine::slots::Slots;
use crate::engine::threads::{for_each, is_parallel};
use crate::floats::{AlignedFloats, LINE_LEN};
use fearless_simd::Level;
use rayon::prelude::*;
use std::sync::Arc;
use valleys_core::engine::Mix;
use valleys_core::network::{Criterion, Scores};

/// Rows of a layer whose gradient is one task of a thread; a multiple of the heights of register tiles, 8 and 6.
const ROWS: usize = 24;

/// Bytes of the parameters of the points that are evaluated together: they stay in the second-level cache.
const GROUP_BYTES: usize = 1 << 21;

/// Sample tiles that evaluate points. Sums do not depend on the number of threads, so this is the same on every machine.
const EVALUATORS: usize = 16;

/// Points that are evaluated together.
fn group_len(dim: usize) -> usize {
    (GROUP_BYTES / size_of::<f32>() / stride(dim)).clamp(4, 144)
}

/// A plan, and the memory to execute it.
#[derive(Debug)]
pub struct MlpExecutor {
    plan: Arc<MlpPlan>,
    dim: usize,
    /// As many as a batch needs.
    tiles: Vec<SampleTile>,
    /// One for each of the first tiles.
    sums: Vec<PointSums>,
    /// θ of the points that are evaluated together, without the parameters of the first layer.
    thetas: AlignedFloats,
}

/// What a sample tile sums up while it evaluates points.
#[derive(Debug)]
struct PointSums {
    /// Of each point of a group.
    scores: Vec<Scores>,
    /// The output of the first layer at each slot, (slots, outputs, samples), for the samples at hand.
    products: AlignedFloats,
    /// Whether the products of a slot are computed.
    is_ready: Vec<bool>,
}

impl MlpExecutor {
    /// An executor of linear operations for batches of `batch` samples, with `values` targets each that are numbers, and for
    /// points between `slots` control points.
    pub fn new(plan: MlpPlan, dim: usize, batch: usize, values: usize, slots: usize) -> Self {
        let plan = Arc::new(plan);
        let tile = |_| SampleTile::new(plan.clone(), values);
        let tiles: Vec<_> = (0..batch.div_ceil(LINE_LEN)).map(tile).collect();
        let sums = || PointSums {
            scores: vec![Scores::default(); group_len(dim)],
            products: AlignedFloats::of_lines(slots * plan.layers[0].outputs),
            is_ready: vec![false; slots],
        };
        Self {
            sums: (0..tiles.len().min(EVALUATORS)).map(|_| sums()).collect(),
            thetas: AlignedFloats::new(group_len(dim) * stride(dim)),
            tiles,
            dim,
            plan,
        }
    }

    /// Writes the gradient of `share` times the sum of the losses of a batch at θ; returns the sum of the losses.
    pub fn gradient(
        &mut self,
        pass: &Pass,
        reader: &SampleReader,
        chosen: &[u32],
        gradient: &mut [f32],
    ) -> f64 {
        let level = pass.level;
        let (count, parallel) = (chosen.len(), is_parallel(self.dim, chosen.len()));
        let tiles = &mut self.tiles[..count.div_ceil(LINE_LEN)];
        for_each(tiles, parallel, |i, tile| {
            let first = i * LINE_LEN;
            tile.gather(level, reader, &chosen[first..count.min(first + LINE_LEN)], first);
            tile.train(pass);
        });
        let tiles = &*tiles;
        for layer in &self.plan.layers {
            let (weight, bias) = layer.split(gradient);
            if parallel {
                let rows = weight.par_chunks_mut(ROWS * layer.inputs).zip(bias.par_chunks_mut(ROWS));
                rows.enumerate().for_each(|(i, (weight, bias))| {
                    weight_gradient(level, tiles, layer, i * ROWS, weight, bias);
                });
            } else {
                weight_gradient(level, tiles, layer, 0, weight, bias);
            }
        }
        tiles.iter().map(|tile| tile.scores.loss).sum()
    }

    /// Scores at θ, summed over samples.
    pub fn scores(&mut self, pass: &Pass, reader: &SampleReader, chosen: &[u32]) -> Scores {
        let stride = self.tiles.len();
        for_each(&mut self.tiles, is_parallel(self.dim, chosen.len()), |i, tile| {
            let mut sum = Scores::default();
            for chosen in chosen.chunks(LINE_LEN).skip(i).step_by(stride) {
                tile.gather(pass.level, reader, chosen, 0);
                sum += tile.evaluate(pass);
            }
            tile.scores = sum;
        });
        self.tiles.iter().map(|tile| tile.scores).sum()
    }

    /// Writes the outputs at θ, (samples, outputs).
    pub fn outputs(&mut self, pass: &Pass, reader: &SampleReader, chosen: &[u32], outputs: &mut [f32]) {
        let width = self.plan.outputs;
        let parts = chosen.chunks(LINE_LEN * self.tiles.len());
        for (chosen, outputs) in parts.zip(outputs.chunks_mut(LINE_LEN * self.tiles.len() * width)) {
            let parts = chosen.par_chunks(LINE_LEN).zip(outputs.par_chunks_mut(LINE_LEN * width));
            self.tiles.par_iter_mut().zip(parts).for_each(|(tile, (chosen, outputs))| {
                tile.gather(pass.level, reader, chosen, 0);
                tile.evaluate(pass);
                tile.write_outputs(outputs);
            });
        }
    }

    /// Scores at many points, each summed over the same samples. The sums of a point do not depend on the other points.
    pub fn scores_of_mixes(
        &mut self,
        (level, criterion): (Level, Criterion),
        reader: &SampleReader,
        chosen: &[u32],
        slots: &Slots,
        points: &[Mix],
        mut found: impl FnMut(usize, Scores),
    ) {
        let Self { plan, dim, tiles, sums, thetas, .. } = self;
        let (stride, group_len) = (stride(*dim), group_len(*dim));
        // Whole lines: a few parameters of the first layer are mixed, too.
        let first = plan.second_layer() / LINE_LEN * LINE_LEN;
        for (group, points) in points.chunks(group_len).enumerate() {
            for (point, theta) in points.iter().zip(thetas.get_mut().chunks_exact_mut(stride)) {
                slots.mix_from(level, point, first, &mut theta[first..]);
            }
            let thetas = thetas.get();
            let count = sums.len();
            let mut evaluators: Vec<_> = tiles.iter_mut().zip(&mut *sums).collect();
            for_each(&mut evaluators, is_parallel(*dim, chosen.len()), |i, (tile, sums)| {
                sums.scores.fill(Scores::default());
                for chosen in chosen.chunks(LINE_LEN).skip(i).step_by(count) {
                    tile.gather(level, reader, chosen, 0);
                    let pass = |theta| Pass { level, criterion, theta, share: 0.0, step: [0; 2] };
                    sums.add(tile, slots, points, thetas.chunks_exact(stride).map(pass));
                }
            });
            for i in 0..points.len() {
                found(group * group_len + i, sums.iter().map(|sums| sums.scores[i]).sum());
            }
        }
    }
}

impl PointSums {
    /// Adds the scores of the samples of a tile at each point; the passes have the parameters after the first layer.
    fn add<'a>(
        &mut self,
        tile: &mut SampleTile,
        slots: &Slots,
        points: &[Mix],
        passes: impl Iterator<Item = Pass<'a>>,
    ) {
        let Self { scores, products, is_ready } = self;
        is_ready.fill(false);
        for ((point, pass), sum) in points.iter().zip(passes).zip(scores) {
            for slot in point.iter().map(|(slot, _)| *slot as usize) {
                if !std::mem::replace(&mut is_ready[slot], true) {
                    tile.first_product(pass.level, slots.point(slot), slot, products.lines_mut());
                }
            }
            *sum += tile.scores_of_mix(&pass, point, products.lines());
        }
    }
}

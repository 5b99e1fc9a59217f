//! Panels of samples through all blocks, there and back.

use super::cross_entropy::{self, NOBODY, Scores};
use super::floats::{Floats, LANES, Line, padded};
use super::linear;
use super::plan::Plan;
use super::tile::copy;
use super::transpose::transpose;
use crate::data::Samples;
use fearless_simd::prelude::*;
use valleys_core::landscape::Mix;

/// Activations and their gradients of a number of panels.
///
/// # Layout
/// Each array (panels, lines of a panel); see [`Plan`].
#[derive(Debug)]
pub struct Pass {
    plan: Plan,
    /// Samples side by side: (features, lanes).
    x: Floats,
    /// Features side by side: (features / 32, lanes, 32).
    rows: Floats,
    /// Gradients of the outputs.
    dy: Floats,
    /// Labels as numbers, [`NOBODY`] in lanes without a sample.
    labels: Vec<Line>,
}

impl Pass {
    /// Memory for `panels` panels.
    pub fn new(plan: Plan, panels: usize) -> Self {
        Self {
            x: Floats::of_lines(panels * plan.x_len),
            rows: Floats::of_lines(panels * plan.x_len),
            dy: Floats::of_lines(panels * plan.dy_len),
            labels: vec![[NOBODY; LANES]; panels],
            plan,
        }
    }

    /// Reads the chosen samples, at most [`LANES`], into a panel; the other lanes become 0.
    #[inline(always)]
    pub fn gather<S: Simd>(&mut self, simd: S, panel: usize, samples: &Samples, chosen: &[u32]) {
        let inputs = self.plan.blocks[0].inputs;
        let rows = &mut self.rows.lines_mut()[panel * self.plan.x_len..][..padded(inputs)];
        let labels = &mut self.labels[panel];
        for (lane, label) in labels.iter_mut().enumerate() {
            match chosen.get(lane) {
                Some(&sample) => {
                    *label = samples.labels[sample as usize].into();
                    let input = &samples.inputs[sample as usize * inputs..][..inputs];
                    let (lines, rest) = input.as_chunks::<LANES>();
                    let mut blocks = rows.chunks_exact_mut(LANES);
                    for (line, block) in lines.iter().zip(&mut blocks) {
                        copy(simd, line, &mut block[lane]);
                    }
                    if let Some(block) = blocks.next() {
                        block[lane][..rest.len()].copy_from_slice(rest);
                    }
                }
                None => {
                    *label = NOBODY;
                    rows.chunks_exact_mut(LANES).for_each(|block| block[lane] = [0.0; LANES]);
                }
            }
        }
        let x = &mut self.x.lines_mut()[panel * self.plan.x_len..];
        for (rows, x) in rows.chunks_exact(LANES).zip(x.chunks_exact_mut(LANES)) {
            transpose(simd, rows, x);
        }
    }

    /// Fills the activations of a panel, from the inputs of block `first` on.
    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S, panel: usize, first: usize, theta: &[f32]) {
        let x = &mut self.x.lines_mut()[panel * self.plan.x_len..][..self.plan.x_len];
        for block in &self.plan.blocks[first..] {
            let (x, y) = x[block.x..].split_at_mut(padded(block.inputs));
            let weight = &theta[block.weight..block.bias];
            let bias = &theta[block.bias..][..block.outputs];
            linear::forward(simd, weight, bias, &x[..block.inputs], &mut y[..block.outputs], block.relu);
        }
    }

    /// What the first block makes of the first panel at the centre of a slot, before the ReLU.
    ///
    /// # Layout
    /// `products` (slots, outputs, lanes).
    #[inline(always)]
    pub fn product<S: Simd>(&mut self, simd: S, centre: &[f32], slot: usize, products: &mut [Line]) {
        let block = &self.plan.blocks[0];
        let (weight, bias) = (&centre[block.weight..block.bias], &centre[block.bias..][..block.outputs]);
        let y = &mut products[slot * block.outputs..][..block.outputs];
        linear::forward(simd, weight, bias, &self.x.lines()[..block.inputs], y, false);
    }

    /// The first element of θ that [`scores`](Self::scores) reads.
    pub fn mixed_from(&self) -> usize {
        self.plan.blocks.get(1).map_or(self.plan.dim, |block| block.weight)
    }

    /// Scores of the first panel at a mix of slots, from their [products](Self::product) and `theta`.
    #[inline(always)]
    pub fn scores<S: Simd>(&mut self, simd: S, mix: &Mix, products: &[Line], theta: &[f32]) -> Scores {
        let block = &self.plan.blocks[0];
        let y = &mut self.x.lines_mut()[padded(block.inputs)..][..block.outputs];
        linear::mixed(simd, mix, products, y, block.relu);
        self.forward(simd, 0, 1, theta);
        let logits = &self.x.lines()[self.plan.logits..][..self.plan.classes];
        cross_entropy::scores(simd, logits, &self.labels[0])
    }

    /// Scores of the gathered panels at `theta`, and the gradient of the mean loss of their `count` samples.
    #[inline(always)]
    pub fn gradient<S: Simd>(&mut self, simd: S, count: usize, theta: &[f32], gradient: &mut [f32]) -> f64 {
        let panels = count.div_ceil(LANES);
        let mut loss = 0.0;
        for panel in 0..panels {
            self.forward(simd, panel, 0, theta);
            loss += self.backward(simd, panel, theta, 1.0 / count as f32).loss;
        }
        let (x_len, dy_len) = (self.plan.x_len, self.plan.dy_len);
        for block in &self.plan.blocks {
            let (weight, bias) = gradient[block.weight..].split_at_mut(block.bias - block.weight);
            let dy = self.dy.lines().chunks_exact(dy_len).map(|dy| &dy[block.dy..]);
            let rows = self.rows.lines().chunks_exact(x_len).map(|x| &x[block.x..]);
            linear::weight_gradient(simd, dy.zip(rows).take(panels), weight, &mut bias[..block.outputs]);
        }
        loss / count as f64
    }

    /// Fills the gradients of a panel, and the transposed inputs of its blocks.
    #[inline(always)]
    fn backward<S: Simd>(&mut self, simd: S, panel: usize, theta: &[f32], share: f32) -> Scores {
        let plan = &self.plan;
        let x = &self.x.lines()[panel * plan.x_len..][..plan.x_len];
        let rows = &mut self.rows.lines_mut()[panel * plan.x_len..][..plan.x_len];
        let dy = &mut self.dy.lines_mut()[panel * plan.dy_len..][..plan.dy_len];
        let last = plan.dy_len - plan.classes;
        let logits = &x[plan.logits..][..plan.classes];
        let scores = cross_entropy::backward(simd, logits, &self.labels[panel], share, &mut dy[last..]);
        for pair in plan.blocks.windows(2).rev() {
            let [before, block] = pair else { continue };
            let x = &x[block.x..][..padded(block.inputs)];
            let rows = &mut rows[block.x..][..padded(block.inputs)];
            for (x, rows) in x.chunks_exact(LANES).zip(rows.chunks_exact_mut(LANES)) {
                transpose(simd, x, rows);
            }
            let weight = &theta[block.weight..block.bias];
            let (dx, dy) = dy[before.dy..].split_at_mut(before.outputs);
            linear::data_gradient(simd, weight, &dy[..block.outputs], x, dx, before.relu);
        }
        scores
    }
}

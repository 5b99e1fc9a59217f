//! A panel of samples through all blocks, there and back.

use super::cross_entropy::{self, NOBODY, Scores};
use super::linear;
use super::plan::{Block, Plan};
use crate::floats::{Floats, LANES, Line, padded};
use crate::tile::copy;
use crate::transpose::transpose;
use fearless_simd::prelude::*;
use valleys_core::engine::Mix;
use valleys_core::network::Samples;

/// Activations of a panel, and their gradients.
///
/// # Layout
/// Each array (lines of a panel); see [`Plan`].
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
    labels: Line,
}

impl Pass {
    /// Memory for a panel.
    pub fn new(plan: Plan) -> Self {
        Self {
            x: Floats::of_lines(plan.x_len),
            rows: Floats::of_lines(plan.x_len),
            dy: Floats::of_lines(plan.dy_len),
            labels: [NOBODY; LANES],
            plan,
        }
    }

    /// Reads the chosen samples, at most [`LANES`]; the other lanes become 0.
    #[inline(always)]
    pub fn gather<S: Simd>(&mut self, simd: S, samples: &Samples<f32>, chosen: &[u32]) {
        let inputs = self.plan.blocks[0].inputs;
        let rows = &mut self.rows.lines_mut()[..padded(inputs)];
        for (lane, label) in self.labels.iter_mut().enumerate() {
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
        for (rows, x) in rows.chunks_exact(LANES).zip(self.x.lines_mut().chunks_exact_mut(LANES)) {
            transpose(simd, rows, x);
        }
    }

    /// Fills the activations, from the inputs of block `first` on.
    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S, first: usize, theta: &[f32]) {
        let x = self.x.lines_mut();
        for block in &self.plan.blocks[first..] {
            let (x, y) = x[block.x..].split_at_mut(padded(block.inputs));
            let weight = &theta[block.weight..block.bias];
            let bias = &theta[block.bias..][..block.outputs];
            linear::forward(simd, weight, bias, &x[..block.inputs], &mut y[..block.outputs], block.relu);
        }
    }

    /// What the first block makes of the samples at the centre of a slot, before the ReLU.
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

    /// Scores of the samples at a mix of slots, from their [products](Self::product) and `theta`.
    #[inline(always)]
    pub fn scores<S: Simd>(&mut self, simd: S, mix: &Mix, products: &[Line], theta: &[f32]) -> Scores {
        let block = &self.plan.blocks[0];
        let y = &mut self.x.lines_mut()[padded(block.inputs)..][..block.outputs];
        linear::mixed(simd, mix, products, y, block.relu);
        self.forward(simd, 1, theta);
        let logits = &self.x.lines()[self.plan.logits..][..self.plan.classes];
        cross_entropy::scores(simd, logits, &self.labels)
    }

    /// Scores of the samples at `theta`; readies what [`weight_gradient`] needs for `share` of the sum over them.
    #[inline(always)]
    pub fn learn<S: Simd>(&mut self, simd: S, share: f32, theta: &[f32]) -> Scores {
        self.forward(simd, 0, theta);
        self.backward(simd, theta, share)
    }

    /// The inputs and the labels, for others to fill.
    pub fn inputs_mut(&mut self) -> (&mut [Line], &mut Line) {
        (&mut self.x.lines_mut()[..self.plan.blocks[0].inputs], &mut self.labels)
    }

    /// Scores of the samples at `theta`.
    #[inline(always)]
    pub fn evaluate<S: Simd>(&mut self, simd: S, theta: &[f32]) -> Scores {
        self.forward(simd, 0, theta);
        let logits = &self.x.lines()[self.plan.logits..][..self.plan.classes];
        cross_entropy::scores(simd, logits, &self.labels)
    }

    /// Scores of the samples at `theta`, and their part of a gradient: `share` of the sum over its samples.
    #[inline(always)]
    pub fn slope<S: Simd>(&mut self, simd: S, share: f32, theta: &[f32], gradient: &mut [f32]) -> Scores {
        let inputs = padded(self.plan.blocks[0].inputs);
        let blocks = self.x.lines()[..inputs].chunks_exact(LANES);
        for (x, rows) in blocks.zip(self.rows.lines_mut().chunks_exact_mut(LANES)) {
            transpose(simd, x, rows);
        }
        let scores = self.learn(simd, share, theta);
        for block in &self.plan.blocks {
            let (weight, bias) = block.split(gradient);
            weight_gradient(simd, std::slice::from_ref(self), block, 0, weight, bias);
        }
        scores
    }

    /// The gradient of the inputs, after a [slope](Self::slope). It takes their place.
    #[inline(always)]
    pub fn input_gradient<S: Simd>(&mut self, simd: S, theta: &[f32]) -> &[Line] {
        let block = &self.plan.blocks[0];
        let (dx, x) = self.x.lines_mut().split_at_mut(block.inputs);
        let dy = &self.dy.lines()[block.dy..][..block.outputs];
        // Without a ReLU nobody looks at x.
        linear::data_gradient(simd, &theta[block.weight..block.bias], dy, x, dx, false);
        dx
    }

    /// Fills the gradients, and the transposed inputs of the blocks.
    #[inline(always)]
    fn backward<S: Simd>(&mut self, simd: S, theta: &[f32], share: f32) -> Scores {
        let Self { plan, x, rows, dy, labels } = self;
        let (x, rows, dy) = (x.lines(), rows.lines_mut(), dy.lines_mut());
        let last = plan.dy_len - plan.classes;
        let logits = &x[plan.logits..][..plan.classes];
        let scores = cross_entropy::backward(simd, logits, labels, share, &mut dy[last..]);
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

impl AsRef<Self> for Pass {
    #[inline(always)]
    fn as_ref(&self) -> &Self {
        self
    }
}

/// The gradient of the weights (rows, inputs) and biases of some rows of a block, from row `first` on: sums over the samples
/// of all panels, which have [learnt](Pass::learn).
#[inline(always)]
pub fn weight_gradient<S: Simd, P: AsRef<Pass>>(
    simd: S,
    panels: &[P],
    block: &Block,
    first: usize,
    weight: &mut [f32],
    bias: &mut [f32],
) {
    let panels = Lines { panels: panels.iter(), block, first };
    linear::weight_gradient(simd, panels, weight, bias);
}

/// Of each panel the gradients of a block's outputs, from one on, and its inputs.
struct Lines<'a, P> {
    panels: std::slice::Iter<'a, P>,
    block: &'a Block,
    first: usize,
}

impl<P> Clone for Lines<'_, P> {
    #[inline(always)]
    fn clone(&self) -> Self {
        Self { panels: self.panels.clone(), ..*self }
    }
}

/// By hand, for the adapters of iterators become calls where this is used: in the innermost loops.
impl<'a, P: AsRef<Pass>> Iterator for Lines<'a, P> {
    type Item = (&'a [Line], &'a [Line]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let pass = self.panels.next()?.as_ref();
        Some((&pass.dy.lines()[self.block.dy + self.first..], &pass.rows.lines()[self.block.x..]))
    }
}

//! A sample tile: up to 32 samples, and their way through all layers.

use super::cross_entropy::{self, NO_SAMPLE};
use super::linear;
use super::plan::{LinearLayer, MlpPlan};
use crate::engine::samples::SampleReader;
use crate::floats::{AlignedFloats, LINE_LEN, Line, padded};
use crate::register_tile::copy;
use crate::transpose::transpose;
use fearless_simd::{Level, dispatch, prelude::*};
use std::sync::Arc;
use valleys_core::engine::Mix;
use valleys_core::network::Scores;

/// Activations of up to [`LINE_LEN`] samples, and their gradients.
///
/// # Layout
/// See [`MlpPlan`].
#[derive(Debug)]
pub struct SampleTile {
    plan: Arc<MlpPlan>,
    /// (features, samples).
    x: AlignedFloats,
    /// The same transposed: (features / 32, samples, 32 features).
    rows: AlignedFloats,
    /// Gradients of the outputs, (outputs, samples).
    dy: AlignedFloats,
    /// Labels as floats, [`NO_SAMPLE`] in columns without a sample.
    labels: Line,
    /// Memory for one augmented sample.
    augmented: Vec<f32>,
    /// Sums over the samples of the last [`train`](Self::train).
    pub scores: Scores,
}

impl SampleTile {
    /// A tile for samples of `plan`.
    pub fn new(plan: Arc<MlpPlan>) -> Self {
        Self {
            x: AlignedFloats::of_lines(plan.x_len),
            rows: AlignedFloats::of_lines(plan.x_len),
            dy: AlignedFloats::of_lines(plan.dy_len),
            labels: [NO_SAMPLE; LINE_LEN],
            augmented: vec![0.0; plan.layers[0].inputs],
            scores: Scores::default(),
            plan,
        }
    }

    /// Reads the chosen samples, at most [`LINE_LEN`]; the other columns become 0.
    pub fn gather(&mut self, level: Level, reader: &SampleReader, chosen: &[u32]) {
        dispatch!(level, simd => self.gather_with(simd, reader, chosen));
    }

    #[inline(always)]
    fn gather_with<S: Simd>(&mut self, simd: S, reader: &SampleReader, chosen: &[u32]) {
        let Self { plan, x, rows, labels, augmented, .. } = self;
        let rows = &mut rows.lines_mut()[..padded(plan.layers[0].inputs)];
        for (i, label) in labels.iter_mut().enumerate() {
            let Some(&sample) = chosen.get(i) else {
                *label = NO_SAMPLE;
                rows.chunks_exact_mut(LINE_LEN).for_each(|block| block[i] = [0.0; LINE_LEN]);
                continue;
            };
            *label = reader.label(sample);
            let (lines, rest) = reader.input(sample, augmented).as_chunks::<LINE_LEN>();
            let mut blocks = rows.chunks_exact_mut(LINE_LEN);
            for (line, block) in lines.iter().zip(&mut blocks) {
                copy(simd, line, &mut block[i]);
            }
            if let Some(block) = blocks.next() {
                block[i][..rest.len()].copy_from_slice(rest);
            }
        }
        transpose_blocks(simd, rows, x.lines_mut());
    }

    /// Takes samples with these labels, whose inputs the caller fills.
    pub fn inputs_mut(&mut self, labels: impl Iterator<Item = f32>) -> &mut [Line] {
        let labels = labels.chain(std::iter::repeat(NO_SAMPLE));
        self.labels.iter_mut().zip(labels).for_each(|(to, label)| *to = label);
        &mut self.x.lines_mut()[..self.plan.layers[0].inputs]
    }

    /// Transposes inputs that the caller filled, as [`weight_gradient`] needs them.
    pub fn transpose_inputs(&mut self, level: Level) {
        let x = &self.x.lines()[..padded(self.plan.layers[0].inputs)];
        dispatch!(level, simd => transpose_blocks(simd, x, self.rows.lines_mut()));
    }

    /// The output of the first layer, before the ReLU, at the control point of a slot.
    ///
    /// # Layout
    /// `products` (slots, outputs, samples).
    pub fn first_product(&self, level: Level, point: &[f32], slot: usize, products: &mut [Line]) {
        let layer = &self.plan.layers[0];
        let (weight, bias) = (&point[layer.weight..layer.bias], &point[layer.bias..][..layer.outputs]);
        let (x, y) =
            (&self.x.lines()[..layer.inputs], &mut products[slot * layer.outputs..][..layer.outputs]);
        dispatch!(level, simd => linear::forward(simd, weight, bias, x, y, false));
    }

    /// Scores at a mix of slots, from their [products](Self::first_product) and from θ without the first layer.
    pub fn scores_of_mix(&mut self, level: Level, mix: &Mix, products: &[Line], theta: &[f32]) -> Scores {
        let Self { plan, x, labels, .. } = self;
        let layer = &plan.layers[0];
        dispatch!(level, simd => {
            let y = &mut x.lines_mut()[padded(layer.inputs)..][..layer.outputs];
            linear::mixed(simd, mix, products, y, layer.relu);
            scores(simd, plan, 1, theta, x.lines_mut(), labels)
        })
    }

    /// Scores at θ.
    pub fn evaluate(&mut self, level: Level, theta: &[f32]) -> Scores {
        let Self { plan, x, labels, .. } = self;
        dispatch!(level, simd => scores(simd, plan, 0, theta, x.lines_mut(), labels))
    }

    /// Forward and backward at θ, for `share` of the sum of the losses. Then [`weight_gradient`] gives the gradient.
    pub fn train(&mut self, level: Level, share: f32, theta: &[f32]) {
        dispatch!(level, simd => self.train_with(simd, share, theta));
    }

    #[inline(always)]
    fn train_with<S: Simd>(&mut self, simd: S, share: f32, theta: &[f32]) {
        let Self { plan, x, rows, dy, labels, .. } = self;
        forward(simd, &plan.layers, theta, x.lines_mut());
        let (x, rows, dy) = (x.lines(), rows.lines_mut(), dy.lines_mut());
        let last = plan.dy_len - plan.classes;
        let logits = &x[plan.logits..][..plan.classes];
        self.scores = cross_entropy::backward(simd, logits, labels, share, &mut dy[last..]);
        for pair in plan.layers.windows(2).rev() {
            let [before, layer] = pair else { continue };
            let x = &x[layer.x..][..padded(layer.inputs)];
            transpose_blocks(simd, x, &mut rows[layer.x..]);
            let weight = &theta[layer.weight..layer.bias];
            let (dx, dy) = dy[before.dy..].split_at_mut(before.outputs);
            linear::data_gradient(simd, weight, &dy[..layer.outputs], x, dx, before.relu);
        }
    }

    /// The gradient of the inputs, after [`train`](Self::train). It replaces the inputs.
    pub fn input_gradient(&mut self, level: Level, theta: &[f32]) -> &[Line] {
        let layer = &self.plan.layers[0];
        let dx = &mut self.x.lines_mut()[..layer.inputs];
        let dy = &self.dy.lines()[layer.dy..][..layer.outputs];
        let weight = &theta[layer.weight..layer.bias];
        dispatch!(level, simd => linear::data_gradient(simd, weight, dy, &[], dx, false));
        dx
    }
}

/// Computes the activations after some layers.
#[inline(never)]
fn forward<S: Simd>(simd: S, layers: &[LinearLayer], theta: &[f32], x: &mut [Line]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for layer in layers {
                let (x, y) = x[layer.x..].split_at_mut(padded(layer.inputs));
                let weight = &theta[layer.weight..layer.bias];
                let bias = &theta[layer.bias..][..layer.outputs];
                linear::forward(simd, weight, bias, &x[..layer.inputs], &mut y[..layer.outputs], layer.relu);
            }
        },
    );
}

/// Computes the activations after the layers from `first` on, and their scores.
#[inline(always)]
fn scores<S: Simd>(
    simd: S,
    plan: &MlpPlan,
    first: usize,
    theta: &[f32],
    x: &mut [Line],
    labels: &Line,
) -> Scores {
    forward(simd, &plan.layers[first..], theta, x);
    cross_entropy::scores(simd, &x[plan.logits..][..plan.classes], labels)
}

/// Transposes blocks of 32 × 32, one after the other.
#[inline(always)]
fn transpose_blocks<S: Simd>(simd: S, from: &[Line], to: &mut [Line]) {
    for (from, to) in from.chunks_exact(LINE_LEN).zip(to.chunks_exact_mut(LINE_LEN)) {
        transpose(simd, from, to);
    }
}

/// The gradient of some rows of a layer, from row `first` on: `weight` (rows, inputs) and `bias` (rows), summed over the
/// samples of all tiles after [`SampleTile::train`].
pub fn weight_gradient(
    level: Level,
    tiles: &[SampleTile],
    layer: &LinearLayer,
    first: usize,
    weight: &mut [f32],
    bias: &mut [f32],
) {
    linear::weight_gradient(level, GradientInputs { tiles: tiles.iter(), layer, first }, weight, bias);
}

/// For each tile the gradients of a layer's outputs, from row `first` on, and the layer's transposed inputs.
#[derive(Clone)]
struct GradientInputs<'a> {
    tiles: std::slice::Iter<'a, SampleTile>,
    layer: &'a LinearLayer,
    first: usize,
}

/// Not built from iterator adapters: in the innermost loops these compile to calls.
impl<'a> Iterator for GradientInputs<'a> {
    type Item = (&'a [Line], &'a [Line]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let tile = self.tiles.next()?;
        Some((&tile.dy.lines()[self.layer.dy + self.first..], &tile.rows.lines()[self.layer.x..]))
    }
}

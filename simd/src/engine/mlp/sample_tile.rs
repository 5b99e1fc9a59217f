//! A sample tile: up to 32 samples, and their way through all layers.

use super::linear;
use super::loss;
use super::plan::{LinearLayer, MlpPlan};
use crate::engine::elementwise::{Dropper, activate_with, differentiate_with};
use crate::engine::samples::SampleReader;
use crate::engine::targets::TileTargets;
use crate::floats::{AlignedFloats, LINE_LEN, Line, padded};
use crate::register_tile::copy;
use crate::transpose::transpose;
use fearless_simd::{Level, dispatch, prelude::*};
use std::sync::Arc;
use valleys_core::engine::Mix;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::dropout::Mask;
use valleys_core::network::{Criterion, Scores};

/// What all sample tiles of a pass read.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Instruction set.
    pub level: Level,
    /// The criterion.
    pub criterion: Criterion<'a>,
    /// The point.
    pub theta: &'a [f32],
    /// The share of the sum of the losses whose gradient is computed.
    pub share: f32,
    /// Keys the masks of dropout in training.
    pub step: [u32; 2],
}

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
    /// Sums before activations whose derivatives are no function of their output, (outputs, samples).
    z: AlignedFloats,
    targets: TileTargets,
    /// Number of the first sample in the batch.
    first: u32,
    /// Memory for one augmented sample.
    augmented: Vec<f32>,
    /// Sums over the samples of the last [`train`](Self::train).
    pub scores: Scores,
}

impl SampleTile {
    /// A tile for samples of `plan`, with `values` targets each that are numbers.
    pub fn new(plan: Arc<MlpPlan>, values: usize) -> Self {
        Self {
            x: AlignedFloats::of_lines(plan.x_len),
            rows: AlignedFloats::of_lines(plan.x_len),
            dy: AlignedFloats::of_lines(plan.dy_len),
            z: AlignedFloats::of_lines(plan.z_len),
            targets: TileTargets::new(values),
            first: 0,
            augmented: vec![0.0; plan.inputs],
            scores: Scores::default(),
            plan,
        }
    }

    /// Reads the chosen samples, at most [`LINE_LEN`], from number `first` of the batch on; the other columns become 0.
    pub fn gather(&mut self, level: Level, reader: &SampleReader, chosen: &[u32], first: usize) {
        self.choose(reader, chosen, first);
        dispatch!(level, simd => self.gather_with(simd, reader, chosen));
    }

    #[inline(always)]
    fn gather_with<S: Simd>(&mut self, simd: S, reader: &SampleReader, chosen: &[u32]) {
        let Self { plan, x, rows, augmented, .. } = self;
        let rows = &mut rows.lines_mut()[..padded(plan.inputs)];
        for i in 0..LINE_LEN {
            let Some(&sample) = chosen.get(i) else {
                rows.chunks_exact_mut(LINE_LEN).for_each(|block| block[i] = [0.0; LINE_LEN]);
                continue;
            };
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

    /// Takes the targets of samples from number `first` of the batch on.
    fn choose(&mut self, reader: &SampleReader, chosen: &[u32], first: usize) {
        self.targets.read(reader, chosen);
        self.first = first as u32;
    }

    /// Takes samples, from number `first` of the batch on, whose inputs the caller fills.
    pub fn inputs_mut(&mut self, reader: &SampleReader, chosen: &[u32], first: usize) -> &mut [Line] {
        self.choose(reader, chosen, first);
        &mut self.x.lines_mut()[..self.plan.inputs]
    }

    /// Transposes inputs that the caller filled, as [`weight_gradient`] needs them.
    pub fn transpose_inputs(&mut self, level: Level) {
        let x = &self.x.lines()[..padded(self.plan.inputs)];
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
    pub fn scores_of_mix(&mut self, pass: &Pass, mix: &Mix, products: &[Line]) -> Scores {
        let Self { plan, x, targets, .. } = self;
        let layer = &plan.layers[0];
        dispatch!(pass.level, simd => {
            let y = &mut x.lines_mut()[padded(layer.inputs)..][..layer.outputs];
            linear::mixed(simd, mix, products, y, layer.relu());
            if let (false, Some(activation)) = (layer.relu(), layer.activation) {
                activate(simd, activation, y);
            }
            forward(simd, &plan.layers[1..], pass.theta, x.lines_mut(), &mut []);
            loss::scores(simd, pass.criterion, &x.lines()[plan.y..][..plan.outputs], targets)
        })
    }

    /// Scores at θ.
    pub fn evaluate(&mut self, pass: &Pass) -> Scores {
        let Self { plan, x, targets, .. } = self;
        dispatch!(pass.level, simd => {
            forward(simd, &plan.layers, pass.theta, x.lines_mut(), &mut []);
            loss::scores(simd, pass.criterion, &x.lines()[plan.y..][..plan.outputs], targets)
        })
    }

    /// The outputs of the last pass, (outputs, samples).
    fn outputs(&self) -> &[Line] {
        &self.x.lines()[self.plan.y..][..self.plan.outputs]
    }

    /// Writes the outputs of the last pass, (samples, outputs), of as many samples as there is room for.
    pub fn write_outputs(&self, to: &mut [f32]) {
        for (sample, to) in to.chunks_exact_mut(self.plan.outputs).enumerate() {
            to.iter_mut().zip(self.outputs()).for_each(|(to, line)| *to = line[sample]);
        }
    }

    /// Forward and backward. Then [`weight_gradient`] gives the gradient.
    pub fn train(&mut self, pass: &Pass) {
        dispatch!(pass.level, simd => self.train_with(simd, pass));
    }

    #[inline(always)]
    fn train_with<S: Simd>(&mut self, simd: S, pass: &Pass) {
        let Self { plan, x, rows, dy, z, targets, first, .. } = self;
        let dropper = |layer: &LinearLayer| {
            let (row, probability) = layer.dropout?;
            Some(Dropper::new(Mask::new(pass.step, row, probability), *first, layer.outputs))
        };
        let mut begin = 0;
        for (i, layer) in plan.layers.iter().enumerate() {
            let Some(dropper) = dropper(layer) else { continue };
            forward(simd, &plan.layers[begin..=i], pass.theta, x.lines_mut(), z.lines_mut());
            begin = i + 1;
            let y = &mut x.lines_mut()[layer.x + padded(layer.inputs)..][..layer.outputs];
            drop_elements(simd, &dropper, y);
        }
        forward(simd, &plan.layers[begin..], pass.theta, x.lines_mut(), z.lines_mut());
        let (x, rows, dy, z) = (x.lines(), rows.lines_mut(), dy.lines_mut(), z.lines());
        let last = plan.dy_len - plan.outputs;
        let y = &x[plan.y..][..plan.outputs];
        self.scores = loss::backward(simd, pass.criterion, y, targets, pass.share, &mut dy[last..]);
        if let Some(layer) = plan.layers.last()
            && (layer.activation.is_some() || layer.dropout.is_some())
        {
            behind(simd, layer, dropper(layer), y, z, &mut dy[last..]);
        }
        for pair in plan.layers.windows(2).rev() {
            let [before, layer] = pair else { continue };
            let x = &x[layer.x..][..padded(layer.inputs)];
            transpose_blocks(simd, x, &mut rows[layer.x..]);
            let weight = &pass.theta[layer.weight..layer.bias];
            let (dx, dy) = dy[before.dy..].split_at_mut(before.outputs);
            let relu = before.is_fused() && before.relu();
            linear::data_gradient(simd, weight, &dy[..layer.outputs], x, dx, relu);
            if !before.is_fused() {
                behind(simd, before, dropper(before), &x[..before.outputs], z, dx);
            }
        }
    }

    /// The gradient of the inputs, after [`train`](Self::train). It replaces the inputs.
    pub fn input_gradient(&mut self, level: Level, theta: &[f32]) -> &[Line] {
        let Some(layer) = self.plan.layers.first() else { return &self.dy.lines()[..self.plan.inputs] };
        let dx = &mut self.x.lines_mut()[..layer.inputs];
        let dy = &self.dy.lines()[layer.dy..][..layer.outputs];
        let weight = &theta[layer.weight..layer.bias];
        dispatch!(level, simd => linear::data_gradient(simd, weight, dy, &[], dx, false));
        dx
    }
}

/// Computes the activations after some layers, without dropout. `z` keeps the sums before activations whose derivatives
/// are no function of their output; it is empty where they are not needed.
#[inline(never)]
fn forward<S: Simd>(simd: S, layers: &[LinearLayer], theta: &[f32], x: &mut [Line], z: &mut [Line]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for layer in layers {
                let (x, y) = x[layer.x..].split_at_mut(padded(layer.inputs));
                let weight = &theta[layer.weight..layer.bias];
                let bias = &theta[layer.bias..][..layer.outputs];
                let y = &mut y[..layer.outputs];
                linear::forward(simd, weight, bias, &x[..layer.inputs], y, layer.relu());
                if let (false, Some(activation)) = (layer.relu(), layer.activation) {
                    if let Some(z) = layer.z.and_then(|first| z.get_mut(first..first + layer.outputs)) {
                        z.copy_from_slice(y);
                    }
                    activate(simd, activation, y);
                }
            }
        },
    );
}

#[inline(never)]
fn activate<S: Simd>(simd: S, activation: Activation, y: &mut [Line]) {
    simd.vectorize(
        #[inline(always)]
        || activate_with(simd, activation, y.as_flattened_mut()),
    );
}

/// y ← y / (1 − p) where an element is kept, else 0.
#[inline(never)]
fn drop_elements<S: Simd>(simd: S, dropper: &Dropper, y: &mut [Line]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (number, y) in (0..).zip(y) {
                for (i, y) in y.chunks_exact_mut(S::f32s::LEN).enumerate() {
                    let x = S::f32s::from_slice(simd, y);
                    dropper.apply(simd, i * S::f32s::LEN, number, x).store_slice(y);
                }
            }
        },
    );
}

/// The gradient through the dropout and the activation behind a layer, in place; `y` is what is behind both.
#[inline(never)]
fn behind<S: Simd>(
    simd: S,
    layer: &LinearLayer,
    dropper: Option<Dropper>,
    y: &[Line],
    z: &[Line],
    dy: &mut [Line],
) {
    let scale = dropper.as_ref().map_or(1.0, Dropper::scale);
    if let Some(dropper) = &dropper {
        drop_elements(simd, dropper, dy);
    }
    let Some(activation) = layer.activation else { return };
    let x = layer.z.map_or(y, |first| &z[first..][..layer.outputs]);
    simd.vectorize(
        #[inline(always)]
        || differentiate_with(simd, activation, scale, x.as_flattened(), dy.as_flattened_mut()),
    );
}

/// Transposes blocks of 32 × 32, one after the other.
#[inline(always)]
pub fn transpose_blocks<S: Simd>(simd: S, from: &[Line], to: &mut [Line]) {
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

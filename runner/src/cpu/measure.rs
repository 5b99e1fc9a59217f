//! The loss at many points: the lattice of a simplex.
//!
//! What the first layer does before its ReLU is linear in θ, and its input is the data: at θ(t) = Σ weight · centre
//! it is Σ weight · (W x + b)(centre). So for each panel of samples the products of the few centres are computed
//! once, and each of the many points only mixes them; in `mlp:64-32-32-10` that saves 57 % of all multiplications.

use super::Cpu;
use super::floats::{Floats, LANES};
use super::plan::Plan;
use super::slots::stride;
use fearless_simd::prelude::*;
use valleys_core::landscape::{Mix, Value};

/// Bytes of the parameters of a group: they should stay in the second-level cache while panels go by.
const GROUP_BYTES: usize = 1 << 20;

/// Points that are measured together.
#[derive(Debug)]
pub struct Group {
    /// θ of each point, without the first block's part, which the products stand for.
    thetas: Floats,
    /// First products of each slot, (slots, outputs, lanes), for the panel at hand.
    products: Floats,
    /// Whether a slot's products are there.
    ready: Vec<bool>,
}

impl Group {
    /// Memory for a group, of a landscape with a number of slots.
    pub fn new(plan: &Plan, slots: usize) -> Self {
        let stride = stride(plan.dim);
        let points = (GROUP_BYTES / size_of::<f32>() / stride).clamp(4, 64);
        Self {
            thetas: Floats::new(points * stride),
            products: Floats::of_lines(slots * plan.blocks[0].outputs),
            ready: vec![false; slots],
        }
    }
}

impl Cpu {
    /// Measures points on the first `count` samples of the order; the sums of a point do not depend on the others.
    #[inline(always)]
    pub(super) fn measure<S: Simd>(
        &mut self,
        simd: S,
        test: bool,
        count: usize,
        points: &[Mix],
        values: &mut [Value],
    ) {
        let stride = stride(self.slots.dim());
        let Group { thetas, products, ready } = &mut self.group;
        let size = thetas.get().len() / stride;
        let samples = if test { &self.data.test } else { &self.data.train };
        for (points, values) in points.chunks(size).zip(values.chunks_mut(size)) {
            for (point, theta) in points.iter().zip(thetas.get_mut().chunks_exact_mut(stride)) {
                self.slots.mix(simd, point, self.pass.mixed_from(), theta);
            }
            values.fill(Value { loss: 0.0, error: Some(0.0) });
            for chosen in self.order[..count].chunks(LANES) {
                self.pass.gather(simd, 0, samples, chosen);
                ready.fill(false);
                for ((point, theta), value) in
                    points.iter().zip(thetas.get().chunks_exact(stride)).zip(&mut *values)
                {
                    for slot in point.iter().map(|(slot, _)| *slot as usize) {
                        if !std::mem::replace(&mut ready[slot], true) {
                            self.pass.product(simd, self.slots.centre(slot), slot, products.lines_mut());
                        }
                    }
                    let scores = self.pass.scores(simd, point, products.lines(), theta);
                    value.loss += scores.loss;
                    value.error = value.error.map(|wrong| wrong + scores.wrong as f64);
                }
            }
            for value in values {
                value.loss /= count as f64;
                value.error = value.error.map(|wrong| wrong / count as f64);
            }
        }
    }
}

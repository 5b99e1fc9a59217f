//! What a thread works with: a panel of samples, and what it finds out about them.

use super::cross_entropy::Scores;
use super::measure::group;
use super::pass::Pass;
use super::plan::Plan;
use super::sgd::{Sgd, stride};
use crate::floats::Floats;
use fearless_simd::prelude::*;
use valleys_core::engine::Mix;
use valleys_core::network::Samples;

/// A panel.
#[derive(Debug)]
pub struct Panel {
    /// Its activations and gradients.
    pass: Pass,
    /// Scores of the samples that it learnt from last.
    pub scores: Scores,
    /// Scores at each point of a group, summed over the samples that it measured.
    pub sums: Vec<Scores>,
    /// First products of each slot, (slots, outputs, lanes), for the samples at hand.
    products: Floats,
    /// Whether a slot's products are there.
    ready: Vec<bool>,
}

impl Panel {
    /// Memory for a panel, of a landscape with a number of slots; of none, if it only learns.
    pub fn new(plan: &Plan, slots: usize) -> Self {
        Self {
            pass: Pass::new(plan.clone()),
            scores: Scores::default(),
            sums: vec![Scores::default(); group(plan.dim)],
            products: Floats::of_lines(slots * plan.blocks[0].outputs),
            ready: vec![false; slots],
        }
    }

    /// Goes with the chosen samples through the network and back, for `share` of the sum of their losses.
    #[inline(always)]
    pub fn learn<S: Simd>(
        &mut self,
        simd: S,
        samples: &Samples<f32>,
        chosen: &[u32],
        share: f32,
        theta: &[f32],
    ) {
        self.pass.gather(simd, samples, chosen);
        self.scores = self.pass.learn(simd, share, theta);
    }

    /// Adds the chosen samples' scores to the sums of the points, whose parameters are in `thetas`, less those of the first
    /// block, for which the products stand.
    #[inline(always)]
    pub fn measure<S: Simd>(
        &mut self,
        simd: S,
        samples: &Samples<f32>,
        chosen: &[u32],
        slots: &Sgd,
        points: &[Mix],
        thetas: &Floats,
    ) {
        let Self { pass, products, ready, sums, .. } = self;
        pass.gather(simd, samples, chosen);
        ready.fill(false);
        let thetas = thetas.get().chunks_exact(stride(slots.dim()));
        for ((point, theta), sum) in points.iter().zip(thetas).zip(sums) {
            for slot in point.iter().map(|(slot, _)| *slot as usize) {
                if !std::mem::replace(&mut ready[slot], true) {
                    pass.product(simd, slots.centre(slot), slot, products.lines_mut());
                }
            }
            *sum = *sum + pass.scores(simd, point, products.lines(), theta);
        }
    }
}

impl AsRef<Pass> for Panel {
    #[inline(always)]
    fn as_ref(&self) -> &Pass {
        &self.pass
    }
}

//! How the point t of a step is drawn: uniformly as in Algorithm 1, or more often where the loss is high.

use super::cells::Cells;
use crate::engine::Value;
use crate::math;
use crate::rng::Stream;

/// How t is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Uniformly: the paper.
    Uniform,
    /// In proportion to a power of the loss of cells of the simplex (method: section 7).
    Peak(PeakSampling),
}

/// The constants of [`Sampling::Peak`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeakSampling {
    /// β: cell c is drawn with probability (1 − u) · L_c^β / Σ L^β + u / cells.
    pub power: u32,
    /// u: the share of uniform draws.
    pub uniform: f64,
    /// The cells.
    pub cells: Cells,
    /// Training samples on which the cells are measured, always the same ones.
    pub samples: u32,
    /// Epochs between measurements of the cells; 0 to measure at the start and at the end alone.
    pub measure_every: u32,
    /// α: the loss L of a step changes the loss L_c of its cell by α · (L − L_c), an exponential moving average.
    pub ema_rate: f64,
    /// See [`StepParams::tangent_removal`](crate::engine::StepParams::tangent_removal).
    pub tangent_removal: f32,
    /// Share of its way to even spacing, times the factor of the schedule, that an interior control point moves along
    /// the simplex after each epoch; 0 for none. Not where that factor is the smallest, and not for a curve of one bend.
    pub spacing: f64,
}

impl PeakSampling {
    /// The constants that were best for networks; `docs/peaks.md` has the trials.
    pub const NETWORK: Self = Self {
        power: 8,
        uniform: 0.1,
        cells: Cells::OnEdge(12),
        samples: 96,
        measure_every: 0,
        ema_rate: 0.2,
        tangent_removal: 0.0,
        spacing: 0.0,
    };
}

impl Default for PeakSampling {
    /// [`PeakSampling::NETWORK`].
    fn default() -> Self {
        Self::NETWORK
    }
}

/// Steps between two updates of the probabilities, at least.
const STEPS: u32 = 32;

/// The distribution of t over cells, in the caller's memory.
#[derive(Debug)]
pub(super) struct Distribution<'m> {
    /// Cumulative probabilities.
    cumulative: &'m mut [f64],
    /// Steps since they were set.
    steps: u32,
}

impl<'m> Distribution<'m> {
    /// Continues with the probabilities in `cumulative`, set so many steps ago.
    pub fn new(cumulative: &'m mut [f64], steps: u32) -> Self {
        Self { cumulative, steps }
    }

    /// Steps since the probabilities were set.
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Sets the probabilities from the losses of the cells, the first of those that are measured.
    pub fn set(&mut self, sampling: &PeakSampling, losses: &[Value]) {
        let losses = &losses[..self.cumulative.len()];
        let most = losses.iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.loss));
        // Losses are not negative; a function that is negative somewhere counts from its smallest value.
        let least = losses.iter().fold(0.0_f64, |a, v| a.min(v.loss));
        let weight = |v: &Value| {
            let relative = if most > least { (v.loss - least) / (most - least) } else { 1.0 };
            math::powi(relative, sampling.power)
        };
        let total: f64 = losses.iter().map(weight).sum();
        let count = losses.len() as f64;
        let mut sum = 0.0;
        for (c, value) in self.cumulative.iter_mut().zip(losses) {
            sum += (1.0 - sampling.uniform) * weight(value) / total + sampling.uniform / count;
            *c = sum;
        }
        self.steps = 0;
    }

    /// Lets the losses of steps change those of the cells that they were drawn in.
    pub fn observe(
        &mut self,
        sampling: &PeakSampling,
        cells: &[u32],
        losses: &[f32],
        cell_losses: &mut [Value],
    ) {
        for (&cell, &loss) in cells.iter().zip(losses) {
            let average = &mut cell_losses[cell as usize].loss;
            *average += sampling.ema_rate * (f64::from(loss) - *average);
        }
        self.steps += losses.len() as u32;
    }

    /// Updates the probabilities, if enough steps were taken since.
    pub fn refresh(&mut self, sampling: &PeakSampling, cell_losses: &[Value]) {
        if self.steps >= STEPS {
            self.set(sampling, cell_losses);
        }
    }

    /// Draws a cell.
    pub fn draw(&self, stream: &mut Stream) -> usize {
        let last = self.cumulative.len() - 1;
        let u = stream.unit() * self.cumulative[last];
        self.cumulative.partition_point(|&c| c <= u).min(last)
    }
}

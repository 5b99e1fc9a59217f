//! The loss at many points, and the statistics of batch norms there.

use super::batch_norm::Channel;
use super::panel::Job;
use super::plan::Step;
use super::{Images, Pass, run};
use crate::floats::LANES;
use fearless_simd::Level;
use rayon::prelude::*;
use valleys_core::engine::{Mix, Value};
use valleys_core::error::Error;
use valleys_core::network::Samples;

/// Sums over samples.
pub use crate::engine::cross_entropy::Scores;

impl Images {
    /// Measures points on the first `count` samples of the order.
    pub(super) fn measure(
        &mut self,
        test: bool,
        count: usize,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), Error> {
        let Self { level, data, batch, slots, order, theta, pass, .. } = self;
        let samples = if test { &data.test() } else { &data.train() };
        for (point, value) in points.iter().zip(values) {
            slots.mix(*level, point, theta.get_mut());
            pass.pack(*level, theta.get());
            let statistics = pass.statistics(*level, theta.get(), &data.train(), *batch);
            pass.settle(theta.get(), &statistics);
            let scores = pass.scores(*level, theta.get(), samples, &order[..count]);
            let mean = |sum: f64| sum / count as f64;
            *value = Value { loss: mean(scores.loss), error: Some(mean(scores.wrong as f64)) };
        }
        Ok(())
    }

    /// The statistics of the batch norms at θ, by a pass over the training samples in order, in batches.
    ///
    /// # Layout
    /// Of each batch norm the means, then the unbiased variances.
    ///
    /// # Errors
    /// θ of another length.
    pub fn statistics(&mut self, theta: &[f32]) -> Result<Vec<f32>, Error> {
        self.mix_of(theta)?;
        let statistics = self.pass.statistics(self.level, self.theta.get(), &self.data.train(), self.batch);
        let mut all = Vec::with_capacity(2 * statistics.len());
        for norm in self.pass.plan.norms() {
            for i in 0..2 {
                all.extend(statistics[norm.channels.clone()].iter().map(|x| x[i] as f32));
            }
        }
        Ok(all)
    }

    /// Losses and errors at θ, summed over the training or the test samples; batch norms normalise with the statistics.
    ///
    /// # Errors
    /// Lengths that do not fit.
    pub fn total(&mut self, theta: &[f32], statistics: &[f32], test: bool) -> Result<Scores, Error> {
        self.mix_of(theta)?;
        let needed = 2 * self.pass.plan.channels;
        if needed != statistics.len() {
            let what = "statistics of the batch norms";
            return Err(Error::Length { what, needed, given: statistics.len() });
        }
        let mut pairs = vec![[0.0; 2]; self.pass.plan.channels];
        for norm in self.pass.plan.norms() {
            let (first, len) = (2 * norm.channels.start, norm.channels.len());
            for (i, pair) in pairs[norm.channels.clone()].iter_mut().enumerate() {
                *pair = [statistics[first + i].into(), statistics[first + len + i].into()];
            }
        }
        self.pass.settle(self.theta.get(), &pairs);
        let samples = if test { &self.data.test() } else { &self.data.train() };
        let order = &mut self.order[..samples.labels.len()];
        order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
        Ok(self.pass.scores(self.level, self.theta.get(), samples, order))
    }

    /// Makes θ the point at hand.
    fn mix_of(&mut self, theta: &[f32]) -> Result<(), Error> {
        let needed = self.slots.dim();
        if needed != theta.len() {
            return Err(Error::Length { what: "parameters", needed, given: theta.len() });
        }
        self.theta.get_mut()[..needed].copy_from_slice(theta);
        self.pass.pack(self.level, theta);
        Ok(())
    }
}

impl Pass {
    /// Mean and unbiased variance of each channel of all batch norms: the averages over the batches.
    fn statistics(
        &mut self,
        level: Level,
        theta: &[f32],
        samples: &Samples<f32>,
        batch: usize,
    ) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.plan.channels];
        if sums.is_empty() {
            return sums;
        }
        let all: Vec<u32> = (0..samples.labels.len() as u32).collect();
        let sweeps = std::mem::take(&mut self.plan.statistics);
        for chosen in all.chunks(batch) {
            self.choose(chosen);
            for sweep in &sweeps {
                let used = &mut self.panels[..chosen.len().div_ceil(LANES)];
                let (plan, packed, channels) = (&self.plan, self.packed.get(), &self.channels[..]);
                let job = Job { plan, samples, augment: None, theta, packed, channels, share: 0.0 };
                used.par_iter_mut().for_each(|panel| run(level, panel, &job, sweep));
                if let Some(&Step::Moments(op)) = sweep.last() {
                    self.normalise(op, theta);
                }
            }
            let share = chosen.len() as f64 / all.len() as f64;
            for (channel, sum) in sums.iter_mut().enumerate() {
                let [mean, variance] = self.moments(channel).unbiased();
                *sum = [sum[0] + share * mean, sum[1] + share * variance];
            }
        }
        self.plan.statistics = sweeps;
        sums
    }

    /// Makes the batch norms normalise with given means and variances.
    fn settle(&mut self, theta: &[f32], statistics: &[[f64; 2]]) {
        let Self { plan, channels, .. } = self;
        for norm in plan.norms() {
            for (i, channel) in norm.channels.clone().enumerate() {
                let beta = norm.parameters + norm.channels.len();
                channels[channel] =
                    Channel::new(statistics[channel], theta[norm.parameters + i], theta[beta + i]);
            }
        }
    }

    /// Losses and errors, summed over samples. Every panel takes each so many groups of samples, so that threads meet
    /// once.
    fn scores(&mut self, level: Level, theta: &[f32], samples: &Samples<f32>, chosen: &[u32]) -> Scores {
        let (plan, packed, channels) = (&self.plan, self.packed.get(), &self.channels[..]);
        let job = Job { plan, samples, augment: None, theta, packed, channels, share: 0.0 };
        let count = self.panels.len();
        self.panels.par_iter_mut().enumerate().for_each(|(i, panel)| {
            let mut sum = Scores::default();
            for chosen in chosen.chunks(LANES).skip(i).step_by(count) {
                panel.choose(chosen);
                run(level, panel, &job, &plan.scores);
                sum = sum + panel.scores;
            }
            panel.scores = sum;
        });
        self.panels.iter().fold(Scores::default(), |sum, panel| sum + panel.scores)
    }
}

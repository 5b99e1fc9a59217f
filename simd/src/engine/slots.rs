//! Control points with their momenta: mixing, and the step of the optimiser.
//!
//! A control point that a step does not mix moves as well: its momentum decays and carries it on. Such steps are *pending*:
//! k of them are applied at once by v ← μᵏ v, θ ← θ − rate · (μ + … + μᵏ) · v (times μ with Nesterov's momentum) when the
//! control point is needed. So a step touches only the few control points that it mixes, and a fit with 97 trainable ones
//! (depth 3) costs hardly more than one with a single one.
//!
//! Adam has no such formula: its pending steps are applied one after the other, but each element stays in a register for
//! all of them, so that memory is read once. They have the bits of steps of their own.
//!
//! Applying k steps of momentum at once rounds differently from applying them in two parts. So when they are applied
//! depends on the steps alone: when a step mixes the control point, and when momentum or rate change. Reading a control
//! point and measuring losses work on a copy.

use crate::engine::moves::{Adam, add_scaled, coast, scale, step_part, stride};
use crate::floats::AlignedFloats;
use fearless_simd::{Level, dispatch};
use rayon::prelude::*;
use valleys_core::engine::{MAX_COUNT, Mix, Optimizer, StepParams, check_mix};
use valleys_core::error::{Error, length};

/// Elements of θ that are one task of a thread.
const PART_LEN: usize = 1 << 14;

/// Length of θ from which on threads share it.
const PARALLEL_LEN: usize = 4 * PART_LEN;

/// Elements that a single thread steps in all control points before it goes on: θ and ∇L then stay in the first-level
/// cache.
const BLOCK_LEN: usize = 1 << 10;

/// Control points with what an optimiser remembers of them, in numbered slots.
///
/// # Layout
/// (slots, 2, stride): control point, then momentum, of each slot. The [`stride`] is the dimension, padded with 0. Second
/// moments: (slots, stride).
#[derive(Debug)]
pub struct Slots {
    memory: AlignedFloats,
    /// Second moments, for Adam.
    second: Option<AlignedFloats>,
    dim: usize,
    /// For each slot the number of steps that are not applied yet.
    pending: Vec<u32>,
    /// For each slot the number of Adam's steps that are applied.
    counts: Vec<u32>,
    /// Optimiser and rate of the pending steps.
    optimizer: Optimizer,
    rate: f32,
}

/// Elements of a saved state for the optimiser and the rate.
const RATES_LEN: usize = 6;

impl Slots {
    /// `len` slots of zeros.
    pub fn new(len: usize, dim: usize) -> Self {
        Self {
            memory: AlignedFloats::new(2 * len * stride(dim)),
            second: None,
            dim,
            pending: vec![0; len],
            counts: vec![0; len],
            optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
            rate: 0.0,
        }
    }

    /// With memory for Adam's second moments.
    pub fn with_second_moments(mut self) -> Self {
        self.second = Some(AlignedFloats::new(self.pending.len() * stride(self.dim)));
        self
    }

    /// Checks that the optimiser of a step has the memory that it needs.
    pub fn check_optimizer(&self, optimizer: Optimizer) -> Result<(), Error> {
        optimizer.check_memory(self.second.is_some())
    }

    /// Length of every θ.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// Sets a control point, and its moments to 0.
    pub fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.check(slot, theta.len())?;
        let (point, momentum) = self.pair(slot as usize);
        point[..theta.len()].copy_from_slice(theta);
        momentum.fill(0.0);
        if let Some(second) = &mut self.second {
            let stride = stride(self.dim);
            second.get_mut()[slot as usize * stride..][..stride].fill(0.0);
        }
        (self.pending[slot as usize], self.counts[slot as usize]) = (0, 0);
        Ok(())
    }

    /// Reads a control point, pending steps included.
    pub fn get(&mut self, level: Level, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.check(slot, theta.len())?;
        let slot = slot as usize;
        self.with_applied(level, slot..slot + 1, |slots| {
            theta.copy_from_slice(&slots.point(slot)[..slots.dim])
        });
        Ok(())
    }

    /// What `read` finds where the pending steps of some slots are applied. Afterwards they are pending again.
    ///
    /// # Cost
    /// A copy of the slots that have pending steps.
    pub fn with_applied<T>(
        &mut self,
        level: Level,
        slots: impl IntoIterator<Item = usize>,
        read: impl FnOnce(&Self) -> T,
    ) -> T {
        let mut copies: Vec<(usize, u32, Vec<f32>)> = Vec::new();
        for slot in slots {
            let steps = self.pending[slot];
            // Adam's steps have the same bits whenever they are applied.
            if self.optimizer.needs_second_moments() {
                self.apply_pending(level, slot);
            } else if steps > 0 {
                copies.push((slot, steps, self.slot(slot).to_vec()));
                self.apply_pending(level, slot);
            }
        }
        let found = read(self);
        for (slot, steps, copy) in copies {
            self.slot(slot).copy_from_slice(&copy);
            self.pending[slot] = steps;
        }
        found
    }

    /// Checks that a mix names at least one slot, slots that exist, and none twice.
    pub fn check_mix(&self, mix: &Mix) -> Result<(), Error> {
        check_mix(mix, self.pending.len())
    }

    /// θ(t) = Σ weight · control point, summed in the order of the mix. `theta` has the length of the stride.
    pub fn mix(&self, level: Level, mix: &Mix, theta: &mut [f32]) {
        if theta.len() < PARALLEL_LEN {
            self.mix_from(level, mix, 0, theta);
        } else {
            let parts = theta.par_chunks_mut(PART_LEN).enumerate();
            parts.for_each(|(i, theta)| self.mix_from(level, mix, i * PART_LEN, theta));
        }
    }

    /// The elements of θ(t) from `first` on. `first` and the length are multiples of 16.
    pub fn mix_from(&self, level: Level, mix: &Mix, first: usize, theta: &mut [f32]) {
        dispatch!(level, simd => {
            let mut terms = mix.iter();
            match terms.next() {
                None => theta.fill(0.0),
                Some(&(slot, weight)) => {
                    scale(simd, weight, &self.point(slot as usize)[first..], theta);
                }
            }
            terms.for_each(|&(slot, weight)| {
                add_scaled(simd, weight, &self.point(slot as usize)[first..], theta);
            });
        });
    }

    /// Applies the pending steps of the control points of a mix.
    pub fn flush(&mut self, level: Level, mix: &Mix) {
        mix.iter().for_each(|&(slot, _)| self.apply_pending(level, slot as usize));
    }

    /// Applies the pending steps of all control points.
    pub fn flush_all(&mut self, level: Level) {
        (0..self.pending.len()).for_each(|slot| self.apply_pending(level, slot));
    }

    fn apply_pending(&mut self, level: Level, slot: usize) {
        let steps = std::mem::take(&mut self.pending[slot]);
        if steps == 0 {
            return;
        }
        let (mu, nesterov) = match self.optimizer {
            Optimizer::Sgd { momentum, nesterov } => (f64::from(momentum), nesterov),
            Optimizer::Adam { beta1, beta2, epsilon, .. } => {
                let adam = Adam::outside(beta1, beta2, epsilon);
                let corrections = adam.corrections(self.rate, self.counts[slot], steps);
                self.count_steps(slot, steps);
                let Some((point, first, second)) = self.moments(slot) else { return };
                dispatch!(level, simd => adam.coast(simd, &corrections, (point, first, second)));
                return;
            }
        };
        let rate = f64::from(self.rate);
        let decay = mu.powi(steps as i32);
        let sum = if mu < 1.0 { mu * (1.0 - decay) / (1.0 - mu) } else { f64::from(steps) };
        let (point, momentum) = self.pair(slot);
        let ahead = if nesterov { mu } else { 1.0 };
        dispatch!(level, simd => coast(simd, decay as f32, (-rate * ahead * sum) as f32, point, momentum));
    }

    fn count_steps(&mut self, slot: usize, steps: u32) {
        self.counts[slot] = self.counts[slot].saturating_add(steps).min(MAX_COUNT as u32);
    }

    /// Moves every trainable control point: with g = ∇L + λθ, v ← μ v + weight · g, θ ← θ − rate · v, or with Nesterov's
    /// momentum θ ← θ − rate · (weight · g + μ v). The control points of the mix have no pending steps; for the others this
    /// one becomes pending.
    pub fn step(
        &mut self,
        level: Level,
        params: &StepParams,
        mix: &Mix,
        rate: f32,
        theta: &[f32],
        gradient: &[f32],
    ) {
        if (self.optimizer, self.rate) != (params.optimizer, rate) {
            self.flush_all(level);
            (self.optimizer, self.rate) = (params.optimizer, rate);
        }
        let trainable = params.first_trainable as usize..self.pending.len();
        self.pending[trainable.clone()].iter_mut().for_each(|steps| *steps += 1);
        let moved = mix.iter().filter(|(slot, _)| trainable.contains(&(*slot as usize)));
        moved.clone().for_each(|&(slot, _)| self.pending[slot as usize] = 0);
        if params.optimizer.needs_second_moments() {
            for &(slot, weight) in moved {
                self.step_adam(level, params, (slot as usize, weight), rate, theta, gradient);
            }
            return;
        }
        if theta.len() < PARALLEL_LEN {
            dispatch!(level, simd => {
                for (i, source) in theta.chunks(BLOCK_LEN).zip(gradient.chunks(BLOCK_LEN)).enumerate() {
                    for &(slot, weight) in moved.clone() {
                        let (point, momentum) = self.pair(slot as usize);
                        let target = (&mut point[i * BLOCK_LEN..], &mut momentum[i * BLOCK_LEN..]);
                        step_part(simd, params, weight, rate, (target, source));
                    }
                }
            });
            return;
        }
        for &(slot, weight) in moved {
            let (point, momentum) = self.pair(slot as usize);
            let target = point.par_chunks_mut(PART_LEN).zip(momentum.par_chunks_mut(PART_LEN));
            target.zip(theta.par_chunks(PART_LEN).zip(gradient.par_chunks(PART_LEN))).for_each(|part| {
                dispatch!(level, simd => step_part(simd, params, weight, rate, part));
            });
        }
    }

    /// A step of Adam.
    fn step_adam(
        &mut self,
        level: Level,
        params: &StepParams,
        (slot, weight): (usize, f32),
        rate: f32,
        theta: &[f32],
        gradient: &[f32],
    ) {
        let Some(adam) = Adam::new(params, weight, rate) else { return };
        let Some(&correction) = adam.corrections(rate, self.counts[slot], 1).first() else { return };
        self.count_steps(slot, 1);
        let Some((point, first, second)) = self.moments(slot) else { return };
        let work = |(((point, first), second), (theta, gradient)): PartOfAdam| {
            dispatch!(level, simd => adam.step(simd, correction, (point, first, second), (theta, gradient)));
        };
        if theta.len() < PARALLEL_LEN {
            work((((point, first), second), (theta, gradient)));
            return;
        }
        let target = point.par_chunks_mut(PART_LEN).zip(first.par_chunks_mut(PART_LEN));
        let target = target.zip(second.par_chunks_mut(PART_LEN));
        target.zip(theta.par_chunks(PART_LEN).zip(gradient.par_chunks(PART_LEN))).for_each(work);
    }

    /// Elements of a saved state: control points, momenta, second moments, numbers of pending and of counted steps, the
    /// optimiser and the rate.
    pub fn state_len(&self) -> usize {
        let second = self.second.as_ref().map_or(0, |second| second.get().len() + self.counts.len());
        self.memory.get().len() + second + self.pending.len() + RATES_LEN
    }

    /// Copies the state. Pending steps are saved as such: applying them rounds, and saving must not change later results.
    pub fn save(&self, state: &mut [f32]) -> Result<(), Error> {
        self.check_state(state.len())?;
        let (memory, rest) = state.split_at_mut(self.memory.get().len());
        let (pending, rest) = rest.split_at_mut(self.pending.len());
        let (rates, rest) = rest.split_at_mut(RATES_LEN);
        memory.copy_from_slice(self.memory.get());
        pending.iter_mut().zip(&self.pending).for_each(|(to, &steps)| *to = f32::from_bits(steps));
        let flag = |is: bool| f32::from(u8::from(is));
        rates.copy_from_slice(&match self.optimizer {
            Optimizer::Sgd { momentum, nesterov } => [self.rate, 0.0, momentum, flag(nesterov), 0.0, 0.0],
            Optimizer::Adam { beta1, beta2, epsilon, decoupled } => {
                [self.rate, 1.0, beta1, beta2, epsilon, flag(decoupled)]
            }
        });
        if let Some(own) = &self.second {
            let (second, counts) = rest.split_at_mut(own.get().len());
            second.copy_from_slice(own.get());
            counts.iter_mut().zip(&self.counts).for_each(|(to, &steps)| *to = f32::from_bits(steps));
        }
        Ok(())
    }

    /// Returns to a saved state.
    pub fn restore(&mut self, state: &[f32]) -> Result<(), Error> {
        self.check_state(state.len())?;
        let (memory, rest) = state.split_at(self.memory.get().len());
        let (pending, rest) = rest.split_at(self.pending.len());
        let (rates, rest) = rest.split_at(RATES_LEN);
        self.memory.get_mut().copy_from_slice(memory);
        self.pending.iter_mut().zip(pending).for_each(|(steps, from)| *steps = from.to_bits());
        self.rate = rates[0];
        self.optimizer = match rates[1] {
            0.0 => Optimizer::Sgd { momentum: rates[2], nesterov: rates[3] != 0.0 },
            _ => Optimizer::Adam {
                beta1: rates[2],
                beta2: rates[3],
                epsilon: rates[4],
                decoupled: rates[5] != 0.0,
            },
        };
        if let Some(own) = &mut self.second {
            let (second, counts) = rest.split_at(own.get().len());
            own.get_mut().copy_from_slice(second);
            self.counts.iter_mut().zip(counts).for_each(|(steps, from)| *steps = from.to_bits());
        }
        Ok(())
    }

    fn check_state(&self, given: usize) -> Result<(), Error> {
        length("saved state", self.state_len(), given)
    }

    fn check(&self, slot: u32, dim: usize) -> Result<(), Error> {
        if slot as usize >= self.pending.len() {
            let most = self.pending.len().saturating_sub(1) as u64;
            return Err(Error::Range { what: "slot", least: 0, most, given: slot.into() });
        }
        self.check_dim(dim)
    }

    /// Checks the length of a θ.
    pub fn check_dim(&self, given: usize) -> Result<(), Error> {
        length("parameters", self.dim, given)
    }

    /// A control point without pending steps, padded to the stride.
    #[inline(always)]
    pub fn point(&self, slot: usize) -> &[f32] {
        let stride = stride(self.dim);
        &self.memory.get()[2 * slot * stride..][..stride]
    }

    /// A control point and its momentum.
    #[inline(always)]
    fn slot(&mut self, slot: usize) -> &mut [f32] {
        let stride = stride(self.dim);
        &mut self.memory.get_mut()[2 * slot * stride..][..2 * stride]
    }

    /// A control point, its first and its second moments.
    fn moments(&mut self, slot: usize) -> Option<(&mut [f32], &mut [f32], &mut [f32])> {
        let stride = stride(self.dim);
        let second = &mut self.second.as_mut()?.get_mut()[slot * stride..][..stride];
        let (point, first) = self.memory.get_mut()[2 * slot * stride..][..2 * stride].split_at_mut(stride);
        Some((point, first, second))
    }

    #[inline(always)]
    fn pair(&mut self, slot: usize) -> (&mut [f32], &mut [f32]) {
        let stride = stride(self.dim);
        self.slot(slot).split_at_mut(stride)
    }
}

/// Some elements of a control point and its moments, of θ and ∇L.
type PartOfAdam<'a> = (((&'a mut [f32], &'a mut [f32]), &'a mut [f32]), (&'a [f32], &'a [f32]));

#[cfg(test)]
mod tests;

//! Control points with their momenta: mixing them, and the optimiser's step.
//!
//! A control point that a step does not mix still moves: its momentum decays and carries it on. It *coasts*, and k
//! such steps are one: v ← μᵏ v, centre ← centre − rate·(μ + … + μᵏ)·v. So a step touches only the few control points
//! that it mixes, and a fit at depth 3, of which 97 move, costs little more than one at depth 1.

use crate::floats::Floats;
use fearless_simd::{Level, dispatch, prelude::*};
use rayon::prelude::*;
use valleys_core::engine::{Mix, StepParams};
use valleys_core::error::Error;

/// Momenta smaller than this become 0: where a gradient vanishes they would decay to denormals, and those are slow.
const LEAST: f32 = 1e-30;

/// Elements of θ that a thread takes at a time.
const PART: usize = 1 << 14;

/// Elements from which on threads share them.
const SHARED: usize = 4 * PART;

/// Elements that one thread alone moves in all centres before it goes on: then θ and ∇L come from the first-level cache for
/// every centre but the first.
const NEAR: usize = 1 << 10;

/// Control points and momenta.
///
/// # Layout
/// (slots, 2, stride): centre, then momentum, of each slot; the stride is dim in whole cache lines, filled with 0.
#[derive(Debug)]
pub struct Sgd {
    memory: Floats,
    dim: usize,
    /// Of each slot, the steps that it has coasted and not yet moved by.
    coasting: Vec<u32>,
    /// Momentum μ and rate of those steps.
    pace: [f32; 2],
}

impl Sgd {
    /// `len` slots of zeros.
    pub fn new(len: usize, dim: usize) -> Self {
        Self { memory: Floats::new(2 * len * stride(dim)), dim, coasting: vec![0; len], pace: [0.0; 2] }
    }

    /// Length of every θ.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// Sets a centre, and its momentum to 0.
    pub fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.check(slot, theta.len())?;
        let (centre, momentum) = self.pair(slot as usize);
        centre[..theta.len()].copy_from_slice(theta);
        momentum.fill(0.0);
        self.coasting[slot as usize] = 0;
        Ok(())
    }

    /// Reads a centre that does not coast.
    pub fn get(&self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.check(slot, theta.len())?;
        debug_assert_eq!(self.coasting[slot as usize], 0);
        theta.copy_from_slice(&self.centre(slot as usize)[..self.dim]);
        Ok(())
    }

    /// Checks that the slots of a mix exist.
    pub fn check_mix(&self, mix: &Mix) -> Result<(), Error> {
        mix.iter().try_for_each(|&(slot, _)| self.check(slot, self.dim))
    }

    /// θ(t) = Σ weight · centre, summed in the order of the mix; `theta` has the length of the stride.
    pub fn mix(&self, level: Level, mix: &Mix, theta: &mut [f32]) {
        if theta.len() < SHARED {
            dispatch!(level, simd => self.mix_part(simd, mix, 0, theta));
        } else {
            theta.par_chunks_mut(PART).enumerate().for_each(|(i, theta)| {
                dispatch!(level, simd => self.mix_part(simd, mix, i * PART, theta));
            });
        }
    }

    /// The elements of θ(t) from `first` on; both ends are whole vectors.
    #[inline(always)]
    pub fn mix_part<S: Simd>(&self, simd: S, mix: &Mix, first: usize, theta: &mut [f32]) {
        let mut terms = mix.iter();
        match terms.next() {
            None => theta.fill(0.0),
            Some(&(slot, weight)) => {
                for (theta, centre) in
                    each::<S>(theta).zip(vectors::<S>(&self.centre(slot as usize)[first..]))
                {
                    (S::f32s::from_slice(simd, centre) * weight).store_slice(theta);
                }
            }
        }
        for &(slot, weight) in terms {
            let weight = S::f32s::splat(simd, weight);
            for (theta, centre) in each::<S>(theta).zip(vectors::<S>(&self.centre(slot as usize)[first..])) {
                let sum = weight.mul_add(S::f32s::from_slice(simd, centre), S::f32s::from_slice(simd, theta));
                sum.store_slice(theta);
            }
        }
    }

    /// Moves the centres of a mix by the steps that they have coasted.
    pub fn arrive(&mut self, level: Level, mix: &Mix) {
        dispatch!(level, simd => mix.iter().for_each(|&(slot, _)| self.land(simd, slot as usize)));
    }

    /// Moves all centres by the steps that they have coasted.
    pub fn arrive_all(&mut self, level: Level) {
        dispatch!(level, simd => (0..self.coasting.len()).for_each(|slot| self.land(simd, slot)));
    }

    #[inline(always)]
    fn land<S: Simd>(&mut self, simd: S, slot: usize) {
        let steps = std::mem::take(&mut self.coasting[slot]);
        if steps == 0 {
            return;
        }
        let [mu, rate] = self.pace.map(f64::from);
        let left = mu.powi(steps as i32);
        let sum = if mu < 1.0 { mu * (1.0 - left) / (1.0 - mu) } else { f64::from(steps) };
        let splat = |x: f64| S::f32s::splat(simd, x as f32);
        let (left, way) = (splat(left), splat(-rate * sum));
        let (zero, least) = (splat(0.0), S::f32s::splat(simd, LEAST));
        let (centre, momentum) = self.pair(slot);
        for (centre, momentum) in each::<S>(centre).zip(each::<S>(momentum)) {
            let v = S::f32s::from_slice(simd, momentum);
            way.mul_add(v, S::f32s::from_slice(simd, centre)).store_slice(centre);
            let v = left * v;
            v.abs().simd_lt(least).select(zero, v).store_slice(momentum);
        }
    }

    /// Moves every trainable centre: with g = ∇L + λθ, v ← μ v + weight · g, centre ← centre − rate · v. Those of the
    /// mix have [arrived](Self::arrive); the others coast.
    pub fn step(
        &mut self,
        level: Level,
        course: &StepParams,
        mix: &Mix,
        rate: f32,
        theta: &[f32],
        gradient: &[f32],
    ) {
        if self.pace != [course.momentum, rate] {
            self.arrive_all(level);
            self.pace = [course.momentum, rate];
        }
        let trainable = course.first_trainable as usize..self.coasting.len();
        self.coasting[trainable.clone()].iter_mut().for_each(|steps| *steps += 1);
        let moved = mix.iter().filter(|(slot, _)| trainable.contains(&(*slot as usize)));
        moved.clone().for_each(|&(slot, _)| self.coasting[slot as usize] = 0);
        if theta.len() < SHARED {
            dispatch!(level, simd => {
                for (part, source) in theta.chunks(NEAR).zip(gradient.chunks(NEAR)).enumerate() {
                    for &(slot, weight) in moved.clone() {
                        let (centre, momentum) = self.pair(slot as usize);
                        let centre = (&mut centre[part * NEAR..], &mut momentum[part * NEAR..]);
                        step_part(simd, course, weight, rate, (centre, source));
                    }
                }
            });
            return;
        }
        for &(slot, weight) in moved {
            let (centre, momentum) = self.pair(slot as usize);
            let centre = centre.par_chunks_mut(PART).zip(momentum.par_chunks_mut(PART));
            centre.zip(theta.par_chunks(PART).zip(gradient.par_chunks(PART))).for_each(|part| {
                dispatch!(level, simd => step_part(simd, course, weight, rate, part));
            });
        }
    }

    /// Elements of a saved state: centres and momenta, the steps coasted, the pace.
    pub fn state_len(&self) -> usize {
        self.memory.get().len() + self.coasting.len() + self.pace.len()
    }

    /// Copies the state. Nothing lands: a landing rounds, and a fit that is looked at must not differ from one that is not.
    pub fn save(&self, state: &mut [f32]) -> Result<(), Error> {
        self.check_state(state.len())?;
        let (memory, rest) = state.split_at_mut(self.memory.get().len());
        let (coasting, pace) = rest.split_at_mut(self.coasting.len());
        memory.copy_from_slice(self.memory.get());
        coasting.iter_mut().zip(&self.coasting).for_each(|(to, &steps)| *to = f32::from_bits(steps));
        pace.copy_from_slice(&self.pace);
        Ok(())
    }

    /// Goes back to a saved state.
    pub fn restore(&mut self, state: &[f32]) -> Result<(), Error> {
        self.check_state(state.len())?;
        let (memory, rest) = state.split_at(self.memory.get().len());
        let (coasting, pace) = rest.split_at(self.coasting.len());
        self.memory.get_mut().copy_from_slice(memory);
        self.coasting.iter_mut().zip(coasting).for_each(|(steps, from)| *steps = from.to_bits());
        self.pace.copy_from_slice(pace);
        Ok(())
    }

    fn check_state(&self, given: usize) -> Result<(), Error> {
        let needed = self.state_len();
        if given == needed { Ok(()) } else { Err(Error::Length { what: "saved state", needed, given }) }
    }

    fn check(&self, slot: u32, dim: usize) -> Result<(), Error> {
        if slot as usize >= self.coasting.len() {
            let most = self.coasting.len().saturating_sub(1) as u64;
            return Err(Error::Range { what: "slot", least: 0, most, given: slot.into() });
        }
        if dim != self.dim {
            return Err(Error::Length { what: "parameters", needed: self.dim, given: dim });
        }
        Ok(())
    }

    /// A centre that does not coast, with the zeros that fill its stride.
    #[inline(always)]
    pub fn centre(&self, slot: usize) -> &[f32] {
        let stride = stride(self.dim);
        &self.memory.get()[2 * slot * stride..][..stride]
    }

    #[inline(always)]
    fn pair(&mut self, slot: usize) -> (&mut [f32], &mut [f32]) {
        let stride = stride(self.dim);
        self.memory.get_mut()[2 * slot * stride..][..2 * stride].split_at_mut(stride)
    }
}

/// Some elements of centre and momentum, of θ and ∇L.
type Part<'a> = ((&'a mut [f32], &'a mut [f32]), (&'a [f32], &'a [f32]));

/// Moves a part of a centre.
#[inline(always)]
fn step_part<S: Simd>(simd: S, course: &StepParams, weight: f32, rate: f32, part: Part<'_>) {
    let ((centre, momentum), (theta, gradient)) = part;
    let splat = |x| S::f32s::splat(simd, x);
    let (mu, lambda, rate) = (splat(course.momentum), splat(course.weight_decay), splat(-rate));
    let (weight, zero, least) = (splat(weight), splat(0.0), splat(LEAST));
    let moved = each::<S>(centre).zip(each::<S>(momentum));
    for ((centre, momentum), (theta, gradient)) in moved.zip(vectors::<S>(theta).zip(vectors::<S>(gradient)))
    {
        let load = |x: &[f32]| S::f32s::from_slice(simd, x);
        let g = lambda.mul_add(load(theta), load(gradient));
        let v = weight.mul_add(g, mu * load(momentum));
        let v = v.abs().simd_lt(least).select(zero, v);
        v.store_slice(momentum);
        rate.mul_add(v, load(centre)).store_slice(centre);
    }
}

/// Elements from one θ in memory to the next.
pub const fn stride(dim: usize) -> usize {
    dim.next_multiple_of(16)
}

#[inline(always)]
pub fn vectors<S: Simd>(floats: &[f32]) -> impl Iterator<Item = &[f32]> {
    floats.chunks_exact(S::f32s::LEN)
}

#[inline(always)]
pub fn each<S: Simd>(floats: &mut [f32]) -> impl Iterator<Item = &mut [f32]> {
    floats.chunks_exact_mut(S::f32s::LEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use valleys_core::rng::Key;

    #[test]
    fn momenta_decay_to_nought_and_never_to_denormals() {
        let mut slots = Sgd::new(1, 20);
        slots.put(0, &[1.0; 20]).unwrap();
        let course = StepParams {
            key: Key::new(0, 0),
            epoch: 0,
            first_trainable: 0,
            momentum: 0.9,
            weight_decay: 0.0,
            tangent_removal: 0.0,
        };
        let (theta, nothing) = ([1.0; 32], Mix::new());
        let mut push = |mix: &Mix| {
            slots.step(Level::new(), &course, mix, 0.1, &theta, &theta);
            slots.arrive_all(Level::new());
            slots.pair(0).1[0]
        };
        assert_eq!(push(&Mix::from_iter([(0, 1.0)])), 1.0);
        let momenta: Vec<f32> = (0..1000).map(|_| push(&nothing)).collect();
        assert!(momenta.iter().all(|v| *v == 0.0 || v.is_normal()));
        assert!(momenta[100] > 0.0 && momenta[999] == 0.0);
    }

    /// Steps at once are steps one by one.
    #[test]
    fn coasting_is_many_steps() {
        let course = StepParams {
            key: Key::new(0, 0),
            epoch: 0,
            first_trainable: 0,
            momentum: 0.9,
            weight_decay: 0.0,
            tangent_removal: 0.0,
        };
        let theta: [f32; 32] = std::array::from_fn(|i| i as f32 - 7.5);
        let (mut once, mut singly) = (Sgd::new(2, 20), Sgd::new(2, 20));
        let level = Level::new();
        for slots in [&mut once, &mut singly] {
            slots.step(level, &course, &Mix::from_iter([(1, 1.0)]), 0.1, &theta, &theta);
        }
        for _ in 0..25 {
            singly.step(level, &course, &Mix::new(), 0.1, &theta, &theta);
            singly.arrive_all(level);
            once.step(level, &course, &Mix::new(), 0.1, &theta, &theta);
        }
        once.arrive(level, &Mix::from_iter([(1, 0.5)]));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 25.0 * f32::EPSILON * b.abs();
        let ((centre, momentum), (centre_singly, momentum_singly)) = (once.pair(1), singly.pair(1));
        assert!(centre.iter().zip(&*centre_singly).all(near));
        assert!(momentum.iter().zip(&*momentum_singly).all(near));
    }
}

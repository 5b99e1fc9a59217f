//! Control points with their momenta: mixing them, and the optimiser's step.

use super::floats::Floats;
use fearless_simd::prelude::*;
use valleys_core::error::Error;
use valleys_core::landscape::{Course, Mix};

/// Momenta smaller than this become 0: where a gradient vanishes they would decay to denormals, and those are slow.
const LEAST: f32 = 1e-30;

/// Elements of θ that a step moves in all centres before it goes on.
const PART: usize = 1024;

/// Control points and momenta.
///
/// # Layout
/// (slots, 2, stride): centre, then momentum, of each slot; the stride is dim in whole cache lines, filled with 0.
#[derive(Debug)]
pub struct Slots {
    memory: Floats,
    len: usize,
    dim: usize,
}

impl Slots {
    /// `len` slots of zeros.
    pub fn new(len: usize, dim: usize) -> Self {
        Self { memory: Floats::new(2 * len * stride(dim)), len, dim }
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
        Ok(())
    }

    /// Reads a centre.
    pub fn get(&self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.check(slot, theta.len())?;
        theta.copy_from_slice(&self.centre(slot as usize)[..self.dim]);
        Ok(())
    }

    /// Checks that the slots of a mix exist.
    pub fn check_mix(&self, mix: &Mix) -> Result<(), Error> {
        mix.iter().try_for_each(|&(slot, _)| self.check(slot, self.dim))
    }

    /// θ(t) = Σ weight · centre, summed in the order of the mix; `theta` has the length of the stride.
    #[inline(always)]
    pub fn mix<S: Simd>(&self, simd: S, mix: &Mix, theta: &mut [f32]) {
        let mut terms = mix.iter();
        match terms.next() {
            None => theta.fill(0.0),
            Some(&(slot, weight)) => {
                for (theta, centre) in each::<S>(theta).zip(vectors::<S>(self.centre(slot as usize))) {
                    (S::f32s::from_slice(simd, centre) * weight).store_slice(theta);
                }
            }
        }
        for &(slot, weight) in terms {
            let weight = S::f32s::splat(simd, weight);
            for (theta, centre) in each::<S>(theta).zip(vectors::<S>(self.centre(slot as usize))) {
                let sum = weight.mul_add(S::f32s::from_slice(simd, centre), S::f32s::from_slice(simd, theta));
                sum.store_slice(theta);
            }
        }
    }

    /// Moves every trainable centre: with g = ∇L + λθ, v ← μ v + weight · g, centre ← centre − rate · v.
    #[inline(always)]
    pub fn step<S: Simd>(
        &mut self,
        simd: S,
        course: &Course,
        mix: &Mix,
        rate: f32,
        theta: &[f32],
        gradient: &[f32],
    ) {
        let splat = |x| S::f32s::splat(simd, x);
        let (mu, lambda, rate) = (splat(course.momentum), splat(course.weight_decay), splat(-rate));
        let (zero, least) = (splat(0.0), splat(LEAST));
        // Part by part, so that θ and ∇L come from the first-level cache for every centre but the first.
        for (part, (theta, gradient)) in theta.chunks(PART).zip(gradient.chunks(PART)).enumerate() {
            for slot in course.trainable as usize..self.len {
                let weight = splat(mix.iter().find(|(s, _)| *s as usize == slot).map_or(0.0, |(_, w)| *w));
                let (centre, momentum) = self.pair(slot);
                let (centre, momentum) = (&mut centre[part * PART..], &mut momentum[part * PART..]);
                let moved = each::<S>(centre).zip(each::<S>(momentum));
                for ((centre, momentum), (theta, gradient)) in
                    moved.zip(vectors::<S>(theta).zip(vectors::<S>(gradient)))
                {
                    let load = |x: &[f32]| S::f32s::from_slice(simd, x);
                    let g = lambda.mul_add(load(theta), load(gradient));
                    let v = weight.mul_add(g, mu * load(momentum));
                    let v = v.abs().simd_lt(least).select(zero, v);
                    v.store_slice(momentum);
                    rate.mul_add(v, load(centre)).store_slice(centre);
                }
            }
        }
    }

    fn check(&self, slot: u32, dim: usize) -> Result<(), Error> {
        if slot as usize >= self.len {
            let most = self.len.saturating_sub(1) as u64;
            return Err(Error::Range { what: "slot", least: 0, most, given: slot.into() });
        }
        if dim != self.dim {
            return Err(Error::Length { what: "parameters", needed: self.dim, given: dim });
        }
        Ok(())
    }

    /// A centre; longer than dim by zeros.
    /// A centre, with the zeros that fill its stride.
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
    use fearless_simd::{Level, dispatch};

    #[test]
    fn momenta_decay_to_nought_and_never_to_denormals() {
        let mut slots = Slots::new(1, 20);
        slots.put(0, &[1.0; 20]).unwrap();
        let course =
            Course { seed: 0, job: 0, epoch: 0, trainable: 0, momentum: 0.9, weight_decay: 0.0, across: 0.0 };
        let (theta, nothing) = ([1.0; 32], Mix::new());
        let mut push = |mix: &Mix| {
            dispatch!(Level::new(), simd => slots.step(simd, &course, mix, 0.1, &theta, &theta));
            slots.pair(0).1[0]
        };
        assert_eq!(push(&Mix::from_iter([(0, 1.0)])), 1.0);
        let momenta: Vec<f32> = (0..1000).map(|_| push(&nothing)).collect();
        assert!(momenta.iter().all(|v| *v == 0.0 || v.is_normal()));
        assert!(momenta[100] > 0.0 && momenta[999] == 0.0);
    }
}

//! Control points with their momenta, and the optimiser's step on them.

use super::{Mix, StepParams, tangent};
use crate::error::{Error, enough, length, range};
use crate::math;
use crate::simplex::MAX_VERTICES;
use core::ops::DerefMut;

/// Stochastic gradient descent with momentum on control points in numbered slots.
///
/// The memory `M` is the caller's: `&mut [f32]` on a device, `Vec<f32>` on a host.
///
/// # Layout
/// (slots, 2, dim): control point, then momentum, of each slot.
#[derive(Debug)]
pub struct Sgd<M> {
    memory: M,
    dim: usize,
    slots: usize,
}

impl Sgd<&mut [f32]> {
    /// Elements of memory for a number of slots.
    pub const fn memory_len(slots: usize, dim: usize) -> usize {
        2 * slots * dim
    }
}

impl<M: DerefMut<Target = [f32]>> Sgd<M> {
    /// As many slots as the memory holds. They keep what is there: 0 is no control point and no momentum.
    ///
    /// # Errors
    /// A dimension of 0; no memory for one slot.
    pub fn new(memory: M, dim: usize) -> Result<Self, Error> {
        range("dimension of parameter space", 1, usize::MAX, dim)?;
        enough("memory of the slots", Sgd::memory_len(1, dim), memory.len())?;
        let slots = memory.len() / (2 * dim);
        Ok(Self { memory, dim, slots })
    }

    /// Number of slots, at least 1.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Length of every θ.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Sets a control point, and its momentum to 0.
    ///
    /// # Errors
    /// No such slot; wrong length.
    pub fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        range("slot", 0, self.slots - 1, slot as usize)?;
        length("parameters", self.dim, theta.len())?;
        let (point, momentum) = self.pair(slot as usize);
        point.copy_from_slice(theta);
        momentum.fill(0.0);
        Ok(())
    }

    /// Reads a control point.
    ///
    /// # Errors
    /// No such slot; wrong length.
    pub fn get(&self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        range("slot", 0, self.slots - 1, slot as usize)?;
        length("parameters", self.dim, theta.len())?;
        theta.copy_from_slice(self.point(slot as usize));
        Ok(())
    }

    /// Checks that a mix names at least one slot, slots that exist, and none twice.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, mix: &Mix) -> Result<(), Error> {
        check_mix(mix, self.slots)
    }

    /// θ(t) = Σ weight · control point, summed in the order of the mix.
    ///
    /// # Panics
    /// If a slot does not exist or `theta` is not of length dim.
    pub fn mix(&self, mix: &Mix, theta: &mut [f32]) {
        assert_eq!(theta.len(), self.dim);
        theta.fill(0.0);
        for &(slot, weight) in mix {
            for (theta, &point) in theta.iter_mut().zip(self.point(slot as usize)) {
                *theta += weight * point;
            }
        }
    }

    /// Moves every trainable slot along the gradient at θ(t); see [`Engine`](super::Engine). `gradient` becomes what the
    /// slots moved by: with weight decay, without the tangent component that is removed, not longer than the limit.
    ///
    /// # Panics
    /// If a length is not dim.
    pub fn step(&mut self, params: &StepParams, mix: &Mix, rate: f32, theta: &[f32], gradient: &mut [f32]) {
        assert!(theta.len() == self.dim && gradient.len() == self.dim);
        gradient.iter_mut().zip(theta).for_each(|(g, &theta)| *g += params.weight_decay * theta);
        if params.tangent_removal > 0.0 && mix.len() <= self.dim {
            self.remove_tangent(mix, params.tangent_removal, gradient);
        }
        if params.max_gradient_norm < f32::INFINITY {
            let square: f64 = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
            let scale = f64::from(params.max_gradient_norm) / math::sqrt(square);
            if scale < 1.0 {
                gradient.iter_mut().for_each(|g| *g *= scale as f32);
            }
        }
        for slot in params.first_trainable as usize..self.slots {
            let weight = mix.iter().find(|(s, _)| *s as usize == slot).map_or(0.0, |(_, w)| *w);
            let (point, momentum) = self.pair(slot);
            for ((point, momentum), &mut gradient) in point.iter_mut().zip(momentum).zip(&mut *gradient) {
                *momentum = params.momentum * *momentum + weight * gradient;
                let ahead =
                    if params.nesterov { weight * gradient + params.momentum * *momentum } else { *momentum };
                *point -= rate * ahead;
            }
        }
    }

    /// Removes from a vector a share of its component in the span of the differences of a mix's control points.
    fn remove_tangent(&self, mix: &Mix, share: f32, vector: &mut [f32]) {
        let Some((first, others)) = mix.split_first() else { return };
        let base = self.point(first.0 as usize);
        let direction = |i: usize| {
            let point = self.point(others[i].0 as usize);
            point.iter().zip(base).map(|(p, b)| p - b)
        };
        let dot = |a: &mut dyn Iterator<Item = f32>, b: &mut dyn Iterator<Item = f32>| {
            a.zip(b).map(|(a, b)| f64::from(a) * f64::from(b)).sum::<f64>()
        };
        let mut gram = [[0.0; MAX_VERTICES]; MAX_VERTICES];
        let mut product = [0.0; MAX_VERTICES];
        for i in 0..others.len() {
            product[i] = dot(&mut direction(i), &mut vector.iter().copied());
            (0..others.len()).for_each(|j| gram[i][j] = dot(&mut direction(i), &mut direction(j)));
        }
        let coefficients = tangent::coefficients(gram, product, others.len());
        for (i, coefficient) in coefficients.iter().enumerate().take(others.len()) {
            vector.iter_mut().zip(direction(i)).for_each(|(v, d)| *v -= share * *coefficient as f32 * d);
        }
    }

    /// Elements of a saved state.
    pub fn state_len(&self) -> usize {
        Sgd::memory_len(self.slots, self.dim)
    }

    /// Copies all control points and momenta.
    ///
    /// # Errors
    /// Wrong length.
    pub fn save(&self, state: &mut [f32]) -> Result<(), Error> {
        length("saved state", self.state_len(), state.len())?;
        state.copy_from_slice(&self.memory[..state.len()]);
        Ok(())
    }

    /// Sets all control points and momenta.
    ///
    /// # Errors
    /// Wrong length.
    pub fn restore(&mut self, state: &[f32]) -> Result<(), Error> {
        length("saved state", self.state_len(), state.len())?;
        self.memory[..state.len()].copy_from_slice(state);
        Ok(())
    }

    fn point(&self, slot: usize) -> &[f32] {
        &self.memory[2 * slot * self.dim..][..self.dim]
    }

    fn pair(&mut self, slot: usize) -> (&mut [f32], &mut [f32]) {
        self.memory[2 * slot * self.dim..][..2 * self.dim].split_at_mut(self.dim)
    }
}

/// Checks that a mix names at least one slot, slots below `slots`, and none twice: every engine's check.
///
/// # Errors
/// What is wrong with it.
pub fn check_mix(mix: &Mix, slots: usize) -> Result<(), Error> {
    range("control points of a mix", 1, MAX_VERTICES, mix.len())?;
    for (i, &(slot, _)) in mix.iter().enumerate() {
        range("slot", 0, slots.saturating_sub(1), slot as usize)?;
        if mix[..i].iter().any(|&(other, _)| other == slot) {
            return Err(Error::Repeated { what: "slot of a mix", given: slot.into() });
        }
    }
    Ok(())
}

//! Control points with what an optimiser remembers of them, and the optimiser's step on them.

use super::optimizer::{MAX_COUNT, bias_corrections};
use super::{Mix, Optimizer, StepParams, tangent};
use crate::error::{Error, enough, length, range};
use crate::math;
use crate::simplex::MAX_VERTICES;
use core::ops::DerefMut;

/// Control points in numbered slots, with their momenta, which are Adam's first moments; and the steps of an
/// [`Optimizer`] on them.
///
/// The memory `M` is the caller's: `&mut [f32]` on a device, `Vec<f32>` on a host.
///
/// # Layout
/// (slots, 2, dim): control point, then momentum, of each slot. Second moments: (slots, dim + 1), the last element of each
/// the number of its steps.
#[derive(Debug)]
pub struct Slots<M> {
    memory: M,
    /// Second moments and numbers of steps, for Adam.
    second: Option<M>,
    dim: usize,
    slots: usize,
}

impl Slots<&mut [f32]> {
    /// Elements of memory for a number of slots.
    pub const fn memory_len(slots: usize, dim: usize) -> usize {
        2 * slots * dim
    }

    /// Elements of memory for the second moments of a number of slots.
    pub const fn second_len(slots: usize, dim: usize) -> usize {
        slots * (dim + 1)
    }
}

impl<M: DerefMut<Target = [f32]>> Slots<M> {
    /// As many slots as the memory holds. They keep what is there: 0 is no control point and no momentum.
    ///
    /// # Errors
    /// A dimension of 0; no memory for one slot.
    pub fn new(memory: M, dim: usize) -> Result<Self, Error> {
        range("dimension of parameter space", 1, usize::MAX, dim)?;
        enough("memory of the slots", Slots::memory_len(1, dim), memory.len())?;
        let slots = memory.len() / (2 * dim);
        Ok(Self { memory, second: None, dim, slots })
    }

    /// With memory of at least [`second_len`](Slots::second_len) for Adam's second moments. It must be 0.
    ///
    /// # Errors
    /// Memory that is too short.
    pub fn with_second_moments(mut self, second: M) -> Result<Self, Error> {
        enough("memory of the second moments", Slots::second_len(self.slots, self.dim), second.len())?;
        self.second = Some(second);
        Ok(self)
    }

    /// Checks that the optimiser of a step has the memory that it needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for Adam without second moments.
    pub fn check_optimizer(&self, optimizer: Optimizer) -> Result<(), Error> {
        optimizer.check_memory(self.second.is_some())
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
        let (point, momentum, second) = self.state_of(slot as usize);
        point.copy_from_slice(theta);
        momentum.fill(0.0);
        if let Some(second) = second {
            second.fill(0.0);
        }
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
        let decoupled = matches!(params.optimizer, Optimizer::Adam { decoupled: true, .. });
        if !decoupled {
            gradient.iter_mut().zip(theta).for_each(|(g, &theta)| *g += params.weight_decay * theta);
        }
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
            match params.optimizer {
                Optimizer::Sgd { momentum: mu, nesterov } => {
                    let (point, momentum, _) = self.state_of(slot);
                    for ((point, momentum), &gradient) in point.iter_mut().zip(momentum).zip(&*gradient) {
                        *momentum = mu * *momentum + weight * gradient;
                        let ahead = if nesterov { weight * gradient + mu * *momentum } else { *momentum };
                        *point -= rate * ahead;
                    }
                }
                Optimizer::Adam { beta1, beta2, epsilon, decoupled } => {
                    let shrink = if decoupled { rate * params.weight_decay * weight } else { 0.0 };
                    let (point, first, second) = self.state_of(slot);
                    let Some((count, second)) = second.and_then(|second| second.split_last_mut()) else {
                        return;
                    };
                    *count = (*count + 1.0).min(MAX_COUNT);
                    let [step, root] = bias_corrections(beta1, beta2, rate, *count as u32);
                    let moments = first.iter_mut().zip(second);
                    for ((point, (first, second)), (&gradient, &theta)) in
                        point.iter_mut().zip(moments).zip(gradient.iter().zip(theta))
                    {
                        let gradient = weight * gradient;
                        *first = beta1 * *first + (1.0 - beta1) * gradient;
                        *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
                        let root = math::sqrt(f64::from(*second)) as f32 * root + epsilon;
                        *point -= shrink * theta + step * *first / root;
                    }
                }
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
        let second = self.second.as_ref().map_or(0, |_| Slots::second_len(self.slots, self.dim));
        Slots::memory_len(self.slots, self.dim) + second
    }

    /// Copies all control points and moments.
    ///
    /// # Errors
    /// Wrong length.
    pub fn save(&self, state: &mut [f32]) -> Result<(), Error> {
        length("saved state", self.state_len(), state.len())?;
        let (points, second) = state.split_at_mut(Slots::memory_len(self.slots, self.dim));
        points.copy_from_slice(&self.memory[..points.len()]);
        if let Some(own) = &self.second {
            second.copy_from_slice(&own[..second.len()]);
        }
        Ok(())
    }

    /// Sets all control points and moments.
    ///
    /// # Errors
    /// Wrong length.
    pub fn restore(&mut self, state: &[f32]) -> Result<(), Error> {
        length("saved state", self.state_len(), state.len())?;
        let (points, second) = state.split_at(Slots::memory_len(self.slots, self.dim));
        self.memory[..points.len()].copy_from_slice(points);
        if let Some(own) = &mut self.second {
            own[..second.len()].copy_from_slice(second);
        }
        Ok(())
    }

    fn point(&self, slot: usize) -> &[f32] {
        &self.memory[2 * slot * self.dim..][..self.dim]
    }

    /// Control point and momentum of a slot, and its second moments with the number of steps.
    fn state_of(&mut self, slot: usize) -> (&mut [f32], &mut [f32], Option<&mut [f32]>) {
        let Self { memory, second, dim, .. } = self;
        let (point, momentum) = memory[2 * slot * *dim..][..2 * *dim].split_at_mut(*dim);
        let second_len = *dim + 1;
        let second = second.as_mut().map(|second| &mut second[slot * second_len..][..second_len]);
        (point, momentum, second)
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

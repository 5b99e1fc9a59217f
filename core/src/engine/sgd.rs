//! Control points and momenta in one slice, and the optimiser's step on them.

use super::{Mix, StepParams, normal};
use crate::error::{Error, length, range};
use crate::simplex::MAX_VERTICES;

/// Control points with their momenta, in caller's memory.
///
/// # Layout
/// (slots, 2, dim): centre, then momentum, of each slot.
#[derive(Debug)]
pub struct Sgd<'m> {
    memory: &'m mut [f32],
    dim: usize,
}

impl<'m> Sgd<'m> {
    /// Elements of memory for a number of slots.
    pub const fn memory_len(slots: usize, dim: usize) -> usize {
        2 * slots * dim
    }

    /// As many slots as the memory holds.
    ///
    /// # Errors
    /// Memory that is not a multiple of 2·dim, or none.
    pub fn new(memory: &'m mut [f32], dim: usize) -> Result<Self, Error> {
        range("dimension of a landscape", 1, usize::MAX, dim)?;
        let slots = (memory.len() / (2 * dim)).max(1);
        length("memory of the slots", Self::memory_len(slots, dim), memory.len())?;
        Ok(Self { memory, dim })
    }

    /// Number of slots.
    pub const fn len(&self) -> usize {
        self.memory.len() / (2 * self.dim)
    }

    /// Always false.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Length of every θ.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// Sets a centre, and its momentum to 0.
    ///
    /// # Errors
    /// No such slot; wrong length.
    pub fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        range("slot", 0, self.len() - 1, slot as usize)?;
        length("parameters", self.dim, theta.len())?;
        let (centre, momentum) = self.pair(slot as usize);
        centre.copy_from_slice(theta);
        momentum.fill(0.0);
        Ok(())
    }

    /// Reads a centre.
    ///
    /// # Errors
    /// No such slot; wrong length.
    pub fn get(&self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        range("slot", 0, self.len() - 1, slot as usize)?;
        length("parameters", self.dim, theta.len())?;
        theta.copy_from_slice(self.centre(slot as usize));
        Ok(())
    }

    /// θ(t) = Σ weight · centre, summed in the order of the mix.
    ///
    /// # Panics
    /// If a slot does not exist or `theta` is not of length dim.
    pub fn mix(&self, mix: &Mix, theta: &mut [f32]) {
        assert_eq!(theta.len(), self.dim);
        theta.fill(0.0);
        for &(slot, weight) in mix {
            for (theta, &centre) in theta.iter_mut().zip(self.centre(slot as usize)) {
                *theta += weight * centre;
            }
        }
    }

    /// Moves every trainable centre along the gradient at θ(t); see [`Engine`](super::Engine).
    ///
    /// # Panics
    /// If a length is not dim.
    pub fn step(&mut self, course: &StepParams, mix: &Mix, rate: f32, theta: &[f32], gradient: &mut [f32]) {
        assert!(theta.len() == self.dim && gradient.len() == self.dim);
        gradient.iter_mut().zip(theta).for_each(|(g, &theta)| *g += course.weight_decay * theta);
        if course.tangent_removal > 0.0 {
            self.project(mix, course.tangent_removal, gradient);
        }
        for slot in course.trainable as usize..self.len() {
            let weight = mix.iter().find(|(s, _)| *s as usize == slot).map_or(0.0, |(_, w)| *w);
            let (centre, momentum) = self.pair(slot);
            for ((centre, momentum), &mut gradient) in centre.iter_mut().zip(momentum).zip(&mut *gradient) {
                *momentum = course.momentum * *momentum + weight * gradient;
                *centre -= rate * *momentum;
            }
        }
    }

    /// Removes from a vector a share of its part along the control points of a mix.
    fn project(&self, mix: &Mix, share: f32, vector: &mut [f32]) {
        let Some((first, others)) = mix.split_first() else { return };
        let base = self.centre(first.0 as usize);
        let direction = |i: usize| {
            let centre = self.centre(others[i].0 as usize);
            centre.iter().zip(base).map(|(c, b)| c - b)
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
        let coefficients = normal::coefficients(gram, product, others.len());
        for (i, coefficient) in coefficients.iter().enumerate().take(others.len()) {
            vector.iter_mut().zip(direction(i)).for_each(|(v, d)| *v -= share * *coefficient as f32 * d);
        }
    }

    /// Elements of a saved state.
    pub const fn state_len(&self) -> usize {
        self.memory.len()
    }

    /// All centres and momenta.
    ///
    /// # Errors
    /// Wrong length.
    pub fn save(&self, state: &mut [f32]) -> Result<(), Error> {
        length("saved state", self.memory.len(), state.len())?;
        state.copy_from_slice(self.memory);
        Ok(())
    }

    /// Sets all centres and momenta.
    ///
    /// # Errors
    /// Wrong length.
    pub fn restore(&mut self, state: &[f32]) -> Result<(), Error> {
        length("saved state", self.memory.len(), state.len())?;
        self.memory.copy_from_slice(state);
        Ok(())
    }

    fn centre(&self, slot: usize) -> &[f32] {
        &self.memory[2 * slot * self.dim..][..self.dim]
    }

    fn pair(&mut self, slot: usize) -> (&mut [f32], &mut [f32]) {
        self.memory[2 * slot * self.dim..][..2 * self.dim].split_at_mut(self.dim)
    }
}

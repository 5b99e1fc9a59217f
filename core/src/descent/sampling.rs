//! How the point t of a step is drawn: uniformly as in Algorithm 1, or more often where the loss is high.

use crate::landscape::Value;
use crate::math;
use crate::rng::Stream;
use crate::simplex::{Cells, Point, uniform};

/// How t is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Uniformly: the paper.
    Uniform,
    /// In proportion to a power of the loss measured in cells of the simplex (method: section 7).
    Peak(Peaked),
}

/// The constants of [`Sampling::Peak`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peaked {
    /// β: cell c is drawn with probability (1 − u)·L_c^β / Σ L^β + u / cells.
    pub power: f64,
    /// u: the share of uniform draws.
    pub uniform: f64,
    /// Training samples on which the cells are measured, drawn once a fit.
    pub samples: u32,
    /// Epochs from one measurement to the next.
    pub every: u32,
    /// Cells on an edge.
    pub cells: u32,
    /// See [`Course::across`](crate::landscape::Course::across).
    pub across: f32,
}

/// The distribution of t over cells, in the caller's memory.
#[derive(Debug)]
pub(super) struct Draw<'m> {
    cells: Cells,
    /// Cumulative probabilities; empty for the uniform distribution.
    cumulative: &'m mut [f64],
}

impl<'m> Draw<'m> {
    /// The uniform distribution; with memory for one number a cell it can be moved to the peaks.
    pub fn new(cells: Cells, cumulative: &'m mut [f64]) -> Self {
        let count = cumulative.len() as f64;
        cumulative.iter_mut().enumerate().for_each(|(i, c)| *c = (i + 1) as f64 / count);
        Self { cells, cumulative }
    }

    /// The cells.
    pub const fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Sets the probabilities from the losses of the cells.
    pub fn measured(&mut self, peaked: &Peaked, values: &[Value]) {
        let most = values.iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.loss));
        // Losses are not negative; a function that is counts from its smallest value.
        let least = values.iter().fold(0.0_f64, |a, v| a.min(v.loss));
        let weight = |v: &Value| {
            let relative = if most > least { (v.loss - least) / (most - least) } else { 1.0 };
            math::pow(relative, peaked.power)
        };
        let total: f64 = values.iter().map(weight).sum();
        let count = values.len() as f64;
        let mut sum = 0.0;
        for (c, value) in self.cumulative.iter_mut().zip(values) {
            sum += (1.0 - peaked.uniform) * weight(value) / total + peaked.uniform / count;
            *c = sum;
        }
    }

    /// A point.
    pub fn draw(&self, stream: &mut Stream, vertices: usize) -> Point {
        if self.cumulative.is_empty() {
            return uniform(stream, vertices);
        }
        let u = stream.unit() * self.cumulative[self.cumulative.len() - 1];
        let cell = self.cumulative.partition_point(|&c| c <= u).min(self.cumulative.len() - 1);
        self.cells.draw(cell, stream)
    }
}

//! Fitting a simplex, at any rank: a minimum is a simplex of one vertex, a curve of two, a triangle of three.
//!
//! Method: sections 3 and 7; Voronkova et al., Algorithm 1.

mod sampling;
mod schedule;

use crate::error::{Error, length, range};
use crate::landscape::{Course, Landscape, Split, Step, Value};
use crate::rng::{Purpose, Stream};
use crate::simplex::{Cells, Frame, Mix, Simplex};
use core::ops::Range;
use heapless::Vec;
use sampling::Draw;

pub use sampling::{Peaked, Sampling};
pub use schedule::{Sgd, schedule};

/// The share of the epochs after which the rate is low enough for control points to be worth keeping.
const SETTLED: f64 = 0.8;

/// The number of highest cells that decide which control points are kept.
const HIGHEST: usize = 4;

/// Which control points a fit moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centres {
    /// Only those inside of the simplex; lower faces keep theirs (the paper's default).
    Fixed,
    /// All but the minima; the simplex has its own copy of its faces' points.
    Trainable,
}

/// How a simplex is to be fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Which simplex: its mask keys the random numbers.
    pub simplex: Simplex,
    /// Which control points move.
    pub centres: Centres,
    /// How t is drawn.
    pub sampling: Sampling,
    /// The optimiser.
    pub sgd: Sgd,
    /// Passes over the training data, by the numbers that key the random numbers: the schedule runs once from the
    /// first to the last.
    pub epochs: Range<u32>,
    /// Seed of the run.
    pub seed: u64,
}

/// What happened in an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Its number.
    pub epoch: u32,
    /// The learning rate.
    pub rate: f32,
    /// Mean over its steps of the loss of the step's batch at its point.
    pub loss: f64,
}

/// The memory of a fit.
#[derive(Debug)]
pub struct Memory<'m> {
    /// The steps that go to the landscape in one call; at least one.
    pub steps: &'m mut [Step],
    /// As many losses.
    pub losses: &'m mut [f32],
    /// Points, values and probabilities of the cells, [`Fit::cells_len`] of each.
    pub points: &'m mut [Mix],
    /// See `points`.
    pub values: &'m mut [Value],
    /// See `points`.
    pub cumulative: &'m mut [f64],
    /// The best control points so far, [`Fit::best_len`].
    pub best: &'m mut [f32],
}

impl Fit {
    /// The first slot that is trained: all control points of a vertex, those after the minima otherwise.
    pub fn trainable(&self, frame: &Frame) -> u32 {
        match self.centres {
            Centres::Trainable if frame.vertices() > 1 => frame.vertices() as u32,
            _ => frame.interior() as u32,
        }
    }

    /// Number of cells whose losses decide where t is drawn; none for a vertex or uniform sampling.
    pub fn cells_len(&self, frame: &Frame) -> usize {
        self.peaked(frame).map_or(0, |(_, cells)| cells.len())
    }

    /// Elements of the memory of the best control points.
    pub fn best_len(&self, frame: &Frame, dim: usize) -> usize {
        let moving = frame.positions().len() - self.trainable(frame) as usize;
        self.peaked(frame).map_or(0, |_| moving * dim)
    }

    fn peaked(&self, frame: &Frame) -> Option<(Peaked, Cells)> {
        match self.sampling {
            Sampling::Peak(peaked) if frame.vertices() > 1 => {
                Some((peaked, Cells::new(frame.vertices(), peaked.cells)))
            }
            _ => None,
        }
    }

    /// Takes all epochs, from the control points that lie in the landscape's slots: slot i is control point i of
    /// `frame`. After each epoch `record` is told of it.
    ///
    /// With [`Sampling::Peak`] the cells are measured before the first epoch, every few epochs, and after the last. Of
    /// the control points at the start, in the last fifth and at the end it ends with those of the lowest peak, over all
    /// training data at the four highest cells; so it never ends above its start. Uniform sampling ends with the last
    /// ones, as the paper does.
    ///
    /// # Errors
    /// The landscape's; memory of the wrong length; [`Error::NotFinite`] with the step's number (counted from epoch 0)
    /// when a loss is not finite.
    ///
    /// # Cost
    /// A pass over the data an epoch; a measurement costs cells × samples forward passes.
    pub fn descend<L: Landscape + ?Sized>(
        &self,
        landscape: &mut L,
        frame: &Frame,
        memory: Memory,
        mut record: impl FnMut(Epoch),
    ) -> Result<(), L::Error> {
        let Memory { steps, losses, points, values, cumulative, best } = memory;
        range("steps of a call", 1, usize::MAX, steps.len())?;
        length("losses of a call", steps.len(), losses.len())?;
        let cells = self.cells_len(frame);
        length("points of the cells", cells, points.len())?;
        length("values of the cells", cells, values.len())?;
        length("probabilities of the cells", cells, cumulative.len())?;
        length("best control points", self.best_len(frame, landscape.dim()), best.len())?;

        let peaked = self.peaked(frame);
        let mut draw =
            Draw::new(Cells::new(frame.vertices(), peaked.map_or(1, |(p, _)| p.cells)), cumulative);
        for (cell, point) in points.iter_mut().enumerate() {
            *point = frame.mix(&draw.cells().centre(cell));
        }
        let first = self.trainable(frame);
        let mut lowest = f64::INFINITY;
        let batches = landscape.epoch_len();
        let total = self.epochs.end - self.epochs.start;
        for epoch in self.epochs.clone() {
            let since = epoch - self.epochs.start;
            if let Some((peaked, _)) = peaked.filter(|(p, _)| since.is_multiple_of(p.every)) {
                self.measure(landscape, &peaked, points, values)?;
                draw.measured(&peaked, values);
                if since == 0 || f64::from(since) >= SETTLED * f64::from(total) {
                    keep_lower(landscape, first, points, values, &mut lowest, best)?;
                }
            }
            let course = Course {
                seed: self.seed,
                job: self.simplex.mask(),
                epoch,
                trainable: first,
                momentum: self.sgd.momentum,
                weight_decay: self.sgd.weight_decay,
                across: peaked.map_or(0.0, |(p, _)| p.across),
            };
            let factor = schedule(since, total);
            let rate = (f64::from(self.sgd.learning_rate) * factor) as f32;
            let mut sum = 0.0;
            for start in (0..batches).step_by(steps.len()) {
                let count = steps.len().min((batches - start) as usize);
                let (steps, losses) = (&mut steps[..count], &mut losses[..count]);
                for (step, batch) in steps.iter_mut().zip(start..) {
                    let mut stream =
                        Stream::new(self.seed, Purpose::Point, self.simplex.mask(), epoch, batch);
                    *step = Step { mix: frame.mix(&draw.draw(&mut stream, frame.vertices())), rate, batch };
                }
                landscape.advance(&course, steps, losses)?;
                for (loss, batch) in losses.iter().zip(start..) {
                    if !loss.is_finite() {
                        let at = u64::from(epoch) * u64::from(batches) + u64::from(batch);
                        return Err(Error::NotFinite { what: "the loss", at }.into());
                    }
                    sum += f64::from(*loss);
                }
            }
            record(Epoch { epoch, rate, loss: sum / f64::from(batches) });
        }
        if let Some((peaked, _)) = peaked {
            self.measure(landscape, &peaked, points, values)?;
            keep_lower(landscape, first, points, values, &mut lowest, best)?;
            for (slot, theta) in (first..).zip(best.chunks_exact(landscape.dim())) {
                landscape.put(slot, theta)?;
            }
        }
        Ok(())
    }

    /// Measures the cells, always on the same samples, so that measurements can be compared.
    fn measure<L: Landscape + ?Sized>(
        &self,
        landscape: &mut L,
        peaked: &Peaked,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), L::Error> {
        let job = self.simplex.mask();
        let split = Split::Drawn { seed: self.seed, job, epoch: self.epochs.start, len: peaked.samples };
        landscape.values(split, points, values)?;
        match values.iter().position(|v| !v.loss.is_finite()) {
            Some(cell) => Err(Error::NotFinite { what: "the loss of a cell", at: cell as u64 }.into()),
            None => Ok(()),
        }
    }
}

/// Keeps the control points if their peak is the lowest so far: the largest loss over all training data at the cells
/// that a measurement on few samples found highest.
fn keep_lower<L: Landscape + ?Sized>(
    landscape: &mut L,
    first: u32,
    points: &[Mix],
    measured: &[Value],
    lowest: &mut f64,
    best: &mut [f32],
) -> Result<(), L::Error> {
    let mut highest: Vec<usize, HIGHEST> = Vec::new();
    for _ in 0..HIGHEST.min(points.len()) {
        let open = (0..points.len()).filter(|cell| !highest.contains(cell));
        // There are at most HIGHEST of them.
        let _ = open
            .max_by(|&a, &b| measured[a].loss.total_cmp(&measured[b].loss))
            .map(|cell| highest.push(cell));
    }
    let chosen: Vec<Mix, HIGHEST> = highest.iter().map(|&cell| points[cell].clone()).collect();
    let mut values = [Value::default(); HIGHEST];
    let values = &mut values[..chosen.len()];
    landscape.values(Split::Train, &chosen, values)?;
    let peak = values.iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.loss));
    if peak < *lowest {
        *lowest = peak;
        for (slot, theta) in (first..).zip(best.chunks_exact_mut(landscape.dim())) {
            landscape.get(slot, theta)?;
        }
    }
    Ok(())
}

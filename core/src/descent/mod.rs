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
use sampling::Draw;

pub use sampling::{Peaked, Sampling};
pub use schedule::{Sgd, schedule};

/// With [`Sampling::Peak`], the most steps that are drawn before the losses of the first of them are looked at.
const AHEAD: u32 = 64;

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
    /// As many cells.
    pub drawn: &'m mut [u32],
    /// Points, losses and probabilities of the cells, [`Fit::cells_len`] of each.
    pub points: &'m mut [Mix],
    /// See `points`. Left to the next fit of the same map, refined, together with what [`Fit::descend`] returns.
    pub held: &'m mut [Value],
    /// See `points`.
    pub cumulative: &'m mut [f64],
    /// The control points at the start, [`Fit::start_len`].
    pub start: &'m mut [f32],
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
        self.peaked(frame).map_or(0, |peaked| Cells::new(frame.vertices(), peaked.cells).len())
    }

    /// Elements of the memory of the control points at the start.
    pub fn start_len(&self, frame: &Frame, dim: usize) -> usize {
        let moving = frame.positions().len() - self.trainable(frame) as usize;
        self.peaked(frame).map_or(0, |_| moving * dim)
    }

    fn peaked(&self, frame: &Frame) -> Option<Peaked> {
        match self.sampling {
            Sampling::Peak(peaked) if frame.vertices() > 1 => Some(peaked),
            _ => None,
        }
    }

    /// Takes all epochs, from the control points that lie in the landscape's slots: slot i is control point i of
    /// `frame`. After each epoch `record` is told of it.
    ///
    /// With [`Sampling::Peak`] the cells are measured before the first epoch, and the loss of every step then moves
    /// that of the cell it was drawn in. They are measured again at the end, on the same samples: if the peak has not
    /// become lower, the fit ends with the control points that it started from. Uniform sampling ends with the last
    /// ones, as the paper does.
    ///
    /// Returns the measured peak of the map that it ends with, if `memory.held` has the losses of its cells. A fit that
    /// goes on with this map, at any depth, is given both as `peak` and memory, and need not measure its start.
    ///
    /// # Errors
    /// The landscape's; memory of the wrong length; [`Error::NotFinite`] with the step's number (counted from epoch 0)
    /// when a loss is not finite.
    ///
    /// # Cost
    /// A pass over the data an epoch; with [`Sampling::Peak`] also 2 × cells × samples forward passes, half of it if `peak` is given.
    pub fn descend<L: Landscape + ?Sized>(
        &self,
        landscape: &mut L,
        frame: &Frame,
        memory: Memory,
        peak: Option<f64>,
        mut record: impl FnMut(Epoch),
    ) -> Result<Option<f64>, L::Error> {
        let Memory { steps, losses, drawn, points, held, cumulative, start } = memory;
        range("steps of a call", 1, usize::MAX, steps.len())?;
        length("losses of a call", steps.len(), losses.len())?;
        length("cells of the steps of a call", steps.len(), drawn.len())?;
        let cells = self.cells_len(frame);
        length("points of the cells", cells, points.len())?;
        length("losses of the cells", cells, held.len())?;
        length("probabilities of the cells", cells, cumulative.len())?;
        length("control points at the start", self.start_len(frame, landscape.dim()), start.len())?;

        let peaked = self.peaked(frame);
        let mut draw = Draw::new(Cells::new(frame.vertices(), peaked.map_or(1, |p| p.cells)), cumulative);
        let first = self.trainable(frame);
        let mut before = f64::INFINITY;
        if let Some(peaked) = &peaked {
            for (cell, point) in points.iter_mut().enumerate() {
                *point = frame.mix(&draw.cells().centre(cell));
            }
            before = match peak {
                Some(peak) => peak,
                None => self.measure(landscape, peaked, points, held)?,
            };
            draw.measured(peaked, held);
            for (slot, theta) in (first..).zip(start.chunks_exact_mut(landscape.dim())) {
                landscape.get(slot, theta)?;
            }
        }
        let batches = landscape.epoch_len();
        // The probabilities must not depend on how many steps the caller has memory for.
        let ahead = peaked.map_or(batches, |_| AHEAD);
        let total = self.epochs.end - self.epochs.start;
        for epoch in self.epochs.clone() {
            let course = Course {
                seed: self.seed,
                job: self.simplex.mask(),
                epoch,
                trainable: first,
                momentum: self.sgd.momentum,
                weight_decay: self.sgd.weight_decay,
                across: peaked.map_or(0.0, |p| p.across),
            };
            let factor = schedule(epoch - self.epochs.start, total);
            let rate = (f64::from(self.sgd.learning_rate) * factor) as f32;
            let mut sum = 0.0;
            let mut batch = 0;
            while batch < batches {
                let count = steps.len().min((batches - batch).min(ahead - batch % ahead) as usize);
                let (steps, losses, drawn) = (&mut steps[..count], &mut losses[..count], &mut drawn[..count]);
                for ((step, cell), batch) in steps.iter_mut().zip(&mut *drawn).zip(batch..) {
                    let mut stream =
                        Stream::new(self.seed, Purpose::Point, self.simplex.mask(), epoch, batch);
                    let (t, c) = draw.draw(&mut stream, frame.vertices());
                    (*step, *cell) = (Step { mix: frame.mix(&t), rate, batch }, c);
                }
                landscape.advance(&course, steps, losses)?;
                for (loss, batch) in losses.iter().zip(batch..) {
                    if !loss.is_finite() {
                        let at = u64::from(epoch) * u64::from(batches) + u64::from(batch);
                        return Err(Error::NotFinite { what: "the loss", at }.into());
                    }
                    sum += f64::from(*loss);
                }
                batch += count as u32;
                if let Some(peaked) = &peaked {
                    draw.stepped(peaked, drawn, losses, held);
                    if batch.is_multiple_of(ahead) || batch == batches {
                        draw.renew(peaked, held);
                    }
                }
            }
            record(Epoch { epoch, rate, loss: sum / f64::from(batches) });
        }
        let Some(peaked) = &peaked else { return Ok(None) };
        let after = self.measure(landscape, peaked, points, held)?;
        if after < before {
            return Ok(Some(after));
        }
        for (slot, theta) in (first..).zip(start.chunks_exact(landscape.dim())) {
            landscape.put(slot, theta)?;
        }
        Ok(None)
    }

    /// Measures the cells, always on the same samples of a simplex, so that measurements can be compared; returns the
    /// peak.
    fn measure<L: Landscape + ?Sized>(
        &self,
        landscape: &mut L,
        peaked: &Peaked,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<f64, L::Error> {
        let job = self.simplex.mask();
        let split = Split::Drawn { seed: self.seed, job, epoch: 0, len: peaked.samples };
        landscape.values(split, points, values)?;
        match values.iter().position(|v| !v.loss.is_finite()) {
            Some(cell) => Err(Error::NotFinite { what: "the loss of a cell", at: cell as u64 }.into()),
            None => Ok(values.iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.loss))),
        }
    }
}

//! Fitting a simplex, at any rank: a minimum is a simplex of one vertex, a curve of two, a triangle of three.
//!
//! Method: sections 3 and 7; Voronkova et al., Algorithm 1.

mod sampling;
mod schedule;

use crate::engine::{Engine, Split, Step, StepParams, Value};
use crate::error::{Error, length, range};
use crate::rng::{Purpose, Stream};
use crate::simplex::{ControlPoints, EdgewiseSubdivision, Mix, Simplex};
use core::ops::Range;
use sampling::Draw;

pub use sampling::{PeakSampling, Sampling};
pub use schedule::{SgdOptions, schedule};

/// With [`Sampling::Peak`], the most steps that are drawn before the losses of the first of them are looked at.
const AHEAD: u32 = 64;

/// Which control points a fit moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faces {
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
    pub centres: Faces,
    /// How t is drawn.
    pub sampling: Sampling,
    /// The optimiser.
    pub sgd: SgdOptions,
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

/// Where a fit begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// At its first step; with the peak, if `held` of its memory has the losses of its cells.
    First(Option<f64>),
    /// Where it paused.
    Paused(Checkpoint),
}

/// Where a fit paused. With the landscape's [state](Engine::save) and `held`, `cumulative` and `start` of the
/// memory it is all that the fit needs to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checkpoint {
    /// The epoch of the next step.
    pub epoch: u32,
    /// The batch of the next step.
    pub batch: u32,
    /// Sum of the losses of the epoch's steps.
    pub sum: f64,
    /// The peak before the first step.
    pub before: f64,
    /// Steps since the probabilities of the cells were set.
    pub steps: u32,
}

/// How a call of [`Fit::resume`] ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// All steps are taken; what [`Fit::run`] returns.
    Ended(Option<f64>),
    /// Some are left.
    Paused(Checkpoint),
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
    /// See `points`. Left to the next fit of the same map, refined, together with what [`Fit::run`] returns.
    pub held: &'m mut [Value],
    /// See `points`.
    pub cumulative: &'m mut [f64],
    /// The control points at the start, [`Fit::start_len`].
    pub start: &'m mut [f32],
}

impl Fit {
    /// The first slot that is trained: all control points of a vertex, those after the minima otherwise.
    pub fn trainable(&self, frame: &ControlPoints) -> u32 {
        match self.centres {
            Faces::Trainable if frame.vertices() > 1 => frame.vertices() as u32,
            _ => frame.interior() as u32,
        }
    }

    /// Number of cells whose losses decide where t is drawn; none for a vertex or uniform sampling.
    pub fn cells_len(&self, frame: &ControlPoints) -> usize {
        self.peak_sampling(frame)
            .map_or(0, |peak_sampling| EdgewiseSubdivision::new(frame.vertices(), peak_sampling.cells).len())
    }

    /// Elements of the memory of the control points at the start.
    pub fn start_len(&self, frame: &ControlPoints, dim: usize) -> usize {
        let moving = frame.ids().len() - self.trainable(frame) as usize;
        self.peak_sampling(frame).map_or(0, |_| moving * dim)
    }

    fn peak_sampling(&self, frame: &ControlPoints) -> Option<PeakSampling> {
        match self.sampling {
            Sampling::Peak(peak_sampling) if frame.vertices() > 1 => Some(peak_sampling),
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
    pub fn run<L: Engine + ?Sized>(
        &self,
        engine: &mut L,
        frame: &ControlPoints,
        memory: Memory,
        peak: Option<f64>,
        record: impl FnMut(Epoch),
    ) -> Result<Option<f64>, L::Error> {
        match self.resume(engine, frame, memory, Start::First(peak), record, || false)? {
            Progress::Ended(peak) => Ok(peak),
            Progress::Paused(_) => Ok(None),
        }
    }

    /// [`run`](Self::run), from where it paused and to where `pause`, which is asked after every call of the
    /// landscape, says so. Pauses do not change a bit.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn resume<L: Engine + ?Sized>(
        &self,
        engine: &mut L,
        frame: &ControlPoints,
        memory: Memory,
        begin: Start,
        mut record: impl FnMut(Epoch),
        mut pause: impl FnMut() -> bool,
    ) -> Result<Progress, L::Error> {
        let Memory { steps, losses, drawn, points, held, cumulative, start } = memory;
        range("steps of a call", 1, usize::MAX, steps.len())?;
        length("losses of a call", steps.len(), losses.len())?;
        length("cells of the steps of a call", steps.len(), drawn.len())?;
        let cells = self.cells_len(frame);
        length("points of the cells", cells, points.len())?;
        length("losses of the cells", cells, held.len())?;
        length("probabilities of the cells", cells, cumulative.len())?;
        length("control points at the start", self.start_len(frame, engine.dim()), start.len())?;

        let peak_sampling = self.peak_sampling(frame);
        let all = EdgewiseSubdivision::new(frame.vertices(), peak_sampling.map_or(1, |p| p.cells));
        let first = self.trainable(frame);
        for (cell, point) in points.iter_mut().enumerate() {
            *point = frame.mix(&all.centre(cell));
        }
        let (mut draw, mut at) = match begin {
            Start::Paused(at) => (Draw::resume(all, cumulative, at.steps), at),
            Start::First(peak) => {
                let mut draw = Draw::new(all, cumulative);
                let mut before = f64::INFINITY;
                if let Some(peak_sampling) = &peak_sampling {
                    before = match peak {
                        Some(peak) => peak,
                        None => self.measure(engine, peak_sampling, points, held)?,
                    };
                    draw.measured(peak_sampling, held);
                    for (slot, theta) in (first..).zip(start.chunks_exact_mut(engine.dim())) {
                        engine.get(slot, theta)?;
                    }
                }
                (draw, Checkpoint { epoch: self.epochs.start, batch: 0, sum: 0.0, before, steps: 0 })
            }
        };
        let batches = engine.batches();
        // The probabilities must not depend on how many steps the caller has memory for.
        let ahead = peak_sampling.map_or(batches, |_| AHEAD);
        let total = self.epochs.end - self.epochs.start;
        while at.epoch < self.epochs.end {
            let epoch = at.epoch;
            let course = StepParams {
                seed: self.seed,
                job: self.simplex.mask(),
                epoch,
                trainable: first,
                momentum: self.sgd.momentum,
                weight_decay: self.sgd.weight_decay,
                tangent_removal: peak_sampling.map_or(0.0, |p| p.tangent_removal),
            };
            let factor = schedule(epoch - self.epochs.start, total);
            let rate = (f64::from(self.sgd.learning_rate) * factor) as f32;
            while at.batch < batches {
                let batch = at.batch;
                let count = steps.len().min((batches - batch).min(ahead - batch % ahead) as usize);
                let (steps, losses, drawn) = (&mut steps[..count], &mut losses[..count], &mut drawn[..count]);
                for ((step, cell), batch) in steps.iter_mut().zip(&mut *drawn).zip(batch..) {
                    let mut stream =
                        Stream::new(self.seed, Purpose::Point, self.simplex.mask(), epoch, batch);
                    let (t, c) = draw.draw(&mut stream, frame.vertices());
                    (*step, *cell) = (Step { mix: frame.mix(&t), rate, batch }, c);
                }
                engine.advance(&course, steps, losses)?;
                for (loss, batch) in losses.iter().zip(batch..) {
                    if !loss.is_finite() {
                        let at = u64::from(epoch) * u64::from(batches) + u64::from(batch);
                        return Err(Error::NotFinite { what: "the loss", at }.into());
                    }
                    at.sum += f64::from(*loss);
                }
                at.batch += count as u32;
                if let Some(peak_sampling) = &peak_sampling {
                    draw.stepped(peak_sampling, drawn, losses, held);
                    if at.batch.is_multiple_of(ahead) || at.batch == batches {
                        draw.renew(peak_sampling, held);
                    }
                }
                at.steps = draw.steps();
                if at.batch < batches && pause() {
                    return Ok(Progress::Paused(at));
                }
            }
            record(Epoch { epoch, rate, loss: at.sum / f64::from(batches) });
            at = Checkpoint { epoch: epoch + 1, batch: 0, sum: 0.0, ..at };
            if pause() {
                return Ok(Progress::Paused(at));
            }
        }
        let Some(peak_sampling) = &peak_sampling else { return Ok(Progress::Ended(None)) };
        let after = self.measure(engine, peak_sampling, points, held)?;
        if after < at.before {
            return Ok(Progress::Ended(Some(after)));
        }
        for (slot, theta) in (first..).zip(start.chunks_exact(engine.dim())) {
            engine.put(slot, theta)?;
        }
        Ok(Progress::Ended(None))
    }

    /// Measures the cells, always on the same samples of a simplex, so that measurements can be compared; returns the
    /// peak.
    fn measure<L: Engine + ?Sized>(
        &self,
        engine: &mut L,
        peak_sampling: &PeakSampling,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<f64, L::Error> {
        let job = self.simplex.mask();
        let split = Split::Subset { seed: self.seed, job, epoch: 0, len: peak_sampling.samples };
        engine.values(split, points, values)?;
        match values.iter().position(|v| !v.loss.is_finite()) {
            Some(cell) => Err(Error::NotFinite { what: "the loss of a cell", at: cell as u64 }.into()),
            None => Ok(values.iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.loss))),
        }
    }
}

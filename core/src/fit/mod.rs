//! Fitting a simplex of any rank: a minimum is a simplex of one vertex, a curve of two, a triangle of three.
//!
//! Method: sections 3 and 7; Voronkova et al., Algorithm 1.

mod cells;
mod sampling;
mod schedule;
mod spacing;

use crate::engine::{Engine, Split, Step, StepParams, Subset, Value};
use crate::error::{Error, enough, range};
use crate::rng::{Key, Purpose, Stream};
use crate::simplex::{ControlPoints, Mix, uniform};
use cells::CellGrid;
use core::ops::Range;
use sampling::Distribution;

pub use cells::Cells;
pub use sampling::{PeakSampling, Sampling};
pub use schedule::{OptimizerOptions, Schedule};

/// With [`Sampling::Peak`], steps that are drawn before the losses of the first of them are looked at, at most.
const AHEAD: u32 = 64;

/// What happens to the control points of the proper faces of a simplex while it is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faces {
    /// They are fixed; only the interior control points move (the paper's default).
    Fixed,
    /// They move too, but for the minima; the simplex has a copy of its own.
    Trainable,
}

/// How a simplex is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Keys the random numbers of the fit.
    pub key: Key,
    /// Which control points move.
    pub faces: Faces,
    /// How t is drawn.
    pub sampling: Sampling,
    /// The optimiser.
    pub optimizer: OptimizerOptions,
    /// The schedule of the learning rate, which runs once from the first epoch to the last.
    pub schedule: Schedule,
    /// Passes over the training data, by the numbers that key their random numbers.
    pub epochs: Range<u32>,
}

/// The record of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Its number.
    pub epoch: u32,
    /// The learning rate.
    pub rate: f32,
    /// Mean over its steps of the loss of the step's batch at its point.
    pub loss: f64,
}

/// Where a fit starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// At its first step.
    Fresh,
    /// Where it paused.
    Resumed(Checkpoint),
}

/// Where a fit paused. Together with the engine's [state](Engine::save) and with `cell_losses`, `cumulative` and
/// `lowest` of the memory it is all that the fit needs to resume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checkpoint {
    /// The epoch of the next step.
    pub epoch: u32,
    /// The batch of the next step.
    pub batch: u32,
    /// Sum of the losses of the epoch's steps.
    pub sum: f64,
    /// The smallest of the largest losses of the cells that were measured so far.
    pub lowest: f64,
    /// The largest loss of the cells when they were measured last.
    pub latest: f64,
    /// Steps since the probabilities of the cells were set.
    pub steps: u32,
}

/// How a call of [`Fit::resume`] ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// All steps are taken.
    Finished,
    /// Some are left.
    Paused(Checkpoint),
}

/// The working memory of a fit. Every slice may be longer than needed.
#[derive(Debug)]
pub struct Memory<'m> {
    /// The steps that go to the engine in one call; at least one. No result depends on their number.
    pub steps: &'m mut [Step],
    /// As many losses.
    pub losses: &'m mut [f32],
    /// As many numbers of cells.
    pub drawn_cells: &'m mut [u32],
    /// The points that are measured, [`Fit::cells_len`] of them.
    pub cell_points: &'m mut [Mix],
    /// Running mean losses of the cells, and the losses of the other points, as many.
    pub cell_losses: &'m mut [Value],
    /// Cumulative probabilities of the cells, as many.
    pub cumulative: &'m mut [f64],
    /// The trainable control points where the largest loss of the cells was smallest, [`Fit::lowest_len`] elements.
    pub lowest: &'m mut [f32],
    /// Memory for spreading control points, [`Fit::points_len`] elements.
    pub points: &'m mut [f32],
    /// The slots of all pieces of the map, [`Fit::pieces_len`] elements.
    pub pieces: &'m mut [u32],
}

impl Fit {
    /// The first slot that is trained: all control points of a vertex, those after the minima otherwise.
    pub fn first_trainable(&self, control_points: &ControlPoints) -> u32 {
        match self.faces {
            Faces::Trainable if control_points.vertices() > 1 => control_points.vertices() as u32,
            _ => control_points.interior() as u32,
        }
    }

    /// Number of points that are measured: one in each cell that t is drawn from, and the interior control points, where ψ
    /// has its bends; none for a vertex or uniform sampling.
    pub fn cells_len(&self, control_points: &ControlPoints) -> usize {
        self.peak_sampling(control_points)
            .map_or(0, |sampling| CellGrid::new(control_points, sampling.cells).measured_len())
    }

    /// Measures the cells of the control points that are in the engine's slots, as [`run`](Self::run) does; returns the
    /// largest loss. Both slices have at least [`cells_len`](Self::cells_len) elements.
    ///
    /// # Errors
    /// The engine's; no cells; memory that is too short; [`Error::NotFinite`] with the number of the cell.
    pub fn measure_cells<E: Engine + ?Sized>(
        &self,
        engine: &mut E,
        control_points: &ControlPoints,
        cell_points: &mut [Mix],
        cell_losses: &mut [Value],
    ) -> Result<f64, E::Error> {
        let Some(sampling) = self.peak_sampling(control_points) else {
            return Err(Error::Unsupported { what: "measuring cells without peak sampling" }.into());
        };
        let grid = CellGrid::new(control_points, sampling.cells);
        let len = grid.measured_len();
        enough("points of the cells", len, cell_points.len())?;
        enough("losses of the cells", len, cell_losses.len())?;
        let points = &mut cell_points[..len];
        points.iter_mut().enumerate().for_each(|(i, point)| *point = grid.measured(i));
        self.measure(engine, &sampling, points, &mut cell_losses[..len])
    }

    /// Elements of [`Memory::lowest`].
    pub fn lowest_len(&self, control_points: &ControlPoints, dim: usize) -> usize {
        let trainable = control_points.ids().len() - self.first_trainable(control_points) as usize;
        self.peak_sampling(control_points).map_or(0, |_| trainable * dim)
    }

    /// Elements of [`Memory::points`].
    pub fn points_len(&self, control_points: &ControlPoints, dim: usize) -> usize {
        self.spacing(control_points).map_or(0, |_| spacing::points_len(control_points, dim))
    }

    /// Elements of [`Memory::pieces`].
    pub fn pieces_len(&self, control_points: &ControlPoints) -> usize {
        let len = control_points.pieces_len() * control_points.vertices();
        self.spacing(control_points).map_or(0, |_| len)
    }

    /// The share of the way to even spacing, if control points are spread at all.
    fn spacing(&self, control_points: &ControlPoints) -> Option<f64> {
        let has_one_bend = (control_points.vertices(), control_points.depth()) == (2, 1);
        let sampling = self.peak_sampling(control_points)?;
        (sampling.spacing > 0.0 && !has_one_bend).then_some(sampling.spacing)
    }

    fn peak_sampling(&self, control_points: &ControlPoints) -> Option<PeakSampling> {
        match self.sampling {
            Sampling::Peak(sampling) if control_points.vertices() > 1 => Some(sampling),
            _ => None,
        }
    }

    /// Takes all epochs, from the control points that are in the engine's slots: slot i is control point i of
    /// `control_points`. `on_epoch` is called after each epoch.
    ///
    /// With [`Sampling::Peak`] the cells and the interior control points are measured before the first epoch, after the
    /// last one, and in between as [`PeakSampling::measure_every`] says, on the same samples; the loss of every step
    /// changes that of the cell it was drawn in. The fit ends with the control points whose largest loss was the smallest
    /// of those measured. Uniform sampling ends with the last ones, as the paper does.
    ///
    /// # Errors
    /// The engine's; memory that is too short; [`Error::NotFinite`] with the step's number (counted from epoch 0) when a
    /// loss is not finite.
    ///
    /// # Cost
    /// A pass over the data an epoch; with [`Sampling::Peak`] also cells × samples forward passes a measurement.
    pub fn run<E: Engine + ?Sized>(
        &self,
        engine: &mut E,
        control_points: &ControlPoints,
        memory: Memory,
        on_epoch: impl FnMut(Epoch),
    ) -> Result<(), E::Error> {
        self.resume(engine, control_points, memory, Start::Fresh, on_epoch, || false).map(drop)
    }

    /// [`run`](Self::run) from where it paused, to where `pause` says so, which is called after every call of the
    /// engine. Pauses do not change a bit.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn resume<E: Engine + ?Sized>(
        &self,
        engine: &mut E,
        control_points: &ControlPoints,
        memory: Memory,
        start: Start,
        mut on_epoch: impl FnMut(Epoch),
        mut pause: impl FnMut() -> bool,
    ) -> Result<Progress, E::Error> {
        let Memory {
            steps,
            losses,
            drawn_cells,
            cell_points,
            cell_losses,
            cumulative,
            lowest,
            points,
            pieces,
        } = memory;
        range("steps of a call", 1, usize::MAX, steps.len())?;
        enough("losses of a call", steps.len(), losses.len())?;
        enough("cells of the steps of a call", steps.len(), drawn_cells.len())?;
        let cells_len = self.cells_len(control_points);
        enough("points of the cells", cells_len, cell_points.len())?;
        enough("losses of the cells", cells_len, cell_losses.len())?;
        enough("probabilities of the cells", cells_len, cumulative.len())?;
        let lowest_len = self.lowest_len(control_points, engine.dim());
        enough("control points of the lowest map", lowest_len, lowest.len())?;
        enough("control points to be spread", self.points_len(control_points, engine.dim()), points.len())?;
        let pieces_len = self.pieces_len(control_points);
        enough("slots of the pieces", pieces_len, pieces.len())?;
        let (cell_points, cell_losses) = (&mut cell_points[..cells_len], &mut cell_losses[..cells_len]);
        let lowest = &mut lowest[..lowest_len];
        let pieces = &mut pieces[..pieces_len];
        for (number, slots) in pieces.chunks_exact_mut(control_points.vertices()).enumerate() {
            slots.copy_from_slice(&control_points.piece(number));
        }

        let sampling = self.peak_sampling(control_points);
        let grid = sampling.map(|sampling| CellGrid::new(control_points, sampling.cells));
        // The probabilities are those of the cells, without the control points.
        let cumulative = &mut cumulative[..grid.map_or(0, |grid| grid.len())];
        let first = self.first_trainable(control_points);
        if let Some(grid) = &grid {
            cell_points.iter_mut().enumerate().for_each(|(cell, point)| *point = grid.measured(cell));
        }
        let (mut distribution, mut at) = match start {
            Start::Resumed(at) => (Distribution::new(cumulative, at.steps), at),
            Start::Fresh => {
                let mut distribution = Distribution::new(cumulative, 0);
                let mut largest = f64::INFINITY;
                if let Some(sampling) = &sampling {
                    largest = self.measure(engine, sampling, cell_points, cell_losses)?;
                    distribution.set(sampling, cell_losses);
                    read_points(engine, first, lowest)?;
                }
                let (epoch, lowest, latest) = (self.epochs.start, largest, largest);
                (distribution, Checkpoint { epoch, batch: 0, sum: 0.0, lowest, latest, steps: 0 })
            }
        };
        let batches = engine.batches();
        // The probabilities must not depend on how many steps the caller has memory for.
        let ahead = sampling.map_or(batches, |_| AHEAD);
        let total = self.epochs.end - self.epochs.start;
        while at.epoch < self.epochs.end {
            let epoch = at.epoch;
            let params = StepParams {
                key: self.key,
                epoch,
                first_trainable: first,
                optimizer: self.optimizer.optimizer,
                weight_decay: self.optimizer.weight_decay,
                tangent_removal: sampling.map_or(0.0, |s| s.tangent_removal),
                max_gradient_norm: self.optimizer.max_gradient_norm,
            };
            let factor = self.schedule.factor(epoch - self.epochs.start, total);
            let rate = (f64::from(self.optimizer.learning_rate) * factor) as f32;
            while at.batch < batches {
                let batch = at.batch;
                let count = steps.len().min((batches - batch).min(ahead - batch % ahead) as usize);
                let (steps, losses, drawn_cells) =
                    (&mut steps[..count], &mut losses[..count], &mut drawn_cells[..count]);
                for ((step, cell), batch) in steps.iter_mut().zip(&mut *drawn_cells).zip(batch..) {
                    let mut stream = Stream::new(self.key, Purpose::Point, epoch, batch);
                    let mix = match &grid {
                        None => control_points.mix(&uniform(&mut stream, control_points.vertices())),
                        Some(grid) => {
                            *cell = distribution.draw(&mut stream) as u32;
                            grid.sample(*cell as usize, &mut stream)
                        }
                    };
                    *step = Step { mix, rate, batch };
                }
                engine.advance(&params, steps, losses)?;
                for (loss, batch) in losses.iter().zip(batch..) {
                    if !loss.is_finite() {
                        let at = u64::from(epoch) * u64::from(batches) + u64::from(batch);
                        return Err(Error::NotFinite { what: "the loss", at }.into());
                    }
                    at.sum += f64::from(*loss);
                }
                at.batch += count as u32;
                if let Some(sampling) = &sampling {
                    distribution.observe(sampling, drawn_cells, losses, cell_losses);
                    if at.batch.is_multiple_of(ahead) || at.batch == batches {
                        distribution.refresh(sampling, cell_losses);
                    }
                }
                at.steps = distribution.steps();
                if at.batch < batches && pause() {
                    return Ok(Progress::Paused(at));
                }
            }
            on_epoch(Epoch { epoch, rate, loss: at.sum / f64::from(batches) });
            at = Checkpoint { epoch: epoch + 1, batch: 0, sum: 0.0, ..at };
            if let Some(share) = self.spacing(control_points).filter(|_| factor > Schedule::LEAST) {
                spacing::spread(engine, control_points, share * factor, points, pieces)?;
            }
            if let Some(sampling) = &sampling
                && (at.epoch == self.epochs.end
                    || (at.epoch - self.epochs.start).checked_rem(sampling.measure_every) == Some(0))
            {
                at.latest = self.measure(engine, sampling, cell_points, cell_losses)?;
                if at.latest < at.lowest {
                    at.lowest = at.latest;
                    read_points(engine, first, lowest)?;
                }
                distribution.set(sampling, cell_losses);
                at.steps = 0;
            }
            if pause() {
                return Ok(Progress::Paused(at));
            }
        }
        if sampling.is_some() && at.latest > at.lowest {
            for (slot, theta) in (first..).zip(lowest.chunks_exact(engine.dim())) {
                engine.put(slot, theta)?;
            }
        }
        Ok(Progress::Finished)
    }

    /// Measures the cells, always on the same samples of a fit, so that measurements can be compared; returns the
    /// largest loss.
    fn measure<E: Engine + ?Sized>(
        &self,
        engine: &mut E,
        sampling: &PeakSampling,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<f64, E::Error> {
        let subset = Subset { key: self.key, len: sampling.samples };
        engine.values(&[Split::Train], Some(subset), points, values)?;
        match values.iter().position(|v| !v.loss.is_finite()) {
            Some(cell) => Err(Error::NotFinite { what: "the loss of a cell", at: cell as u64 }.into()),
            None => Ok(values.iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.loss))),
        }
    }
}

/// Reads the control points of the slots from `first` on.
fn read_points<E: Engine + ?Sized>(engine: &mut E, first: u32, points: &mut [f32]) -> Result<(), E::Error> {
    let dim = engine.dim();
    (first..).zip(points.chunks_exact_mut(dim)).try_for_each(|(slot, theta)| engine.get(slot, theta))
}

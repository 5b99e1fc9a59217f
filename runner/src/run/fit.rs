//! The first part of a job: trains a minimum, or fits a curve, a triangle or a higher simplex (Algorithm 1), phase by
//! phase, with checkpoints.

use super::Run;
use super::divergence::locate_divergence;
use super::fit_state::FitState;
use super::job::Job;
use super::points::{file_name, id_memory, new_control_points, owning_face};
use super::record::Divergence;
use super::start::START;
use super::stop::Stop;
use super::variant::FitVariant;
use crate::checkpoint;
use crate::config::{self, Config, StageSchedule};
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::{PhaseStart, TrainingEpoch};
use std::ops::Range;
use std::time::{Duration, Instant};
use valleys_core::engine::{Engine, Step, Value};
use valleys_core::fit::{Epoch, Faces, Fit, Memory, OptimizerOptions, Progress, Sampling, Start};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPointId, ControlPoints, Mix, Simplex};

/// How a phase ended.
enum PhaseEnd {
    /// With these values of the trainable control points.
    Fitted(Vec<Vec<f32>>),
    /// By a stop, or because a checkpoint could not be written.
    Interrupted(CliError),
}

/// What a phase calls while it runs.
struct FitHooks<'a> {
    stop: &'a Stop,
    /// Writes a checkpoint.
    save: &'a dyn Fn(&FitState) -> Result<()>,
    /// Is called with the number of finished epochs.
    on_progress: &'a dyn Fn(u64),
}

impl Run {
    /// Whether the control points of a simplex are complete.
    pub(super) fn is_fitted(&self, job: Job) -> bool {
        self.store.has(&job.name())
    }

    /// Fits a simplex in the phases of a job and writes its control points and training curve. Returns the values of all
    /// control points of its map by slot, or where the loss is not finite.
    pub(super) fn fit(
        &self,
        job: Job,
        simplex: Simplex,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<std::result::Result<Vec<Vec<f32>>, Divergence>> {
        let variant = &self.variant_of(job);
        let inputs = self.inputs_json(job)?;
        let checkpoint = self.load_checkpoint(job);
        let mut state = checkpoint.and_then(|c| FitState::from_checkpoint(c, &inputs)).unwrap_or_default();
        on_progress(state.epochs.len() as u64);
        let phases = match simplex.dimension() {
            0 => std::iter::once(0..self.epochs(simplex)).collect(),
            _ => variant.phases(self.epochs(simplex)),
        };
        let own_phases = job.phases(&self.config);
        if state.phase < own_phases.start {
            state.phase = own_phases.start;
            state.fitted = self.direct_points(variant, simplex)?;
        }
        let mut fitted: Vec<(ControlPointId, Vec<f32>)> = Vec::new();
        if state.phase > 0 {
            let mut memory = id_memory(simplex, state.phase);
            let points = new_control_points(simplex, state.phase, &mut memory);
            fitted = points.ids().iter().copied().zip(std::mem::take(&mut state.fitted)).collect();
        }
        for (phase, epochs) in phases.into_iter().enumerate().take(own_phases.end).skip(state.phase) {
            state.phase = phase;
            state.fitted = fitted.iter().map(|(_, theta)| theta.clone()).collect();
            let mut memory = id_memory(simplex, phase + 1);
            let points = new_control_points(simplex, phase + 1, &mut memory);
            let mut start = self.initial_points(variant, simplex, &points, &fitted)?;
            let sampling = variant.sampling(self.config.fit.tangent_removal, self.problem.peak_sampling());
            let fit = self.fit_options(variant, simplex, sampling, epochs);
            if state.checkpoint.is_none() {
                let lowest = self
                    .problem
                    .engine(start.len())
                    .map_err(|e| job_error("fit", job, &e))
                    .and_then(|mut engine| {
                        self.lowest_start(&mut *engine, &fit, (variant, simplex), &points, start, &mut state)
                    })?;
                start = match lowest {
                    Ok(start) => start,
                    Err(error) => return self.divergence("fit", job, error).map(Err),
                };
            }
            let before = state.clone();
            let save = |state: &FitState| self.write_checkpoint(job, &state.to_checkpoint(&inputs));
            let hooks = FitHooks { stop, save: &save, on_progress };
            let end = self.problem.engine(start.len()).and_then(|mut engine| {
                run_phase(&mut *engine, &fit, &points, &start, self.steps_len(), &mut state, &hooks)
            });
            let trained = match end {
                Ok(PhaseEnd::Fitted(trained)) => trained,
                Ok(PhaseEnd::Interrupted(error)) => return Err(error),
                Err(error) => {
                    let mut divergence = self.divergence("fit", job, error)?;
                    divergence.layer = self.diverging_layer(&fit, &points, &start, before);
                    return Ok(Err(divergence));
                }
            };
            let first_trainable = fit.first_trainable(&points) as usize;
            let values = start.into_iter().take(first_trainable).chain(trained);
            fitted = points.ids().iter().copied().zip(values).collect();
        }
        self.write_fit(job, simplex, &fitted, &state)?;
        Ok(Ok(fitted.into_iter().map(|(_, theta)| theta).collect()))
    }

    /// Writes the control points that the fit trained, its training curve, and the starts that it compared.
    fn write_fit(
        &self,
        job: Job,
        simplex: Simplex,
        fitted: &[(ControlPointId, Vec<f32>)],
        state: &FitState,
    ) -> Result<()> {
        let with_faces = self.variant_of(job).centres(&self.config) == config::Faces::Trainable;
        let is_trained = |face: Simplex| face == simplex || (with_faces && face.dimension() > 0);
        let trained = fitted.iter().map(|(id, theta)| (owning_face(simplex, id), theta));
        let trained: Vec<_> = trained.filter(|((face, _), _)| is_trained(*face)).collect();
        // The statistics are for PyTorch. A run recomputes them wherever it evaluates a loss.
        let points: Vec<&[f32]> = trained.iter().map(|(_, theta)| theta.as_slice()).collect();
        let statistics = self.problem.statistics(&points).map_err(|e| job_error("fit", job, &e))?;
        let batches = u64::from(self.problem.batches());
        let mut files = Vec::new();
        for (((face, id), theta), statistics) in trained.iter().zip(&statistics) {
            let bytes = checkpoint::encode(&self.state, theta, statistics, batches);
            files.push((file_name(*face, id), bytes));
        }
        files.push(("training.csv".to_owned(), TrainingEpoch::to_csv(&state.epochs).into_bytes()));
        if !state.starts.is_empty() {
            files.push((START.to_owned(), PhaseStart::to_csv(&state.starts).into_bytes()));
        }
        self.store.write_folder(&job.name(), &files)
    }

    /// Repeats a phase from the state `before` it, to find the layer where its loss stops being finite.
    fn diverging_layer(
        &self,
        fit: &Fit,
        points: &ControlPoints,
        start: &[Vec<f32>],
        mut before: FitState,
    ) -> Option<String> {
        let stop = Stop::default().checkpoint_every(Duration::MAX);
        let hooks = FitHooks { stop: &stop, save: &|_| Ok(()), on_progress: &|_| () };
        let mut engine = self.problem.engine(start.len()).ok()?;
        let (end, layer) = locate_divergence(&mut *engine, &*self.problem, |engine| {
            run_phase(engine, fit, points, start, self.steps_len(), &mut before, &hooks)
        });
        end.err().and(layer)
    }

    /// The options of a fit. Rate and schedule may differ by rank.
    fn fit_options(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        sampling: Sampling,
        epochs: Range<u32>,
    ) -> Fit {
        let Config { train, curves, triangles, .. } = &self.config;
        let (rate, schedule) = match simplex.dimension() {
            0 => (0.0, StageSchedule::Same),
            1 => (curves.learning_rate, curves.schedule),
            _ => (triangles.learning_rate, triangles.schedule),
        };
        let learning_rate = if rate == 0.0 { train.learning_rate } else { rate } as f32;
        Fit {
            key: Key::new(self.config.seed, simplex.mask()),
            faces: match variant.centres(&self.config) {
                config::Faces::Fixed => Faces::Fixed,
                config::Faces::Trainable => Faces::Trainable,
            },
            sampling,
            optimizer: OptimizerOptions { learning_rate, ..train.optimizer() },
            schedule: schedule.or(train.schedule).into(),
            epochs,
        }
    }

    /// Epochs of a simplex, before the multiplier of its fit. Minima from files have none.
    pub(super) fn epochs(&self, simplex: Simplex) -> u32 {
        match simplex.dimension() {
            0 if !self.loaded_minima.is_empty() => 0,
            0 => self.config.minima.epochs,
            1 => self.config.curves.epochs,
            _ => self.config.triangles.epochs,
        }
    }
}

/// Runs a phase to its end or to a stop, with checkpoints, and `steps_len` steps in each call of the engine. After the
/// end, `state` is that of the next phase before its first step.
fn run_phase(
    engine: &mut dyn Engine<Error = EngineError>,
    fit: &Fit,
    control_points: &ControlPoints,
    start: &[Vec<f32>],
    steps_len: usize,
    state: &mut FitState,
    hooks: &FitHooks,
) -> std::result::Result<PhaseEnd, EngineError> {
    for (slot, theta) in (0..).zip(start) {
        engine.put(slot, theta)?;
    }
    let cells = fit.cells_len(control_points);
    let mut cell_points = vec![Mix::new(); cells];
    let mut from = match state.checkpoint.take() {
        Some(checkpoint) => {
            engine.restore(&state.engine)?;
            Start::Resumed(checkpoint)
        }
        None => {
            state.cell_losses.resize(cells, Value::default());
            state.cumulative = vec![0.0; cells];
            state.lowest = vec![0.0; fit.lowest_len(control_points, engine.dim())];
            Start::Fresh
        }
    };
    let mut points = vec![0.0; fit.points_len(control_points, engine.dim())];
    let mut pieces = vec![0; fit.pieces_len(control_points)];
    let mut last_checkpoint = Instant::now();
    loop {
        let memory = Memory {
            steps: &mut vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; steps_len],
            losses: &mut vec![0.0; steps_len],
            drawn_cells: &mut vec![0; steps_len],
            cell_points: &mut cell_points,
            cell_losses: &mut state.cell_losses,
            cumulative: &mut state.cumulative,
            lowest: &mut state.lowest,
            points: &mut points,
            pieces: &mut pieces,
        };
        let on_epoch = |Epoch { rate, loss, .. }| {
            (hooks.on_progress)(1);
            state.epochs.push([rate.into(), loss]);
        };
        let pause = || hooks.stop.checkpoint_due(last_checkpoint);
        match fit.resume(engine, control_points, memory, from, on_epoch, pause)? {
            Progress::Finished => break,
            Progress::Paused(checkpoint) => {
                state.checkpoint = Some(checkpoint);
                state.engine.resize(engine.state_len(), 0.0);
                engine.save(&mut state.engine)?;
                // An engine without a state cannot resume: its job starts from the beginning.
                let saved = if state.engine.is_empty() { Ok(()) } else { (hooks.save)(state) };
                if let Err(error) = saved.and_then(|()| hooks.stop.check()) {
                    return Ok(PhaseEnd::Interrupted(error));
                }
                state.checkpoint = None;
                (from, last_checkpoint) = (Start::Resumed(checkpoint), Instant::now());
            }
        }
    }
    let mut theta = vec![0.0; engine.dim()];
    let fitted = (fit.first_trainable(control_points)..start.len() as u32).map(|slot| {
        engine.get(slot, &mut theta)?;
        Ok(theta.clone())
    });
    Ok(PhaseEnd::Fitted(fitted.collect::<std::result::Result<_, EngineError>>()?))
}

/// The error of a job for a reason other than a loss that is not finite. `part` is "fit" or "evaluation".
pub fn job_error(part: &str, job: Job, error: &dyn std::fmt::Display) -> CliError {
    CliError::new(ErrorKind::Jobs, format!("{part} of {}: {error}", job.name()))
}

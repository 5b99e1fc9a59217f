//! Fitting a simplex: the points where it starts, Algorithm 1 depth after depth, checkpoints on the way.

use super::Run;
use super::divergence::locate_divergence;
use super::job::Job;
use super::points::{new_control_points, file_name, folder, id_memory, owning_face, read_control_point};
use super::record::Divergence;
use super::job_checkpoint::JobCheckpoint;
use super::stop::Stop;
use super::variant::FitVariant;
use crate::checkpoint;
use crate::config;
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::TrainingEpoch;
use std::ops::Range;
use std::time::{Duration, Instant};
use valleys_core::engine::{Engine, Step, Value};
use valleys_core::fit::{
    Checkpoint, Epoch, Faces, Fit, Memory, Progress, Sampling, Schedule, SgdOptions, Start,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{ControlPointId, ControlPoints, Mix, Simplex};

/// The state of a fit; its checkpoint, together with the state of its engine.
#[derive(Clone, Debug, Default)]
struct FitState {
    /// The depth at work, from 0.
    phase: usize,
    /// Where in it; none at its first step.
    checkpoint: Option<Checkpoint>,
    /// The largest loss of the cells of the map that the last depth ended with, where it was measured.
    max_loss: Option<f64>,
    /// Rate and mean loss of each epoch so far.
    epochs: Vec<[f64; 2]>,
    /// The control points of the last depth.
    fitted: Vec<Vec<f32>>,
    /// See [`Memory`].
    cell_losses: Vec<Value>,
    /// See [`Memory`].
    cumulative: Vec<f64>,
    /// See [`Memory`].
    initial: Vec<f32>,
    /// Of the engine.
    engine: Vec<f32>,
}

impl FitState {
    fn save(&self, inputs: &str) -> JobCheckpoint {
        let none = Checkpoint { epoch: 0, batch: 0, sum: 0.0, before: 0.0, steps: 0 };
        let at = self.checkpoint.unwrap_or(none);
        JobCheckpoint {
            inputs: inputs.to_owned(),
            text: "fit".to_owned(),
            integers: vec![
                self.phase as u64,
                at.epoch.into(),
                at.batch.into(),
                at.steps.into(),
                self.fitted.len() as u64,
            ],
            doubles: vec![
                vec![at.sum, at.before],
                self.max_loss.into_iter().collect(),
                self.epochs.iter().flatten().copied().collect(),
                self.cell_losses.iter().map(|v| v.loss).collect(),
                self.cumulative.clone(),
            ],
            floats: vec![self.fitted.concat(), self.initial.clone(), self.engine.clone()],
        }
    }

    /// From a checkpoint of these inputs.
    fn restore(saved: JobCheckpoint, inputs: &str) -> Option<Self> {
        if saved.inputs != inputs || saved.text != "fit" {
            return None;
        }
        let [phase, epoch, batch, steps, points] = saved.integers[..].try_into().ok()?;
        let [numbers, max_loss, epochs, cell_losses, cumulative] = saved.doubles.try_into().ok()?;
        let [sum, before] = numbers[..].try_into().ok()?;
        let [fitted, initial, engine] = saved.floats.try_into().ok()?;
        let dim = fitted.len().checked_div(points as usize).unwrap_or(1).max(1);
        let (epoch, batch, steps) = (epoch as u32, batch as u32, steps as u32);
        Some(Self {
            phase: phase as usize,
            checkpoint: Some(Checkpoint { epoch, batch, sum, before, steps }),
            max_loss: max_loss.first().copied(),
            epochs: epochs.as_chunks::<2>().0.to_vec(),
            fitted: fitted.chunks(dim).map(<[f32]>::to_vec).collect(),
            cell_losses: cell_losses.into_iter().map(|loss| Value { loss, error: None }).collect(),
            cumulative,
            initial,
            engine,
        })
    }
}

/// How the work on a depth ended.
enum PhaseEnd {
    /// With these values of the trainable control points.
    Fitted(Vec<Vec<f32>>),
    /// By a stop, or because a checkpoint cannot be written.
    Interrupted(CliError),
}

/// What a fit calls on its way.
struct FitHooks<'a> {
    /// When to stop.
    stop: &'a Stop,
    /// Writes a checkpoint.
    save: &'a dyn Fn(&FitState) -> Result<()>,
    /// Is called with the number of epochs done.
    on_progress: &'a dyn Fn(u64),
}

impl Run {
    /// Whether a simplex is fitted.
    pub(super) fn is_fitted(&self, variant: &FitVariant, simplex: Simplex) -> bool {
        self.store.has(&folder(&variant.name(), simplex))
    }

    /// Fits a simplex (Algorithm 1) and stores its control points and training curve. Gives the values of all control
    /// points of its map, by slot; or where it diverged.
    ///
    /// Depth after depth: the control points of the next one start where they leave the map unchanged.
    pub(super) fn fit(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<std::result::Result<Vec<Vec<f32>>, Divergence>> {
        let job = Job::for_simplex(*variant, simplex);
        let inputs = self.inputs_json(job)?;
        let mut state = self.load_checkpoint(job).and_then(|s| FitState::restore(s, &inputs)).unwrap_or_default();
        on_progress(state.epochs.len() as u64);
        let phases = match simplex.dimension() {
            0 => std::iter::once(0..self.epochs(simplex)).collect(),
            _ => variant.phases(self.epochs(simplex)),
        };
        let mut fitted: Vec<(ControlPointId, Vec<f32>)> = Vec::new();
        if state.phase > 0 {
            let mut memory = id_memory(simplex, state.phase);
            let points = new_control_points(simplex, state.phase, &mut memory);
            fitted = points.ids().iter().copied().zip(std::mem::take(&mut state.fitted)).collect();
        }
        for (phase, range) in phases.into_iter().enumerate().skip(state.phase) {
            state.phase = phase;
            state.fitted = fitted.iter().map(|(_, theta)| theta.clone()).collect();
            let mut memory = id_memory(simplex, phase + 1);
            let points = new_control_points(simplex, phase + 1, &mut memory);
            let start = self.start(variant, simplex, &points, &fitted)?;
            let sampling = variant.sampling(self.config.fit.tangent_removal, self.problem.cells());
            let fit = self.fit_options(simplex, sampling, range);
            let before = state.clone();
            let save = |state: &FitState| self.write_checkpoint(job, &state.save(&inputs));
            let hooks = FitHooks { stop, save: &save, on_progress };
            let ended = self.problem.engine(start.len()).and_then(|mut engine| {
                run_phase(&mut *engine, &fit, &points, &start, self.steps_len(), &mut state, &hooks)
            });
            let trained = match ended {
                Ok(PhaseEnd::Fitted(trained)) => trained,
                Ok(PhaseEnd::Interrupted(failure)) => return Err(failure),
                Err(error) => {
                    let mut diverged = self.divergence("fit", job, error)?;
                    diverged.layer = self.diverging_layer(&fit, &points, &start, before);
                    return Ok(Err(diverged));
                }
            };
            let first = fit.first_trainable(&points) as usize;
            let values = start.into_iter().take(first).chain(trained);
            fitted = points.ids().iter().copied().zip(values).collect();
        }
        self.store_fit(variant, simplex, &fitted, &state.epochs)?;
        Ok(Ok(fitted.into_iter().map(|(_, theta)| theta).collect()))
    }

    /// Stores the control points that a fit moved, and its training curve.
    fn store_fit(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        fitted: &[(ControlPointId, Vec<f32>)],
        epochs: &[[f64; 2]],
    ) -> Result<()> {
        let faces_trainable = self.config.triangles.centres == config::Faces::Trainable;
        let is_trained = |face: Simplex| face == simplex || (faces_trainable && face.dimension() > 0);
        let trained = fitted.iter().map(|(id, theta)| (owning_face(simplex, id), theta));
        let trained: Vec<_> = trained.filter(|((face, _), _)| is_trained(*face)).collect();
        // What PyTorch evaluates a network with; a run recomputes it wherever it measures a loss.
        let points: Vec<&[f32]> = trained.iter().map(|(_, theta)| theta.as_slice()).collect();
        let job = Job::for_simplex(*variant, simplex);
        let statistics = self.problem.statistics(&points).map_err(|e| job_error("fit", job, &e))?;
        let batches = u64::from(self.problem.batches());
        let mut files = Vec::new();
        for (((face, id), theta), statistics) in trained.iter().zip(&statistics) {
            let bytes = checkpoint::encode(&self.state, theta, statistics, batches);
            files.push((file_name(*face, id), bytes));
        }
        files.push(("training.csv".to_owned(), TrainingEpoch::to_csv(epochs).into_bytes()));
        self.store.write_folder(&folder(&variant.name(), simplex), &files)
    }

    /// The layer at which a fit that began so diverged, found by repeating it; none where it cannot be told.
    fn diverging_layer(
        &self,
        fit: &Fit,
        points: &ControlPoints,
        start: &[Vec<f32>],
        mut state: FitState,
    ) -> Option<String> {
        let stop = Stop::default().checkpoint_every(Duration::MAX);
        let hooks = FitHooks { stop: &stop, save: &|_| Ok(()), on_progress: &|_| () };
        let mut engine = self.problem.engine(start.len()).ok()?;
        let (ended, layer) = locate_divergence(&mut *engine, &*self.problem, |engine| {
            run_phase(engine, fit, points, start, self.steps_len(), &mut state, &hooks)
        });
        ended.err().and(layer)
    }

    /// How a simplex is fitted: every rank by the same optimiser.
    fn fit_options(&self, simplex: Simplex, sampling: Sampling, epochs: Range<u32>) -> Fit {
        let c = &self.config;
        Fit {
            key: Key::new(c.seed, simplex.mask()),
            faces: match c.triangles.centres {
                config::Faces::Fixed => Faces::Fixed,
                config::Faces::Trainable => Faces::Trainable,
            },
            sampling,
            sgd: SgdOptions {
                learning_rate: c.train.learning_rate as f32,
                momentum: c.train.momentum as f32,
                weight_decay: c.train.weight_decay as f32,
            },
            schedule: Schedule::Linear,
            epochs,
        }
    }

    /// Epochs of a simplex, by its rank.
    pub(super) fn epochs(&self, simplex: Simplex) -> u32 {
        match simplex.dimension() {
            0 if !self.loaded_minima.is_empty() => 0,
            0 => self.config.minima.epochs,
            1 => self.config.curves.epochs,
            _ => self.config.triangles.epochs,
        }
    }

    /// The control points before fitting: those of lower faces from their files, the interior ones where they leave the
    /// map that was `fitted` before unchanged, or on the straight simplex between its minima.
    fn start(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
        fitted: &[(ControlPointId, Vec<f32>)],
    ) -> Result<Vec<Vec<f32>>> {
        if simplex.dimension() == 0 {
            let vertex = simplex.mask().trailing_zeros();
            let trained = || self.problem.initial(self.config.seed, vertex);
            return Ok(vec![self.loaded_minima.get(vertex as usize).cloned().unwrap_or_else(trained)]);
        }
        let fixed = match self.config.triangles.centres {
            config::Faces::Fixed => control_points.interior(),
            config::Faces::Trainable if fitted.is_empty() => control_points.interior(),
            config::Faces::Trainable => control_points.vertices(),
        };
        let mut coarse: Vec<ControlPointId> = fitted.iter().map(|(id, _)| *id).collect();
        let depth = control_points.depth() - 1;
        let coarse = (!fitted.is_empty()).then(|| new_control_points(simplex, depth, &mut coarse));
        let mut points: Vec<Vec<f32>> = Vec::new();
        for (slot, id) in control_points.ids().iter().enumerate() {
            if slot < fixed {
                let (face, id) = owning_face(simplex, id);
                points.push(read_control_point(&self.store, &self.state, &variant.name(), face, face, &id)?);
                continue;
            }
            let mut theta = match &coarse {
                Some(coarse) => {
                    self.linear_combination(coarse.refine(id).iter().map(|&(s, w)| (w, &fitted[s as usize].1)))
                }
                None => {
                    let t = id.coordinates();
                    let vertices = points[..control_points.vertices()].iter().zip(t);
                    self.linear_combination(vertices.map(|(vertex, t)| (t as f32, vertex)))
                }
            };
            let perturbation = self.config.fit.perturbation;
            if perturbation > 0.0 && coarse.is_none() {
                let key = Key::new(self.config.seed, simplex.mask());
                let mut stream = Stream::new(key, Purpose::Perturbation, slot as u32, 0);
                theta.iter_mut().for_each(|theta| *theta += (perturbation * stream.normal()) as f32);
            }
            points.push(theta);
        }
        Ok(points)
    }

    /// Σ weight · θ.
    fn linear_combination<'a>(&self, terms: impl Iterator<Item = (f32, &'a Vec<f32>)>) -> Vec<f32> {
        let mut theta = vec![0.0; self.problem.dim()];
        for (weight, term) in terms {
            theta.iter_mut().zip(term).for_each(|(theta, x)| *theta += weight * x);
        }
        theta
    }
}

/// Runs one depth of a fit to its end or to a stop, with checkpoints on the way. `state` becomes that of the next depth.
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
        Some(at) => {
            engine.restore(&state.engine)?;
            Start::Resumed(at)
        }
        None => {
            state.cell_losses.resize(cells, Value::default());
            state.cumulative = vec![0.0; cells];
            state.initial = vec![0.0; fit.initial_len(control_points, engine.dim())];
            Start::Fresh(state.max_loss)
        }
    };
    let mut last = Instant::now();
    loop {
        let memory = Memory {
            steps: &mut vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; steps_len],
            losses: &mut vec![0.0; steps_len],
            drawn_cells: &mut vec![0; steps_len],
            cell_points: &mut cell_points,
            cell_losses: &mut state.cell_losses,
            cumulative: &mut state.cumulative,
            initial: &mut state.initial,
        };
        let on_epoch = |Epoch { rate, loss, .. }| {
            (hooks.on_progress)(1);
            state.epochs.push([rate.into(), loss]);
        };
        match fit.resume(engine, control_points, memory, from, on_epoch, || hooks.stop.checkpoint_due(last))? {
            Progress::Finished(max_loss) => {
                state.max_loss = max_loss;
                break;
            }
            Progress::Paused(at) => {
                state.checkpoint = Some(at);
                state.engine.resize(engine.state_len(), 0.0);
                engine.save(&mut state.engine)?;
                // An engine whose state cannot be saved begins anew.
                let saved = if state.engine.is_empty() { Ok(()) } else { (hooks.save)(state) };
                let stopped = if hooks.stop.is_requested() { Err(Stop::error()) } else { Ok(()) };
                if let Err(failure) = saved.and(stopped) {
                    return Ok(PhaseEnd::Interrupted(failure));
                }
                state.checkpoint = None;
                (from, last) = (Start::Resumed(at), Instant::now());
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

/// The failure of a job for a reason other than a loss that is not finite.
pub fn job_error(what: &str, job: Job, error: &dyn std::fmt::Display) -> CliError {
    CliError::new(ErrorKind::Jobs, format!("{what} of {}: {error}", job.name()))
}

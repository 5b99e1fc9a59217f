//! To fit a simplex (Algorithm 1): from the control points of its faces to its own.

use super::Run;
use super::divergence::watched;
use super::job::Job;
use super::points::{file_name, folder, memory, owner, read};
use super::record::Diverged;
use super::saved::Saved;
use super::stage::Stage;
use super::stop::Stop;
use crate::checkpoint;
use crate::config;
use crate::failure::{Failure, Kind, Result};
use crate::fault::Fault;
use std::fmt::Write;
use std::ops::Range;
use std::time::{Duration, Instant};
use valleys_core::engine::{Engine, Step, Value};
use valleys_core::fit::{Checkpoint, Epoch, Faces, Fit, Memory, Progress, Sampling, SgdOptions, Start};
use valleys_core::rng::{Purpose, Stream};
use valleys_core::simplex::{ControlPointId, ControlPoints, Mix, Simplex};

/// What a fit has come to; its checkpoint, together with the state of its landscape.
#[derive(Clone, Debug, Default)]
struct Way {
    /// The depth at work, from 0.
    phase: usize,
    /// Where in it; none at its first step.
    pause: Option<Checkpoint>,
    /// The peak of the map that the last depth ended with, where it was measured.
    peak: Option<f64>,
    /// Rate and mean loss of each epoch so far.
    epochs: Vec<[f64; 2]>,
    /// The control points of the last depth.
    fitted: Vec<Vec<f32>>,
    /// See [`Memory`].
    held: Vec<Value>,
    /// See [`Memory`].
    cumulative: Vec<f64>,
    /// See [`Memory`].
    start: Vec<f32>,
    /// Of the landscape.
    state: Vec<f32>,
}

impl Way {
    fn save(&self, inputs: &str) -> Saved {
        let pause = self.pause.unwrap_or(Checkpoint { epoch: 0, batch: 0, sum: 0.0, before: 0.0, steps: 0 });
        Saved {
            inputs: inputs.to_owned(),
            text: "fit".to_owned(),
            place: vec![
                self.phase as u64,
                pause.epoch.into(),
                pause.batch.into(),
                pause.steps.into(),
                self.fitted.len() as u64,
            ],
            doubles: vec![
                vec![pause.sum, pause.before],
                self.peak.into_iter().collect(),
                self.epochs.iter().flatten().copied().collect(),
                self.held.iter().map(|v| v.loss).collect(),
                self.cumulative.clone(),
            ],
            floats: vec![self.fitted.concat(), self.start.clone(), self.state.clone()],
        }
    }

    /// From a checkpoint of these inputs.
    fn restore(saved: Saved, inputs: &str) -> Option<Self> {
        if saved.inputs != inputs || saved.text != "fit" {
            return None;
        }
        let [phase, epoch, batch, steps, points] = saved.place[..].try_into().ok()?;
        let [numbers, peak, epochs, held, cumulative] = saved.doubles.try_into().ok()?;
        let [sum, before] = numbers[..].try_into().ok()?;
        let [fitted, start, state] = saved.floats.try_into().ok()?;
        let dim = fitted.len().checked_div(points as usize).unwrap_or(1).max(1);
        Some(Self {
            phase: phase as usize,
            pause: Some(Checkpoint {
                epoch: epoch as u32,
                batch: batch as u32,
                sum,
                before,
                steps: steps as u32,
            }),
            peak: peak.first().copied(),
            epochs: epochs.as_chunks::<2>().0.to_vec(),
            fitted: fitted.chunks(dim).map(<[f32]>::to_vec).collect(),
            held: held.into_iter().map(|loss| Value { loss, error: None }).collect(),
            cumulative,
            start,
            state,
        })
    }
}

/// How the work on a depth ended.
enum End {
    /// With these control points.
    Moved(Vec<Vec<f32>>),
    /// By a stop, or because a checkpoint cannot be written.
    Failed(Failure),
}

impl Run {
    /// Whether a simplex is fitted.
    pub(super) fn is_fitted(&self, stage: &Stage, simplex: Simplex) -> bool {
        self.store.has(&folder(&stage.name(), simplex))
    }

    /// Fits a simplex (Algorithm 1) and stores its control points and training curve; or says where it diverged.
    ///
    /// Depth after depth: the control points of the next one start where they leave the map unchanged.
    pub(super) fn fit(
        &self,
        stage: &Stage,
        simplex: Simplex,
        stop: &Stop,
        told: &dyn Fn(u64),
    ) -> Result<Option<Diverged>> {
        let job = Job::of(*stage, simplex);
        let inputs = self.fingerprint(job)?;
        let mut way = self.saved(job).and_then(|s| Way::restore(s, &inputs)).unwrap_or_default();
        told(way.epochs.len() as u64);
        let phases = match simplex.dimension() {
            0 => std::iter::once(0..self.epochs(simplex)).collect(),
            _ => stage.phases(self.epochs(simplex)),
        };
        let mut fitted: Vec<(ControlPointId, Vec<f32>)> = Vec::new();
        if way.phase > 0 {
            let mut memory = memory(simplex, way.phase);
            let frame = control_points_of(simplex, way.phase, &mut memory);
            fitted = frame.ids().iter().copied().zip(std::mem::take(&mut way.fitted)).collect();
        }
        for (phase, range) in phases.into_iter().enumerate().skip(way.phase) {
            way.phase = phase;
            way.fitted = fitted.iter().map(|(_, theta)| theta.clone()).collect();
            let mut memory = memory(simplex, phase + 1);
            let frame = control_points_of(simplex, phase + 1, &mut memory);
            let start = self.start(stage, simplex, &frame, &fitted)?;
            let sampling = stage.sampling(self.config.fit.tangent_removal, self.objective.data().is_none());
            let fit = self.fit_of(simplex, sampling, range);
            let before = way.clone();
            let save = |way: &Way| self.save(job, &way.save(&inputs));
            let ended = self.objective.with_engine(start.len(), |engine| {
                run(engine, &fit, &frame, &start, self.steps_len(), &mut way, stop, &save, told)
            });
            let moved = match ended {
                Ok(End::Moved(moved)) => moved,
                Ok(End::Failed(failure)) => return Err(failure),
                Err(error) => {
                    let mut diverged = self.diverged("fit", job, error)?;
                    diverged.layer = self.layer(&fit, &frame, &start, before);
                    return Ok(Some(diverged));
                }
            };
            let first = fit.trainable(&frame) as usize;
            let points = start.into_iter().take(first).chain(moved);
            fitted = frame.ids().iter().copied().zip(points).collect();
        }
        let private = self.config.triangles.centres == config::Faces::Trainable;
        let moved = |face: Simplex| face == simplex || (private && face.dimension() > 0);
        let own = fitted.iter().map(|(position, theta)| (owner(simplex, position), theta));
        let own: Vec<_> = own.filter(|((face, _), _)| moved(*face)).collect();
        // What PyTorch evaluates a network with; a run computes it anew wherever it tells a loss.
        let points: Vec<&[f32]> = own.iter().map(|(_, theta)| theta.as_slice()).collect();
        let statistics = self.objective.statistics(&points).map_err(|e| failed("fit", job, &e))?;
        let batches = self.objective.batches();
        let mut files = Vec::new();
        for (((face, position), theta), statistics) in own.iter().zip(&statistics) {
            let bytes = checkpoint::encode(&self.state, theta, statistics, batches);
            files.push((file_name(*face, position), bytes));
        }
        let mut csv = "epoch,rate,loss\n".to_owned();
        for (i, [rate, loss]) in way.epochs.iter().enumerate() {
            let _ = writeln!(csv, "{},{},{loss}", i + 1, *rate as f32);
        }
        files.push(("training.csv".to_owned(), csv.into_bytes()));
        self.store.write_folder(&folder(&stage.name(), simplex), &files)?;
        Ok(None)
    }

    /// The layer at which a fit that began so diverged, by doing it again; none where it cannot be told.
    fn layer(&self, fit: &Fit, frame: &ControlPoints, start: &[Vec<f32>], mut way: Way) -> Option<String> {
        self.objective.data()?;
        let stop = Stop::default().every(Duration::MAX);
        let mut layer = None;
        let again = self.objective.with_engine(start.len(), |inner| {
            let call = self.steps_len();
            let (ended, at) = watched(inner, &self.objective, |engine| {
                run(engine, fit, frame, start, call, &mut way, &stop, &|_| Ok(()), &|_| ())
            });
            layer = at;
            ended.map(drop)
        });
        again.err().and(layer)
    }

    /// How a simplex is fitted: every rank by the same optimiser.
    fn fit_of(&self, simplex: Simplex, sampling: Sampling, epochs: Range<u32>) -> Fit {
        let c = &self.config;
        Fit {
            simplex,
            centres: match c.triangles.centres {
                config::Faces::Fixed => Faces::Fixed,
                config::Faces::Trainable => Faces::Trainable,
            },
            sampling,
            sgd: SgdOptions {
                learning_rate: c.train.learning_rate as f32,
                momentum: c.train.momentum as f32,
                weight_decay: c.train.weight_decay as f32,
            },
            epochs,
            seed: c.seed,
        }
    }

    /// Epochs of a simplex, by its rank.
    pub(super) fn epochs(&self, simplex: Simplex) -> u32 {
        match simplex.dimension() {
            0 if !self.given.is_empty() => 0,
            0 => self.config.minima.epochs,
            1 => self.config.curves.epochs,
            _ => self.config.triangles.epochs,
        }
    }

    /// The control points before fitting: those of lower faces from their files, the simplex's own where they leave
    /// the map that was `fitted` before unchanged, or on the straight simplex between its minima.
    fn start(
        &self,
        stage: &Stage,
        simplex: Simplex,
        frame: &ControlPoints,
        fitted: &[(ControlPointId, Vec<f32>)],
    ) -> Result<Vec<Vec<f32>>> {
        if simplex.dimension() == 0 {
            let vertex = simplex.mask().trailing_zeros();
            let trained = || self.objective.start(self.config.seed, vertex);
            return Ok(vec![self.given.get(vertex as usize).cloned().unwrap_or_else(trained)]);
        }
        let fixed = match self.config.triangles.centres {
            config::Faces::Fixed => frame.interior(),
            config::Faces::Trainable if fitted.is_empty() => frame.interior(),
            config::Faces::Trainable => frame.vertices(),
        };
        let mut coarse: Vec<ControlPointId> = fitted.iter().map(|(position, _)| *position).collect();
        let coarse = (!fitted.is_empty()).then(|| control_points_of(simplex, frame.depth() - 1, &mut coarse));
        let mut points: Vec<Vec<f32>> = Vec::new();
        for (slot, position) in frame.ids().iter().enumerate() {
            if slot < fixed {
                let (face, position) = owner(simplex, position);
                points.push(read(&self.store, &self.state, &stage.name(), face, face, &position)?);
                continue;
            }
            let mut theta = match &coarse {
                Some(coarse) => {
                    self.mixed(coarse.refine(position).iter().map(|&(s, w)| (w, &fitted[s as usize].1)))
                }
                None => {
                    let t = position.coordinates();
                    self.mixed(points[..frame.vertices()].iter().zip(t).map(|(vertex, t)| (t as f32, vertex)))
                }
            };
            let spread = self.config.fit.perturbation;
            if spread > 0.0 && coarse.is_none() {
                let seed = self.config.seed;
                let mut stream = Stream::new(seed, Purpose::Perturbation, simplex.mask(), slot as u32, 0);
                theta.iter_mut().for_each(|theta| *theta += (spread * stream.normal()) as f32);
            }
            points.push(theta);
        }
        Ok(points)
    }

    /// Σ weight · θ.
    fn mixed<'a>(&self, terms: impl Iterator<Item = (f32, &'a Vec<f32>)>) -> Vec<f32> {
        let mut theta = vec![0.0; self.objective.dim()];
        for (weight, term) in terms {
            theta.iter_mut().zip(term).for_each(|(theta, x)| *theta += weight * x);
        }
        theta
    }
}

/// Runs a fit in a landscape to its end or to a stop, with checkpoints on the way; gives the control points that it
/// moved. `way` becomes that of the next depth.
#[expect(clippy::too_many_arguments, reason = "one call, in the middle of everything")]
fn run(
    engine: &mut dyn Engine<Error = Fault>,
    fit: &Fit,
    frame: &ControlPoints,
    start: &[Vec<f32>],
    call: usize,
    way: &mut Way,
    stop: &Stop,
    save: &dyn Fn(&Way) -> Result<()>,
    told: &dyn Fn(u64),
) -> std::result::Result<End, Fault> {
    for (slot, theta) in (0..).zip(start) {
        engine.put(slot, theta)?;
    }
    let cells = fit.cells_len(frame);
    let mut points = vec![Mix::new(); cells];
    let mut begin = match way.pause.take() {
        Some(at) => {
            engine.restore(&way.state)?;
            Start::Paused(at)
        }
        None => {
            way.held.resize(cells, Value::default());
            way.cumulative = vec![0.0; cells];
            way.start = vec![0.0; fit.start_len(frame, engine.dim())];
            Start::First(way.peak)
        }
    };
    let mut last = Instant::now();
    loop {
        let memory = Memory {
            steps: &mut vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; call],
            losses: &mut vec![0.0; call],
            drawn: &mut vec![0; call],
            points: &mut points,
            held: &mut way.held,
            cumulative: &mut way.cumulative,
            start: &mut way.start,
        };
        let record = |Epoch { rate, loss, .. }| {
            told(1);
            way.epochs.push([rate.into(), loss]);
        };
        match fit.resume(engine, frame, memory, begin, record, || stop.due(last))? {
            Progress::Ended(peak) => {
                way.peak = peak;
                break;
            }
            Progress::Paused(at) => {
                way.pause = Some(at);
                way.state.resize(engine.state_len(), 0.0);
                engine.save(&mut way.state)?;
                // A landscape whose state cannot be saved begins anew.
                let saved = if way.state.is_empty() { Ok(()) } else { save(way) };
                let stopped = if stop.now() { Err(Stop::failure()) } else { Ok(()) };
                if let Err(failure) = saved.and(stopped) {
                    return Ok(End::Failed(failure));
                }
                way.pause = None;
                (begin, last) = (Start::Paused(at), Instant::now());
            }
        }
    }
    let mut theta = vec![0.0; engine.dim()];
    let moved = (fit.trainable(frame)..start.len() as u32).map(|slot| {
        engine.get(slot, &mut theta)?;
        Ok(theta.clone())
    });
    Ok(End::Moved(moved.collect::<std::result::Result<_, Fault>>()?))
}

/// The failure of a job for a reason that is none of a loss.
pub fn failed(what: &str, job: Job, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Jobs, format!("{what} of {}: {error}", job.name()))
}

/// The control points of a simplex.
pub fn control_points_of(simplex: Simplex, depth: usize, memory: &mut [ControlPointId]) -> ControlPoints<'_> {
    ControlPoints::new(simplex.dimension() + 1, depth, memory).expect("the configuration was checked")
}

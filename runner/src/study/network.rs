//! One network of a study: trained at a constant rate, measured during training, and stored in a folder.

use crate::checkpoint;
use crate::config::{Config, Initial};
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::model::NamedTensor;
use crate::problem::Problem;
use crate::run::{JobCheckpoint, Stop, locate_divergence};
use crate::schema::Measurement;
use crate::store::Store;
use crate::weights::statistics::{Baseline, Matrix, Metric, Statistics, StatisticsOptions};
use std::path::Path;
use std::time::Instant;
use valleys_core::engine::{Engine, Mix, Split, Step, Value};
use valleys_core::error::Error;
use valleys_core::fit::{Checkpoint, Faces, Fit, Memory, Progress, Sampling, Schedule, Start};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPointId, ControlPoints};

/// The file of the measurements in the folder of a network.
const MEASUREMENTS: &str = "measured.csv";

/// A network of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StudyNetwork {
    /// Number of training samples.
    pub samples: usize,
    /// Number of the replicate, from 0. It determines the samples, the initial parameters and the order of the samples.
    pub replicate: u32,
}

impl StudyNetwork {
    /// The folder of the network. It exists if and only if the network is trained.
    pub fn folder(&self) -> String {
        format!("networks/{}-{}", self.samples, self.replicate)
    }
}

/// The networks of a configuration. The largest training sets are first, because they take longest.
pub fn networks(config: &Config) -> Vec<StudyNetwork> {
    let mut sizes = config.study.sizes.clone();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
        .iter()
        .flat_map(|&samples| {
            (0..config.study.seeds).map(move |replicate| StudyNetwork { samples, replicate })
        })
        .collect()
}

/// Steps of a network between two measurements after the first epoch: those of an epoch, its own or, with
/// `study.equal_steps`, that of the network with the most samples.
pub fn period(config: &Config, samples: usize) -> u32 {
    let largest = config.study.sizes.iter().copied().max().unwrap_or(samples);
    let samples = if config.study.equal_steps { largest } else { samples };
    samples.div_ceil(config.train.batch) as u32
}

/// Reads the measurements of a network from a run directory, in order of time.
///
/// # Errors
/// The file cannot be read; a row is malformed, with its line.
pub fn read_measurements(root: &Path, network: StudyNetwork) -> Result<Vec<Measurement>> {
    Measurement::read(&root.join(network.folder()).join(MEASUREMENTS))
}

/// How the training of a network is resumed, stopped and reported.
pub struct TrainingHooks<'a> {
    /// The checkpoint to resume from.
    pub checkpoint: Option<JobCheckpoint>,
    /// The inputs of the job's record as JSON.
    pub inputs: String,
    /// Writes a checkpoint.
    pub save: &'a dyn Fn(&JobCheckpoint) -> Result<()>,
    /// The request to stop.
    pub stop: &'a Stop,
    /// Steps in one call of the engine.
    pub steps_len: usize,
    /// Is called with the number of finished steps.
    pub on_progress: &'a dyn Fn(u64),
}

/// Trains a network, and measures it before training, during the first epoch and after every epoch. Writes its folder.
///
/// The inner result is the error of the engine if the loss is not finite. With `layer`, the network is trained one step
/// at a time, and `layer` becomes the layer where the loss stops being finite.
///
/// # Errors
/// A stop; a file that cannot be written; a subset, a device or statistics that cannot be made.
pub fn train(
    config: &Config,
    problem: &dyn Problem,
    store: &Store,
    network: StudyNetwork,
    hooks: TrainingHooks,
    layer: Option<&mut Option<String>>,
) -> Result<std::result::Result<(), EngineError>> {
    let StudyNetwork { samples, replicate } = network;
    let seed = config.seed + u64::from(replicate);
    let problem = problem
        .on_subset(samples, seed)
        .map_err(|what| CliError::new(ErrorKind::Configuration, format!("study.sizes: {samples}: {what}")))?;
    let problem = if config.study.shuffle_labels {
        let to_error =
            |what| CliError::new(ErrorKind::Configuration, format!("study.shuffle_labels: {what}"));
        problem.with_shuffled_labels(seed).map_err(to_error)?
    } else {
        problem
    };
    let initial_seed = match config.study.initial {
        Initial::Shared => seed,
        Initial::Own => seed ^ (samples as u64) << 32,
    };
    let state = problem.state();
    let mut training = NetworkTraining {
        config,
        seed,
        period: period(config, samples),
        layers: state.parameters.iter().filter(|t| t.shape.len() > 1).collect(),
        theta: problem.initial(initial_seed, 0),
        csv: Measurement::csv_header(problem.error_measure()),
        hooks: &hooks,
    };
    let job_error = |e: &dyn std::fmt::Display| {
        CliError::new(ErrorKind::Jobs, format!("training of {}: {e}", network.folder()))
    };
    let result = problem.engine(1).and_then(|mut engine| match layer {
        None => training.run(&mut *engine),
        Some(layer) => {
            let (result, found) = locate_divergence(&mut *engine, &*problem, |engine| training.run(engine));
            *layer = found;
            result
        }
    });
    match result {
        Err(error @ (EngineError::Call(Error::NotFinite { .. }) | EngineError::Device(_))) => {
            return Ok(Err(error));
        }
        Err(error) => return Err(job_error(&error)),
        Ok(Err(Interruption::Stopped(error))) => return Err(error),
        Ok(Err(Interruption::Statistics(error))) => return Err(job_error(&error)),
        Ok(Ok(())) => {}
    }
    let NetworkTraining { theta, csv, .. } = training;
    let statistics = problem.statistics(&[&theta]).map_err(|e| job_error(&e))?.swap_remove(0);
    let weights = checkpoint::encode(&state, &theta, &statistics, problem.batches().into());
    let files = [(MEASUREMENTS.to_owned(), csv.into_bytes()), ("theta.safetensors".to_owned(), weights)];
    store.write_folder(&network.folder(), &files)?;
    Ok(Ok(()))
}

/// Why a training ended early, other than by an error of its engine.
enum Interruption {
    /// By a stop, or because a checkpoint could not be written.
    Stopped(CliError),
    /// The statistics of a layer could not be computed.
    Statistics(valleys_core::topology::Error),
}

/// The outer error is that of the engine.
type TrainingResult = std::result::Result<std::result::Result<(), Interruption>, EngineError>;

/// A network during training.
struct NetworkTraining<'a> {
    config: &'a Config,
    seed: u64,
    /// See [`period`].
    period: u32,
    /// The weight matrices.
    layers: Vec<&'a NamedTensor>,
    /// The parameters at the last measurement.
    theta: Vec<f32>,
    /// The measurements so far, as the text of their file.
    csv: String,
    hooks: &'a TrainingHooks<'a>,
}

impl NetworkTraining<'_> {
    fn run(&mut self, engine: &mut dyn Engine<Error = EngineError>) -> TrainingResult {
        let (config, hooks) = (self.config, self.hooks);
        engine.put(0, &self.theta)?;
        let batches = engine.batches();
        let total = u64::from(self.period) * u64::from(config.minima.epochs);
        let mut ids = [ControlPointId::default()];
        let vertex = ControlPoints::new(1, 1, &mut ids)?;
        let fit = Fit {
            key: Key::new(self.seed, 1),
            faces: Faces::Fixed,
            sampling: Sampling::Uniform,
            optimizer: config.train.optimizer(),
            schedule: Schedule::Constant,
            epochs: 0..total.div_ceil(u64::from(batches)) as u32,
        };
        // Measurements from 1 on: some in the first period, then one after every period.
        let period = self.period;
        let early = config.study.early.min(period);
        let target = move |measurement: u32| match measurement {
            number if number <= early => u64::from(period) * u64::from(number) / u64::from(early),
            number => u64::from(period) * u64::from(number - early + 1),
        };
        let mut measurement = 1;
        let mut at = Checkpoint { epoch: 0, batch: 0, sum: 0.0, lowest: 0.0, latest: 0.0, steps: 0 };
        match hooks.checkpoint.as_ref().and_then(|checkpoint| from_checkpoint(checkpoint, &hooks.inputs)) {
            Some(([epoch, number, batch], csv, state)) => {
                (at.epoch, measurement, at.batch, self.csv) = (epoch, number, batch, csv);
                engine.restore(&state)?;
                (hooks.on_progress)(target(number - 1));
            }
            None => {
                if let Err(interruption) = self.measure(engine, 0.0, true)? {
                    return Ok(Err(interruption));
                }
            }
        }
        let steps_len = hooks.steps_len.max(1);
        let mut steps = vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; steps_len];
        let (mut losses, mut drawn_cells) = (vec![0.0; steps_len], vec![0; steps_len]);
        let mut last_checkpoint = Instant::now();
        while target(measurement - 1) < total {
            let end = target(measurement);
            // The fit pauses after every call, so that it stops exactly where the network is measured.
            loop {
                let done = u64::from(at.epoch) * u64::from(batches) + u64::from(at.batch);
                if done >= end {
                    break;
                }
                let count = steps_len.min((end - done) as usize);
                let memory = Memory {
                    steps: &mut steps[..count],
                    losses: &mut losses,
                    drawn_cells: &mut drawn_cells,
                    cell_points: &mut [],
                    cell_losses: &mut [],
                    cumulative: &mut [],
                    lowest: &mut [],
                    points: &mut [],
                    pieces: &mut [],
                };
                let from = Start::Resumed(at);
                if let Progress::Paused(next) = fit.resume(engine, &vertex, memory, from, |_| (), || true)? {
                    at = next;
                }
                if hooks.stop.checkpoint_due(last_checkpoint) && at.batch > 0 {
                    if let Err(error) = self.save(engine, [at.epoch, measurement, at.batch])? {
                        return Ok(Err(Interruption::Stopped(error)));
                    }
                    last_checkpoint = Instant::now();
                }
            }
            if let Err(interruption) = self.measure(engine, end as f64 / f64::from(batches), end == total)? {
                return Ok(Err(interruption));
            }
            (hooks.on_progress)(end - target(measurement - 1));
            measurement += 1;
            // A call may have ended the epoch: then the loop above wrote no checkpoint.
            if end < total && hooks.stop.checkpoint_due(last_checkpoint) {
                if let Err(error) = self.save(engine, [at.epoch, measurement, at.batch])? {
                    return Ok(Err(Interruption::Stopped(error)));
                }
                last_checkpoint = Instant::now();
            }
        }
        Ok(Ok(()))
    }

    /// Writes a checkpoint at `position`: epoch, number of the next measurement, batch. The inner error is that of the
    /// file, or a stop.
    fn save(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        position: [u32; 3],
    ) -> std::result::Result<Result<()>, EngineError> {
        let mut state = vec![0.0; engine.state_len()];
        engine.save(&mut state)?;
        let can_resume = !state.is_empty();
        let checkpoint = JobCheckpoint {
            inputs: self.hooks.inputs.clone(),
            text: self.csv.clone(),
            integers: position.map(u64::from).to_vec(),
            doubles: Vec::new(),
            floats: vec![state],
        };
        let saved = if can_resume { (self.hooks.save)(&checkpoint) } else { Ok(()) };
        Ok(saved.and_then(|()| self.hooks.stop.check()))
    }

    /// Measures losses and layers after `epoch` epochs. `ends` says whether this is the first or the last measurement:
    /// only these include the spectral norms and the shuffled weights.
    fn measure(
        &mut self,
        engine: &mut dyn Engine<Error = EngineError>,
        epoch: f64,
        ends: bool,
    ) -> TrainingResult {
        let point = Mix::from_iter([(0, 1.0)]);
        let mut values = [Value::default(); 2];
        engine.values(&[Split::Train, Split::Test], None, &[point], &mut values)?;
        engine.get(0, &mut self.theta)?;
        let layers = self.layers.iter().enumerate().map(|(number, tensor)| {
            let inputs = tensor.shape[1..].iter().product();
            let mut matrix = Matrix { rows: self.theta[tensor.range.clone()].to_vec(), bias: None };
            // One thread: several networks are trained at the same time.
            let options = StatisticsOptions { metric: Metric::Euclidean, threads: 1, spectrum: ends };
            let own = matrix.statistics(inputs, options)?;
            let shuffled = if ends {
                Baseline::Shuffle.apply(&mut matrix, inputs, own.frobenius_norm, self.seed, number as u32);
                Some(matrix.statistics(inputs, StatisticsOptions { spectrum: false, ..options })?)
            } else {
                None
            };
            Ok((own, shuffled))
        });
        let mut layers = match layers.collect::<std::result::Result<Vec<(Statistics, _)>, _>>() {
            Ok(layers) => layers,
            Err(error) => return Ok(Err(Interruption::Statistics(error))),
        };
        let largest = layers.iter().map(|(own, _)| own.largest()).fold(0.0, f64::max);
        layers.iter_mut().for_each(|(own, _)| own.relate(largest));
        Measurement::write_rows(&mut self.csv, epoch, &values, &layers);
        Ok(Ok(()))
    }
}

/// Position, measurements and state of a checkpoint with the same inputs.
fn from_checkpoint(checkpoint: &JobCheckpoint, inputs: &str) -> Option<([u32; 3], String, Vec<f32>)> {
    let integers = checkpoint.integers.iter().filter_map(|&x| u32::try_from(x).ok());
    let position: Vec<u32> = integers.collect();
    let [state] = &checkpoint.floats[..] else { return None };
    (checkpoint.inputs == inputs).then_some((
        position.try_into().ok()?,
        checkpoint.text.clone(),
        state.clone(),
    ))
}

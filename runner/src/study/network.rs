//! One network of the study: trained, measured on the way, stored.

use super::{LAYER_STATISTICS, SHUFFLED_NAMES};
use crate::checkpoint;
use crate::config::Config;
use crate::engine_error::EngineError;
use crate::error::{CliError, ErrorKind, Result};
use crate::model::NamedTensor;
use crate::problem::Problem;
use crate::run::{JobCheckpoint, Stop, locate_divergence};
use crate::store::Store;
use crate::weights::statistics::{Baseline, Matrix, Metric, Statistics, StatisticsOptions};
use std::fmt::Write;
use std::time::Instant;
use valleys_core::engine::{Engine, Mix, Split, Step, Value};
use valleys_core::error::Error;
use valleys_core::fit::{Checkpoint, Faces, Fit, Memory, Progress, Sampling, Schedule, SgdOptions, Start};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPointId, ControlPoints};

/// A network to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StudyNetwork {
    /// Training samples.
    pub samples: usize,
    /// The replicate, from 0: it decides the samples, the initial parameters, the order of the samples.
    pub replicate: u32,
}

impl StudyNetwork {
    /// Its folder; it is there when the job is done.
    pub fn folder(&self) -> String {
        format!("networks/{}-{}", self.samples, self.replicate)
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Epochs trained; 0 for the untrained network.
    pub epoch: f64,
    /// Mean loss and share of wrong answers on its training samples.
    pub train: [f64; 2],
    /// The same on the test samples.
    pub test: [f64; 2],
    /// Of each layer, first to last: [`LAYER_STATISTICS`], then [`SHUFFLED_NAMES`].
    pub layers: Vec<Vec<Option<f64>>>,
}

impl Measurement {
    /// Share of right answers on the test samples.
    pub fn accuracy(&self) -> f64 {
        1.0 - self.test[1]
    }

    /// How much larger the share of right answers is on the training samples.
    pub fn gap(&self) -> f64 {
        self.test[1] - self.train[1]
    }
}

/// The networks of a configuration, the largest sets first: they take longest.
pub fn networks(config: &Config) -> Vec<StudyNetwork> {
    let mut sizes = config.study.sizes.clone();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
        .iter()
        .flat_map(|&samples| (0..config.study.seeds).map(move |replicate| StudyNetwork { samples, replicate }))
        .collect()
}

/// How a network's training starts, stops, and reports.
pub struct TrainingHooks<'a> {
    /// Its checkpoint, where there is one.
    pub saved: Option<JobCheckpoint>,
    /// What checkpoints are made from.
    pub inputs: String,
    /// Writes a checkpoint.
    pub save: &'a dyn Fn(&JobCheckpoint) -> Result<()>,
    /// When to stop.
    pub stop: &'a Stop,
    /// Steps of a call of the engine.
    pub call: usize,
    /// Is called with the number of steps done.
    pub on_progress: &'a dyn Fn(u64),
}

/// Trains a network at a constant rate, measures it at the start, inside the first epoch, and after every epoch, and
/// stores both. Gives the error of a loss that is not finite. With a place for its name, it looks step by step for the
/// layer at which that happens.
///
/// # Errors
/// A stop; the disk.
pub fn train(
    config: &Config,
    problem: &dyn Problem,
    store: &Store,
    network: StudyNetwork,
    hooks: TrainingHooks,
    layer: Option<&mut Option<String>>,
) -> Result<std::result::Result<(), EngineError>> {
    let seed = config.seed + u64::from(network.replicate);
    let problem = problem.on_subset(network.samples, seed).map_err(|what| {
        CliError::new(ErrorKind::Configuration, format!("study.sizes: {}: {what}", network.samples))
    })?;
    let state = problem.state();
    let mut training = Training {
        config,
        seed,
        layers: state.parameters.iter().filter(|t| t.shape.len() > 1).collect(),
        theta: problem.initial(seed, 0),
        csv: header(),
        hooks: &hooks,
    };
    let wrong = |e: &dyn std::fmt::Display| {
        CliError::new(
            ErrorKind::Jobs,
            format!("network of {} samples, replicate {}: {e}", network.samples, network.replicate),
        )
    };
    let done = problem.engine(1).and_then(|mut engine| match layer {
        None => training.run(&mut *engine),
        Some(layer) => {
            let (done, at) = locate_divergence(&mut *engine, &*problem, |engine| training.run(engine));
            *layer = at;
            done
        }
    });
    match done {
        Err(error @ (EngineError::Call(Error::NotFinite { .. }) | EngineError::Device(_))) => {
            return Ok(Err(error));
        }
        Err(error) => return Err(wrong(&error)),
        Ok(Err(End::Stopped(failure))) => return Err(failure),
        Ok(Err(End::Statistics(error))) => return Err(wrong(&error)),
        Ok(Ok(())) => {}
    }
    let Training { theta, csv, .. } = training;
    let statistics = problem.statistics(&[&theta]).map_err(|e| wrong(&e))?.swap_remove(0);
    let checkpoint = checkpoint::encode(&state, &theta, &statistics, problem.batches().into());
    let files = [("measured.csv".to_owned(), csv.into_bytes()), ("theta.safetensors".to_owned(), checkpoint)];
    store.write_folder(&network.folder(), &files)?;
    Ok(Ok(()))
}

/// Why a training ended before its end, beside what its engine says.
enum End {
    /// A stop, or a checkpoint that cannot be written.
    Stopped(CliError),
    /// A layer whose statistics cannot be computed.
    Statistics(valleys_core::topology::Error),
}

/// A network in training.
struct Training<'a> {
    config: &'a Config,
    seed: u64,
    /// Its weight matrices.
    layers: Vec<&'a NamedTensor>,
    /// Its parameters where it was measured last.
    theta: Vec<f32>,
    /// Its table so far.
    csv: String,
    hooks: &'a TrainingHooks<'a>,
}

/// How a training ended.
type Ended = std::result::Result<std::result::Result<(), End>, EngineError>;

impl Training<'_> {
    fn run(&mut self, engine: &mut dyn Engine<Error = EngineError>) -> Ended {
        let (config, hooks) = (self.config, self.hooks);
        engine.put(0, &self.theta)?;
        let (batches, epochs) = (engine.batches(), config.minima.epochs);
        let mut ids = [ControlPointId::default()];
        let vertex = ControlPoints::new(1, 1, &mut ids)?;
        let fit = Fit {
            key: Key::new(self.seed, 1),
            faces: Faces::Fixed,
            sampling: Sampling::Uniform,
            sgd: SgdOptions {
                learning_rate: config.train.learning_rate as f32,
                momentum: config.train.momentum as f32,
                weight_decay: config.train.weight_decay as f32,
            },
            schedule: Schedule::Constant,
            epochs: 0..epochs,
        };
        // The part of the epoch that ends with the next measurement, from 1.
        let mut part = 1;
        let mut at = Checkpoint { epoch: 0, batch: 0, sum: 0.0, before: 0.0, steps: 0 };
        match hooks.saved.as_ref().and_then(|saved| restore(saved, &hooks.inputs)) {
            Some(([epoch, of_epoch, batch], text, state)) => {
                (at.epoch, part, at.batch, self.csv) = (epoch, of_epoch, batch, text);
                engine.restore(&state)?;
                (hooks.on_progress)(u64::from(batches) * u64::from(epoch));
            }
            None => {
                if let Err(end) = self.measure(engine, 0.0, true)? {
                    return Ok(Err(end));
                }
            }
        }
        let call = hooks.call.max(1);
        let mut steps = vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; call];
        let (mut losses, mut drawn_cells) = (vec![0.0; call], vec![0; call]);
        let mut last = Instant::now();
        while at.epoch < epochs {
            let epoch = at.epoch;
            let parts = if epoch == 0 { config.study.early.min(batches) } else { 1 };
            let end = batches * part / parts;
            // One call of the engine, so that the fit pauses where the network is to be measured.
            while at.epoch == epoch && at.batch < end {
                let count = call.min((end - at.batch) as usize);
                let memory = Memory {
                    steps: &mut steps[..count],
                    losses: &mut losses,
                    drawn_cells: &mut drawn_cells,
                    cell_points: &mut [],
                    cell_losses: &mut [],
                    cumulative: &mut [],
                    initial: &mut [],
                };
                let from = Start::Resumed(at);
                if let Progress::Paused(next) = fit.resume(engine, &vertex, memory, from, |_| (), || true)? {
                    at = next;
                }
                if hooks.stop.checkpoint_due(last) && at.epoch == epoch {
                    if let Err(failure) = self.save(engine, [epoch, part, at.batch])? {
                        return Ok(Err(End::Stopped(failure)));
                    }
                    last = Instant::now();
                }
            }
            let done = f64::from(epoch) + f64::from(end) / f64::from(batches);
            if let Err(end) = self.measure(engine, done, at.epoch == epochs)? {
                return Ok(Err(end));
            }
            part += 1;
            if part > parts {
                part = 1;
                (hooks.on_progress)(u64::from(batches));
            }
        }
        Ok(Ok(()))
    }

    /// Writes a checkpoint at a place: epoch, part of it, batch. An error inside is that of the disk, or a stop.
    fn save(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        place: [u32; 3],
    ) -> std::result::Result<Result<()>, EngineError> {
        let mut state = vec![0.0; engine.state_len()];
        engine.save(&mut state)?;
        let can_resume = !state.is_empty();
        let saved = JobCheckpoint {
            inputs: self.hooks.inputs.clone(),
            text: self.csv.clone(),
            integers: place.map(u64::from).to_vec(),
            doubles: Vec::new(),
            floats: vec![state],
        };
        let saved = if can_resume { (self.hooks.save)(&saved) } else { Ok(()) };
        Ok(saved.and(if self.hooks.stop.is_requested() { Err(Stop::error()) } else { Ok(()) }))
    }

    /// Measures the network after so many epochs: its losses, and its layers; what takes longer only at the `ends`.
    fn measure(&mut self, engine: &mut dyn Engine<Error = EngineError>, epoch: f64, ends: bool) -> Ended {
        let here = Mix::from_iter([(0, 1.0)]);
        let mut values = [Value::default(); 2];
        for (split, value) in [Split::Train, Split::Test].into_iter().zip(&mut values) {
            engine.values(split, std::slice::from_ref(&here), std::slice::from_mut(value))?;
        }
        engine.get(0, &mut self.theta)?;
        let of_layers = self.layers.iter().enumerate().map(|(number, tensor)| {
            let inputs = tensor.shape[1..].iter().product();
            let mut matrix = Matrix { rows: self.theta[tensor.range.clone()].to_vec(), bias: None };
            // The networks are trained side by side already.
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
        match of_layers.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(of_layers) => rows(&mut self.csv, epoch, &values, of_layers),
            Err(error) => return Ok(Err(End::Statistics(error))),
        }
        Ok(Ok(()))
    }
}

/// Place, table and state of a checkpoint of these inputs.
fn restore(saved: &JobCheckpoint, inputs: &str) -> Option<([u32; 3], String, Vec<f32>)> {
    let place: Vec<u32> = saved.integers.iter().filter_map(|&x| u32::try_from(x).ok()).collect();
    let [state] = &saved.floats[..] else { return None };
    (saved.inputs == inputs).then_some((place.try_into().ok()?, saved.text.clone(), state.clone()))
}

fn header() -> String {
    let fixed = ["epoch", "layer", "train_loss", "train_error", "test_loss", "test_error"];
    let names = fixed.into_iter().chain(LAYER_STATISTICS.iter().map(|m| m.name)).chain(SHUFFLED_NAMES);
    names.collect::<Vec<_>>().join(",") + "\n"
}

/// One row a layer.
fn rows(
    csv: &mut String,
    epoch: f64,
    values: &[Value; 2],
    mut layers: Vec<(Statistics, Option<Statistics>)>,
) {
    let largest = layers.iter().map(|(own, _)| own.largest()).fold(0.0, f64::max);
    for (number, (own, shuffled)) in layers.iter_mut().enumerate() {
        own.relate(largest);
        let _ = write!(csv, "{epoch},{number}");
        for Value { loss, error } in values {
            let _ = write!(csv, ",{loss},{}", error.unwrap_or_default());
        }
        let of_shuffled = [0, 1].map(|i| shuffled.as_ref().and_then(LAYER_STATISTICS[i].of));
        for number in LAYER_STATISTICS.iter().map(|m| (m.of)(own)).chain(of_shuffled) {
            let _ = match number {
                Some(x) => write!(csv, ",{x}"),
                None => write!(csv, ","),
            };
        }
        csv.push('\n');
    }
}

/// The measurements of a stored network, in time.
///
/// # Errors
/// The file cannot be read or is malformed, with the line.
pub fn read(store_root: &std::path::Path, network: StudyNetwork) -> Result<Vec<Measurement>> {
    let path = store_root.join(network.folder()).join("measured.csv");
    let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", path.display()));
    let mut reader = csv::Reader::from_path(&path).map_err(|e| wrong(e.to_string()))?;
    let given = reader.headers().map_err(|e| wrong(e.to_string()))?.clone();
    if !header().trim_end().split(',').eq(given.iter()) {
        return Err(wrong("another version wrote it: its columns differ".to_owned()));
    }
    let mut all: Vec<Measurement> = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        let number = |text: &str| -> Result<Option<f64>> {
            match text {
                "" => Ok(None),
                _ => text
                    .parse()
                    .map(Some)
                    .map_err(|_| wrong(format!("line {}: {text:?} is no number", row + 2))),
            }
        };
        let numbers = record.iter().map(number).collect::<Result<Vec<_>>>()?;
        let fixed: Option<Vec<f64>> = numbers[..6].iter().copied().collect();
        let Some(&[epoch, layer, train_loss, train_error, test_loss, test_error]) = fixed.as_deref() else {
            return Err(wrong(format!("line {}: a number is missing", row + 2)));
        };
        if layer == 0.0 {
            let (train, test) = ([train_loss, train_error], [test_loss, test_error]);
            all.push(Measurement { epoch, train, test, layers: Vec::new() });
        }
        match all.last_mut() {
            Some(last) if last.layers.len() as f64 == layer => last.layers.push(numbers[6..].to_vec()),
            _ => return Err(wrong(format!("line {}: layer {layer} is out of order", row + 2))),
        }
    }
    Ok(all)
}

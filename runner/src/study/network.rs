//! One network of the study: trained, measured on the way, stored.

use super::{METRICS, SHUFFLED};
use crate::checkpoint;
use crate::config::Config;
use crate::data::Subset;
use crate::failure::{Failure, Kind, Result};
use crate::fault::Fault;
use crate::objective::Objective;
use crate::run::{Saved, Stop, watched};
use crate::store::Store;
use crate::weights::statistics::{Baseline, How, Matrix, Metric, Statistics};
use std::fmt::Write;
use std::time::Instant;
use valleys_core::engine::{Engine, Mix, Split, Step, Value};
use valleys_core::error::Error;

/// A network to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// Training samples.
    pub size: usize,
    /// The replicate, from 0: it decides the samples, the initial parameters, the order of the samples.
    pub replicate: u32,
}

impl Job {
    /// Its folder; it is there when the job is done.
    pub fn folder(&self) -> String {
        format!("networks/{}-{}", self.size, self.replicate)
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Epochs trained; 0 for the untrained network.
    pub epoch: f64,
    /// Mean loss and share of wrong answers on its training samples.
    pub train: [f64; 2],
    /// The same on the test samples.
    pub test: [f64; 2],
    /// Of each layer, first to last: [`METRICS`], then [`SHUFFLED`].
    pub layers: Vec<Vec<Option<f64>>>,
}

impl Measured {
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
pub fn jobs(config: &Config) -> Vec<Job> {
    let mut sizes = config.study.sizes.clone();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
        .iter()
        .flat_map(|&size| (0..config.study.seeds).map(move |replicate| Job { size, replicate }))
        .collect()
}

/// How a network's training begins, stops, and tells of itself.
pub struct TrainingHooks<'a> {
    /// Its checkpoint, where there is one.
    pub saved: Option<Saved>,
    /// What checkpoints are made from.
    pub inputs: String,
    /// Writes a checkpoint.
    pub save: &'a dyn Fn(&Saved) -> Result<()>,
    /// When to stop.
    pub stop: &'a Stop,
    /// Steps of a call.
    pub call: usize,
    /// Is told of steps.
    pub told: &'a dyn Fn(u64),
}

/// Trains a network, measures it at the start, inside the first epoch, and after every epoch, and stores both; gives the
/// error of a loss that is not finite. With a place for its name, it looks step by step for the layer at which that happens.
///
/// # Errors
/// A stop; the disk.
pub fn train(
    config: &Config,
    objective: &Objective,
    store: &Store,
    job: Job,
    course: TrainingHooks,
    layer: Option<&mut Option<String>>,
) -> Result<std::result::Result<(), Fault>> {
    let TrainingHooks { saved, inputs, save, stop, call, told } = course;
    let seed = config.seed + u64::from(job.replicate);
    let of_job = objective
        .on(Subset::Stratified { count: job.size, seed })
        .map_err(|what| Failure::new(Kind::Configuration, format!("study.sizes: {}: {what}", job.size)))?;
    let state = of_job.state();
    let layers: Vec<_> = state.parameters.iter().filter(|t| t.shape.len() > 1).collect();
    let mut theta = of_job.start(seed, 0);
    let (mut csv, mut failed, mut stopped) = (header(), None, None);
    let work = |engine: &mut dyn Engine<Error = Fault>| {
        engine.put(0, &theta)?;
        let batches = engine.batches();
        let here = Mix::from_iter([(0, 1.0)]);
        let mut measure =
            |engine: &mut dyn Engine<Error = Fault>, csv: &mut String, epoch: f64, ends: bool| {
                let mut values = [Value::default(); 2];
                for (split, value) in [Split::Train, Split::Test].into_iter().zip(&mut values) {
                    engine.values(split, std::slice::from_ref(&here), std::slice::from_mut(value))?;
                }
                engine.get(0, &mut theta)?;
                let of_layers = layers.iter().enumerate().map(|(number, tensor)| {
                    let inputs = tensor.shape[1..].iter().product();
                    let mut matrix = Matrix { rows: theta[tensor.range.clone()].to_vec(), bias: None };
                    // The networks are side by side already.
                    let how = How { metric: Metric::Euclidean, threads: 1, spectrum: ends };
                    let own = matrix.statistics(inputs, how)?;
                    let shuffled = if ends {
                        Baseline::Shuffle.apply(&mut matrix, inputs, own.frobenius_norm, seed, number as u32);
                        Some(matrix.statistics(inputs, How { spectrum: false, ..how })?)
                    } else {
                        None
                    };
                    Ok((own, shuffled))
                });
                match of_layers.collect::<std::result::Result<Vec<_>, valleys_core::topology::Error>>() {
                    Ok(of_layers) => rows(csv, epoch, &values, of_layers),
                    Err(error) => failed = Some(error),
                }
                Ok::<(), Fault>(())
            };
        // The epoch, the part of it, the batch to begin with.
        let mut at = [0, 1, 0];
        match saved.and_then(|saved| restore(saved, &inputs)) {
            Some((place, text, state)) => {
                (at, csv) = (place, text);
                engine.restore(&state)?;
                told(u64::from(batches) * u64::from(at[0]));
            }
            None => measure(engine, &mut csv, 0.0, true)?,
        }
        let (mut last, mut losses) = (Instant::now(), vec![0.0; call]);
        for epoch in at[0]..config.minima.epochs {
            let course = valleys_core::engine::StepParams {
                seed,
                job: 1,
                epoch,
                trainable: 0,
                momentum: config.train.momentum as f32,
                weight_decay: config.train.weight_decay as f32,
                tangent_removal: 0.0,
            };
            let rate = config.train.learning_rate as f32;
            let parts = if epoch == 0 { config.study.early.min(batches) } else { 1 };
            let mut batch = at[2];
            for part in at[1]..=parts {
                let end = batches * part / parts;
                while batch < end {
                    let count = (end - batch).min(call as u32);
                    let steps: Vec<Step> =
                        (batch..batch + count).map(|batch| Step { mix: here.clone(), rate, batch }).collect();
                    let losses = &mut losses[..count as usize];
                    engine.advance(&course, &steps, losses)?;
                    if let Some(i) = losses.iter().position(|loss| !loss.is_finite()) {
                        let at = u64::from(epoch) * u64::from(batches) + u64::from(batch) + i as u64;
                        return Err(Error::NotFinite { what: "the loss", at }.into());
                    }
                    batch += count;
                    if stop.due(last) {
                        let mut state = vec![0.0; engine.state_len()];
                        engine.save(&mut state)?;
                        let saved = Saved {
                            inputs: inputs.clone(),
                            text: csv.clone(),
                            place: vec![epoch.into(), part.into(), batch.into()],
                            doubles: Vec::new(),
                            floats: vec![state],
                        };
                        let saved = if engine.state_len() > 0 { save(&saved) } else { Ok(()) };
                        stopped = saved.and(if stop.now() { Err(Stop::failure()) } else { Ok(()) }).err();
                        if stopped.is_some() {
                            return Ok(());
                        }
                        last = Instant::now();
                    }
                }
                let last = epoch + 1 == config.minima.epochs && part == parts;
                measure(engine, &mut csv, f64::from(epoch) + f64::from(end) / f64::from(batches), last)?;
            }
            at = [epoch + 1, 1, 0];
            told(u64::from(batches));
        }
        Ok(())
    };
    let done = of_job.with_engine(1, |engine| match layer {
        None => work(engine),
        Some(layer) => {
            let (done, at) = watched(engine, &of_job, work);
            *layer = at;
            done
        }
    });
    let wrong = |e: &dyn std::fmt::Display| {
        Failure::new(Kind::Jobs, format!("network of {} samples, replicate {}: {e}", job.size, job.replicate))
    };
    match done {
        Err(error @ (Fault::Call(Error::NotFinite { .. }) | Fault::Device(_))) => return Ok(Err(error)),
        done => done.map_err(|e| wrong(&e))?,
    }
    if let Some(stopped) = stopped {
        return Err(stopped);
    }
    if let Some(error) = failed {
        return Err(wrong(&error));
    }
    let statistics = of_job.statistics(&[&theta]).map_err(|e| wrong(&e))?.swap_remove(0);
    let checkpoint = checkpoint::encode(&state, &theta, &statistics, of_job.batches());
    let files = [("measured.csv".to_owned(), csv.into_bytes()), ("theta.safetensors".to_owned(), checkpoint)];
    store.write_folder(&job.folder(), &files)?;
    Ok(Ok(()))
}

/// Place, table and state of a checkpoint of these inputs.
fn restore(saved: Saved, inputs: &str) -> Option<([u32; 3], String, Vec<f32>)> {
    let place: Vec<u32> = saved.place.iter().filter_map(|&x| u32::try_from(x).ok()).collect();
    let [state] = saved.floats.try_into().ok()?;
    (saved.inputs == inputs).then_some((place.try_into().ok()?, saved.text, state))
}

fn header() -> String {
    let fixed = ["epoch", "layer", "train_loss", "train_error", "test_loss", "test_error"];
    let names = fixed.into_iter().chain(METRICS.iter().map(|m| m.name)).chain(SHUFFLED);
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
        let of_shuffled = [0, 1].map(|i| shuffled.as_ref().and_then(METRICS[i].of));
        for number in METRICS.iter().map(|m| (m.of)(own)).chain(of_shuffled) {
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
pub fn read(store_root: &std::path::Path, job: Job) -> Result<Vec<Measured>> {
    let path = store_root.join(job.folder()).join("measured.csv");
    let wrong = |what: String| Failure::new(Kind::Data, format!("{}: {what}", path.display()));
    let mut reader = csv::Reader::from_path(&path).map_err(|e| wrong(e.to_string()))?;
    let given = reader.headers().map_err(|e| wrong(e.to_string()))?.clone();
    if !header().trim_end().split(',').eq(given.iter()) {
        return Err(wrong("another version wrote it: its columns differ".to_owned()));
    }
    let mut all: Vec<Measured> = Vec::new();
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
            all.push(Measured { epoch, train, test, layers: Vec::new() });
        }
        match all.last_mut() {
            Some(last) if last.layers.len() as f64 == layer => last.layers.push(numbers[6..].to_vec()),
            _ => return Err(wrong(format!("line {}: layer {layer} is out of order", row + 2))),
        }
    }
    Ok(all)
}

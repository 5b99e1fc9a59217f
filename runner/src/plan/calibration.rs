//! Measures on this machine how long a step, a forward pass of a sample and a file take.

use crate::config::Config;
use crate::engine_error::EngineError;
use crate::error::CliError;
use crate::problem::Problem;
use crate::store::Store;
use rayon::prelude::*;
use std::path::Path;
use std::time::Instant;
use valleys_core::engine::{Mix, Step, StepParams, Subset, Value};
use valleys_core::rng::Key;

/// Time of the steps of a calibration, in seconds. At least two calls are measured.
const STEPS_SECONDS: f64 = 0.25;

/// Operations of the points of a calibration at most, unless a batch of one point has more.
const POINTS_FLOPS: usize = 4_000_000_000;

/// Steps in one call of the engine, and points in one call, at most.
const MAX_CALL_LEN: usize = 32;

/// Files that are written.
const FILES: usize = 4;

/// Seconds of the parts of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitSeconds {
    /// Of a step.
    pub step: f64,
    /// Of a forward pass of a sample in a measurement.
    pub sample: f64,
    /// Of a file that is written and flushed.
    pub file: f64,
    /// The time of a job that has the machine to itself, as a share of its time beside others.
    pub alone: f64,
}

/// Measures the parts of a job, with as many jobs at the same time as the run has, because they share the machine.
/// `folder` is where the files will be. Also describes what was measured.
///
/// # Errors
/// Those of the engine.
///
/// # Cost
/// Some tenths of a second, or a few steps and some batches.
pub fn calibrate(
    config: &Config,
    problem: &dyn Problem,
    folder: &Path,
    threads: usize,
) -> Result<(UnitSeconds, String), EngineError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let measure = || -> Result<_, EngineError> {
        let alone = step_seconds(config, problem)?;
        let busy = (0..threads).into_par_iter().with_max_len(1).map(|_| step_seconds(config, problem));
        let busy = busy.collect::<Result<Vec<_>, _>>()?;
        let samples = (0..threads).into_par_iter().with_max_len(1).map(|_| sample_seconds(config, problem));
        Ok((alone, mean(&busy), mean(&samples.collect::<Result<Vec<_>, _>>()?)))
    };
    let (alone, step, sample) = match pool {
        Ok(pool) => pool.install(measure),
        Err(_) => measure(),
    }?;
    let file = file_seconds(folder).unwrap_or(0.0);
    let basis = format!(
        "measured here with {threads} at the same time: steps of {step:.2e} s, forward passes of a sample of \
         {sample:.2e} s, files of {file:.2e} s"
    );
    Ok((UnitSeconds { step, sample, file, alone: (alone / step).min(1.0) }, basis))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Seconds of a step.
fn step_seconds(config: &Config, problem: &dyn Problem) -> Result<f64, EngineError> {
    let theta = problem.initial(config.seed, 0);
    let mut engine = problem.engine(3)?;
    for slot in 0..3 {
        engine.put(slot, &theta)?;
    }
    let params = StepParams {
        key: Key::new(config.seed, 1),
        epoch: 0,
        first_trainable: 2,
        optimizer: config.train.optimizer().optimizer,
        weight_decay: config.train.weight_decay as f32,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    };
    let mix = Mix::from_iter([(0, 0.5), (2, 0.5)]);
    // With a learning rate of 0 no loss diverges.
    let first_steps = |count: usize| -> Vec<Step> {
        let batches = 0..(count as u32).min(problem.batches());
        batches.map(|batch| Step { mix: mix.clone(), rate: 0.0, batch }).collect()
    };
    // The first step allocates memory and compiles kernels.
    let mut losses = [0.0; MAX_CALL_LEN];
    engine.advance(&params, &first_steps(1), &mut losses[..1])?;
    let start = Instant::now();
    let (mut calls, mut steps, mut call_len) = (0, 0, 1);
    while calls < 2 || start.elapsed().as_secs_f64() < STEPS_SECONDS {
        let next = first_steps(call_len);
        engine.advance(&params, &next, &mut losses[..next.len()])?;
        (calls, steps) = (calls + 1, steps + next.len());
        call_len = (2 * call_len).min(MAX_CALL_LEN);
    }
    Ok(start.elapsed().as_secs_f64() / steps as f64)
}

/// Seconds of a forward pass of a sample, in measurements like those of a run.
fn sample_seconds(config: &Config, problem: &dyn Problem) -> Result<f64, EngineError> {
    let cost = problem.cost();
    let theta = problem.initial(config.seed, 0);
    let mut engine = problem.engine(1)?;
    engine.put(0, &theta)?;
    let flops = cost.sample_flops.max(1);
    let all = match config.measure.samples {
        0 => cost.train_samples,
        samples => cost.train_samples.min(samples as usize),
    };
    let least = (2 * config.train.batch).min(all);
    let len = all.min((POINTS_FLOPS / 4 / flops).max(least)).max(1);
    let splits = problem.splits();
    let passes = cost.passes(len, splits.len());
    let count = (POINTS_FLOPS / (passes * flops)).clamp(1, MAX_CALL_LEN);
    let points = vec![Mix::from_iter([(0, 1.0)]); count];
    let mut values = vec![Value::default(); count * splits.len()];
    let subset = Some(Subset { key: Key::new(config.seed, 0), len: len as u32 });
    // Compiles kernels.
    engine.values(splits, subset, &points[..1], &mut values[..splits.len()])?;
    let start = Instant::now();
    engine.values(splits, subset, &points, &mut values)?;
    Ok(start.elapsed().as_secs_f64() / (count * passes) as f64)
}

/// Seconds to write a small file as a run does. `None` if the folder is not writable.
fn file_seconds(folder: &Path) -> Option<f64> {
    let directory = tempfile::tempdir_in(folder).ok()?;
    let store = Store::open(directory.path(), &[]).ok()?;
    let write = |number| -> Result<(), CliError> { store.write(&format!("{number}"), b"valleys") };
    write(FILES).ok()?;
    let start = Instant::now();
    (0..FILES).try_for_each(write).ok()?;
    Some(start.elapsed().as_secs_f64() / FILES as f64)
}

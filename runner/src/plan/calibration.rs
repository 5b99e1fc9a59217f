//! Measures on this machine how long a step, a point and a file take.

use crate::config::Config;
use crate::engine_error::EngineError;
use crate::problem::Problem;
use std::path::Path;
use std::time::Instant;
use valleys_core::engine::{Mix, Step, StepParams, Value};
use valleys_core::rng::Key;

/// Time of the steps of the calibration, in seconds. At least one step is measured.
const CALIBRATION_SECONDS: f64 = 0.1;

/// Operations of a point up to which it is measured. The time of larger ones is computed from that of a step.
const MAX_MEASURED_FLOPS: f64 = 1e9;

/// Steps in one call of the engine at most, and points that are measured.
const MAX_STEPS: u32 = 64;
const POINTS: usize = 32;

/// Files that a job writes and flushes.
const FILES_PER_JOB: f64 = 7.0;

/// Seconds of the parts of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitSeconds {
    /// Of a step.
    pub step: f64,
    /// Of a point, on every split.
    pub point: f64,
    /// Of all files of a job.
    pub files: f64,
}

/// Measures the parts of a job. `folder` is where the files will be. Also describes what was measured.
///
/// # Errors
/// Those of the engine.
///
/// # Cost
/// A tenth of a second of steps, or one step; 32 points if they take less than 32 GFLOP.
pub fn calibrate(
    config: &Config,
    problem: &dyn Problem,
    folder: &Path,
) -> Result<(UnitSeconds, String), EngineError> {
    let (step, steps) = step_seconds(config, problem)?;
    let (point, points) = point_seconds(config, problem, step)?;
    let files = FILES_PER_JOB * file_seconds(folder);
    let basis = format!("measured here: {steps} steps of {step:.2e} s, {points} of {point:.2e} s, files");
    Ok((UnitSeconds { step, point, files }, basis))
}

/// Seconds of a step, and how many steps were measured.
fn step_seconds(config: &Config, problem: &dyn Problem) -> Result<(f64, usize), EngineError> {
    let theta = problem.initial(config.seed, 0);
    let mut engine = problem.engine(1)?;
    engine.put(0, &theta)?;
    let params = StepParams {
        key: Key::new(config.seed, 1),
        epoch: 0,
        first_trainable: 0,
        momentum: config.train.momentum as f32,
        weight_decay: 0.0,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
        nesterov: false,
    };
    let mix = Mix::from_iter([(0, 1.0)]);
    // With a learning rate of 0 no loss diverges.
    let first_steps = |count: u32| -> Vec<Step> {
        let batches = 0..count.min(problem.batches());
        batches.map(|batch| Step { mix: mix.clone(), rate: 0.0, batch }).collect()
    };
    // The first step allocates memory and compiles kernels.
    let mut losses = [0.0; MAX_STEPS as usize];
    engine.advance(&params, &first_steps(1), &mut losses[..1])?;
    let (start, mut count) = (Instant::now(), 0);
    let mut call_len = 1;
    while count == 0 || start.elapsed().as_secs_f64() < CALIBRATION_SECONDS {
        let steps = first_steps(call_len);
        engine.advance(&params, &steps, &mut losses[..steps.len()])?;
        count += steps.len();
        call_len = (2 * call_len).min(MAX_STEPS);
    }
    Ok((start.elapsed().as_secs_f64() / count as f64, count))
}

/// Seconds of a point on every split, and what was measured.
fn point_seconds(
    config: &Config,
    problem: &dyn Problem,
    step: f64,
) -> Result<(f64, &'static str), EngineError> {
    let cost = problem.cost();
    if cost.point_flops as f64 > MAX_MEASURED_FLOPS {
        return Ok((step * cost.point_flops as f64 / cost.step_flops as f64, "points estimated from steps"));
    }
    let theta = problem.initial(config.seed, 0);
    let mut engine = problem.engine(1)?;
    engine.put(0, &theta)?;
    let points = vec![Mix::from_iter([(0, 1.0)]); POINTS];
    let mut values = vec![Value::default(); POINTS];
    engine.values(problem.splits()[0], &points[..1], &mut values[..1])?;
    let start = Instant::now();
    for &split in problem.splits() {
        engine.values(split, &points, &mut values)?;
    }
    Ok((start.elapsed().as_secs_f64() / POINTS as f64, "32 points"))
}

/// Seconds to write and flush a small file; 0 if the folder is not writable.
fn file_seconds(folder: &Path) -> f64 {
    let start = Instant::now();
    let written = (0..3).try_for_each(|_| {
        let mut file = tempfile::tempfile_in(folder)?;
        std::io::Write::write_all(&mut file, b"valleys")?;
        file.sync_all()
    });
    if written.is_ok() { start.elapsed().as_secs_f64() / 3.0 } else { 0.0 }
}

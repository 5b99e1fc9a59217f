//! Shared by the benches.

use std::hint::black_box;
use std::time::Instant;
use valleys_core::rng::{Purpose, Stream};

/// Random numbers of a bench, from the core's generator.
pub struct Random(Stream);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Stream::new(seed, Purpose::Point, 0, 0, 0))
    }

    /// Uniform in (0, 1].
    pub fn uniform(&mut self) -> f64 {
        1.0 - self.0.unit()
    }

    /// Exponentially distributed with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Normally distributed with mean 0 and variance 1.
    pub fn normal(&mut self) -> f64 {
        self.0.normal()
    }
}

/// Median of the seconds of some runs.
pub fn median<T>(runs: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut seconds: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[runs / 2]
}

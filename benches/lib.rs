//! Shared by the benches.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;
use valleys_core::rng::{Key, Purpose, Stream};

/// What goes wrong in a bench ends it.
pub type CliError = Box<dyn std::error::Error>;

/// A peer in a process of its own, that times when it is asked to: a Python script beside the benches.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts a script with the Python that `VALLEYS_PYTHON` names; none where it names none.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start(script: &str) -> Result<Option<Self>, CliError> {
        let Ok(python) = std::env::var("VALLEYS_PYTHON") else { return Ok(None) };
        let script = format!("{}/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut child =
            Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no output of the peer")?;
        Ok(Some(Self { child, lines: BufReader::new(out).lines() }))
    }

    /// Sends a line.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn ask(&mut self, line: &str) -> Result<(), CliError> {
        Ok(writeln!(self.child.stdin.as_mut().ok_or("no input of the peer")?, "{line}")?)
    }

    /// The next line that it says.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn line(&mut self) -> Result<String, CliError> {
        Ok(self.lines.next().ok_or("the peer ended")??)
    }
}

/// Random numbers of a bench, from the core's generator.
pub struct Random(Stream);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Stream::new(Key::new(seed, 0), Purpose::Point, 0, 0))
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
    let seconds: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64()
        })
        .collect();
    median_of(seconds)
}

/// The median, the upper one of two.
pub fn median_of(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

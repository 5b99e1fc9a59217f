//! Other libraries, in a process of their own.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

pub type Failure = Box<dyn std::error::Error>;

/// What a run took and gave.
#[derive(Clone, Copy)]
pub struct Measured {
    /// CPU seconds.
    pub seconds: f64,
    /// Sum of the finite lifetimes, or a distance.
    pub value: f64,
    /// Peak memory less what was there before, in MB.
    pub megabytes: f64,
}

/// A Python that answers to lines.
pub struct Peers {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peers {
    /// The Python that `VALLEYS_PYTHON` names, if it does.
    pub fn start() -> Result<Option<Self>, Failure> {
        let Ok(python) = std::env::var("VALLEYS_PYTHON") else { return Ok(None) };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/persistence/peers.py");
        let mut child =
            Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no output of the peers")?;
        Ok(Some(Self { child, lines: BufReader::new(out).lines() }))
    }

    /// Runs one; none if it is not there or gave up.
    pub fn run(&mut self, library: &str, arguments: &str) -> Result<Option<Measured>, Failure> {
        let input = self.child.stdin.as_mut().ok_or("no input of the peers")?;
        writeln!(input, "{library}\t{arguments}")?;
        let line = self.lines.next().ok_or("the peers ended")??;
        let words: Vec<&str> = line.split('\t').collect();
        let [seconds, value, megabytes] = words[..] else { return Ok(None) };
        Ok(Some(Measured { seconds: seconds.parse()?, value: value.parse()?, megabytes: megabytes.parse()? }))
    }
}

//! Other libraries, in a process of their own.

pub use valleys_benches::CliError;
use valleys_benches::Peer;

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
pub struct Peers(Peer);

impl Peers {
    /// The Python that `VALLEYS_PYTHON` names, if it does.
    pub fn start() -> Result<Option<Self>, CliError> {
        Ok(Peer::start("persistence/peers.py")?.map(Self))
    }

    /// Runs one; none if it is not there or gave up.
    pub fn run(&mut self, library: &str, arguments: &str) -> Result<Option<Measured>, CliError> {
        self.0.ask(&format!("{library}\t{arguments}"))?;
        let line = self.0.line()?;
        let words: Vec<&str> = line.split('\t').collect();
        let [seconds, value, megabytes] = words[..] else { return Ok(None) };
        Ok(Some(Measured { seconds: seconds.parse()?, value: value.parse()?, megabytes: megabytes.parse()? }))
    }
}

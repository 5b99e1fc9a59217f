//! When a run stops before its end: at a signal, or when its time is over.

use crate::error::{CliError, ErrorKind, Result};
use crate::stderr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time from a request to the end of the process, whether or not all jobs have come to a checkpoint by then.
const GRACE_PERIOD: Duration = Duration::from_secs(4);

/// Time between two checkpoints of a job, unless something else is said.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(30);

/// Whether to stop, and how often to write checkpoints.
#[derive(Clone, Debug)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    checkpoint_interval: Duration,
}

impl Default for Stop {
    /// Never stops by itself.
    fn default() -> Self {
        Self { requested: Arc::default(), checkpoint_interval: CHECKPOINT_INTERVAL }
    }
}

impl Stop {
    /// Writes a checkpoint of a job so often.
    pub fn checkpoint_every(mut self, checkpoint_interval: Duration) -> Self {
        self.checkpoint_interval = checkpoint_interval;
        self
    }

    /// Stops at SIGTERM, SIGINT and SIGUSR1; a second SIGTERM or SIGINT ends the process at once, with 128 + its number.
    ///
    /// # Errors
    /// The signals cannot be caught.
    #[cfg(unix)]
    pub fn on_signals(self) -> Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        let wrong = |e| CliError::new(ErrorKind::Resources, format!("cannot catch signals: {e}"));
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGUSR1]).map_err(wrong)?;
        let stop = self.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if stop.is_requested() && signal != SIGUSR1 {
                    std::process::exit(128 + signal);
                }
                stop.request();
            }
        });
        Ok(self)
    }

    /// Where there are no such signals.
    #[cfg(not(unix))]
    pub fn on_signals(self) -> Result<Self> {
        Ok(self)
    }

    /// Stops after a time.
    pub fn after(self, time: Duration) -> Self {
        let (stop, end) = (self.clone(), Instant::now() + time);
        std::thread::spawn(move || {
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            stop.request();
        });
        self
    }

    /// Asks all jobs to stop. A job in the middle of a long call of its landscape cannot hear it: after [`GRACE_PERIOD`] the
    /// process ends all the same, and what is lost is what came after the last checkpoint.
    fn request(&self) {
        if self.requested.swap(true, Ordering::Relaxed) {
            return;
        }
        std::thread::spawn(|| {
            std::thread::sleep(GRACE_PERIOD);
            stderr::print_line(format_args!("valleys: stopped; call again to go on from the last checkpoints"));
            std::process::exit(i32::from(ErrorKind::Stopped as u8));
        });
    }

    /// Whether to stop now.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Whether a job is to write a checkpoint, or to stop.
    pub fn checkpoint_due(&self, last: Instant) -> bool {
        self.is_requested() || last.elapsed() >= self.checkpoint_interval
    }

    /// What a job that stopped says.
    pub fn error() -> CliError {
        CliError::new(ErrorKind::Stopped, "stopped at a checkpoint; call again to go on")
    }
}

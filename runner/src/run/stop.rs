//! When a run stops before its end: at a signal, or at a time limit.

use crate::error::{CliError, ErrorKind, Result};
use crate::stderr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between the request to stop and the end of the process. Jobs write their checkpoints in this time.
const GRACE_PERIOD: Duration = Duration::from_secs(4);

/// Default time between two checkpoints of a job.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(30);

/// The request to stop, shared by all jobs of a process, and the time between checkpoints.
#[derive(Clone, Debug)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    checkpoint_interval: Duration,
}

impl Default for Stop {
    /// Never stops, and writes a checkpoint every 30 seconds.
    fn default() -> Self {
        Self { requested: Arc::default(), checkpoint_interval: CHECKPOINT_INTERVAL }
    }
}

impl Stop {
    /// Sets the time between two checkpoints of a job.
    pub fn checkpoint_every(mut self, checkpoint_interval: Duration) -> Self {
        self.checkpoint_interval = checkpoint_interval;
        self
    }

    /// Stops at SIGTERM, SIGINT and SIGUSR1. A second SIGTERM or SIGINT ends the process at once, with exit code 128 +
    /// signal number.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
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

    /// Does nothing: this platform has no such signals.
    #[cfg(not(unix))]
    pub fn on_signals(self) -> Result<Self> {
        Ok(self)
    }

    /// Stops after this time.
    pub fn after(self, time: Duration) -> Self {
        let (stop, end) = (self.clone(), Instant::now() + time);
        std::thread::spawn(move || {
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            stop.request();
        });
        self
    }

    /// Requests all jobs to stop. A job inside a long call of its engine does not see the request. After
    /// [`GRACE_PERIOD`] the process ends in any case, and the work since the last checkpoint is lost.
    fn request(&self) {
        if self.requested.swap(true, Ordering::Relaxed) {
            return;
        }
        std::thread::spawn(|| {
            std::thread::sleep(GRACE_PERIOD);
            stderr::print_line(format_args!(
                "valleys: stopped; run the same command again to resume from the last checkpoints"
            ));
            std::process::exit(i32::from(ErrorKind::Stopped as u8));
        });
    }

    /// Whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Whether a job whose last checkpoint was at `last` must write one: to stop, or because the time has passed.
    pub fn checkpoint_due(&self, last: Instant) -> bool {
        self.is_requested() || last.elapsed() >= self.checkpoint_interval
    }

    /// Returns an error if a stop was requested.
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`].
    pub fn check(&self) -> Result<()> {
        if self.is_requested() { Err(Self::error()) } else { Ok(()) }
    }

    /// The error of a job that stopped.
    fn error() -> CliError {
        CliError::new(ErrorKind::Stopped, "stopped at a checkpoint; run the same command again to resume")
    }
}

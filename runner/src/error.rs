//! Failures, each with the exit code that the documentation promises.

use std::fmt;

/// Why a command ended without doing what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorKind {
    /// Wrong command line.
    Usage = 2,
    /// Wrong configuration.
    Configuration = 3,
    /// Data or weights missing or malformed.
    Data = 4,
    /// Some jobs failed, the rest is done.
    Jobs = 5,
    /// No usable device.
    Device = 7,
    /// Memory or disk does not allow it.
    Resources = 8,
    /// The run directory is in use.
    Busy = 9,
    /// Stopped at a checkpoint, by a signal or a limit of time: call again.
    Stopped = 75,
}

/// One sentence and an exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// Which exit code.
    pub kind: ErrorKind,
    /// What is wrong, naming file, line or element.
    pub message: String,
}

impl CliError {
    /// A failure of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// The result of everything that can fail for a reason of the user's.
pub type Result<T> = std::result::Result<T, CliError>;

/// A failed read or write, with the path.
pub fn io_error(verb: &str, path: &std::path::Path, error: &std::io::Error) -> CliError {
    CliError::new(ErrorKind::Resources, format!("cannot {verb} {}: {error}", path.display()))
}

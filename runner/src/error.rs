//! The error of every command, with the exit codes of the documentation.

use std::fmt;
use std::path::Path;

/// What kind of error ended a command. The value is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// Data or weights are missing or malformed.
    Data = 4,
    /// Some jobs failed; all others are done.
    Jobs = 5,
    /// No GPU is usable.
    Device = 7,
    /// Memory or disk space does not suffice, or a file cannot be written.
    Resources = 8,
    /// Another process holds the run directory.
    Busy = 9,
    /// The run stopped at a checkpoint, by a signal or at a time limit. The same command resumes it.
    Stopped = 75,
}

/// An error message for the user, and the exit code.
///
/// Its `Debug` text is the message too, because that is what a `main` that returns it prints.
#[derive(Clone, PartialEq, Eq)]
pub struct CliError {
    /// The exit code.
    pub kind: ErrorKind,
    /// One sentence that names the file, line, key or element.
    pub message: String,
}

impl CliError {
    /// An error with a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Debug for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// The result of an operation whose errors are shown to the user.
pub type Result<T> = std::result::Result<T, CliError>;

/// A failed operation on the disk (`verb`: "write", "lock", "list") as an error of the resources.
pub fn io_error(verb: &str, path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(ErrorKind::Resources, format!("cannot {verb} {}: {error}", path.display()))
}

/// A file that cannot be read, as an error of the data.
pub fn read_error(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(ErrorKind::Data, format!("cannot read {}: {error}", path.display()))
}

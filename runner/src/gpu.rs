//! Which GPU a run uses, if any.

use crate::config::Backend;
use crate::error::{CliError, ErrorKind, Result};
use std::sync::Arc;
use valleys_gpu::{Choice, Error, Opener, Paths, adapters, is_hardware};

/// How the commands about GPUs work on one.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Ways {
    /// Other ways to the same numbers, up to rounding, with commas between them: winograd2 or winograd4, halves,
    /// no-subgroups.
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true)]
    pub paths: Paths,
}

/// What `--backend` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Wanted {
    /// A GPU of hardware where there is one, or the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, even one that a program plays.
    Gpu,
}

impl Wanted {
    /// The backend of this machine.
    pub fn backend(self) -> Backend {
        match self {
            Self::Gpu => Backend::Gpu,
            Self::Auto if adapters().iter().any(|adapter| is_hardware(&adapter.get_info())) => Backend::Gpu,
            Self::Auto | Self::Cpu => Backend::Cpu,
        }
    }
}

/// An opener of the GPU that was named, or of the best one, which is open and takes these paths.
///
/// # Errors
/// No usable device.
pub fn opener(device: Option<&str>, paths: Paths) -> Result<Arc<Opener>> {
    let opener = Opener::new(Choice { paths, ..Choice::from_environment().or_named(device) });
    opener.device().map_err(|e| failure(&e))?;
    Ok(Arc::new(opener))
}

/// A failure of a device with its exit code.
pub fn failure(error: &Error) -> CliError {
    let kind = match error {
        Error::OutOfMemory { .. } | Error::TooLarge { .. } => ErrorKind::Resources,
        _ => ErrorKind::Device,
    };
    CliError::new(kind, error.to_string())
}

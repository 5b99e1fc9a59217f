//! Which GPU a run uses, if any.

use crate::config::Backend;
use crate::error::{CliError, ErrorKind, Result};
use std::sync::Arc;
use valleys_gpu::{DeviceOptions, DeviceProvider, Error, Paths, adapters, is_hardware};

/// How the commands about GPUs work on one.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct PathOptions {
    /// Other ways to the same numbers, up to rounding, with commas between them: winograd2 or winograd4, f16,
    /// no-subgroups.
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true, value_parser = parse_paths)]
    pub paths: Paths,
}

/// The paths of a list of names; old names are accepted with a warning.
fn parse_paths(names: &str) -> std::result::Result<Paths, Error> {
    names.split(',').map(|name| current_path(name.trim())).collect::<Vec<_>>().join(",").parse()
}

/// The current name of a path; an old name is accepted with a warning.
pub fn current_path(name: &str) -> &str {
    if name != "halves" {
        return name;
    }
    eprintln!("warning: the path halves is now f16; the old name will be removed in the next version");
    "f16"
}

/// What `--backend` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendOption {
    /// A GPU of hardware where there is one, or the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, even one that a program plays.
    Gpu,
}

impl BackendOption {
    /// The backend of this machine.
    pub fn backend(self) -> Backend {
        match self {
            Self::Gpu => Backend::Gpu,
            Self::Auto if adapters().iter().any(|adapter| is_hardware(&adapter.get_info())) => Backend::Gpu,
            Self::Auto | Self::Cpu => Backend::Cpu,
        }
    }
}

/// An provider of the GPU that was named, or of the best one, which is open and takes these paths.
///
/// # Errors
/// No usable device.
pub fn provider(device: Option<&str>, paths: Paths) -> Result<Arc<DeviceProvider>> {
    let provider =
        DeviceProvider::new(DeviceOptions { paths, ..DeviceOptions::from_environment().or_named(device) });
    provider.device().map_err(|e| failure(&e))?;
    Ok(Arc::new(provider))
}

/// A failure of a device with its exit code.
pub fn failure(error: &Error) -> CliError {
    let kind = match error {
        Error::OutOfMemory { .. } | Error::TooLarge { .. } => ErrorKind::Resources,
        _ => ErrorKind::Device,
    };
    CliError::new(kind, error.to_string())
}

//! Which GPU a command uses, if any.

use crate::config::{Backend, current_path_name};
use crate::error::{CliError, ErrorKind, Result};
use std::sync::Arc;
use valleys_gpu::{DeviceOptions, DeviceProvider, Error, Paths, adapters, is_hardware};

/// Options of the commands that measure or test kernels.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct PathOptions {
    /// Faster kernels whose results differ by rounding, separated by commas: winograd2 or winograd4, f16, no-subgroups.
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true, value_parser = parse_paths)]
    pub paths: Paths,
}

/// The paths of a list of names; old names are accepted with a warning.
fn parse_paths(names: &str) -> std::result::Result<Paths, Error> {
    names.split(',').map(|name| current_path_name(name.trim())).collect::<Vec<_>>().join(",").parse()
}

/// The values of `--backend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendOption {
    /// A hardware GPU if there is one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, even a software adapter.
    Gpu,
}

impl BackendOption {
    /// The backend that it selects on this machine.
    pub fn backend(self) -> Backend {
        match self {
            Self::Gpu => Backend::Gpu,
            Self::Auto if adapters().iter().any(|adapter| is_hardware(&adapter.get_info())) => Backend::Gpu,
            Self::Auto | Self::Cpu => Backend::Cpu,
        }
    }
}

/// A provider of the GPU that the user names, or of the best one, with these paths. Its device is open.
///
/// # Errors
/// No usable device.
pub fn provider(device: Option<&str>, paths: Paths) -> Result<Arc<DeviceProvider>> {
    let options = DeviceOptions { paths, ..DeviceOptions::from_environment().or_named(device) };
    let provider = DeviceProvider::new(options);
    provider.device().map_err(|e| failure(&e))?;
    Ok(Arc::new(provider))
}

/// An error of a device with its exit code.
pub fn failure(error: &Error) -> CliError {
    let kind = match error {
        Error::OutOfMemory { .. } | Error::TooLarge { .. } => ErrorKind::Resources,
        _ => ErrorKind::Device,
    };
    CliError::new(kind, error.to_string())
}

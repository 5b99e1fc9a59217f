//! Which GPU a command uses, if any.

use crate::config::{Backend, current_path_name};
use crate::error::{CliError, ErrorKind, Result};
use crate::stderr;
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
            Self::Cpu => Backend::Cpu,
            Self::Auto => {
                let all = adapters();
                let hardware = all.iter().map(|adapter| adapter.get_info()).find(is_hardware);
                match (hardware, &all[..]) {
                    (Some(info), _) => {
                        stderr::print_line(format_args!("--backend auto: the GPU {}", info.name));
                        Backend::Gpu
                    }
                    (None, []) => {
                        stderr::print_line("--backend auto: the processor, because there is no GPU");
                        Backend::Cpu
                    }
                    (None, [software, ..]) => {
                        stderr::print_line(format_args!(
                            "--backend auto: the processor, because {} is a software adapter; --backend gpu takes it",
                            software.get_info().name
                        ));
                        Backend::Cpu
                    }
                }
            }
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
    provider.device().map_err(|e| {
        let CliError { kind, message } = failure(&e);
        // Who did not type a name may have forgotten that there is one.
        let is_of_variable =
            device.is_none() && matches!(e, Error::NoDevice { .. } | Error::SeveralDevices { .. });
        let place = if is_of_variable { "VALLEYS_DEVICE: " } else { "" };
        CliError::new(kind, format!("{place}{message}"))
    })?;
    Ok(Arc::new(provider))
}

/// An error of a device with its exit code and the next step.
pub fn failure(error: &Error) -> CliError {
    let kind = match error {
        Error::OutOfMemory { .. } | Error::TooLarge { .. } => ErrorKind::Resources,
        _ => ErrorKind::Device,
    };
    let next = match error {
        Error::NoAdapter => {
            "; install a Vulkan driver (on Debian and Ubuntu mesa-vulkan-drivers, which has a software adapter), or use \
             the processor: run --backend cpu"
        }
        Error::NoDevice { .. } | Error::SeveralDevices { .. } => {
            "; give --device the number of one, or use the processor: run --backend cpu"
        }
        Error::NotOpened { .. } => {
            "; valleys devices tests all adapters, --device takes another one, run --backend cpu the processor"
        }
        Error::OutOfMemory { .. } | Error::TooLarge { .. } => {
            "; fewer jobs at the same time (-j) or a smaller train.batch need less"
        }
        Error::Lost(_) => "; the same command resumes a run from its checkpoints",
        Error::Refused(_) => {
            "; valleys devices compares every kernel with the processor, run --backend cpu does without a GPU"
        }
        Error::NoPath { .. } | Error::Call(_) => "",
    };
    CliError::new(kind, format!("{error}{next}"))
}

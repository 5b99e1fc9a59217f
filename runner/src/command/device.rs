//! `devices`: the GPUs of this machine, their limits, and whether every kernel gives correct results there.

use super::{json, print};
use crate::error::{CliError, ErrorKind, Result};
use crate::gpu::PathOptions;
use serde::Serialize;
use std::fmt::Write;
use valleys_gpu::{Adapter, Device, DeviceOptions, Paths, adapters, check, is_hardware, named};

/// `valleys devices`
#[derive(clap::Args, Debug)]
pub struct Devices {
    /// Only this GPU: its number, or a part of its name.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Do not test the kernels.
    #[arg(long)]
    no_check: bool,
    #[command(flatten)]
    path_options: PathOptions,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// A GPU, as printed with `--json`.
#[derive(Debug, Serialize)]
struct Found {
    number: usize,
    name: String,
    kind: String,
    backend: String,
    driver: String,
    hardware: bool,
    buffer_bytes: u64,
    binding_bytes: u64,
    workgroup_bytes: u32,
    workgroup_threads: u32,
    storage_buffers: u32,
    features: Vec<String>,
    /// `None` if the kernels were not tested.
    checks: Option<Vec<Check>>,
    /// Why it cannot be used; `None` if it can.
    refused: Option<String>,
}

/// A comparison of kernels with the reference.
#[derive(Debug, Serialize)]
struct Check {
    kernels: &'static str,
    shape: String,
    error: Option<f64>,
    allowed: f64,
    passed: bool,
}

/// Runs the command.
///
/// # Errors
/// No usable device.
pub fn run(args: &Devices) -> Result<()> {
    let all = adapters();
    let named = named(args.device.as_deref(), &all);
    let found: Vec<Found> = (named.iter().flatten())
        .copied()
        .map(|i| inspect(i, &all[i], (!args.no_check).then_some(args.path_options.paths)))
        .collect();
    if args.json {
        print(&json(&found))?;
    } else {
        print(&found.iter().map(text).collect::<String>())?;
    }
    named.map_err(|e| crate::gpu::failure(&e))?;
    if found.iter().any(|found| found.refused.is_none()) {
        return Ok(());
    }
    let refused =
        found.iter().filter_map(|found| Some(format!("{}: {}", found.name, found.refused.as_ref()?)));
    let message = format!(
        "no usable GPU: {}; a newer driver may help, and run --backend cpu uses the processor",
        refused.collect::<Vec<_>>().join("; ")
    );
    Err(CliError::new(ErrorKind::Device, message))
}

fn inspect(number: usize, adapter: &Adapter, checks: Option<Paths>) -> Found {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let mut found = Found {
        number,
        kind: format!("{:?}", info.device_type),
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        hardware: is_hardware(&info),
        buffer_bytes: limits.max_buffer_size,
        binding_bytes: limits.max_storage_buffer_binding_size,
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
        workgroup_threads: limits.max_compute_invocations_per_workgroup,
        storage_buffers: limits.max_storage_buffers_per_shader_stage,
        features: adapter.features().iter_names().map(|(name, _)| name.to_owned()).collect(),
        checks: None,
        refused: None,
        name: info.name,
    };
    if let Some(paths) = checks {
        let options = DeviceOptions { device: Some(number.to_string()), paths, ..DeviceOptions::default() };
        match Device::open(&options).and_then(|device| test(&device)) {
            Ok(checks) => {
                let failed = checks.iter().filter(|check| !check.passed).count();
                found.refused = (failed > 0).then(|| format!("{failed} kernel tests failed"));
                found.checks = Some(checks);
            }
            Err(error) => found.refused = Some(error.to_string()),
        }
    }
    found
}

fn test(device: &Device) -> valleys_gpu::Result<Vec<Check>> {
    let test = |case: &check::Case| {
        let outcome = case.run(device)?;
        let allowed = check::tolerance(device.paths(), outcome.terms);
        let passed = outcome.error <= allowed;
        let error = Some(outcome.error).filter(|error| error.is_finite());
        Ok(Check { kernels: case.kernels, shape: case.shape.clone(), error, allowed, passed })
    };
    check::cases().iter().map(test).collect()
}

fn text(found: &Found) -> String {
    let mut text =
        format!("{} {} ({}, {}, {})\n", found.number, found.name, found.kind, found.backend, found.driver);
    let _ = writeln!(
        text,
        "  buffers of {} bytes, bindings of {}, {} storage buffers; workgroups of {} threads and {} bytes",
        found.buffer_bytes,
        found.binding_bytes,
        found.storage_buffers,
        found.workgroup_threads,
        found.workgroup_bytes
    );
    let _ = writeln!(text, "  features: {}", found.features.join(" "));
    for check in found.checks.iter().flatten() {
        let error = check.error.map_or("not finite".to_owned(), |error| format!("{error:.1e}"));
        let word = if check.passed { "ok" } else { "WRONG" };
        let _ = writeln!(
            text,
            "  {word:<5} {:<36} {error} of {:.1e}  {}",
            check.kernels, check.allowed, check.shape
        );
    }
    if let Some(refused) = &found.refused {
        let _ = writeln!(text, "  cannot be used: {refused}");
    }
    text
}

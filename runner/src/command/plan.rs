//! `valleys plan`: the cost of a run, and its jobs as a workflow.

use super::memory::available;
use super::{json, print};
use crate::config::Config;
use crate::error::Result;
use crate::gpu;
use crate::plan::estimate::KindEstimate;
use crate::plan::{self, Estimate};
use crate::run;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Flags that choose a configuration.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file (TOML).
    config: Option<PathBuf>,
    /// Preset to use instead of a file.
    #[arg(long)]
    preset: Option<String>,
    /// Override a key of the configuration, such as --set minima.count=3. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Directory of the data files: the same as --set data.dir=DIR.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// What trains and evaluates networks: the CPU, a GPU, or a GPU only if there is one in hardware (auto).
    #[arg(long, value_enum)]
    backend: Option<gpu::BackendOption>,
}

impl ConfigArgs {
    /// The configuration and its name: the preset, or the file name without ending.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub fn load(&self) -> Result<(Config, String)> {
        // A TOML string, whatever characters the name has.
        let data_dir = |dir: &String| format!("data.dir={}", toml::Value::String(dir.clone()));
        let overrides: Vec<String> =
            self.overrides.iter().cloned().chain(self.data.as_ref().map(data_dir)).collect();
        let mut config = Config::load(self.config.as_deref(), self.preset.as_deref(), &overrides)?;
        if let Some(backend) = self.backend {
            config.backend = backend.backend();
        }
        let stem =
            |path: &PathBuf| path.file_stem().map_or("run".into(), |s| s.to_string_lossy().into_owned());
        let name = self.preset.clone().or(self.config.as_ref().map(stem)).unwrap_or("digits".to_owned());
        Ok((config, name))
    }
}

/// Flags of `valleys plan`.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Format of the output: the estimate as a table or as JSON, or the jobs as a Snakefile or as a makefile.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Run directory; by default the one of `valleys run`.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Jobs that run at the same time, for the estimate; by default one per core.
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<usize>,
    /// Jobs of a task of the workflow.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    chunk: u32,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Snakemake,
    Make,
}

/// Prints the plan.
///
/// # Errors
/// The configuration is wrong; the run needs more memory or disk than is available.
pub fn run(args: &PlanArgs) -> Result<()> {
    let (config, name) = args.config.load()?;
    let (problem, directory) = run::prepare(&config, args.out.as_deref(), &name)?;
    let levels = run::levels(&config);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).max(1);
    let estimate = plan::estimate(&config, &*problem, &levels, &directory, threads, available())?;
    let tasks = plan::tasks(&levels, args.chunk as usize);
    let workflow =
        plan::Workflow { config: &config, directory: &directory, estimate: &estimate, tasks: &tasks };
    let text = match args.format {
        Format::Table => table(&estimate),
        Format::Json => json(&estimate),
        Format::Snakemake => plan::snakemake(&workflow),
        Format::Make => plan::make(&workflow),
    };
    print(&text)?;
    estimate.check()
}

fn table(estimate: &Estimate) -> String {
    let mut text = format!("{:<10} {:>8} {:>14} {:>12} {:>12}\n", "kind", "jobs", "steps", "points", "time");
    for KindEstimate { kind, jobs, steps, points, seconds } in &estimate.kinds {
        text += &format!("{kind:<10} {jobs:>8} {steps:>14} {points:>12} {:>12}\n", time(*seconds));
    }
    let gigabytes = |bytes: u64| format!("{:.3} GB", bytes as f64 / 1e9);
    let free = estimate.disk_free.map_or("unknown".to_owned(), gigabytes);
    let traffic = estimate.gpu_step_bytes.map_or(String::new(), |bytes| {
        format!("memory traffic of a step on a GPU, without caches: {}\n", gigabytes(bytes))
    });
    text + &format!(
        "{} jobs: {} on one thread, {} on {}\nmemory: {} needed, {} available\ndisk: {} needed, {free} free\n\
         {traffic}times: {}\nrun directory: {}\n",
        estimate.jobs,
        time(estimate.kinds.iter().map(|of_kind| of_kind.seconds).sum()),
        time(estimate.seconds),
        estimate.threads,
        gigabytes(estimate.memory_bytes),
        gigabytes(estimate.memory_available),
        gigabytes(estimate.disk_bytes),
        estimate.basis,
        estimate.directory
    )
}

/// A time as `12.0 s`, `3.4 min` or `5.6 h`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

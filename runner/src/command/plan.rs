//! `valleys plan`: what a run will take, and the same run as a workflow of an engine.

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

/// Which configuration.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file (TOML).
    config: Option<PathBuf>,
    /// A preset instead of a file.
    #[arg(long)]
    preset: Option<String>,
    /// Change a key of the configuration: --set minima.count=3. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Directory of the data set's files: the same as --set data.dir=DIR.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// What trains and measures networks: a GPU if there is hardware (auto), the processor, or a GPU.
    #[arg(long, value_enum)]
    backend: Option<gpu::Wanted>,
}

impl ConfigArgs {
    /// The configuration and its name.
    ///
    /// # Errors
    /// See [`Config::load`].
    pub fn load(&self) -> Result<(Config, String)> {
        // Quoted as TOML has it, whatever the name holds.
        let quoted = |dir: &String| format!("data.dir={}", toml::Value::String(dir.clone()));
        let overrides: Vec<String> =
            self.overrides.iter().cloned().chain(self.data.as_ref().map(quoted)).collect();
        let mut config = Config::load(self.config.as_deref(), self.preset.as_deref(), &overrides)?;
        if let Some(wanted) = self.backend {
            config.backend = wanted.backend();
        }
        let stem =
            |path: &PathBuf| path.file_stem().map_or("run".into(), |s| s.to_string_lossy().into_owned());
        let name = self.preset.clone().or(self.config.as_ref().map(stem)).unwrap_or("digits".to_owned());
        Ok((config, name))
    }
}

/// Flags of `plan`.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// What is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Run directory of the workflow; by default as `run` names it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Jobs that the estimated time is for side by side; by default as many as there are cores.
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<usize>,
    /// Jobs of one task of the engine.
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
/// A wrong configuration; more memory or disk than there is.
pub fn run(args: &PlanArgs) -> Result<()> {
    let (config, name) = args.config.load()?;
    let (problem, directory) = run::prepare(&config, args.out.as_deref(), &name)?;
    let levels = run::levels(&config);
    let threads =
        args.threads.or(std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1).max(1);
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
    let moved = estimate.gpu_step_bytes.map_or(String::new(), |bytes| {
        format!("a step on a GPU that keeps nothing in a cache moves {}\n", gigabytes(bytes))
    });
    text + &format!(
        "{} jobs, {} of one core, {} with {} side by side\nmemory {}, available {}\ndisk {}, free {free}\n\
         {moved}times: {}\nrun directory {}\n",
        estimate.jobs,
        time(estimate.kinds.iter().map(|part| part.seconds).sum()),
        time(estimate.seconds),
        estimate.threads,
        gigabytes(estimate.memory_bytes),
        gigabytes(estimate.memory_available),
        gigabytes(estimate.disk_bytes),
        estimate.basis,
        estimate.directory
    )
}

/// `12 s`, `3.4 min`, `5.6 h`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

//! `valleys plan`: the cost of a run, and its jobs as a workflow.

use super::memory::available;
use super::{json, print};
use crate::config::Config;
use crate::error::{CliError, ErrorKind, Result};
use crate::gpu;
use crate::plan::estimate::KindEstimate;
use crate::plan::{self, Estimate};
use crate::run;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use valleys_core::kernels::Window;
use valleys_core::network::graph::{Graph, Op, OpKind};

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
        let backend = |option: gpu::BackendOption| {
            let name = toml::Value::try_from(option.backend()).expect("a backend is a string");
            format!("backend={name}")
        };
        let options = self.data.as_ref().map(data_dir).into_iter().chain(self.backend.map(backend));
        let overrides: Vec<String> = self.overrides.iter().cloned().chain(options).collect();
        let config = Config::load(self.config.as_deref(), self.preset.as_deref(), &overrides)?;
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
    /// Print the graph of fused operations of the network instead, as a table or as JSON.
    #[arg(long)]
    graph: bool,
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
    if args.graph {
        let wrong = |what: &str| CliError::new(ErrorKind::Usage, format!("--graph: {what}"));
        let graph = problem.graph().ok_or_else(|| wrong("a function has no network"))?;
        return match args.format {
            Format::Table => print(&format!("{graph}\n")),
            Format::Json => print(&json(&operations(&graph))),
            Format::Snakemake | Format::Make => Err(wrong("--format is table or json")),
        };
    }
    let levels = run::levels(&config);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).max(1);
    let estimate = plan::estimate(&config, &*problem, &levels, &directory, threads, available())?;
    let tasks = plan::tasks(&config, &levels, args.chunk as usize);
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

/// A fused operation as it is printed. Value 0 is the samples, value i + 1 the output of operation i.
#[derive(Serialize)]
struct Operation {
    /// Its number, from 0.
    operation: usize,
    /// Its kind, what is fused with it, and the size of a window.
    kind: String,
    /// The value that it reads.
    input: usize,
    /// The value that it adds.
    residual: Option<usize>,
    /// Channels, height and width of a sample of its output.
    output: [usize; 3],
    /// The last operation that reads its output; none for the last operation.
    needed_until: Option<usize>,
    /// Number of parameters.
    parameters: usize,
    /// Floating-point operations of a forward pass of a sample.
    flops: usize,
    /// Bytes of a sample and of the parameters that a forward pass reads and writes.
    bytes: usize,
}

fn operations(graph: &Graph<Vec<Op>>) -> Vec<Operation> {
    let operation = |(number, op): (usize, &Op)| {
        let mut kind = op.kind.name().to_owned();
        if let OpKind::Convolution(window) | OpKind::MaxPool(window) = op.kind {
            let Window { kernel, stride, padding, .. } = window;
            kind += &format!(" {kernel}x{kernel}");
            kind += &if stride > 1 { format!(" stride {stride}") } else { String::new() };
            kind += &if padding > 0 { format!(" padding {padding}") } else { String::new() };
        }
        kind += if op.residual.is_some() { " + add" } else { "" };
        kind += if op.relu { " + relu" } else { "" };
        let shape = op.output_shape;
        Operation {
            operation: number,
            kind,
            input: op.input,
            residual: op.residual,
            output: [shape.channels, shape.height, shape.width],
            needed_until: graph.readers(number + 1).next_back(),
            parameters: op.parameters().len(),
            flops: op.flops(),
            bytes: 4 * op.floats(1),
        }
    };
    graph.ops().iter().enumerate().map(operation).collect()
}

/// A time as `12.0 s`, `3.4 min` or `5.6 h`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

//! `valleys plan`: the cost of a run, and its jobs as a workflow.

use super::{json, print};
use crate::config::Config;
use crate::error::{CliError, ErrorKind, Result};
use crate::gpu;
use crate::memory::available;
use crate::plan::estimate::KindEstimate;
use crate::plan::{self, Estimate};
use crate::problem;
use crate::run::{self, Prepared};
use crate::stderr;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use valleys_core::kernels::Window;
use valleys_core::network::graph::{Graph, Op, OpKind};

/// Flags that choose a configuration.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ConfigArgs {
    /// Configuration file (TOML).
    config: Option<PathBuf>,
    /// Preset to use instead of a file.
    #[arg(long)]
    preset: Option<String>,
    /// Override a key of the configuration, such as --set minima.count=3. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Directory of the data files, or the one above: the same as --set data.dir=DIR.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// What trains and evaluates networks: the CPU, a GPU, or a GPU only if there is one in hardware (auto).
    #[arg(long, value_enum)]
    backend: Option<gpu::BackendOption>,
}

impl ConfigArgs {
    /// The configuration, or one for each network of a list.
    ///
    /// # Errors
    /// Those of [`Config::load_all`].
    pub fn load(&self) -> Result<Vec<Config>> {
        // A TOML string, whatever characters the name has.
        let data_dir = |dir: &String| format!("data.dir={}", toml::Value::String(dir.clone()));
        let backend = |option: gpu::BackendOption| {
            let name = toml::Value::try_from(option.backend()).expect("a backend is a string");
            format!("backend={name}")
        };
        let options = self.data.as_ref().map(data_dir).into_iter().chain(self.backend.map(backend));
        let overrides: Vec<String> = self.overrides.iter().cloned().chain(options).collect();
        Config::load_all(self.config.as_deref(), self.preset.as_deref(), &overrides)
    }

    /// [`load`](Self::load) for a run directory. Without any of these flags, the configuration of a run that is in it.
    ///
    /// # Errors
    /// Those of [`load`](Self::load); no run directory is given, and the current folder is one.
    pub fn load_for(&self, out: Option<&Path>) -> Result<Vec<Config>> {
        match out {
            Some(out) if *self == Self::default() && run::is_run_directory(out) => {
                stderr::print_line(format_args!("the configuration is that of the run in {}", out.display()));
                Config::load_all(Some(&run::config_path(out)?), None, &[])
            }
            None if run::is_run_directory(Path::new("")) => {
                let message = "the current folder is a run directory: valleys run --out . resumes its run, and another \
                               --out DIR starts one elsewhere";
                Err(CliError::new(ErrorKind::Usage, message))
            }
            _ => self.load(),
        }
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
    let configs = args.config.load()?;
    if args.graph {
        return graph(&configs, args.format);
    }
    let parts = run::parts(&configs, args.out.as_deref());
    let mut root = run::root(&parts).to_owned();
    let mut estimates = Vec::new();
    for part in &parts {
        let Prepared { problem, threads, directory } = part.prepare(args.threads)?;
        let levels = run::levels(&part.config);
        estimates.push(plan::estimate(&part.config, &*problem, &levels, &directory, threads, available())?);
        if part.network.is_none() {
            root = directory;
        }
    }
    let tasks: Vec<plan::Task> = parts
        .iter()
        .zip(&estimates)
        .flat_map(|(part, estimate)| {
            let (levels, network) = (run::levels(&part.config), part.network.as_deref());
            plan::tasks(&part.config, &levels, estimate, args.chunk as usize, network)
        })
        .collect();
    let config = Config::all_to_toml(&configs);
    let workflow = plan::Workflow { config: &config, directory: &root, tasks: &tasks };
    let networks = parts.iter().filter_map(|part| part.network.clone()).zip(&estimates);
    print(&match (args.format, &estimates[..]) {
        (Format::Table, [estimate]) => table(estimate),
        (Format::Table, _) => table_of_networks(networks, &root),
        (Format::Json, [estimate]) => json(estimate),
        (Format::Json, _) => json(&networks.collect::<BTreeMap<_, _>>()),
        (Format::Snakemake, _) => plan::snakemake(&workflow),
        (Format::Make, _) => plan::make(&workflow),
    })?;
    estimates.iter().try_for_each(Estimate::check)
}

/// Prints the graph of the network.
fn graph(configs: &[Config], format: Format) -> Result<()> {
    let wrong = |what: &str| CliError::new(ErrorKind::Usage, format!("--graph: {what}"));
    let [config] = configs else { return Err(wrong("one network is expected, but network is a list")) };
    let problem = problem::from_config(config)?;
    let graph = problem.graph().ok_or_else(|| wrong("a function has no network"))?;
    match format {
        Format::Table => print(&format!("{graph}\n")),
        Format::Json => print(&json(&operations(&graph))),
        Format::Snakemake | Format::Make => Err(wrong("--format is table or json")),
    }
}

/// A line of the table of an estimate.
fn line(cells: [&str; 6]) -> String {
    let [name, jobs, steps, points, training, measuring] = cells;
    format!("{name:<14} {jobs:>6} {steps:>12} {points:>10} {training:>12} {measuring:>12}\n")
}

fn headings(first: &str) -> String {
    line([first, "jobs", "steps", "points", "training", "measuring"])
}

/// A row: name, jobs, steps, points, seconds of training and of measuring.
fn row(name: &str, jobs: usize, [steps, points]: [u64; 2], seconds: [f64; 2]) -> String {
    let [training, measuring] = seconds.map(time);
    line([name, &jobs.to_string(), &steps.to_string(), &points.to_string(), &training, &measuring])
}

/// The sums over the kinds: steps and points; seconds of training and of measuring.
fn totals(estimate: &Estimate) -> ([u64; 2], [f64; 2]) {
    estimate.kinds.iter().fold(([0; 2], [0.0; 2]), |([steps, points], [training, measuring]), of_kind| {
        (
            [steps + of_kind.steps, points + of_kind.points],
            [training + of_kind.training_seconds, measuring + of_kind.measuring_seconds],
        )
    })
}

/// "10.2 h summed over jobs, 18 % of it measuring; 5.1 h with 2 jobs at the same time"
fn total_time(jobs: usize, [training, measuring]: [f64; 2], seconds: f64, threads: usize) -> String {
    let sum = training + measuring;
    let share = if sum > 0.0 { 100.0 * measuring / sum } else { 0.0 };
    format!(
        "{jobs} jobs: {} summed over them, {share:.0} % of it measuring; {} with {threads} at the same time\n",
        time(sum),
        time(seconds)
    )
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.3} GB", bytes as f64 / 1e9)
}

fn table(estimate: &Estimate) -> String {
    let mut text = headings("kind");
    for of_kind in &estimate.kinds {
        let KindEstimate { kind, jobs, steps, points, training_seconds, measuring_seconds } = *of_kind;
        text += &row(kind, jobs, [steps, points], [training_seconds, measuring_seconds]);
    }
    text += &total_time(estimate.jobs, totals(estimate).1, estimate.seconds, estimate.threads);
    let free = estimate.disk_free.map_or("unknown".to_owned(), gigabytes);
    let data = estimate.data.as_ref().map_or(String::new(), |data| format!("data: {data}\n"));
    let traffic = estimate.gpu_step_bytes.map_or(String::new(), |bytes| {
        format!("memory traffic of a step on a GPU, without caches: {}\n", gigabytes(bytes))
    });
    text + &format!(
        "{data}memory: {} needed, {} available\ndisk: {} needed, {free} free\n{traffic}times: {}\nrun directory: {}\n",
        gigabytes(estimate.memory_bytes),
        gigabytes(estimate.memory_available),
        gigabytes(estimate.disk_bytes),
        estimate.basis,
        estimate.directory
    )
}

/// A row for each network, and the sums.
fn table_of_networks<'a>(networks: impl Iterator<Item = (String, &'a Estimate)>, directory: &Path) -> String {
    let mut text = headings("network");
    let (mut jobs, mut sums, mut seconds, mut memory, mut disk, mut threads) = (0, [0.0; 2], 0.0, 0, 0, 1);
    for (name, estimate) in networks {
        let (counts, times) = totals(estimate);
        text += &row(&name, estimate.jobs, counts, times);
        jobs += estimate.jobs;
        sums = [sums[0] + times[0], sums[1] + times[1]];
        seconds += estimate.seconds;
        memory = estimate.memory_bytes.max(memory);
        disk += estimate.disk_bytes;
        threads = estimate.threads.max(threads);
    }
    text + &total_time(jobs, sums, seconds, threads)
        + &format!(
            "memory: {} needed\ndisk: {} needed\nrun directory: {}\n",
            gigabytes(memory),
            gigabytes(disk),
            directory.display()
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
        if let OpKind::Convolution { window, .. } | OpKind::MaxPool(window) | OpKind::AveragePool(window) =
            op.kind
        {
            let Window { kernel, stride, padding, .. } = window;
            kind += &format!(" {kernel}x{kernel}");
            kind += &if stride > 1 { format!(" stride {stride}") } else { String::new() };
            kind += &if padding > 0 { format!(" padding {padding}") } else { String::new() };
        }
        kind += if op.residual.is_some() { " + add" } else { "" };
        if let Some(activation) = op.activation {
            kind += &format!(" + {}", activation.name());
        }
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
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

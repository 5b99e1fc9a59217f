//! The command line. The flags are here and in [`valleys::command`], everything else is in the library.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use valleys::command::{
    barcode, bench, certify, compare, device, distance, exec, plan, print, status, summary, weights,
};
use valleys::compare::Comparison;
use valleys::config::{Data, preset};
use valleys::device_select;
use valleys::error::Result;
use valleys::stderr;
use valleys::{evaluate, run, table};

/// Topology of loss landscapes: trains minima, fits curves and triangles between them, and computes from the losses on
/// them a barcode that measures how far the loss is from convex.
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a configuration, or resume it, and write a run directory with a report. Without arguments: the preset
    /// `digits`.
    Run(RunArgs),
    /// Evaluate loss and error of a checkpoint (safetensors, PyTorch names) on a data set.
    Evaluate(EvaluateArgs),
    /// Estimate time, memory and disk of a run, or print its jobs as a workflow for Snakemake or make.
    Plan(plan::PlanArgs),
    /// Run or resume the named jobs of a run directory. Workflows call this command.
    Exec(exec::ExecArgs),
    /// Show how many jobs of a run directory are done.
    Status(status::StatusArgs),
    /// Rebuild report.html of a run directory from its files.
    Report {
        /// The run directory.
        directory: PathBuf,
    },
    /// Prove upper bounds of the losses on the fitted curves and triangles of a run: functions, perceptrons.
    Certify(certify::CertifyArgs),
    /// Set runs side by side: what differs in their configurations, minima, segments with spread, distances of diagrams.
    Compare(compare::CompareArgs),
    /// Compute the persistence barcode of points, distances, a complex or a grid, or the segment of a triangle.
    #[command(subcommand)]
    Barcode(barcode::BarcodeCommand),
    /// Compute lifetimes and entropies of a persistence diagram.
    Summary(summary::Summary),
    /// Compute the bottleneck or Wasserstein distance of two persistence diagrams.
    Distance(distance::Distance),
    /// Compute the topology of the weights of a checkpoint (safetensors), layer by layer. Several files are a series.
    Weights(weights::Weights),
    /// List the GPU adapters with limits and drivers, and compare every kernel with the CPU.
    Devices(device::Devices),
    /// Measure time, GFLOP/s and GB/s of the GPU kernels, or compare two such measurements.
    Bench(bench::Bench),
    /// Print the configuration of a preset, with a comment at every key.
    Init {
        /// Name of the preset.
        #[arg(long, default_value = "digits")]
        preset: String,
    },
}

impl Command {
    /// Whether it may look for a GPU.
    fn may_use_gpu(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Plan(_)
                | Self::Exec(_)
                | Self::Certify(_)
                | Self::Devices(_)
                | Self::Bench(_)
        )
    }
}

#[derive(Args, Default)]
struct RunArgs {
    #[command(flatten)]
    config: plan::ConfigArgs,
    /// Run directory; by default runs/NAME-HASH, with the hash of version, configuration and data. Without other flags and
    /// a configuration, the run in it is resumed.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    job_args: exec::JobArgs,
    /// Print summary.json instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct EvaluateArgs {
    /// Network, such as lenet5, resnet20, resnet20-ns, wrn56-2 or mlp:784-128-10.
    #[arg(long)]
    network: String,
    /// Checkpoint of the network: a safetensors file, an index of shards, or a folder that holds one model.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// Data set: digits, breast-cancer, mnist, fashion-mnist, cifar-10 or cifar-100, or a path of data of one's own.
    #[arg(long)]
    dataset: String,
    /// Set a key of the sections data and loss, such as --set data.label=species, as in the run. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Directory of the data files, as they are unpacked, or the one above, such as the root of torchvision.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Part of the data set.
    #[arg(long, value_enum, default_value = "test")]
    split: Split,
    /// Use only the first N samples, in file order.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Recompute the batch-norm statistics by one pass over the training samples, instead of using those of the
    /// checkpoint.
    #[arg(long)]
    recompute_statistics: bool,
    /// Samples of a batch of this pass.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Match modules of other names by their shapes, and by order where shapes are equal; the mapping is printed.
    #[arg(long)]
    by_order: bool,
    /// Use the reference kernels: slow, for every network.
    #[arg(long)]
    reference: bool,
    /// Print one JSON document instead of a line of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Split {
    Train,
    Test,
}

fn main() -> ExitCode {
    // clap prints help to stdout with exit code 0, and usage errors to stderr with exit code 2.
    let cli = Cli::parse();
    let command = cli.command.unwrap_or_else(|| Command::Run(RunArgs::default()));
    if command.may_use_gpu() {
        device_select::leave_out();
    }
    let result = match command {
        Command::Run(args) => run_config(args),
        Command::Evaluate(args) => evaluate_checkpoint(args),
        Command::Plan(args) => plan::run(&args),
        Command::Exec(args) => exec::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Report { directory } => {
            run::report(&directory).and_then(|path| print(&format!("{}\n", path.display())))
        }
        Command::Certify(args) => certify::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Barcode(what) => barcode::run(&what),
        Command::Summary(args) => summary::run(&args),
        Command::Distance(args) => distance::run(&args),
        Command::Weights(args) => weights::run(&args),
        Command::Devices(args) => device::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Init { preset } => preset::commented(&preset).and_then(|text| print(&text)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            stderr::print_line(format_args!("valleys: {error}"));
            ExitCode::from(error.code())
        }
    }
}

fn evaluate_checkpoint(args: EvaluateArgs) -> Result<()> {
    // A TOML string, whatever characters the name has.
    let dir = args.data.map(|dir| format!("data.dir={}", toml::Value::from(dir.display().to_string())));
    let overrides: Vec<String> = args.overrides.into_iter().chain(dir).collect();
    let (data, loss) = Data::of_evaluation(&overrides)?;
    let answer = evaluate::evaluate(&evaluate::Question {
        network: args.network,
        weights: args.weights,
        dataset: args.dataset,
        data,
        loss,
        train: matches!(args.split, Split::Train),
        limit: args.limit,
        recompute: args.recompute_statistics,
        batch: args.batch as usize,
        by_order: args.by_order,
        reference: args.reference,
    })?;
    if !answer.source.files.is_empty() {
        stderr::print_line(format_args!("read {}", answer.source.files.join(", ")));
    }
    answer.source.print();
    answer.notes.iter().for_each(stderr::print_line);
    for pair in answer.mapping.iter().flatten() {
        stderr::print_line(format_args!("by order {} is {}", pair.network, pair.file));
    }
    print(&if args.json {
        serde_json::to_string_pretty(&answer).expect("an answer is JSON") + "\n"
    } else {
        let (name, error) = match (answer.error, answer.rmse) {
            (Some(error), _) => ("error", error),
            (None, rmse) => ("rmse", rmse.unwrap_or(f64::NAN)),
        };
        let metric = |(name, value): (&String, &Option<f64>)| {
            format!(", {name} {}", value.map_or("undefined".to_owned(), |value| value.to_string()))
        };
        let metrics: String = answer.metrics.iter().map(metric).collect();
        let part = if matches!(args.split, Split::Train) { "training" } else { "test" };
        format!("loss {}, {name} {error}{metrics}, {} {part} samples\n", answer.loss, answer.samples)
    })
}

fn run_config(args: RunArgs) -> Result<()> {
    let configs = args.config.load_for(args.out.as_deref())?;
    let options = run::Options { out: args.out, ..args.job_args.options()? };
    let (summaries, root) = run::run_all(configs, &options)?;
    print(&match (&summaries[..], args.json) {
        ([summary], true) => summary.to_json(),
        ([summary], false) => format!("{}\n{}\n", table::summary(summary), root.display()),
        (_, true) => Comparison::read_all(std::slice::from_ref(&root))?.to_json(),
        (_, false) => {
            format!("{}\n{}\n", Comparison::read_all(std::slice::from_ref(&root))?.to_table(), root.display())
        }
    })
}

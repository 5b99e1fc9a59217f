//! The command line: raw flags here, everything else in the library.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use valleys::command::{barcode, bench, device, distance, exec, plan, status, summary, weights};
use valleys::config::preset;
use valleys::error::Result;
use valleys::stderr;
use valleys::{evaluate, run, table};

/// The topology of what neural networks learn: trains minima, connects them by curves and triangles, and says by
/// a barcode how far the loss is from convex.
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Do everything a configuration asks for, or what is left of it, and write a run directory with a report.
    /// Without arguments: the preset `digits`.
    Run(RunArgs),
    /// Tell loss and error of one checkpoint (safetensors, PyTorch names) on a data set.
    Evaluate(EvaluateArgs),
    /// Tell what a run will take, or print it as a workflow for snakemake or make.
    Plan(plan::PlanArgs),
    /// Do exactly these jobs of a run directory, or what is left of them; what engines call.
    Exec(exec::ExecArgs),
    /// Tell how far a run directory is.
    Status(status::StatusArgs),
    /// Make the figures and report.html of a run directory anew.
    Report {
        /// The run directory.
        directory: PathBuf,
    },
    /// Persistence barcode of points, distances, a complex, a grid, or the segment of a triangle.
    #[command(subcommand)]
    Barcode(barcode::Barcodes),
    /// Lifetimes and entropies of a persistence diagram.
    Summary(summary::Summary),
    /// Bottleneck or Wasserstein distance of two persistence diagrams.
    Distance(distance::Distance),
    /// Topology of the weights of a checkpoint (safetensors), layer by layer; several files are a series.
    Weights(weights::Weights),
    /// The GPUs of this machine: limits, features, driver, and every kernel against the processor.
    Devices(device::Devices),
    /// Time, GFLOP/s and GB/s of the kernels of a GPU; or compare two results.
    Bench(bench::Bench),
    /// Print the commented configuration of a preset.
    Init {
        /// Which preset.
        #[arg(long, default_value = "digits")]
        preset: String,
    },
}

#[derive(Args, Default)]
struct RunArgs {
    #[command(flatten)]
    config: plan::ConfigArgs,
    /// Run directory; by default runs/NAME-HASH, where HASH is of the configuration and the data.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    job_args: exec::JobArgs,
    /// Print summary.json on stdout instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct EvaluateArgs {
    /// The network: lenet5, resnet20, resnet20-ns, wrn56-2, mlp:784-128-10 and their kin.
    #[arg(long)]
    network: String,
    /// Its checkpoint (safetensors).
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The data set: digits, breast-cancer, fashion-mnist, cifar-10.
    #[arg(long)]
    dataset: String,
    /// Directory of the data set's files.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which part of the data set.
    #[arg(long, value_enum, default_value = "test")]
    split: Split,
    /// Only the first N samples, in the order of the files.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Statistics of batch norms anew, by one pass over the training data, instead of the checkpoint's.
    #[arg(long)]
    recompute_statistics: bool,
    /// Samples of a batch of that pass.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Take tensors of other names in order, where every shape agrees.
    #[arg(long)]
    by_order: bool,
    /// Print one JSON document on stdout instead of a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Split {
    Train,
    Test,
}

fn main() -> ExitCode {
    // clap prints help to stdout with exit code 0, and what is wrong to stderr with exit code 2.
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or_else(|| Command::Run(RunArgs::default())) {
        Command::Run(args) => run_config(args),
        Command::Evaluate(args) => evaluate_checkpoint(args),
        Command::Plan(args) => plan::run(&args),
        Command::Exec(args) => exec::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Report { directory } => run::report(&directory).map(|path| println!("{}", path.display())),
        Command::Barcode(what) => barcode::run(&what),
        Command::Summary(args) => summary::run(&args),
        Command::Distance(args) => distance::run(&args),
        Command::Weights(args) => weights::run(&args),
        Command::Devices(args) => device::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Init { preset } => preset::commented(&preset).map(|text| print!("{text}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            stderr::print_line(format_args!("valleys: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

fn evaluate_checkpoint(args: EvaluateArgs) -> Result<()> {
    let answer = evaluate::evaluate(&evaluate::Question {
        network: args.network,
        weights: args.weights,
        dataset: args.dataset,
        dir: args.data,
        train: matches!(args.split, Split::Train),
        limit: args.limit,
        recompute: args.recompute_statistics,
        batch: args.batch as usize,
        by_order: args.by_order,
    })?;
    if !answer.source.files.is_empty() {
        stderr::print_line(format_args!("read {}", answer.source.files.join(", ")));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer).expect("an answer is JSON"));
    } else {
        println!("loss {}, error {}, {} samples", answer.loss, answer.error, answer.samples);
    }
    Ok(())
}

fn run_config(args: RunArgs) -> Result<()> {
    let (config, name) = args.config.load()?;
    let options = run::Options { out: args.out, ..args.job_args.options()? };
    let (summary, root) = run::run(config, &name, &options)?;
    if args.json {
        print!("{}", summary.to_json());
    } else {
        print!("{}", table::summary(&summary));
        println!("\n{}", root.display());
    }
    Ok(())
}

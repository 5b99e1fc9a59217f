//! The command line: raw flags here, everything else in the library.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use valleys::command::{barcode, distance, summary};
use valleys::config::{Config, preset};
use valleys::failure::{Failure, Kind, Result};
use valleys::{run, table};

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
    /// Print the commented configuration of a preset.
    Init {
        /// Which preset.
        #[arg(long, default_value = "digits")]
        preset: String,
    },
}

#[derive(Args, Default)]
struct RunArgs {
    /// Configuration file (TOML).
    config: Option<PathBuf>,
    /// A preset instead of a file.
    #[arg(long)]
    preset: Option<String>,
    /// Run directory; by default runs/NAME-HASH, where HASH is of the configuration and the data.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Change a key of the configuration: --set minima.count=3. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Threads; no result depends on it.
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<usize>,
    /// Print summary.json on stdout instead of the table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    // clap prints help to stdout with exit code 0, and what is wrong to stderr with exit code 2.
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or_else(|| Command::Run(RunArgs::default())) {
        Command::Run(args) => main_job(args),
        Command::Report { directory } => run::report(&directory).map(|path| println!("{}", path.display())),
        Command::Barcode(what) => barcode::run(&what),
        Command::Summary(args) => summary::run(&args),
        Command::Distance(args) => distance::run(&args),
        Command::Init { preset } => preset::commented(&preset).map(|text| print!("{text}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("valleys: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn main_job(args: RunArgs) -> Result<()> {
    let config = Config::load(args.config.as_deref(), args.preset.as_deref(), &args.overrides)?;
    let name = match (&args.preset, &args.config) {
        (Some(preset), _) => preset.clone(),
        (None, Some(path)) => path.file_stem().map_or("run".into(), |s| s.to_string_lossy().into_owned()),
        (None, None) => "digits".to_owned(),
    };
    if args.threads == Some(0) {
        return Err(Failure::new(Kind::Usage, "--threads is 0, but must be at least 1"));
    }
    let options = run::Options { out: args.out, threads: args.threads, quiet: false };
    let (summary, root) = run::run(config, &name, &options)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary).expect("a summary is JSON"));
    } else {
        print!("{}", table::summary(&summary));
        println!("\n{}", root.display());
    }
    Ok(())
}

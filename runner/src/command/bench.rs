//! `bench`: measures the kernels of a GPU, or compares two results.

use super::{json, print};
use crate::error::{CliError, ErrorKind, Result};
use crate::gpu::PathOptions;
use crate::stderr;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use valleys_gpu::bench;

/// `valleys bench`
#[derive(clap::Args, Debug)]
pub struct Bench {
    /// Only measurements whose name (kernel and shape) contains this text.
    #[arg(default_value = "")]
    pattern: String,
    /// The GPU: its number in `valleys devices`, or a part of its name.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    path_options: PathOptions,
    /// Print one JSON document on stdout instead of a table.
    #[arg(long)]
    json: bool,
    /// Compare two results of --json instead of measuring.
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Option<Vec<PathBuf>>,
}

/// A measurement, as printed with `--json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    kernel: String,
    shape: String,
    device: String,
    driver: String,
    backend: String,
    median_seconds: f64,
    best_seconds: f64,
    /// Processor time of all threads, of a software adapter.
    processor_seconds: Option<f64>,
    gflops: f64,
    gbytes_per_second: f64,
    /// Shares of what the kernels `fma_throughput` and `copy` reached in the same run; `None` if they were not measured.
    share_of_arithmetic: Option<f64>,
    share_of_copy: Option<f64>,
    timestamps: bool,
}

/// Runs the command.
///
/// # Errors
/// No usable device; a result that cannot be read.
pub fn run(args: &Bench) -> Result<()> {
    if let Some([a, b]) = args.compare.as_deref() {
        return compare(&read(a)?, &read(b)?);
    }
    let provider = crate::gpu::provider(args.device.as_deref(), args.path_options.paths)?;
    let device = provider.device().map_err(|e| crate::gpu::failure(&e))?;
    let info = device.info();
    stderr::print_line(format_args!("{}, {}, {} {}", info.name, info.backend, info.driver, info.driver_info));
    let on_row = |row: &bench::Row| stderr::print_line(format_args!("{} {}", row.kernel, row.shape));
    let rows = bench::run(&device, &args.pattern, on_row).map_err(|e| crate::gpu::failure(&e))?;
    let maximum = |kernel: &str, value: fn(&bench::Row) -> f64| {
        rows.iter().find(|row| row.kernel == kernel).map(value).filter(|&maximum| maximum > 0.0)
    };
    let arithmetic = maximum("fma_throughput", |row| row.gflops);
    let copy = maximum("copy", |row| row.gbytes_per_second);
    let rows: Vec<Row> = rows
        .iter()
        .map(|row| Row {
            kernel: row.kernel.to_owned(),
            shape: row.shape.clone(),
            device: info.name.clone(),
            driver: format!("{} {}", info.driver, info.driver_info),
            backend: info.backend.to_string(),
            median_seconds: row.median_seconds,
            best_seconds: row.best_seconds,
            processor_seconds: row.processor_seconds,
            gflops: row.gflops,
            gbytes_per_second: row.gbytes_per_second,
            share_of_arithmetic: arithmetic.map(|maximum| row.gflops / maximum),
            share_of_copy: copy.map(|maximum| row.gbytes_per_second / maximum),
            timestamps: row.timestamps,
        })
        .collect();
    if args.json {
        return print(&json(&rows));
    }
    let percent =
        |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    let mut text = format!(
        "{:<20} {:<26} {:>11} {:>11} {:>9} {:>7} {:>8} {:>7}\n",
        "kernel", "shape", "median ms", "best ms", "GFLOP/s", "of max", "GB/s", "of copy"
    );
    for row in &rows {
        text += &format!(
            "{:<20} {:<26} {:>11.4} {:>11.4} {:>9.1} {:>7} {:>8.2} {:>7}\n",
            row.kernel,
            row.shape,
            1e3 * row.median_seconds,
            1e3 * row.best_seconds,
            row.gflops,
            percent(row.share_of_arithmetic),
            row.gbytes_per_second,
            percent(row.share_of_copy),
        );
    }
    print(&text)
}

fn read(path: &Path) -> Result<Vec<Row>> {
    let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))
}

/// Prints the measurements that two results have in common.
fn compare(a: &[Row], b: &[Row]) -> Result<()> {
    let name = |rows: &[Row]| rows.first().map_or("nothing".to_owned(), |row| row.device.clone());
    let mut text = format!("A: {}, B: {}\n", name(a), name(b));
    text += &format!("{:<20} {:<26} {:>11} {:>11} {:>8}\n", "kernel", "shape", "A ms", "B ms", "B is");
    for row in a {
        let Some(other) = b.iter().find(|b| (&b.kernel, &b.shape) == (&row.kernel, &row.shape)) else {
            continue;
        };
        let ratio = row.best_seconds / other.best_seconds;
        text += &format!(
            "{:<20} {:<26} {:>11.4} {:>11.4} {:>7.2}x\n",
            row.kernel,
            row.shape,
            1e3 * row.best_seconds,
            1e3 * other.best_seconds,
            ratio
        );
    }
    print(&text)
}

//! `valleys weights`: topology of the weights of checkpoints, layer by layer.

use super::{json, print};
use crate::error::{CliError, ErrorKind, Result, io_error};
use crate::report;
use crate::weights::layer_filter::LayerFilter;
use crate::weights::safetensors_file::natural;
use crate::weights::statistics::{Baseline, Metric, Statistics};
use crate::weights::{self, WeightsOptions};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Flags.
#[derive(Args, Clone, Debug)]
pub struct Weights {
    /// Safetensors files, or folders of them; several are a series in time, a folder's in the order of their names.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only tensors whose name matches: `*` is any text, `?` any character. May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub layers: Vec<String>,
    /// A neuron's bias is one more coordinate.
    #[arg(long)]
    pub bias: bool,
    /// Tables of embeddings, too.
    #[arg(long)]
    pub embeddings: bool,
    /// Distance of two neurons.
    #[arg(long, value_enum, default_value = "euclidean")]
    pub metric: Metric,
    /// The same statistics for the same entries shuffled, or for normal random numbers of the same norm.
    #[arg(long, value_enum, value_name = "KIND")]
    pub baseline: Vec<Baseline>,
    /// Seed of the baselines.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON document.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV, one line a layer.
    #[arg(long)]
    pub csv: bool,
    /// Write a page with figures: one file, no network, no scripts.
    #[arg(long, value_name = "PAGE")]
    pub html: Option<PathBuf>,
}

/// What is printed for several files.
#[derive(Serialize)]
struct Series<'a> {
    files: &'a [weights::Weights],
}

/// Reads and prints.
///
/// # Errors
/// Exit code 4 for a file that is malformed, or holds a weight that is not finite.
pub fn run(args: &Weights) -> Result<()> {
    let mut baselines = Vec::new();
    for &baseline in &args.baseline {
        if !baselines.contains(&baseline) {
            baselines.push(baseline);
        }
    }
    // Shuffling keeps the entries, so it comes first.
    baselines.sort_by_key(|b| *b != Baseline::Shuffle);
    let wanted = WeightsOptions {
        filter: LayerFilter { layers: args.layers.clone(), embeddings: args.embeddings },
        bias: args.bias,
        metric: args.metric,
        baselines,
        seed: args.seed,
    };
    let files = files(&args.files)?;
    let read = files.iter().map(|file| weights::read(file, &wanted)).collect::<Result<Vec<_>>>()?;
    if let Some(file) = read.iter().find(|file| file.layers.is_empty()) {
        let reason = file.skipped.first().map_or("it holds no tensor".to_owned(), |first| {
            let others = file.skipped.len() - 1;
            let others = if others > 0 { format!("; {others} more are skipped") } else { String::new() };
            format!("{} is skipped: {}{others}", first.name, first.reason)
        });
        return Err(CliError::new(ErrorKind::Data, format!("{}: no layer is left: {reason}", file.file)));
    }
    if let Some(page) = &args.html {
        let text = report::weights::page(&read, args.metric == Metric::Cosine);
        let text = text.map_err(|e| CliError::new(ErrorKind::Data, format!("{e:#}")))?;
        std::fs::write(page, text).map_err(|e| io_error("write", page, &e))?;
    }
    print(&match read.as_slice() {
        [one] if args.json => json(one),
        all if args.json => json(&Series { files: all }),
        all if args.csv => csv(all),
        all => all.iter().map(table).collect::<Vec<_>>().join("\n"),
    })
}

/// The files, folders replaced by the checkpoints in them.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = |e: &std::io::Error| {
            CliError::new(ErrorKind::Data, format!("cannot list {}: {e}", path.display()))
        };
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|e| cannot(&e))? {
            let file = entry.map_err(|e| cannot(&e))?.path();
            if file.extension().is_some_and(|extension| extension == "safetensors") {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            let what = format!("{}: no file ends in .safetensors", path.display());
            return Err(CliError::new(ErrorKind::Data, what));
        }
        inside.sort_by_cached_key(|file| natural(&name(file)));
        files.extend(inside);
    }
    Ok(files)
}

fn name(file: &Path) -> String {
    file.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

type Column = (&'static str, fn(&Statistics) -> Option<f64>);

/// The numbers of a layer, as CSV has them.
const COLUMNS: [Column; 15] = [
    ("bars", |s| Some(s.bars as f64)),
    ("duplicates", |s| Some(s.duplicates as f64)),
    ("mean_lifetime", |s| s.mean_lifetime),
    ("total_lifetime", |s| Some(s.total_lifetime)),
    ("max_lifetime", |s| s.max_lifetime),
    ("entropy", |s| s.entropy),
    ("entropy_norm_log_n", |s| s.entropy_norm_log_n),
    ("entropy_norm_log_sum", |s| s.entropy_norm_log_sum),
    ("neural_persistence", |s| s.neural_persistence),
    ("neural_persistence_norm", |s| s.neural_persistence_norm),
    ("frobenius_norm", |s| Some(s.frobenius_norm)),
    ("spectral_norm", |s| s.spectral_norm),
    ("stable_rank", |s| s.stable_rank),
    ("skewness", |s| s.skewness),
    ("kurtosis", |s| s.kurtosis),
];

/// Lines of a layer and its baselines: what they are of, their statistics.
fn lines(layer: &weights::Layer) -> impl Iterator<Item = (&'static str, Option<Statistics>)> {
    let own = std::iter::once(("weights", Some(layer.statistics)));
    own.chain(layer.baselines.iter().map(|b| (b.kind.name(), b.statistics)))
}

fn csv(files: &[weights::Weights]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["file", "layer", "matrix", "neurons", "inputs"];
    let header = fixed.into_iter().chain(COLUMNS.iter().map(|c| c.0));
    let mut written = writer.write_record(header);
    for file in files {
        for layer in &file.layers {
            for (matrix, statistics) in lines(layer) {
                let fixed = [&file.file, &layer.name, matrix].map(str::to_owned);
                let sizes = [layer.neurons, layer.inputs].map(|n| n.to_string());
                let number = |(_, of): &Column| {
                    statistics.as_ref().and_then(of).map_or(String::new(), |x| x.to_string())
                };
                written = written.and_then(|()| {
                    writer.write_record(fixed.into_iter().chain(sizes).chain(COLUMNS.iter().map(number)))
                });
            }
        }
    }
    written.expect("rows of one length go to memory");
    String::from_utf8(writer.into_inner().expect("memory")).expect("names are text")
}

/// What a reader sees: entropies with all the digits that tell layers apart.
fn table(file: &weights::Weights) -> String {
    let mut out = format!("{}\n", file.file);
    let width = file.layers.iter().map(|l| l.name.chars().count()).chain([12]).max().unwrap_or(12);
    let _ = writeln!(
        out,
        "{:<width$} {:>13} {:>11} {:>11} {:>9} {:>12} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "layer",
        "out x in",
        "mean life",
        "longest",
        "H/ln m",
        "neural pers.",
        "Frobenius",
        "spectral",
        "stable rk",
        "skewness",
        "kurtosis"
    );
    for layer in &file.layers {
        for (matrix, statistics) in lines(layer) {
            let own = matrix == "weights";
            let title = if own { layer.name.clone() } else { format!("  {matrix}") };
            let size = if own { format!("{} x {}", layer.neurons, layer.inputs) } else { String::new() };
            let of = |get: fn(&Statistics) -> Option<f64>, digits: usize| {
                statistics.as_ref().and_then(get).map_or("-".to_owned(), |x| crate::table::rounded(x, digits))
            };
            let _ = writeln!(
                out,
                "{title:<width$} {size:>13} {:>11} {:>11} {:>9} {:>12} {:>9} {:>9} {:>8} {:>8} {:>8}",
                of(|s| s.mean_lifetime, 7),
                of(|s| s.max_lifetime, 7),
                of(|s| s.entropy_norm_log_n, 6),
                of(|s| s.neural_persistence_norm, 6),
                of(|s| Some(s.frobenius_norm), 5),
                of(|s| s.spectral_norm, 5),
                of(|s| s.stable_rank, 4),
                of(|s| s.skewness, 3),
                of(|s| s.kurtosis, 3),
            );
        }
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for skipped in &file.skipped {
        reasons.entry(&skipped.reason).or_default().push(&skipped.name);
    }
    for (reason, names) in reasons {
        let (shown, more) = names.split_at(names.len().min(6));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let _ = writeln!(out, "skipped {}: {reason}: {}{more}", names.len(), shown.join(", "));
    }
    let duplicates: Vec<String> = file
        .layers
        .iter()
        .filter(|l| l.statistics.duplicates > 0)
        .map(|l| format!("{} of {}", l.statistics.duplicates, l.name))
        .collect();
    if !duplicates.is_empty() {
        let _ = writeln!(out, "bars of length zero, left out: {}", duplicates.join(", "));
    }
    out
}

//! `valleys weights`: topology of the weights of checkpoints, layer by layer.

use super::{json, print};
use crate::error::{CliError, ErrorKind, Result, io_error};
use crate::formats::ReadInfo;
use crate::schema::LAYER_STATISTICS;
use crate::study::models::{self, ModelCorrelation};
use crate::table::{coefficient, rounded};
use crate::tensors::model_files::{Series, SkippedFile, series};
use crate::weights::layer_filter::LayerFilter;
use crate::weights::neuron_axis::AxisOptions;
use crate::weights::notes::list;
use crate::weights::results_table::Results;
use crate::weights::statistics::{Baseline, Metric, Statistics};
use crate::weights::{self, WeightsOptions};
use crate::{report, stderr};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::PathBuf;

/// Flags.
#[derive(Args, Clone, Debug)]
pub struct Weights {
    /// Safetensors files, indexes of shards, or folders of models; several are a series in time, a folder's in the order
    /// of the numbers in their names.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only tensors whose name matches: `*` is any text, `?` any character. May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub layers: Vec<String>,
    /// Take tensors that look like no layer (an embedding, a mask, a positional table). May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// Leave tensors out. May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Neurons are along axis 1: weights (in, out) or (in, out, kh, kw). May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub transpose: Vec<String>,
    /// Neurons are along this axis of the shape in the file, counted from 0. May be repeated.
    #[arg(long, value_name = "GLOB=AXIS", value_parser = axis)]
    pub neuron_axis: Vec<(String, usize)>,
    /// Neurons are along axis 0 of every other weight, whatever its name or bias.
    #[arg(long)]
    pub as_is: bool,
    /// Take several files in the order in which they are given.
    #[arg(long)]
    pub keep_order: bool,
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
    /// Correlate with the columns of a table, such as accuracies: the first column of texts names the models by path, file
    /// name with or without extension, or folder; with --csv the columns are joined instead.
    #[arg(long, value_name = "TABLE")]
    pub metrics: Option<PathBuf>,
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

/// What is printed for one model.
#[derive(Serialize)]
struct One<'a> {
    #[serde(flatten)]
    weights: &'a weights::Weights,
    skipped_files: &'a [SkippedFile],
}

/// What is printed for several models.
#[derive(Serialize)]
struct Several<'a> {
    files: &'a [weights::Weights],
    #[serde(skip_serializing_if = "Option::is_none")]
    correlations: Option<&'a [ModelCorrelation]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<&'a ReadInfo>,
    skipped_files: &'a [SkippedFile],
    notes: &'a [String],
}

/// `GLOB=AXIS`.
fn axis(text: &str) -> std::result::Result<(String, usize), String> {
    let (pattern, axis) = text.rsplit_once('=').ok_or("GLOB=AXIS expected, such as 'conv*=3'")?;
    let axis = axis.parse().map_err(|_| format!("{axis:?} is no axis: a number from 0 expected"))?;
    Ok((pattern.to_owned(), axis))
}

/// Reads and prints.
///
/// # Errors
/// Exit code 4 for a file that is malformed or in which no layer is left. Exit code 5, after the result, where a layer has
/// a weight that is not finite, or a file of a folder cannot be read.
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
        filter: LayerFilter {
            layers: args.layers.clone(),
            include: args.include.clone(),
            exclude: args.exclude.clone(),
            embeddings: args.embeddings,
        },
        axes: AxisOptions {
            transpose: args.transpose.clone(),
            axes: args.neuron_axis.clone(),
            as_is: args.as_is,
        },
        bias: args.bias,
        metric: args.metric,
        baselines,
        seed: args.seed,
    };
    let Series { models, skipped, mut notes } = series(&args.files, args.keep_order)?;
    let mut read =
        models.iter().map(|model| weights::read_model(model, &wanted)).collect::<Result<Vec<_>>>()?;
    if let Some(file) = read.iter().find(|file| file.layers.is_empty()) {
        let first = file.failed().next().or(file.skipped.first());
        let reason = first.map_or("it holds no tensor".to_owned(), |first| {
            let others = file.skipped.len() - 1;
            let others = if others > 0 { format!("; {others} more are skipped") } else { String::new() };
            format!("{} is skipped: {}{others}", first.name, first.reason)
        });
        return Err(CliError::new(ErrorKind::Data, format!("{}: no layer is left: {reason}", file.file)));
    }
    let results = match &args.metrics {
        Some(_) if read.len() < 3 => {
            let message = format!("--metrics needs three models or more, found {}", read.len());
            return Err(CliError::new(ErrorKind::Data, message));
        }
        Some(path) => Some(Results::read(path, &read)?),
        None => None,
    };
    if let Some(page) = &args.html {
        let text = report::weights::page(&read, args.metric == Metric::Cosine);
        let text = text.map_err(|e| CliError::new(ErrorKind::Data, format!("{e:#}")))?;
        std::fs::write(page, text).map_err(|e| io_error("write", page, &e))?;
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for skipped in &skipped {
        reasons.entry(&skipped.reason).or_default().push(&skipped.file);
    }
    for (reason, files) in reasons {
        stderr::print_line(format_args!("skipped {}: {reason}", list(&files, NAMES)));
    }
    notes.iter().for_each(stderr::print_line);
    if let Some(results) = &results {
        results.info.sentence().iter().for_each(stderr::print_line);
        if !results.unused.is_empty() {
            let unused: Vec<&str> = results.unused.iter().map(String::as_str).collect();
            stderr::print_line(format_args!("no model is named {}", list(&unused, NAMES)));
        }
        let left_out = models::left_out(&read);
        if !left_out.is_empty() {
            let names = list(&left_out, NAMES);
            stderr::print_line(format_args!("not in every model, so in no correlation: {names}"));
        }
    }
    let mut said = HashSet::new();
    for note in read.iter().flat_map(|file| &file.notes) {
        // The files of a series mostly say the same.
        if said.insert(note.as_str()) {
            stderr::print_line(note);
        }
    }
    if let [one] = &mut read[..] {
        one.notes.splice(0..0, notes.drain(..));
    }
    let found = match &results {
        Some(results) if !args.csv => models::correlations(&read, results, args.seed),
        _ => Vec::new(),
    };
    print(&match read.as_slice() {
        [one] if args.json => json(&One { weights: one, skipped_files: &skipped }),
        all if args.json => json(&Several {
            files: all,
            correlations: results.as_ref().map(|_| &found[..]),
            metrics: results.as_ref().map(|results| &results.info),
            skipped_files: &skipped,
            notes: &notes,
        }),
        all if args.csv => csv(all, results.as_ref()),
        _ if results.is_some() => correlation_table(&found),
        all => all.iter().map(table).collect::<Vec<_>>().join("\n"),
    })?;
    incomplete(&read, &skipped)
}

/// The error of a result without some of its layers or files.
fn incomplete(read: &[weights::Weights], skipped: &[SkippedFile]) -> Result<()> {
    let layers: Vec<String> = read
        .iter()
        .flat_map(|file| file.failed().map(|s| format!("{}: {}: {}", file.file, s.name, s.reason)))
        .collect();
    let files =
        skipped.iter().filter(|file| file.failed).map(|file| format!("{}: {}", file.file, file.reason));
    let all: Vec<String> = layers.into_iter().chain(files).collect();
    let Some(first) = all.first() else { return Ok(()) };
    let others = if all.len() > 1 { format!("; {} more", all.len() - 1) } else { String::new() };
    Err(CliError::new(ErrorKind::Jobs, format!("not measured, all else is: {first}{others}")))
}

/// Names that are shown of many.
const NAMES: usize = 6;

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

/// The correlations of the second paper's two statistics, those of all layers first; --json has all.
fn correlation_table(correlations: &[ModelCorrelation]) -> String {
    let of_paper = || {
        let is_of_paper = |c: &&ModelCorrelation| LAYER_STATISTICS[..2].iter().any(|s| s.name == c.metric);
        correlations.iter().filter(is_of_paper)
    };
    let longest =
        |of: fn(&ModelCorrelation) -> &str| of_paper().map(|c| of(c).chars().count()).max().unwrap_or(0);
    let (layer, result) = (longest(|c| &c.layer).max(5), longest(|c| &c.result).max(6));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<20} {:<layer$} {:<result$} {:>6} {:>22} {:>9} {:>22} {:>9}",
        "statistic", "layer", "result", "models", "Pearson [95 %]", "p (Holm)", "Spearman [95 %]", "p (Holm)"
    );
    for c in of_paper() {
        let ((pearson, p), (spearman, q)) = (coefficient(&c.pearson), coefficient(&c.spearman));
        let _ = writeln!(
            out,
            "{:<20} {:<layer$} {:<result$} {:>6} {pearson:>22} {p:>9} {spearman:>22} {q:>9}",
            c.metric, c.layer, c.result, c.models
        );
    }
    let count = correlations.iter().flat_map(|c| [&c.pearson, &c.spearman]).filter(|c| c.p.is_some()).count();
    let _ = writeln!(
        out,
        "\np-values by permutations of the models, corrected for {count} comparisons (Holm); --json has all statistics"
    );
    out
}

fn csv(files: &[weights::Weights], results: Option<&Results>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["file", "layer", "matrix", "neurons", "inputs"];
    let names = results.iter().flat_map(|results| results.names.iter().map(String::as_str));
    let header = fixed.into_iter().chain(COLUMNS.iter().map(|c| c.0)).chain(names);
    let mut written = writer.write_record(header);
    for (number, file) in files.iter().enumerate() {
        let results =
            results.iter().flat_map(|results| results.columns.iter().map(move |column| column[number]));
        let results: Vec<String> = results.map(|x| x.map_or(String::new(), |x| x.to_string())).collect();
        for layer in &file.layers {
            for (matrix, statistics) in lines(layer) {
                let fixed = [&file.file, &layer.name, matrix].map(str::to_owned);
                let sizes = [layer.neurons, layer.inputs].map(|n| n.to_string());
                let number = |(_, of): &Column| {
                    statistics.as_ref().and_then(of).map_or(String::new(), |x| x.to_string())
                };
                written = written.and_then(|()| {
                    let numbers = COLUMNS.iter().map(number).chain(results.iter().cloned());
                    writer.write_record(fixed.into_iter().chain(sizes).chain(numbers))
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
        "{:<width$} {:>13} {:>4} {:>11} {:>11} {:>9} {:>12} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "layer",
        "out x in",
        "axis",
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
            let axis = if own { layer.neuron_axis.to_string() } else { String::new() };
            let of = |get: fn(&Statistics) -> Option<f64>, digits: usize| {
                statistics.as_ref().and_then(get).map_or("-".to_owned(), |x| rounded(x, digits))
            };
            let _ = writeln!(
                out,
                "{title:<width$} {size:>13} {axis:>4} {:>11} {:>11} {:>9} {:>12} {:>9} {:>9} {:>8} {:>8} {:>8}",
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
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for layer in &file.layers {
        let reason = format!("axis {} has the neurons ({})", layer.neuron_axis, layer.neuron_axis_reason);
        reasons.entry(reason).or_default().push(&layer.name);
    }
    for (reason, names) in reasons {
        let _ = writeln!(out, "{reason}: {}", list(&names, NAMES));
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for skipped in &file.skipped {
        reasons.entry(&skipped.reason).or_default().push(&skipped.name);
    }
    for (reason, names) in reasons {
        let _ = writeln!(out, "skipped {}: {reason}: {}", names.len(), list(&names, NAMES));
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

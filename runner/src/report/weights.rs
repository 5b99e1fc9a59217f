//! The page of `valleys weights`, for a checkpoint or a series of checkpoints: `weights.html`.

use super::render::{render_template, safe_markup};
use super::series::{self, AxisTitles, Series};
use crate::error::Result;
use crate::weights::statistics::Statistics;
use crate::weights::{Layer, Weights};
use minijinja::context;
use minijinja::value::Value as TemplateValue;
use std::path::Path;

/// Maximum number of layers in a figure of a series. More lines cannot be distinguished.
const MAX_LAYERS: usize = 12;

type FigureKind = (&'static str, fn(&Statistics) -> Option<f64>);

/// The statistics with a figure.
const FIGURES: [FigureKind; 6] = [
    ("mean lifetime", |s| s.mean_lifetime),
    ("normalised entropy H / ln m", |s| s.entropy_norm_log_n),
    ("longest lifetime", |s| s.max_lifetime),
    ("neural persistence", |s| s.neural_persistence_norm),
    ("spectral norm", |s| s.spectral_norm),
    ("stable rank", |s| s.stable_rank),
];

/// The page of a checkpoint, or of several in order of time. `cosine` says whether distances are cosine distances.
///
/// # Errors
/// The template and its values do not fit, which is a bug.
pub fn page(files: &[Weights], cosine: bool) -> Result<String> {
    let series = files.len() > 1;
    let figures: Vec<TemplateValue> = FIGURES
        .iter()
        .filter_map(
            |drawn| if series { over_files(files, drawn) } else { over_layers(files.first()?, drawn) },
        )
        .map(safe_markup)
        .collect();
    let last = files.last();
    render_template(
        include_str!("weights.html"),
        context! {
            title => match files {
                [one] => file_name(&one.file),
                all => format!("{} checkpoints", all.len()),
            },
            files => files.iter().map(|f| f.file.clone()).collect::<Vec<_>>(),
            series,
            cosine,
            figures,
            drawn_layers => files.iter().map(|f| f.layers.len()).max().filter(|&n| series && n > MAX_LAYERS).map(|_| MAX_LAYERS),
            baseline_findings => last.map(baseline_findings).unwrap_or_default(),
            layers => last.map(|f| f.layers.iter().flat_map(rows).collect::<Vec<_>>()),
            skipped => last.map(|f| f.skipped.iter().map(|s| context! { name => s.name.clone(), reason => s.reason.clone() }).collect::<Vec<_>>()),
            last => last.map(|f| file_name(&f.file)),
            notes => last.map(|f| f.notes.clone()).unwrap_or_default(),
        },
    )
}

fn file_name(file: &str) -> String {
    Path::new(file).file_name().map_or(file.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The rows of a layer: its weights, then its baselines.
fn rows(layer: &Layer) -> Vec<TemplateValue> {
    let own = std::iter::once((None, Some(layer.statistics)));
    let baselines = layer.baselines.iter().map(|b| (Some(b.kind.name()), b.statistics));
    own.chain(baselines)
        .map(|(kind, statistics)| {
            context! {
                name => kind.unwrap_or(&layer.name),
                baseline => kind.is_some(),
                size => format!("{} × {}", layer.neurons, layer.inputs),
                axis => layer.neuron_axis,
                axis_reason => layer.neuron_axis_reason.clone(),
                s => statistics.map(|s| context! {
                    mean_lifetime => s.mean_lifetime, max_lifetime => s.max_lifetime, entropy => s.entropy,
                    entropy_norm_log_n => s.entropy_norm_log_n,
                    neural_persistence_norm => s.neural_persistence_norm,
                    frobenius_norm => s.frobenius_norm, spectral_norm => s.spectral_norm,
                    stable_rank => s.stable_rank, skewness => s.skewness, kurtosis => s.kurtosis,
                    duplicates => s.duplicates,
                }),
            }
        })
        .collect()
}

/// A statistic of one file against the layers: a line for the weights, and one for each baseline.
fn over_layers(file: &Weights, (title, of): &FigureKind) -> Option<String> {
    let line = |name: &str, value: &dyn Fn(&Layer) -> Option<f64>| {
        let points = (1..).zip(&file.layers).filter_map(|(i, layer)| {
            let y = value(layer)?;
            Some(([f64::from(i), y], format!("{}: {y}", layer.name)))
        });
        let marks: Vec<_> = points.collect();
        Series { name: name.to_owned(), line: marks.iter().map(|m| m.0).collect(), marks }
    };
    let mut all = vec![line("weights", &|l| of(&l.statistics))];
    for (i, baseline) in file.layers.first()?.baselines.iter().enumerate() {
        let value = |l: &Layer| l.baselines.get(i)?.statistics.as_ref().and_then(of);
        all.push(line(baseline.kind.name(), &value));
    }
    series::draw(&all, &AxisTitles { title, x: "layer", y: title, log: false })
}

/// A statistic against the files: a line for each layer.
fn over_files(files: &[Weights], (title, of): &FigureKind) -> Option<String> {
    let layers = files.first()?.layers.iter().take(MAX_LAYERS);
    let all: Vec<Series> = layers
        .map(|layer| {
            let points = (1..).zip(files).filter_map(|(i, file)| {
                let same = file.layers.iter().find(|l| l.name == layer.name)?;
                let y = of(&same.statistics)?;
                Some(([f64::from(i), y], format!("{}: {y}", file_name(&file.file))))
            });
            let marks: Vec<_> = points.collect();
            Series { name: layer.name.clone(), line: marks.iter().map(|m| m.0).collect(), marks }
        })
        .collect();
    series::draw(&all, &AxisTitles { title, x: "checkpoint", y: title, log: false })
}

/// Sentences that compare the mean lifetimes of the layers with those of their baselines.
fn baseline_findings(file: &Weights) -> Vec<String> {
    let kinds = file.layers.first().map_or(&[][..], |l| &l.baselines);
    let compared = |place: usize| -> Option<String> {
        let ratio = |l: &Layer| {
            Some(l.statistics.mean_lifetime? / l.baselines.get(place)?.statistics?.mean_lifetime?)
        };
        let ratios: Vec<f64> = file.layers.iter().filter_map(ratio).collect();
        let lo = ratios.iter().copied().reduce(f64::min)?;
        let hi = ratios.iter().copied().reduce(f64::max)?;
        let below = ratios.iter().filter(|&&r| r < 1.0).count();
        let what = match kinds[place].kind.name() {
            "shuffle" => "the same entries in random order",
            _ => "normal random numbers of the same norm",
        };
        let short = |x| super::number::rounded(x, 3);
        Some(format!(
            "Against {what}, the mean lifetime is {} to {} times as large, smaller in {below} of {} layers. One draw of the baseline: no more than an impression of what is structure and what is scale.",
            short(lo),
            short(hi),
            ratios.len()
        ))
    };
    (0..kinds.len()).filter_map(compared).collect()
}

//! The page of a study of weights.

use super::page::{flattened, render_template, safe_markup};
use super::series::{self, AxisTitles, IntervalRow, Series};
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::{
    ALL_LAYERS, Coefficient, Correlation, LAYER_STATISTICS, MeanStd, Measurement, StudySummary, Summary,
    Target, TrainingChange,
};
use crate::study::{StudyNetwork, read_measurements};
use minijinja::context;
use minijinja::value::Value as TemplateValue;
use std::path::Path;

/// Largest p-value that is called significant.
const SIGNIFICANCE_LEVEL: f64 = 0.05;

/// The page of a study whose summary is at hand.
///
/// # Errors
/// A file that is missing or malformed, with its line.
pub fn page(run: &Path, summary: &Summary, study: &StudySummary) -> Result<String> {
    let path = run.join("config.toml");
    let toml = std::fs::read_to_string(&path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))?;
    let settings = &summary.config;
    let networks = study.networks.iter().map(|n| StudyNetwork { samples: n.samples, replicate: n.replicate });
    let runs = networks
        .map(|network| Ok((network, read_measurements(run, network)?)))
        .collect::<Result<Vec<_>>>()?;
    let values = context! {
        network => settings.network.clone(),
        dataset => settings.dataset.clone(),
        networks => study.networks.len(),
        sizes => sizes(&runs),
        seeds => settings.study.seeds,
        epochs => settings.minima.epochs,
        comparisons => study.comparisons,
        metrics => (0..2).map(|metric| metric_values(study, &runs, metric, settings.train.batch)).collect::<Vec<_>>(),
        correlations => Target::ALL.map(|target| table(study, target)).to_vec(),
        accuracy => accuracy(study),
        changes => changes(study),
        provenance => flattened(&summary.provenance),
        config => toml,
    };
    render_template(include_str!("study.html"), values)
}

fn sizes(runs: &[(StudyNetwork, Vec<Measurement>)]) -> Vec<usize> {
    let mut sizes: Vec<usize> = runs.iter().map(|(network, _)| network.samples).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// `fc1` for `fc1.weight`.
fn short_layer_name(layer: &str) -> String {
    layer.strip_suffix(".weight").unwrap_or(layer).to_owned()
}

/// Pictures and sentences of one metric.
fn metric_values(
    study: &StudySummary,
    runs: &[(StudyNetwork, Vec<Measurement>)],
    metric: usize,
    batch: usize,
) -> TemplateValue {
    let title = LAYER_STATISTICS[metric].title;
    let of = |target| -> Vec<&Correlation> {
        study
            .correlations
            .iter()
            .filter(|c| c.metric == LAYER_STATISTICS[metric].name && c.target == target)
            .collect()
    };
    let layers: Vec<String> = study.layers.iter().map(|l| short_layer_name(l)).collect();
    let largest = sizes(runs).last().copied().unwrap_or(0);
    let over_epochs = over_epochs(runs, metric, largest, batch, &layers);
    let forest = |target: Target| {
        let rows: Vec<IntervalRow> = of(target)
            .iter()
            .filter_map(|c| {
                let values = [c.pearson, c.spearman, c.within_sizes].map(|k| Some((k.value?, k.interval)));
                let values = values.into_iter().collect::<Option<Vec<_>>>()?;
                Some(IntervalRow { name: short_layer_name(&c.layer), values })
            })
            .collect();
        let title = format!("{title} and {}: correlation", target.title());
        series::intervals(&title, &rows, &["Pearson", "Spearman", "within sizes"]).map(safe_markup)
    };
    context! {
        heading => capitalised(title),
        name => LAYER_STATISTICS[metric].name,
        largest,
        epochs => safe_markup(over_epochs.unwrap_or_default()),
        sizes => safe_markup(over_sizes(runs, metric, &layers).unwrap_or_default()),
        scatter => safe_markup(metric_against(runs, metric, Target::TestAccuracy, &layers).unwrap_or_default()),
        forest_accuracy => forest(Target::TestAccuracy),
        forest_gap => forest(Target::GeneralisationGap),
        findings => Target::ALL.iter().map(|&t| findings(title, t, &of(t), study.comparisons)).collect::<Vec<_>>(),
        changes_by_layer => changes_by_layer(study, metric, largest),
    }
}

/// Means over the replicates of the largest size, by layer, over steps.
fn over_epochs(
    runs: &[(StudyNetwork, Vec<Measurement>)],
    metric: usize,
    size: usize,
    batch: usize,
    layers: &[String],
) -> Option<String> {
    let of: Vec<&Vec<Measurement>> =
        runs.iter().filter(|(network, _)| network.samples == size).map(|r| &r.1).collect();
    let steps = size.div_ceil(batch) as f64;
    let line = |layer: usize| -> Vec<[f64; 2]> {
        let times = of.iter().map(|all| all.len()).min().unwrap_or(0);
        let at = |time: usize| {
            let y = MeanStd::of(of.iter().map(|all| all[time].layers[layer][metric])).mean?;
            Some([1.0 + (of[0][time].epoch * steps).round(), y])
        };
        (0..times).filter_map(at).collect()
    };
    let all: Vec<Series> = layers
        .iter()
        .enumerate()
        .map(|(i, name)| Series { name: name.clone(), line: line(i), marks: Vec::new() })
        .collect();
    let title = LAYER_STATISTICS[metric].title;
    series::draw(
        &all,
        &AxisTitles { title: &format!("{title} over training"), x: "steps + 1", y: title, log: true },
    )
}

/// Ends of training, over training-set size.
fn over_sizes(runs: &[(StudyNetwork, Vec<Measurement>)], metric: usize, layers: &[String]) -> Option<String> {
    let end = |all: &[Measurement], layer: usize| all.last().and_then(|m| m.layers[layer][metric]);
    let all: Vec<Series> = layers
        .iter()
        .enumerate()
        .map(|(layer, name)| {
            let mean = |size: usize| {
                let of = runs.iter().filter(|(network, _)| network.samples == size);
                Some([size as f64, MeanStd::of(of.map(|(_, all)| end(all, layer))).mean?])
            };
            let mark = |(network, all): &(StudyNetwork, Vec<Measurement>)| {
                let y = end(all, layer)?;
                Some((
                    [network.samples as f64, y],
                    format!("{name}, {} samples, replicate {}: {y}", network.samples, network.replicate),
                ))
            };
            Series {
                name: name.clone(),
                line: sizes(runs).into_iter().filter_map(mean).collect(),
                marks: runs.iter().filter_map(mark).collect(),
            }
        })
        .collect();
    let title = LAYER_STATISTICS[metric].title;
    let heading = format!("{title} over training-set size");
    series::draw(&all, &AxisTitles { title: &heading, x: "training samples", y: title, log: true })
}

/// Every network at its end.
fn metric_against(
    runs: &[(StudyNetwork, Vec<Measurement>)],
    metric: usize,
    target: Target,
    layers: &[String],
) -> Option<String> {
    let all: Vec<Series> = layers
        .iter()
        .enumerate()
        .map(|(layer, name)| {
            let mark = |(network, all): &(StudyNetwork, Vec<Measurement>)| {
                let end = all.last()?;
                let y = end.layers[layer][metric]?;
                Some((
                    [end.target(target), y],
                    format!("{name}, {} samples, replicate {}", network.samples, network.replicate),
                ))
            };
            Series { name: name.clone(), line: Vec::new(), marks: runs.iter().filter_map(mark).collect() }
        })
        .collect();
    let title = LAYER_STATISTICS[metric].title;
    let heading = format!("{title} against {}", target.title());
    series::draw(&all, &AxisTitles { title: &heading, x: target.title(), y: title, log: false })
}

/// With a capital.
fn capitalised(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().to_string()) + letters.as_str()
}

/// What is seen, and how sure it is.
fn findings(title: &str, target: Target, of: &[&Correlation], comparisons: usize) -> String {
    let layers: Vec<&&Correlation> = of.iter().filter(|c| c.layer != ALL_LAYERS).collect();
    let values: Vec<f64> = layers.iter().filter_map(|c| c.pearson.value).collect();
    let (Some(lo), Some(hi)) =
        (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max))
    else {
        return format!("{title} and {}: no correlation can be computed.", target.title());
    };
    let target = target.title();
    let number = |x: f64| super::number::rounded(x, 2);
    let count = |test: &dyn Fn(&Correlation) -> bool| layers.iter().filter(|c| test(c)).count();
    let significant = count(&|c| c.pearson.p_holm.is_some_and(|p| p < SIGNIFICANCE_LEVEL));
    let (up, down) = (count(&|c| c.pearson.value > Some(0.0)), count(&|c| c.pearson.value < Some(0.0)));
    let direction = match (up, down) {
        (_, 0) => "the same way in every layer: both rise together".to_owned(),
        (0, _) => "the same way in every layer: one falls as the other rises".to_owned(),
        _ => format!("not the same way in all layers: up in {up}, down in {down}"),
    };
    let inside = count(&|c| c.within_sizes.p_holm.is_some_and(|p| p < SIGNIFICANCE_LEVEL));
    let within: Vec<f64> = layers.iter().filter_map(|c| c.within_sizes.value).collect();
    let range = |v: &[f64]| {
        let (lo, hi) = v.iter().fold((1.0f64, -1.0f64), |(lo, hi), &x| (lo.min(x), hi.max(x)));
        format!("{} to {}", number(lo), number(hi))
    };
    let within = match inside {
        0 => format!(
            "Among networks of one training-set size none of it is left for sure (coefficients {}, none significant): the metric follows how many samples there were.",
            range(&within)
        ),
        _ => format!(
            "Among networks of one training-set size {inside} of {} layers keep a significant correlation (coefficients {}).",
            layers.len(),
            range(&within)
        ),
    };
    let title = capitalised(title);
    format!(
        "{title} and {target}: Pearson {} to {} over layers, {direction}; {significant} of {} layers are significant at 5 % after Holm’s correction for {comparisons} comparisons. {within}",
        number(lo),
        number(hi),
        layers.len()
    )
}

/// How unevenly the layers change at the largest size.
fn changes_by_layer(study: &StudySummary, metric: usize, largest: usize) -> String {
    let of =
        study.changes.iter().filter(|c| c.metric == LAYER_STATISTICS[metric].name && c.samples == largest);
    let parts: Vec<String> = of
        .filter_map(|c| {
            let (before, after) = (c.untrained.mean?, c.trained.mean?);
            let number = |x: f64| super::number::rounded(x, 4);
            let change = if before == 0.0 { 0.0 } else { 100.0 * (after / before - 1.0) };
            let sign = if change > 0.0 { "+" } else { "" };
            let change = super::number::rounded(change, 3);
            Some(format!(
                "{} {} → {} ({sign}{change} %)",
                short_layer_name(&c.layer),
                number(before),
                number(after)
            ))
        })
        .collect();
    parts.join(", ")
}

fn coefficient(c: &Coefficient) -> TemplateValue {
    context! { value => c.value, interval => c.interval.map(|i| i.to_vec()), p => c.p_holm,
    sure => c.p_holm.is_some_and(|p| p < SIGNIFICANCE_LEVEL) }
}

fn table(study: &StudySummary, target: Target) -> TemplateValue {
    let rows: Vec<TemplateValue> = study
        .correlations
        .iter()
        .filter(|c| c.target == target)
        .map(|c| {
            context! {
                metric => LAYER_STATISTICS.iter().find(|m| m.name == c.metric).map_or("", |m| m.title),
                layer => short_layer_name(&c.layer),
                coefficients => [&c.pearson, &c.spearman, &c.within_sizes].map(coefficient).to_vec(),
                over_training => c.over_training,
            }
        })
        .collect();
    context! { target => target.title(), rows }
}

/// Test accuracy by training-set size.
fn accuracy(study: &StudySummary) -> Vec<TemplateValue> {
    let mut sizes: Vec<usize> = study.networks.iter().map(|n| n.samples).collect();
    sizes.dedup();
    let row = |samples: usize| {
        let of = || study.networks.iter().filter(move |n| n.samples == samples);
        let accuracy = MeanStd::of(of().map(|n| Some(1.0 - n.test_error)));
        let gap = MeanStd::of(of().map(|n| Some(n.test_error - n.train_error)));
        context! { samples, accuracy => spread(&accuracy), gap => spread(&gap) }
    };
    sizes.into_iter().map(row).collect()
}

/// Before, after, and the same entries shuffled, for the smallest and the largest size.
fn changes(study: &StudySummary) -> Vec<TemplateValue> {
    let ends = |c: &TrainingChange| {
        let sizes = || study.changes.iter().map(|c| c.samples);
        Some(c.samples) == sizes().min() || Some(c.samples) == sizes().max()
    };
    let paper = |c: &TrainingChange| LAYER_STATISTICS[..2].iter().any(|m| m.name == c.metric);
    study
        .changes
        .iter()
        .filter(|c| ends(c) && paper(c))
        .map(|c| {
            context! {
                metric => LAYER_STATISTICS.iter().find(|m| m.name == c.metric).map_or("", |m| m.title),
                layer => short_layer_name(&c.layer),
                samples => c.samples,
                ends => [&c.untrained, &c.trained, &c.shuffled].map(spread).to_vec(),
            }
        })
        .collect()
}

fn spread(s: &MeanStd) -> TemplateValue {
    context! { mean => s.mean, deviation => s.deviation }
}

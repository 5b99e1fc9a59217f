//! The page of a study of weights: `study.html`.

use super::number;
use super::render::{flattened, mean_std, render_template, safe_markup};
use super::run_files::read_config;
use super::series::{self, AxisTitles, IntervalRow, Series};
use crate::error::Result;
use crate::schema::{
    ALL_LAYERS, Coefficient, Correlation, ErrorMeasure, LAYER_STATISTICS, MeanStd, Measurement, StudySummary,
    Summary, Target, TrainingChange,
};
use crate::study::analysis::NetworkRun;
use crate::study::{StudyNetwork, read_measurements};
use minijinja::context;
use minijinja::value::Value as TemplateValue;
use std::path::Path;

/// A p-value below this is significant.
const SIGNIFICANCE_LEVEL: f64 = 0.05;

/// How many statistics have a section with figures: the two of the paper.
const SECTIONS: usize = 2;

/// The page of a study with this summary.
///
/// # Errors
/// A file is missing or malformed, with its line.
pub fn page(root: &Path, summary: &Summary, study: &StudySummary) -> Result<String> {
    let config = &summary.config;
    let networks = study.networks.iter().map(|n| StudyNetwork { samples: n.samples, replicate: n.replicate });
    let runs = networks
        .map(|network| Ok((network, read_measurements(root, network)?)))
        .collect::<Result<Vec<_>>>()?;
    let section = |statistic| Section::new(study, &runs, statistic).values(config.train.batch);
    let values = context! {
        network => config.network.name(),
        dataset => config.dataset.clone(),
        networks => study.networks.len(),
        sizes => sizes(&runs),
        seeds => config.study.seeds,
        epochs => config.minima.epochs,
        shuffled => config.study.shuffle_labels,
        equal_steps => config.study.equal_steps,
        comparisons => study.comparisons,
        sections => (0..SECTIONS).map(section).collect::<Vec<_>>(),
        correlations => targets(study).map(|target| correlation_table(study, target)).to_vec(),
        targets => targets(study).map(Target::title).to_vec(),
        gap => gap(study.error_measure()),
        quality => quality_table(study),
        changes => change_table(study),
        provenance => flattened(&summary.provenance),
        config => read_config(root)?,
    };
    render_template(include_str!("study.html"), values)
}

/// The training-set sizes, ascending.
fn sizes(runs: &[NetworkRun]) -> Vec<usize> {
    let mut sizes: Vec<usize> = runs.iter().map(|(network, _)| network.samples).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The name of a layer without the ending of its tensor: `fc1` for `fc1.weight`.
fn layer_name(tensor: &str) -> String {
    tensor.strip_suffix(".weight").unwrap_or(tensor).to_owned()
}

/// The section of a statistic: figures and sentences.
struct Section<'a> {
    study: &'a StudySummary,
    runs: &'a [NetworkRun],
    /// Number of the statistic in [`LAYER_STATISTICS`].
    statistic: usize,
    title: &'static str,
    layers: Vec<String>,
    /// The largest training-set size.
    largest: usize,
}

impl<'a> Section<'a> {
    fn new(study: &'a StudySummary, runs: &'a [NetworkRun], statistic: usize) -> Self {
        Self {
            study,
            runs,
            statistic,
            title: LAYER_STATISTICS[statistic].title,
            layers: study.layers.iter().map(|tensor| layer_name(tensor)).collect(),
            largest: sizes(runs).last().copied().unwrap_or(0),
        }
    }

    fn values(&self, batch: usize) -> TemplateValue {
        let figure = |svg: Option<String>| safe_markup(svg.unwrap_or_default());
        context! {
            heading => capitalised(self.title),
            name => LAYER_STATISTICS[self.statistic].name,
            largest => self.largest,
            over_training => figure(self.over_training(batch)),
            over_sizes => figure(self.over_sizes()),
            over_quality => figure(self.over_quality()),
            intervals => targets(self.study).map(|target| figure(self.intervals(target))).to_vec(),
            findings => targets(self.study).map(|target| self.findings(target)).to_vec(),
            changes => self.changes(),
        }
    }

    /// The correlations of the statistic with a target.
    fn correlations(&self, target: Target) -> Vec<&'a Correlation> {
        let name = LAYER_STATISTICS[self.statistic].name;
        self.study.correlations.iter().filter(|c| c.metric == name && c.target == target).collect()
    }

    /// A figure with one series for each layer. `series` gives the line and the markers of a layer.
    fn by_layer(&self, axes: &AxisTitles, series: impl Fn(usize, &str) -> Series) -> Option<String> {
        let all: Vec<Series> =
            self.layers.iter().enumerate().map(|(layer, name)| series(layer, name)).collect();
        series::draw(&all, axes)
    }

    /// The value of a layer after training, as a marker at `x`.
    fn marker(&self, (network, all): &NetworkRun, layer: usize, x: f64) -> Option<([f64; 2], String)> {
        let y = all.last()?.layers[layer][self.statistic]?;
        let StudyNetwork { samples, replicate } = network;
        let name = &self.layers[layer];
        Some(([x, y], format!("{name}, {samples} samples, replicate {replicate}: {y}")))
    }

    /// Means over the replicates of the largest training set, against the number of steps.
    fn over_training(&self, batch: usize) -> Option<String> {
        let runs = self.runs.iter().filter(|(network, _)| network.samples == self.largest);
        let replicates: Vec<&[Measurement]> = runs.map(|(_, all)| all.as_slice()).collect();
        let steps_per_epoch = self.largest.div_ceil(batch) as f64;
        let count = replicates.iter().map(|all| all.len()).min().unwrap_or(0);
        let point = |layer: usize, i: usize| {
            let y = MeanStd::of(replicates.iter().map(|all| all[i].layers[layer][self.statistic])).mean?;
            Some([1.0 + (replicates[0][i].epoch * steps_per_epoch).round(), y])
        };
        let title = format!("{} over training", self.title);
        let axes = AxisTitles { title: &title, x: "steps + 1", y: self.title, log: true };
        self.by_layer(&axes, |layer, name| Series {
            name: name.to_owned(),
            line: (0..count).filter_map(|i| point(layer, i)).collect(),
            marks: Vec::new(),
        })
    }

    /// Every trained network and the means of each training-set size, against that size.
    fn over_sizes(&self) -> Option<String> {
        let mean = |layer: usize, size: usize| {
            let of_size = self.runs.iter().filter(|(network, _)| network.samples == size);
            let values = of_size.map(|(_, all)| all.last()?.layers[layer][self.statistic]);
            Some([size as f64, MeanStd::of(values).mean?])
        };
        let title = format!("{} over training-set size", self.title);
        let axes = AxisTitles { title: &title, x: "training samples", y: self.title, log: true };
        self.by_layer(&axes, |layer, name| Series {
            name: name.to_owned(),
            line: sizes(self.runs).into_iter().filter_map(|size| mean(layer, size)).collect(),
            marks: self.runs.iter().filter_map(|run| self.marker(run, layer, run.0.samples as f64)).collect(),
        })
    }

    /// Every trained network, against its accuracy or RMSE on the test samples.
    fn over_quality(&self) -> Option<String> {
        let [target, _] = targets(self.study);
        let title = format!("{} against {}", self.title, target.title());
        let axes = AxisTitles { title: &title, x: target.title(), y: self.title, log: false };
        let mark = |run: &NetworkRun, layer| self.marker(run, layer, run.1.last()?.target(target));
        self.by_layer(&axes, |layer, name| Series {
            name: name.to_owned(),
            line: Vec::new(),
            marks: self.runs.iter().filter_map(|run| mark(run, layer)).collect(),
        })
    }

    /// The correlations with a target, with their confidence intervals.
    fn intervals(&self, target: Target) -> Option<String> {
        let row = |c: &&Correlation| {
            let values = [c.pearson, c.spearman, c.within_sizes].map(|k| Some((k.value?, k.interval)));
            let values = values.into_iter().collect::<Option<Vec<_>>>()?;
            Some(IntervalRow { name: layer_name(&c.layer), values })
        };
        let rows: Vec<IntervalRow> = self.correlations(target).iter().filter_map(row).collect();
        let title = format!("{} and {}: correlation", self.title, target.title());
        series::intervals(&title, &rows, &["Pearson", "Spearman", "within sizes"])
    }

    /// Sentences about the correlations with a target: their range, their signs, how many are significant.
    fn findings(&self, target: Target) -> String {
        let correlations = self.correlations(target);
        let layers: Vec<&&Correlation> = correlations.iter().filter(|c| c.layer != ALL_LAYERS).collect();
        let subject = format!("{} and {}", capitalised(self.title), target.title());
        let Some(pearson) = range(layers.iter().map(|c| c.pearson.value)) else {
            return format!("{subject}: no correlation is defined.");
        };
        let count = |test: &dyn Fn(&Correlation) -> bool| layers.iter().filter(|c| test(c)).count();
        let positive = count(&|c| c.pearson.value > Some(0.0));
        let negative = count(&|c| c.pearson.value < Some(0.0));
        let signs = match (positive, negative) {
            (_, 0) => "positive in every layer".to_owned(),
            (0, _) => "negative in every layer".to_owned(),
            _ => format!("positive in {positive} and negative in {negative}"),
        };
        let total = layers.len();
        let significant = count(&|c| is_significant(&c.pearson));
        let within = range(layers.iter().map(|c| c.within_sizes.value)).unwrap_or_default();
        let within = match count(&|c| is_significant(&c.within_sizes)) {
            0 => format!(
                "Among networks with the same number of training samples no correlation is significant (coefficients \
                 {within}), so the statistic may reflect the number of samples only."
            ),
            kept => format!(
                "Among networks with the same number of training samples {kept} of {total} layers keep a significant \
                 correlation (coefficients {within})."
            ),
        };
        format!(
            "{subject}: Pearson’s coefficients of the layers are {pearson}, {signs}; {significant} of {total} are \
             significant at 5 % after Holm’s correction for {} comparisons. {within}",
            self.study.comparisons,
        )
    }

    /// How the statistic of each layer changes in training, for the largest training set.
    fn changes(&self) -> String {
        let name = LAYER_STATISTICS[self.statistic].name;
        let of_layer = |c: &TrainingChange| {
            let (before, after) = (c.untrained.mean?, c.trained.mean?);
            let percent = if before == 0.0 { 0.0 } else { 100.0 * (after / before - 1.0) };
            let sign = if percent > 0.0 { "+" } else { "" };
            let [before, after] = [before, after].map(number::short);
            let (layer, percent) = (layer_name(&c.layer), number::rounded(percent, 3));
            Some(format!("{layer} {before} → {after} ({sign}{percent} %)"))
        };
        let changes = self.study.changes.iter();
        let changes = changes.filter(|c| c.metric == name && c.samples == self.largest);
        changes.filter_map(of_layer).collect::<Vec<_>>().join(", ")
    }
}

/// The smallest and the largest number as text; none without numbers.
fn range(numbers: impl Iterator<Item = Option<f64>>) -> Option<String> {
    let numbers: Vec<f64> = numbers.flatten().collect();
    let least = numbers.iter().copied().reduce(f64::min)?;
    let most = numbers.iter().copied().reduce(f64::max)?;
    Some(format!("{} to {}", number::rounded(least, 2), number::rounded(most, 2)))
}

fn is_significant(coefficient: &Coefficient) -> bool {
    coefficient.p_holm.is_some_and(|p| p < SIGNIFICANCE_LEVEL)
}

/// A text with a capital first letter.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().to_string()) + letters.as_str()
}

/// The title of a statistic by its name.
fn statistic_title(name: &str) -> &'static str {
    LAYER_STATISTICS.iter().find(|statistic| statistic.name == name).map_or("", |statistic| statistic.title)
}

fn coefficient_values(c: &Coefficient) -> TemplateValue {
    context! {
        value => c.value, interval => c.interval.map(|i| i.to_vec()), p => c.p_holm,
        is_significant => is_significant(c),
    }
}

/// All correlations with a target.
fn correlation_table(study: &StudySummary, target: Target) -> TemplateValue {
    let row = |c: &Correlation| {
        context! {
            statistic => statistic_title(&c.metric),
            layer => layer_name(&c.layer),
            coefficients => [&c.pearson, &c.spearman, &c.within_sizes].map(coefficient_values).to_vec(),
            over_training => c.over_training,
        }
    };
    let of_target = study.correlations.iter().filter(|c| c.target == target);
    context! { target => target.title(), rows => of_target.map(row).collect::<Vec<_>>() }
}

/// What statistics are correlated with.
fn targets(study: &StudySummary) -> [Target; 2] {
    Target::of(study.error_measure())
}

/// What the generalisation gap is.
fn gap(measure: ErrorMeasure) -> &'static str {
    match measure {
        ErrorMeasure::Share => "training accuracy minus test accuracy",
        ErrorMeasure::Rmse => "test RMSE minus training RMSE",
    }
}

/// The two targets for each training-set size.
fn quality_table(study: &StudySummary) -> Vec<TemplateValue> {
    let mut sizes: Vec<usize> = study.networks.iter().map(|n| n.samples).collect();
    sizes.dedup();
    let row = |samples: usize| {
        let networks = || study.networks.iter().filter(move |n| n.samples == samples);
        let is_share = study.error_measure() == ErrorMeasure::Share;
        let quality = |test: f64| if is_share { 1.0 - test } else { test };
        let first = MeanStd::of(networks().map(|n| Some(quality(n.errors()[1]))));
        let gap = MeanStd::of(networks().map(|n| Some(n.errors()[1] - n.errors()[0])));
        context! { samples, values => vec![mean_std(&first), mean_std(&gap)] }
    };
    sizes.into_iter().map(row).collect()
}

/// The two statistics of the paper before and after training and shuffled, for the smallest and the largest training set.
fn change_table(study: &StudySummary) -> Vec<TemplateValue> {
    let sizes = || study.changes.iter().map(|c| c.samples);
    let (least, most) = (sizes().min(), sizes().max());
    let is_shown = |c: &&TrainingChange| {
        LAYER_STATISTICS[..SECTIONS].iter().any(|statistic| statistic.name == c.metric)
            && [least, most].contains(&Some(c.samples))
    };
    let row = |c: &TrainingChange| {
        context! {
            statistic => statistic_title(&c.metric),
            layer => layer_name(&c.layer),
            samples => c.samples,
            values => [&c.untrained, &c.trained, &c.shuffled].map(mean_std).to_vec(),
        }
    };
    study.changes.iter().filter(is_shown).map(row).collect()
}

//! The page of a run: figures, numbers and sentences, in the order of `run.html`.

use super::axes::extent;
use super::convergence::{self, SegmentEnd};
use super::profile::{self, Panels};
use super::render::{flattened, mean_std, render_template, safe_markup};
use super::run_files::{FitFiles, Quantity, RunFiles, SimplexValues, TrainingCurve};
use super::svg::Svg;
use super::triangle_map::{self, Colours};
use super::{dendrogram, diagram};
use super::{segments, training};
use crate::error::Result;
use crate::schema::{Bar, ErrorMeasure, Fit, Segment};
use minijinja::context;
use minijinja::value::Value as TemplateValue;
use valleys_core::topology::Interval;

/// Maximum number of triangles with maps: those with the longest segments.
const MAX_TRIANGLES: usize = 20;
/// Maximum number of curves with figures: those with the largest losses.
const MAX_CURVES: usize = 45;
/// Maximum number of rows of a table, and of the figure of all segments.
const MAX_ROWS: usize = 60;

/// The page of a run.
///
/// # Errors
/// The template and its values do not fit, which is a bug.
pub fn run_page(run: &RunFiles) -> Result<String> {
    render_template(include_str!("run.html"), values(run))
}

fn values(run: &RunFiles) -> TemplateValue {
    let summary = &run.summary;
    let fits: Vec<&Fit> = run.fits.iter().map(|f| &f.fit).collect();
    let config = &summary.config;
    let has_test_data = summary.minima.iter().any(|m| m.test_loss.is_some());
    let has_errors = summary.minima.iter().any(|m| m.errors()[0].is_some());
    let measure = has_errors.then(|| summary.error_measure());
    let loss = Quantity::TrainLoss.name(measure);
    let mut metrics: Vec<String> =
        summary.minima.iter().flat_map(|m| m.test_metrics.keys().cloned()).collect();
    metrics.sort();
    metrics.dedup();
    let ids: Vec<u32> = summary.minima.iter().map(|m| m.id).collect();
    context! {
        loss,
        network => config.network.name(),
        dataset => config.dataset.clone(),
        seed => config.seed,
        scale => config.scale.suffix(),
        samples => (config.measure.samples > 0).then_some(config.measure.samples),
        has_test_data,
        has_errors,
        error => measure.map_or("", ErrorMeasure::title),
        is_share => measure == Some(ErrorMeasure::Share),
        metrics => metrics.iter().map(|name| name.replace('_', " ")).collect::<Vec<_>>(),
        minima => summary.minima.iter().map(|m| context! {
            id => m.id, train_loss => m.train_loss, train_error => m.errors()[0],
            test_loss => m.test_loss, test_error => m.errors()[1],
            metrics => metrics.iter().map(|name| m.test_metrics.get(name).copied().flatten()).collect::<Vec<_>>(),
        }).collect::<Vec<_>>(),
        fits => run.fits.iter().map(|f| fit_values(f, config.seed, &ids, loss)).collect::<Vec<_>>(),
        not_separated => fits.iter().flat_map(|f| &f.segments).filter(|s| s.birth_not_separated).count(),
        certified => summary.certified.iter().map(|c| context! {
            fit => c.fit.clone(), simplex => c.simplex.clone(), found => c.found, upper => c.upper, cells => c.cells,
        }).collect::<Vec<_>>(),
        segments_figure => segments_figure(&fits, loss),
        profiles => profiles(&run.fits, loss),
        training => training_figures(run),
        convergence => convergence_values(run),
        provenance => flattened(&summary.provenance),
        configuration => flattened(config),
        config => run.config.clone(),
    }
}

fn fit_values(files: &FitFiles, seed: u64, minima: &[u32], loss: &str) -> TemplateValue {
    let fit = &files.fit;
    let name = &fit.name;
    let intervals: Vec<_> = fit.bars.iter().map(interval).collect();
    let mut bars: Vec<&Bar> = fit.bars.iter().collect();
    bars.sort_by_key(|bar| bar.index);
    context! {
        name,
        description => format!(
            "{} sampling, depth {}, control points of the edges {}", fit.sampling, fit.depth, fit.centres
        ),
        is_depth_1 => fit.depth == 1,
        curves => fit.curves.len(),
        max_loss => extent(fit.curves.iter().map(|c| c.peak)).map(|range| range.1),
        longest => fit.longest(1).first().map(|&i| segment_values(&fit.segments[i])),
        segments => fit.longest(MAX_ROWS).iter().map(|&i| segment_values(&fit.segments[i])).collect::<Vec<_>>(),
        segments_left_out => fit.segments.len().saturating_sub(MAX_ROWS),
        bars => bars.iter().take(MAX_ROWS).map(|bar| bar_values(bar)).collect::<Vec<_>>(),
        bars_left_out => bars.len().saturating_sub(MAX_ROWS),
        zero_length => fit.zero_length,
        w_infinity => fit.w_infinity,
        w_infinity_higher => fit.w_infinity_by_index.iter().filter(|of| of.index > 1)
            .map(|of| context! { index => of.index, value => of.value }).collect::<Vec<_>>(),
        w_infinity_segments => fit.w_infinity_segments,
        diagram => svg(&diagram::draw_diagram(&intervals, &format!("Persistence diagram, fit {name}"))),
        dendrogram => dendrogram::draw(minima, &fit.minmax, &format!("Dendrogram of the minima, fit {name}"), loss)
            .map(safe_markup),
        barcode => svg(&diagram::draw_barcode(&intervals, &format!("Barcode, fit {name}"))),
        triangles => triangle_maps(files, seed),
        triangles_left_out => files.triangles.len().saturating_sub(MAX_TRIANGLES),
    }
}

fn svg(figure: &Svg) -> TemplateValue {
    safe_markup(figure.inline())
}

/// Index and interval of a bar.
fn interval(bar: &Bar) -> (usize, Interval) {
    (bar.index, Interval::new(bar.birth, bar.death.unwrap_or(f64::INFINITY)))
}

fn segment_values(segment: &Segment) -> TemplateValue {
    context! {
        triangle => segment.triangle.to_vec(),
        birth => segment.birth,
        birth_lower => segment.birth_lower,
        death => segment.death,
        length => segment.length(),
        birth_not_separated => segment.birth_not_separated,
        start => segment.start.clone(),
        length_change => segment.length_change.map(|change| format!("{:+.0} %", 100.0 * change)),
    }
}

fn bar_values(bar: &Bar) -> TemplateValue {
    context! {
        index => bar.index,
        birth => bar.birth,
        death => bar.death,
        length => bar.length(),
        birth_simplex => bar.birth_simplex.clone(),
        death_simplex => bar.death_simplex.clone(),
    }
}

/// Maps of the triangles with the longest segments, in the order of the summary.
fn triangle_maps(files: &FitFiles, seed: u64) -> Vec<TemplateValue> {
    let fit = &files.fit;
    if files.triangles.is_empty() {
        return Vec::new();
    }
    // Losses in the upper row, errors in the lower one; training data on the left.
    let order = [Quantity::TrainLoss, Quantity::TestLoss, Quantity::TrainError, Quantity::TestError];
    let scales: Vec<_> = order.iter().filter_map(|&q| Some((q, Colours::of(&files.triangles, q)?))).collect();
    let map = |values: &SimplexValues, quantity: Quantity, colours: &Colours| {
        let map = triangle_map::draw(values, quantity, colours, &fit.name)?;
        Some(context! {
            svg => safe_markup(map.svg),
            quantity => quantity.name(values.measure()),
            unit => quantity.unit(values.measure()),
            range => map.range,
            max => map.max,
            max_on_edges => map.max_on_edges,
            is_train_loss => quantity == Quantity::TrainLoss,
            non_finite_points => map.non_finite_points,
            points => map.points,
        })
    };
    fit.longest(MAX_TRIANGLES)
        .into_iter()
        .map(|i| {
            let values = &files.triangles[i];
            context! {
                segment => segment_values(&fit.segments[i]),
                n => values.n,
                seed,
                maps => scales.iter().filter_map(|(q, colours)| map(values, *q, colours)).collect::<Vec<_>>(),
            }
        })
        .collect()
}

/// The figure of the longest segments of all fits. The fit with the most segments decides which.
fn segments_figure(fits: &[&Fit], loss: &str) -> Option<TemplateValue> {
    let fit = fits.iter().max_by_key(|fit| fit.segments.len())?;
    let triangles: Vec<_> = fit.longest(MAX_ROWS).into_iter().map(|i| fit.segments[i].triangle).collect();
    (!triangles.is_empty()).then(|| safe_markup(segments::draw(fits, &triangles, loss)))
}

/// Figures of the curves with the largest losses, in the order of their edges.
fn profiles(fits: &[FitFiles], loss: &str) -> Option<TemplateValue> {
    let all: Vec<&SimplexValues> = fits.iter().flat_map(|f| &f.curves).collect();
    let panels = Panels::of(&all);
    let main = &fits.first()?.curves;
    let max_loss =
        |v: &SimplexValues| extent(v.of(Quantity::TrainLoss).iter().copied()).map_or(f64::INFINITY, |r| r.1);
    let mut shown: Vec<&SimplexValues> = main.iter().collect();
    shown.sort_by(|a, b| max_loss(b).total_cmp(&max_loss(a)));
    shown.truncate(MAX_CURVES);
    shown.sort_by(|a, b| a.simplex.cmp(&b.simplex));
    let names: Vec<&str> = fits.iter().map(|f| f.fit.name.as_str()).collect();
    let has_test_data = all.iter().any(|v| !v.of(Quantity::TestLoss).is_empty());
    let curves = shown.iter().map(|values| {
        let edge = &values.simplex;
        let of_fits: Vec<_> = fits.iter().map(|f| f.curves.iter().find(|c| c.simplex == *edge)).collect();
        let max_loss = |f: &FitFiles| {
            let curve = f.fit.curves.iter().find(|c| c.edge[..] == edge[..])?;
            Some(context! { fit => f.fit.name.clone(), max_loss => curve.peak, lower => curve.lower })
        };
        context! {
            edge,
            n => values.n,
            svg => safe_markup(profile::draw(edge, &of_fits, &panels)),
            max_losses => fits.iter().filter_map(max_loss).collect::<Vec<_>>(),
        }
    });
    let curves: Vec<_> = curves.collect();
    let left_out = main.len() - curves.len();
    (!curves.is_empty()).then(
        || context! { legend => safe_markup(profile::legend(&names, has_test_data, loss)), curves, left_out },
    )
}

/// Training curves: of the minima, then of the curves, triangles and higher simplices of each fit.
fn training_figures(run: &RunFiles) -> Vec<TemplateValue> {
    let mut groups: Vec<(String, Vec<&TrainingCurve>)> = vec![("minima".into(), run.minima.iter().collect())];
    for files in &run.fits {
        let max_vertices = files.training.iter().map(|t| t.simplex.len()).max().unwrap_or(0);
        for vertices in 2..=max_vertices {
            let kind = match vertices {
                2 => "curves".into(),
                3 => "triangles".into(),
                _ => format!("simplices of dimension {}", vertices - 1),
            };
            let curves = files.training.iter().filter(|t| t.simplex.len() == vertices).collect();
            groups.push((format!("{kind}, fit {}", files.fit.name), curves));
        }
    }
    let figure = |(title, curves): &(String, Vec<&TrainingCurve>)| {
        let figure = training::draw(title, curves)?;
        Some(context! {
            title, svg => safe_markup(figure.svg), left_out => figure.left_out, log => figure.log,
            count => curves.len(),
        })
    };
    groups.iter().filter_map(figure).collect()
}

/// Figures and table of a convergence study; none if the run is not one.
fn convergence_values(run: &RunFiles) -> Option<TemplateValue> {
    let trials = &run.summary.convergence;
    let figure = |end: SegmentEnd| {
        Some(context! { name => end.name(), svg => safe_markup(convergence::draw(trials, end)?) })
    };
    let figures: Vec<_> = [SegmentEnd::Birth, SegmentEnd::Death].into_iter().filter_map(figure).collect();
    let mut seeds: Vec<_> = trials.iter().map(|t| t.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let row = |r: convergence::Row| {
        context! {
            sampling => r.sampling, centres => r.centres, depth => r.depth, steps => r.steps, seeds => r.seeds,
            ends => [&r.birth_lower, &r.birth, &r.death].map(mean_std).to_vec(),
        }
    };
    let rows: Vec<_> = convergence::rows(trials).into_iter().map(row).collect();
    (!figures.is_empty()).then(|| context! { figures, rows, seeds => seeds.len() })
}

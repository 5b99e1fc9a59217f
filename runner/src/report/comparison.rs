//! The page of a comparison of runs: tables, segments, maps on common scales, barcodes side by side.

use super::axes::extent;
use super::render::{mean_std, render_template, safe_markup};
use super::run_files::{Quantity, RunFiles, SimplexValues, read};
use super::triangle_map::{self, Colours};
use super::{diagram, segments};
use crate::compare::{ComparedFit, ComparedRun, Comparison};
use crate::config::Scale;
use crate::error::Result;
use minijinja::context;
use minijinja::value::Value as TemplateValue;
use valleys_core::topology::Interval;

/// What the maps show: losses, and errors where there are any.
const MAPS: [Quantity; 2] = [Quantity::TrainLoss, Quantity::TestError];

/// The page.
///
/// # Errors
/// A file of a run is missing or malformed, with its line.
pub fn page(comparison: &Comparison) -> Result<String> {
    let files: Vec<RunFiles> =
        comparison.runs.iter().map(|run| read(&run.directory, run.summary.clone())).collect::<Result<_>>()?;
    render_template(include_str!("comparison.html"), values(comparison, &files))
}

fn values(comparison: &Comparison, files: &[RunFiles]) -> TemplateValue {
    let runs = &comparison.runs;
    let fits = comparison.fits();
    let dataset = comparison.dataset.as_ref().map_or(String::new(), |dataset| format!(" on {dataset}"));
    let scale = comparison.scale.map_or(String::new(), Scale::suffix);
    let networks_alone = comparison.keys.iter().all(|key| key == "network");
    let what = if networks_alone && !comparison.keys.is_empty() { "networks" } else { "runs" };
    let row = |run: &ComparedRun| {
        let of_fit = |name: &&str| {
            let fit = run.fits.iter().find(|fit| fit.fit == **name)?;
            Some(context! { w => mean_std(&fit.w_infinity_of_triangles) })
        };
        context! {
            name => run.name.clone(), directory => run.directory.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned()), parameters => run.parameters,
            minima => run.minima, train_loss => mean_std(&run.train_loss),
            train_error => mean_std(&run.errors.train), test_error => mean_std(&run.errors.test),
            fits => fits.iter().map(of_fit).collect::<Vec<_>>(),
        }
    };
    let key = |key: &String| {
        let values: Vec<_> = runs.iter().map(|run| run.settings.get(key).cloned()).collect();
        context! { name => key, values }
    };
    let matrix = |matrix: &crate::compare::DistanceMatrix| {
        let rows = runs.iter().zip(&matrix.distances);
        let rows: Vec<_> = rows.map(|(run, values)| context! { name => run.name.clone(), values }).collect();
        context! { fit => matrix.fit.clone(), diagram => matrix.diagram.clone(), rows }
    };
    context! {
        title => format!("{} {what}{dataset}{scale}", runs.len()),
        headline => headline(comparison),
        scale,
        independent => runs.iter().all(|run| run.independent),
        fits => fits.iter().map(|&fit| fit.to_owned()).collect::<Vec<_>>(),
        has_errors => runs.iter().any(|run| run.errors.train.mean.is_some()),
        has_test_data => runs.iter().any(|run| run.errors.test.mean.is_some()),
        error => comparison.error_measure().title(),
        factor => comparison.error_measure().factor(),
        unit => comparison.error_measure().unit(),
        runs => runs.iter().map(row).collect::<Vec<_>>(),
        tables => fits.iter().map(|name| fit_table(comparison, name)).collect::<Vec<_>>(),
        segments => fits.iter().filter_map(|name| segments_figure(comparison, name)).collect::<Vec<_>>(),
        maps => maps(comparison, files),
        bars => comparison.common_fits().iter().map(|name| bars(comparison, name)).collect::<Vec<_>>(),
        distances => comparison.distances.iter().map(matrix).collect::<Vec<_>>(),
        keys => comparison.keys.iter().map(key).collect::<Vec<_>>(),
    }
}

/// The runs in the order of their W∞, by the first fit that all have.
fn headline(comparison: &Comparison) -> String {
    let Some(name) = comparison.common_fits().first().copied() else {
        return "The runs have no fit in common.".to_owned();
    };
    let mean = |run: &ComparedRun| {
        let fit = run.fits.iter().find(|fit| fit.fit == name)?;
        Some((run.name.clone(), fit.w_infinity_of_triangles.mean?))
    };
    let mut means: Vec<(String, f64)> = comparison.runs.iter().filter_map(mean).collect();
    means.sort_by(|a, b| a.1.total_cmp(&b.1));
    if means.is_empty() {
        return "No run has a triangle.".to_owned();
    }
    let listed: Vec<String> =
        means.iter().map(|(name, w)| format!("{name} ({})", super::number::short(*w))).collect();
    format!("W∞ of the triangles, fit {name}, the smallest mean first: {}.", listed.join(", "))
}

fn fit_table(comparison: &Comparison, name: &str) -> TemplateValue {
    let row = |run: &ComparedRun| {
        let fit: &ComparedFit = run.fits.iter().find(|fit| fit.fit == name)?;
        let quantities = [&fit.birth_lower, &fit.birth, &fit.death, &fit.length].map(mean_std);
        Some(context! {
            name => run.name.clone(), triangles => fit.triangles, quantities => quantities.to_vec(),
            w_infinity_segments => fit.w_infinity_segments, w_infinity => fit.w_infinity,
            not_separated => fit.not_separated,
        })
    };
    context! { fit => name.to_owned(), rows => comparison.runs.iter().filter_map(row).collect::<Vec<_>>() }
}

/// The segments of all triangles of a fit, run below run.
fn segments_figure(comparison: &Comparison, name: &str) -> Option<TemplateValue> {
    let of_run = |run: &ComparedRun| {
        let fit = run.summary.fits.iter().find(|fit| fit.name == name)?;
        Some((run.name.clone(), fit.segments.clone()))
    };
    let runs: Vec<_> = comparison.runs.iter().filter_map(of_run).collect();
    let is_empty = runs.iter().all(|(_, segments)| segments.is_empty());
    (!is_empty)
        .then(|| context! { fit => name.to_owned(), svg => safe_markup(segments::draw_runs(&runs, name)) })
}

/// A row of maps for each quantity and each fit that all runs have.
fn maps(comparison: &Comparison, files: &[RunFiles]) -> Vec<TemplateValue> {
    let mut rows = Vec::new();
    for name in comparison.common_fits() {
        let of_runs: Vec<_> = files
            .iter()
            .zip(&comparison.runs)
            .filter_map(|(files, run)| {
                let fit = files.fits.iter().find(|of_fit| of_fit.fit.name == name)?;
                Some((run, fit.triangles.first()?))
            })
            .collect();
        for quantity in MAPS {
            let triangles = of_runs.iter().map(|(_, values)| *values);
            let Some(colours) = Colours::of(triangles, quantity) else { continue };
            let map = |(run, values): &(&ComparedRun, &SimplexValues)| {
                let map = triangle_map::draw(values, quantity, &colours, name)?;
                let samples = run.summary.config.measure.samples;
                Some(context! {
                    svg => safe_markup(map.svg), name => run.name.clone(), test_error => mean_std(&run.errors.test),
                    triangle => values.simplex.clone(), n => values.n, range => map.range,
                    samples => (samples > 0).then_some(samples), non_finite_points => map.non_finite_points,
                })
            };
            let maps: Vec<_> = of_runs.iter().filter_map(map).collect();
            let measure = of_runs.iter().find_map(|(_, values)| values.measure());
            rows.push(context! { fit => name.to_owned(), quantity => quantity.name(measure), maps });
        }
    }
    rows
}

/// Barcode and diagram of each run, on the same axes: of the segments where triangles share no faces, else of the complex.
fn bars(comparison: &Comparison, name: &str) -> TemplateValue {
    let of_run = |run: &ComparedRun| {
        let fit = run.summary.fits.iter().find(|fit| fit.name == name)?;
        let segments = || fit.segments.iter().map(|s| (1, Interval::new(s.birth, s.death)));
        let bars = fit
            .bars
            .iter()
            .map(|bar| (bar.index, Interval::new(bar.birth, bar.death.unwrap_or(f64::INFINITY))));
        Some(match fit.w_infinity {
            Some(_) => (run.name.clone(), "bars of the complex", bars.collect::<Vec<_>>()),
            None => (run.name.clone(), "segments of the triangles, as bars of index 1", segments().collect()),
        })
    };
    let runs: Vec<_> = comparison.runs.iter().filter_map(of_run).collect();
    let ends = runs.iter().flat_map(|(_, _, bars)| bars).flat_map(|(_, i)| [i.birth, i.death]);
    let range = extent(ends.filter(|x| x.is_finite()));
    let figures = runs.iter().map(|(run, what, bars)| {
        let title = |figure: &str| format!("{figure} of {run}, fit {name}");
        context! {
            name => run.clone(), what => *what,
            barcode => safe_markup(diagram::draw_barcode_over(bars, &title("Barcode"), range).inline()),
            diagram => safe_markup(diagram::draw_diagram_over(bars, &title("Persistence diagram"), range).inline()),
        }
    });
    context! { fit => name.to_owned(), runs => figures.collect::<Vec<_>>() }
}

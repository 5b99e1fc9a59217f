//! Figures, numbers and sentences in the order of a reader.

use super::axes::extent;
use super::convergence::{self, SegmentEnd};
use super::diagram;
use super::profile::{self, Panels};
use super::run_files::{FitFiles, Quantity, RunFiles, SimplexValues, TrainingCurve, simplex_name};
use super::triangle_map::{self, Colours};
use super::{number, segments, svg, training};
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::{Bar, Fit, MeanStd, Segment};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as TemplateValue;
use minijinja::{Environment, context};
use serde::Serialize;
use serde_json::Value;
use valleys_core::topology::Interval;

/// Most triangles whose maps are shown, those with the longest segments.
const MAX_TRIANGLES: usize = 20;
/// Most curves, those with the largest losses.
const MAX_CURVES: usize = 45;
/// Most rows of a table, and of the figure of all segments.
const MAX_ROWS: usize = 60;

/// Styles of all pages but for their figures.
const LAYOUT: &str = include_str!("page.css");

/// The whole page.
pub fn run_page(run: &RunFiles) -> Result<String> {
    render_template(include_str!("run.html"), values(run))
}

/// The frame of all pages: a head with the styles, and a body.
const BASE: &str = include_str!("base.html");

/// A page from its template, which fills [`BASE`].
pub fn render_template(template: &str, values: TemplateValue) -> Result<String> {
    let failed = |e| CliError::new(ErrorKind::Data, format!("the report's template failed: {e:#}"));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.add_filter("num", num);
    environment.add_filter("fine", fine);
    environment.add_filter("percent", percent);
    environment.add_filter("spread", spread);
    environment.add_filter("simplex", simplex);
    environment.add_global("style", svg::STYLE);
    environment.add_global("layout", LAYOUT);
    // The names end in html, so that texts are escaped.
    environment.add_template("base.html", BASE).map_err(failed)?;
    environment.add_template("page.html", template).map_err(failed)?;
    environment.get_template("page.html").and_then(|template| template.render(values)).map_err(failed)
}

fn values(run: &RunFiles) -> TemplateValue {
    let summary = &run.summary;
    let fits: Vec<&Fit> = run.fits.iter().map(|f| &f.fit).collect();
    let config = &summary.config;
    let tested = summary.minima.iter().any(|m| m.test_loss.is_some());
    let with_errors = summary.minima.iter().any(|m| m.train_error.is_some());
    let loss = Quantity::TrainLoss.name(with_errors);
    context! {
        loss,
        network => config.network.clone(),
        dataset => config.dataset.clone(),
        seed => config.seed,
        tested,
        with_errors,
        minima => summary.minima.iter().map(|m| context! {
            id => m.id, train_loss => m.train_loss, train_error => m.train_error,
            test_loss => m.test_loss, test_error => m.test_error,
        }).collect::<Vec<_>>(),
        fits => run.fits.iter().map(|f| fit_values(f, config.seed)).collect::<Vec<_>>(),
        slack => fits.iter().flat_map(|f| &f.segments).filter(|s| s.within_slack).count(),
        segments_picture => picture_of_segments(&fits, loss),
        profiles => profiles(&run.fits, loss),
        training => trainings(run),
        convergence => convergence_values(run),
        provenance => flattened(&summary.provenance),
        configuration => flattened(config),
        config => run.config.clone(),
    }
}

fn fit_values(files: &FitFiles, seed: u64) -> TemplateValue {
    let fit = &files.fit;
    let label = &fit.name;
    let intervals: Vec<_> = fit.bars.iter().map(interval).collect();
    let mut bars: Vec<&Bar> = fit.bars.iter().collect();
    bars.sort_by_key(|bar| bar.index);
    context! {
        name => label,
        description => format!("{} sampling, depth {}, {} edge centres", fit.sampling, fit.depth, fit.centres),
        shallow => fit.depth == 1,
        curves => fit.curves.len(),
        highest_peak => extent(fit.curves.iter().map(|c| c.peak)).map(|range| range.1),
        longest => fit.longest(1).first().map(|&i| segment_values(&fit.segments[i])),
        segments => fit.longest(MAX_ROWS).iter().map(|&i| segment_values(&fit.segments[i])).collect::<Vec<_>>(),
        segments_left_out => fit.segments.len().saturating_sub(MAX_ROWS),
        bars => bars.iter().take(MAX_ROWS).map(|bar| bar_values(bar)).collect::<Vec<_>>(),
        bars_left_out => bars.len().saturating_sub(MAX_ROWS),
        zero_length => fit.zero_length,
        w_infinity => fit.w_infinity,
        w_infinity_segments => fit.w_infinity_segments,
        diagram => safe_markup(diagram::draw_diagram(&intervals, &format!("Persistence diagram, fit {label}")).inline()),
        barcode => safe_markup(diagram::draw_barcode(&intervals, &format!("Barcode, fit {label}")).inline()),
        triangles => triangles(files, seed),
        triangles_left_out => files.triangles.len().saturating_sub(MAX_TRIANGLES),
    }
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
        within_slack => segment.within_slack,
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
fn triangles(files: &FitFiles, seed: u64) -> Vec<TemplateValue> {
    let fit = &files.fit;
    if files.triangles.is_empty() {
        return Vec::new();
    }
    // Loss above, error below, training data on the left.
    let order = [Quantity::TrainLoss, Quantity::TestLoss, Quantity::TrainError, Quantity::TestError];
    let scales: Vec<_> = order.iter().filter_map(|&q| Some((q, Colours::of(&files.triangles, q)?))).collect();
    let map = |values: &SimplexValues, quantity: Quantity, colours: &Colours| {
        let map = triangle_map::draw(values, quantity, colours, &fit.name)?;
        Some(context! {
            svg => safe_markup(map.svg),
            quantity => quantity.name(values.has_data()),
            is_error => quantity.is_error(),
            range => map.range,
            highest => map.highest,
            on_edges => map.highest_on_edges,
            train_loss => quantity == Quantity::TrainLoss,
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

fn picture_of_segments(fits: &[&Fit], loss: &str) -> Option<TemplateValue> {
    let most = fits.iter().max_by_key(|fit| fit.segments.len())?;
    let triangles: Vec<_> = most.longest(MAX_ROWS).into_iter().map(|i| most.segments[i].triangle).collect();
    (!triangles.is_empty()).then(|| safe_markup(segments::draw(fits, &triangles, loss)))
}

fn profiles(fits: &[FitFiles], loss: &str) -> Option<TemplateValue> {
    let all: Vec<&SimplexValues> = fits.iter().flat_map(|f| &f.curves).collect();
    let panels = Panels::of(&all);
    let main = &fits.first()?.curves;
    let peak =
        |v: &SimplexValues| extent(v.of(Quantity::TrainLoss).iter().copied()).map_or(f64::INFINITY, |r| r.1);
    let mut shown: Vec<&SimplexValues> = main.iter().collect();
    shown.sort_by(|a, b| peak(b).total_cmp(&peak(a)));
    shown.truncate(MAX_CURVES);
    shown.sort_by(|a, b| a.simplex.cmp(&b.simplex));
    let same = |edge: &[u32], fit: usize| fits[fit].curves.iter().find(|c| c.simplex == edge);
    let names: Vec<&str> = fits.iter().map(|f| f.fit.name.as_str()).collect();
    let tested = all.iter().any(|v| !v.of(Quantity::TestLoss).is_empty());
    let curves = shown.iter().map(|values| {
        let edge = &values.simplex;
        let of_fits: Vec<_> = (0..fits.len()).map(|i| same(edge, i)).collect();
        let recorded = |f: &FitFiles| {
            let curve = f.fit.curves.iter().find(|c| c.edge[..] == edge[..])?;
            Some(context! { fit => f.fit.name.clone(), peak => curve.peak, lower => curve.lower })
        };
        context! {
            edge,
            n => values.n,
            svg => safe_markup(profile::draw(edge, &of_fits, &panels)),
            peaks => fits.iter().filter_map(recorded).collect::<Vec<_>>(),
        }
    });
    let curves: Vec<_> = curves.collect();
    let left_out = main.len() - curves.len();
    (!curves.is_empty())
        .then(|| context! { key => safe_markup(profile::legend(&names, tested, loss)), curves, left_out })
}

fn trainings(run: &RunFiles) -> Vec<TemplateValue> {
    let mut stages: Vec<(String, Vec<&TrainingCurve>)> = vec![("minima".into(), run.minima.iter().collect())];
    for files in &run.fits {
        let most = files.training.iter().map(|t| t.simplex.len()).max().unwrap_or(0);
        for vertices in 2..=most {
            let stage = match vertices {
                2 => "curves".into(),
                3 => "triangles".into(),
                _ => format!("simplices of dimension {}", vertices - 1),
            };
            let of = files.training.iter().filter(|t| t.simplex.len() == vertices).collect();
            stages.push((format!("{stage}, fit {}", files.fit.name), of));
        }
    }
    let draw = |(stage, runs): &(String, Vec<&TrainingCurve>)| {
        let drawn = training::draw(stage, runs)?;
        Some(context! {
            stage, svg => safe_markup(drawn.svg), left_out => drawn.left_out, log => drawn.log, count => runs.len(),
        })
    };
    stages.iter().filter_map(draw).collect()
}

fn convergence_values(run: &RunFiles) -> Option<TemplateValue> {
    let trials = &run.summary.convergence;
    let pictures: Vec<_> = [SegmentEnd::Birth, SegmentEnd::Death]
        .into_iter()
        .filter_map(|end| {
            Some(context! { name => end.name(), svg => safe_markup(convergence::draw(trials, end)?) })
        })
        .collect();
    let mut seeds: Vec<_> = trials.iter().map(|t| t.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let spread = |s: &MeanStd| context! { mean => s.mean, deviation => s.deviation };
    let row = |r: convergence::Row| {
        context! {
            sampling => r.sampling, depth => r.depth, steps => r.steps, seeds => r.seeds,
            ends => [&r.birth_lower, &r.birth, &r.death].map(spread).to_vec(),
        }
    };
    let rows: Vec<_> = convergence::rows(trials).into_iter().map(row).collect();
    (!pictures.is_empty()).then(|| context! { pictures, rows, seeds => seeds.len() })
}

/// Nested tables as `train.batch = 32`, in their order.
pub fn flattened(table: &impl Serialize) -> Vec<(String, String)> {
    fn walk(prefix: &str, value: &Value, rows: &mut Vec<(String, String)>) {
        match value {
            Value::Object(table) => {
                for (key, value) in table {
                    let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    walk(&name, value, rows);
                }
            }
            Value::Null => {}
            Value::String(text) => rows.push((prefix.into(), text.clone())),
            _ => rows.push((prefix.into(), value.to_string())),
        }
    }
    let mut rows = Vec::new();
    walk("", &serde_json::to_value(table).unwrap_or_default(), &mut rows);
    rows
}

/// Markup that is not escaped again.
pub fn safe_markup(svg: String) -> TemplateValue {
    TemplateValue::from_safe_string(svg)
}

/// Four significant digits with the full number as a tip; a dash for none.
fn num(x: Option<f64>) -> TemplateValue {
    shown(x, number::short, "")
}

/// Six digits: entropies of layers differ late.
fn fine(x: Option<f64>) -> TemplateValue {
    shown(x, |x| number::rounded(x, 6), "")
}

/// Two digits: more of a deviation over a few seeds is noise.
fn spread(x: Option<f64>) -> TemplateValue {
    shown(x, |x| number::rounded(x, 2), "")
}

/// A share in percent, with the share itself as a tip.
fn percent(x: Option<f64>) -> TemplateValue {
    shown(x, |x| number::short(100.0 * x), " %")
}

fn shown(x: Option<f64>, short: impl Fn(f64) -> String, unit: &str) -> TemplateValue {
    let text = match x {
        Some(x) => format!(r#"<span class="x" title="{}">{}{unit}</span>"#, number::full(x), short(x)),
        None => r#"<span class="x" title="no value">–</span>"#.into(),
    };
    TemplateValue::from_safe_string(text)
}

/// `0-1-2`, kept on one line; a dash for none.
fn simplex(vertices: Option<Vec<u32>>) -> TemplateValue {
    let name = vertices.map_or("–".into(), |v| simplex_name(&v));
    TemplateValue::from_safe_string(format!(r#"<span class="x">{name}</span>"#))
}

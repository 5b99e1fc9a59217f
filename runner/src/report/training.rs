//! TrainingCurve curves: mean loss of an epoch's steps against the epoch, one line a simplex.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::run_files::{TrainingCurve, simplex_name};
use super::svg::Svg;

const WIDTH: f64 = 360.0;

/// A picture and how many points a logarithmic axis had to leave out.
pub struct TrainingFigure {
    pub svg: String,
    pub left_out: usize,
    pub log: bool,
}

/// One stage; logarithmic unless a loss is negative. `None` without training.
pub fn draw(stage: &str, runs: &[&TrainingCurve]) -> Option<TrainingFigure> {
    let points = || runs.iter().flat_map(|run| &run.rows).filter(|row| row.iter().all(|x| x.is_finite()));
    let (first, last) = extent(points().map(|row| row[0]))?;
    let (lo, hi) = extent(points().map(|row| row[1]))?;
    let positive = extent(points().map(|row| row[1]).filter(|&loss| loss > 0.0));
    let log_range = positive.filter(|_| lo >= 0.0);
    let y = match log_range {
        Some((lo, hi)) => Scale::log(lo / 1.15, hi * 1.15, 200.0, 12.0),
        None => Scale::padded(lo, hi, 0.05, 200.0, 12.0),
    };
    // More names than this would hide the picture.
    let entries: Vec<_> = if runs.len() <= 12 {
        runs.iter().enumerate().map(|(i, run)| Entry::line(&class(i), &simplex_name(&run.simplex))).collect()
    } else {
        Vec::new()
    };
    let title = format!("TrainingCurve of {stage}");
    let description =
        format!("{} lines over {} epochs.", runs.len(), runs.iter().map(|r| r.rows.len()).max()?);
    let mut svg = Svg::new(WIDTH, 240.0 + legend::height(&entries, WIDTH), &title, &description);
    let plot = Plot { x: Scale::linear(first, last, 60.0, 350.0), y };
    plot.draw_axes(&mut svg, "epoch", "mean loss of its steps");
    for (i, run) in runs.iter().enumerate() {
        let line: Vec<_> = run.rows.iter().map(|&[epoch, loss]| plot.at(epoch, loss)).collect();
        svg.polyline(&class(i), &line);
    }
    legend::draw(&mut svg, &entries, WIDTH, 238.0);
    let log = plot.y.is_log();
    let shown = points().filter(|row| !log || row[1] > 0.0).count();
    let left_out = runs.iter().map(|run| run.rows.len()).sum::<usize>() - shown;
    Some(TrainingFigure { svg: svg.inline(), left_out, log })
}

/// Six colours solid, then the same dashed.
fn class(i: usize) -> String {
    format!("{} k{}", if i % 12 < 6 { "thin" } else { "thin dashed" }, i % 6)
}

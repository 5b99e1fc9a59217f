//! Training curves: the mean loss of the steps of each epoch, one line for each simplex.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::run_files::TrainingCurve;
use super::svg::Svg;
use crate::schema::simplex_name;

const WIDTH: f64 = 360.0;

/// A figure of training curves.
pub struct TrainingFigure {
    pub svg: String,
    /// Number of points that are not drawn: not finite, or not positive on a logarithmic axis.
    pub left_out: usize,
    /// Whether the axis of the losses is logarithmic.
    pub log: bool,
}

/// Draws training curves. The axis is logarithmic unless a loss is negative. `None` without a finite point.
pub fn draw(title: &str, curves: &[&TrainingCurve]) -> Option<TrainingFigure> {
    let points = || curves.iter().flat_map(|run| &run.rows).filter(|row| row.iter().all(|x| x.is_finite()));
    let (first, last) = extent(points().map(|row| row[0]))?;
    let (lo, hi) = extent(points().map(|row| row[1]))?;
    let positive = extent(points().map(|row| row[1]).filter(|&loss| loss > 0.0));
    let log_range = positive.filter(|_| lo >= 0.0);
    let y = match log_range {
        Some((lo, hi)) => Scale::log(lo / 1.15, hi * 1.15, 200.0, 12.0),
        None => Scale::padded(lo, hi, 0.05, 200.0, 12.0),
    };
    // The legend has no room for more names.
    let entries: Vec<_> = if curves.len() <= 12 {
        curves
            .iter()
            .enumerate()
            .map(|(i, run)| Entry::line(&class(i), &simplex_name(&run.simplex)))
            .collect()
    } else {
        Vec::new()
    };
    let title = format!("Training of {title}");
    let description =
        format!("{} lines over {} epochs.", curves.len(), curves.iter().map(|r| r.rows.len()).max()?);
    let mut svg = Svg::new(WIDTH, 240.0 + legend::height(&entries, WIDTH), &title, &description);
    let plot = Plot { x: Scale::linear(first, last, 60.0, 350.0), y };
    plot.draw_axes(&mut svg, "epoch", "mean loss of its steps");
    for (i, run) in curves.iter().enumerate() {
        let line: Vec<_> = run.rows.iter().map(|&[epoch, loss]| plot.at(epoch, loss)).collect();
        svg.polyline(&class(i), &line);
    }
    legend::draw(&mut svg, &entries, WIDTH, 238.0);
    let log = plot.y.is_log();
    let shown = points().filter(|row| !log || row[1] > 0.0).count();
    let left_out = curves.iter().map(|run| run.rows.len()).sum::<usize>() - shown;
    Some(TrainingFigure { svg: svg.inline(), left_out, log })
}

/// The style of a line: six colours, solid, then dashed.
fn class(i: usize) -> String {
    format!("{} k{}", if i % 12 < 6 { "thin" } else { "thin dashed" }, i % 6)
}

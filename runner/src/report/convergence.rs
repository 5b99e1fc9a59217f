//! Births and deaths of segments against the number of steps, for every sampling and depth.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::svg::{Shape, Svg};
use crate::schema::{MeanStd, Trial};

/// An end of a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SegmentEnd {
    Birth,
    Death,
}

impl SegmentEnd {
    /// The name of the axis.
    pub fn name(self) -> &'static str {
        if self == Self::Birth { "birth" } else { "death" }
    }

    fn of(self, trial: &Trial) -> f64 {
        if self == Self::Birth { trial.birth } else { trial.death }
    }
}

/// Means over the seeds, for a sampling, the centres, a depth and a number of steps.
pub struct Row {
    pub sampling: String,
    pub centres: String,
    pub depth: usize,
    pub steps: u64,
    pub seeds: usize,
    pub birth: MeanStd,
    pub birth_lower: MeanStd,
    pub death: MeanStd,
}

/// Mean and standard deviation of the finite numbers.
fn mean_std(numbers: impl IntoIterator<Item = f64>) -> MeanStd {
    MeanStd::of(numbers.into_iter().filter(|x| x.is_finite()).map(Some))
}

/// A row for each sampling, centres, depth and number of steps, in this order.
pub fn rows(trials: &[Trial]) -> Vec<Row> {
    let key = |t: &Trial| (t.sampling.clone(), t.centres.clone(), t.depth, t.steps);
    let mut keys: Vec<_> = trials.iter().map(key).collect();
    // `uniform`, the sampling of the paper, comes first.
    keys.sort_by_key(|k| (k.0 != "uniform", k.clone()));
    keys.dedup();
    keys.into_iter()
        .map(|k| {
            let of: Vec<_> = trials.iter().filter(|t| key(t) == k).collect();
            let (sampling, centres, depth, steps) = k;
            Row {
                sampling,
                centres,
                depth,
                steps,
                seeds: of.len(),
                birth: mean_std(of.iter().map(|t| t.birth)),
                birth_lower: mean_std(of.iter().map(|t| t.birth_lower)),
                death: mean_std(of.iter().map(|t| t.death)),
            }
        })
        .collect()
}

/// Draws an end: a line through the means over the seeds, and a marker for each seed. The axis of the steps is
/// logarithmic.
pub fn draw(trials: &[Trial], end: SegmentEnd) -> Option<String> {
    let (first, last) = extent(trials.iter().map(|t| t.steps as f64).filter(|&s| s > 0.0))?;
    let lower = || trials.iter().map(|t| t.birth_lower).filter(|_| end == SegmentEnd::Birth);
    let (lo, hi) = extent(trials.iter().map(|t| end.of(t)).chain(lower()))?;
    let rows = rows(trials);
    let mut kinds: Vec<_> = rows.iter().map(|r| (r.sampling.as_str(), r.centres.as_str(), r.depth)).collect();
    kinds.dedup();
    let mut ways: Vec<_> = kinds.iter().map(|&(sampling, centres, _)| (sampling, centres)).collect();
    ways.dedup();
    // The colour shows sampling and centres, the shape the depth.
    let style = |(sampling, centres, depth): (&str, &str, usize)| {
        let k = ways.iter().position(|way| *way == (sampling, centres)).unwrap_or(0) % 6;
        (k, Shape::of(depth.saturating_sub(1)))
    };
    let has_centres = ways.iter().any(|way| way.1 != ways[0].1);
    let mut entries: Vec<_> = kinds
        .iter()
        .map(|&kind| {
            let ((sampling, centres, depth), (k, shape)) = (kind, style(kind));
            let centres = if has_centres { format!(", {centres}") } else { String::new() };
            Entry {
                line: format!("curve k{k}"),
                marker: Some((format!("mark f{k}"), shape)),
                text: format!("{sampling}, depth {depth}{centres}"),
            }
        })
        .collect();
    if end == SegmentEnd::Birth {
        entries.push(Entry::line("dotted axis", "largest loss of the minima, mean over seeds"));
    }
    let description = format!("{} fits, {} measurements.", kinds.len(), trials.len());
    let title =
        format!("{} against the number of steps", if end == SegmentEnd::Birth { "Birth" } else { "Death" });
    let mut svg = Svg::new(360.0, 300.0 + legend::height(&entries, 360.0), &title, &description);
    let plot = Plot {
        x: Scale::log(first / 1.25, last * 1.25, 60.0, 350.0),
        y: Scale::padded(lo, hi, 0.06, 258.0, 10.0),
    };
    plot.draw_axes(&mut svg, "steps", end.name());
    if let Some(mean) = mean_std(lower()).mean {
        svg.polyline("dotted axis", &[[60.0, plot.y.at(mean)], [350.0, plot.y.at(mean)]]);
    }
    for &kind in &kinds {
        let (k, shape) = style(kind);
        let of_kind = rows.iter().filter(|r| (r.sampling.as_str(), r.centres.as_str(), r.depth) == kind);
        let mean = |r: &Row| if end == SegmentEnd::Birth { r.birth.mean } else { r.death.mean };
        let line: Vec<_> = of_kind.filter_map(|r| Some(plot.at(r.steps as f64, mean(r)?))).collect();
        svg.polyline(&format!("curve k{k}"), &line);
        for trial in trials.iter().filter(|t| (t.sampling.as_str(), t.centres.as_str(), t.depth) == kind) {
            let value = end.of(trial);
            let tooltip = format!("seed {}: {value}", trial.seed);
            svg.marker(&format!("mark f{k}"), shape, plot.at(trial.steps as f64, value), 3.5, &tooltip);
        }
    }
    legend::draw(&mut svg, &entries, 360.0, 298.0);
    Some(svg.inline())
}

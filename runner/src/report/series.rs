//! Line charts and scatter plots of several series, and charts of intervals.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::svg::{Shape, Svg};

/// A series: a line, markers, or both.
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// Points joined by a line.
    pub line: Vec<[f64; 2]>,
    /// Markers with their tooltips.
    pub marks: Vec<([f64; 2], String)>,
}

/// The titles of a figure and its axes.
pub struct AxisTitles<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// Whether the horizontal axis is logarithmic.
    pub log: bool,
}

/// Draws series. `None` without a finite point.
pub fn draw(series: &[Series], axes: &AxisTitles) -> Option<String> {
    let all = || series.iter().flat_map(|s| s.line.iter().chain(s.marks.iter().map(|m| &m.0)));
    let (left, right) = extent(all().map(|p| p[0]).filter(|&x| !axes.log || x > 0.0))?;
    let (low, high) = extent(all().map(|p| p[1]))?;
    let entries: Vec<Entry> = series
        .iter()
        .enumerate()
        .map(|(i, s)| Entry {
            line: if s.line.is_empty() { String::new() } else { format!("curve k{}", i % 6) },
            marker: (!s.marks.is_empty()).then(|| (format!("mark f{}", i % 6), Shape::of(i))),
            text: s.name.clone(),
        })
        .collect();
    let description = format!("{} against {}: {} series.", axes.y, axes.x, series.len());
    let mut svg = Svg::new(360.0, 300.0 + legend::height(&entries, 360.0), axes.title, &description);
    let x = if axes.log {
        Scale::log(left / 1.15, right * 1.15, 66.0, 350.0)
    } else {
        Scale::padded(left, right, 0.04, 66.0, 350.0)
    };
    let plot = Plot { x, y: Scale::padded(low, high, 0.06, 258.0, 10.0) };
    plot.draw_axes(&mut svg, axes.x, axes.y);
    for (i, s) in series.iter().enumerate() {
        let line: Vec<_> = s.line.iter().map(|p| plot.at(p[0], p[1])).collect();
        svg.polyline(&format!("curve k{}", i % 6), &line);
        for (point, tooltip) in &s.marks {
            svg.marker(&format!("mark f{}", i % 6), Shape::of(i), plot.at(point[0], point[1]), 3.2, tooltip);
        }
    }
    legend::draw(&mut svg, &entries, 360.0, 298.0);
    Some(svg.inline())
}

/// A row of [`intervals`]: a name, and a value with an optional interval for each kind.
pub struct IntervalRow {
    pub name: String,
    pub values: Vec<(f64, Option<[f64; 2]>)>,
}

/// Draws rows of values between −1 and 1 with their intervals, and a line at 0. `None` without rows.
pub fn intervals(title: &str, rows: &[IntervalRow], kinds: &[&str]) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let entries: Vec<Entry> = kinds
        .iter()
        .enumerate()
        .map(|(k, kind)| Entry {
            line: format!("curve k{k}"),
            marker: Some((format!("mark f{k}"), Shape::of(k))),
            text: (*kind).to_owned(),
        })
        .collect();
    let height = 14.0 + 15.0 * (rows.len() * kinds.len()) as f64;
    let description = format!("{} rows with {} intervals each.", rows.len(), kinds.len());
    let mut svg = Svg::new(360.0, height + 46.0 + legend::height(&entries, 360.0), title, &description);
    let x = Scale::linear(-1.0, 1.0, 96.0, 350.0);
    for (at, label) in x.ticks(4) {
        svg.line(if at == 0.0 { "axis" } else { "grid" }, [x.at(at), 6.0], [x.at(at), height]);
        svg.text("label", super::svg::Anchor::Middle, [x.at(at), height + 15.0], &label);
    }
    for (r, row) in rows.iter().enumerate() {
        let top = 8.0 + 15.0 * (r * kinds.len()) as f64;
        let middle = top + 7.5 * kinds.len() as f64 + 4.0;
        svg.text("name", super::svg::Anchor::End, [90.0, middle], &row.name);
        for (k, (value, interval)) in row.values.iter().enumerate() {
            let y = top + 15.0 * k as f64 + 7.5;
            if let Some([lo, hi]) = interval {
                svg.polyline(&format!("curve k{k}"), &[[x.at(*lo), y], [x.at(*hi), y]]);
            }
            svg.marker(&format!("mark f{k}"), Shape::of(k), [x.at(*value), y], 3.5, &format!("{value}"));
        }
    }
    legend::draw(&mut svg, &entries, 360.0, height + 28.0);
    Some(svg.inline())
}

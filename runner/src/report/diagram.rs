//! Persistence diagrams and barcodes. Colour and shape show the index, an arrow shows an essential class.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::number::short;
use super::svg::{Anchor, Shape, Svg};
use valleys_core::topology::Interval;

/// A bar: its index and its interval.
type Bar = (usize, Interval);

/// A persistence diagram as an SVG file.
///
/// ```
/// use valleys::report::diagram_svg;
/// use valleys_core::topology::Interval;
/// let svg = diagram_svg(&[(0, Interval::new(0.0, f64::INFINITY)), (1, Interval::new(178.3, 181.6))]);
/// assert!(svg.starts_with("<svg") && svg.contains("index 1: 178.3 to 181.6"));
/// ```
pub fn diagram_svg(bars: &[Bar]) -> String {
    draw_diagram(bars, "Persistence diagram").standalone()
}

/// A barcode as an SVG file. The rows are sorted by index, then birth, then death.
pub fn barcode_svg(bars: &[Bar]) -> String {
    draw_barcode(bars, "Barcode").standalone()
}

/// Barcode and persistence diagram side by side as one SVG file.
pub fn bars_svg(bars: &[Bar]) -> String {
    Svg::beside(&draw_barcode(bars, "Barcode"), &draw_diagram(bars, "Persistence diagram"))
}

/// Draws a persistence diagram.
pub fn draw_diagram(bars: &[Bar], title: &str) -> Svg {
    draw_diagram_over(bars, title, None)
}

/// Draws a persistence diagram with axes over a range; over that of its bars if there is none.
pub fn draw_diagram_over(bars: &[Bar], title: &str, over: Option<(f64, f64)>) -> Svg {
    let entries = legend_entries(bars);
    let (lo, hi) = over.unwrap_or_else(|| range(bars));
    let top = 34.0;
    let mut svg = Svg::new(360.0, 372.0 + legend::height(&entries, 360.0), title, &description(bars));
    let plot = Plot {
        x: Scale::padded(lo, hi, 0.06, 60.0, 348.0),
        y: Scale::padded(lo, hi, 0.06, top + 290.0, top),
    };
    plot.draw_axes(&mut svg, "birth", "death");
    svg.line("diagonal", [60.0, top + 290.0], [348.0, top]);
    for bar in sorted(bars) {
        let (index, interval) = bar;
        let (class, shape) = (format!("mark f{}", index % 6), Shape::of(index));
        if !interval.is_essential() {
            svg.marker(&class, shape, plot.at(interval.birth, interval.death), 5.0, &tooltip(bar));
            continue;
        }
        let [x, y] = [plot.x.at(interval.birth), top];
        svg.marker(&class, shape, [x, y], 5.0, &tooltip(bar));
        let line = format!("curve k{}", index % 6);
        svg.polyline(&line, &[[x, y - 7.0], [x, y - 22.0]]);
        svg.polyline(&line, &[[x - 4.0, y - 17.0], [x, y - 22.0], [x + 4.0, y - 17.0]]);
    }
    legend::draw(&mut svg, &entries, 360.0, 368.0);
    svg
}

/// Draws a barcode.
pub fn draw_barcode(bars: &[Bar], title: &str) -> Svg {
    draw_barcode_over(bars, title, None)
}

/// Draws a barcode with an axis over a range; over that of its bars if there is none.
pub fn draw_barcode_over(bars: &[Bar], title: &str, over: Option<(f64, f64)>) -> Svg {
    let entries = legend_entries(bars);
    let (lo, hi) = over.unwrap_or_else(|| range(bars));
    let count = bars.len().max(1) as f64;
    let row = (288.0 / count).clamp(0.4, 15.0);
    let bottom = 34.0 + row * count;
    let mut svg = Svg::new(360.0, bottom + 48.0 + legend::height(&entries, 360.0), title, &description(bars));
    let x = Scale::padded(lo, hi, 0.04, 20.0, 330.0);
    for (value, label) in x.ticks(7) {
        svg.line("grid", [x.at(value), 30.0], [x.at(value), bottom]);
        svg.text("label", Anchor::Middle, [x.at(value), bottom + 15.0], &label);
    }
    svg.line("axis", [20.0, bottom], [330.0, bottom]);
    svg.text("name", Anchor::Middle, [175.0, bottom + 32.0], "value of the filtration");
    for (i, bar) in sorted(bars).into_iter().enumerate() {
        let (index, interval) = bar;
        let y = 32.0 + row * (i as f64 + 0.5);
        let from = x.at(interval.birth);
        // Bars are thinner than their rows.
        let style = format!("stroke-width:{:.2}", (0.5 * row).min(5.0));
        let class = format!("bar k{}", index % 6);
        if interval.is_essential() {
            svg.styled_line(&class, &style, [from, y], [342.0, y]);
            let head = format!("curve k{}", index % 6);
            svg.polyline(&head, &[[342.0, y - 5.0], [350.0, y], [342.0, y + 5.0], [342.0, y - 5.0]]);
        } else {
            svg.styled_line(&class, &style, [from, y], [x.at(interval.death), y]);
        }
        if row >= 8.0 {
            let mark = format!("mark f{}", index % 6);
            svg.marker(&mark, Shape::of(index), [from, y], 4.0, &tooltip(bar));
        }
    }
    legend::draw(&mut svg, &entries, 360.0, bottom + 44.0);
    svg
}

/// The bars by index, then birth, then death.
fn sorted(bars: &[Bar]) -> Vec<Bar> {
    let mut bars = bars.to_vec();
    bars.sort_by(|(i, a), (j, b)| {
        i.cmp(j).then(a.birth.total_cmp(&b.birth)).then(a.death.total_cmp(&b.death))
    });
    bars
}

fn range(bars: &[Bar]) -> (f64, f64) {
    let ends = bars.iter().flat_map(|(_, interval)| [interval.birth, interval.death]);
    extent(ends.filter(|x| x.is_finite())).unwrap_or((0.0, 1.0))
}

fn tooltip((index, interval): Bar) -> String {
    let death = if interval.is_essential() { "∞".into() } else { short(interval.death) };
    format!("index {index}: {} to {death}", short(interval.birth))
}

fn distinct_indices(bars: &[Bar]) -> Vec<usize> {
    let mut indices: Vec<_> = bars.iter().map(|bar| bar.0).collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

fn legend_entries(bars: &[Bar]) -> Vec<Entry> {
    let entry = |i: usize| Entry::marker(&format!("mark f{}", i % 6), Shape::of(i), &format!("index {i}"));
    let mut entries: Vec<_> = distinct_indices(bars).into_iter().map(entry).collect();
    if bars.iter().any(|(_, interval)| interval.is_essential()) {
        entries.push(Entry { line: String::new(), marker: None, text: "→ essential class".into() });
    }
    entries
}

/// The description of a figure for screen readers.
fn description(bars: &[Bar]) -> String {
    if bars.is_empty() {
        return "No bars.".into();
    }
    let count = |i: usize| {
        let of_index = || bars.iter().filter(|bar| bar.0 == i);
        let essential = of_index().filter(|(_, interval)| interval.is_essential()).count();
        format!("index {i}: {} finite, {essential} essential", of_index().count() - essential)
    };
    format!("{}.", distinct_indices(bars).into_iter().map(count).collect::<Vec<_>>().join("; "))
}

//! Persistence diagrams and barcodes. Colour and shape tell the index; an arrow is a class that never dies.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::model::Bar;
use super::number::short;
use super::svg::{Anchor, Shape, Svg};

/// The persistence diagram as an SVG file: birth to the right, death upwards.
///
/// ```
/// use valleys::report::{Bar, diagram_svg};
/// let svg = diagram_svg(&[Bar::new(0, 0.0, f64::INFINITY), Bar::new(1, 178.3, 181.6)]);
/// assert!(svg.starts_with("<svg") && svg.contains("index 1: 178.3 to 181.6"));
/// ```
pub fn diagram_svg(bars: &[Bar]) -> String {
    draw_diagram(bars, "Persistence diagram").standalone()
}

/// The barcode as an SVG file: one row a bar, by index, then birth, then death.
pub fn barcode_svg(bars: &[Bar]) -> String {
    draw_barcode(bars, "Barcode").standalone()
}

/// Barcode and diagram beside each other, as one SVG file.
pub fn bars_svg(bars: &[Bar]) -> String {
    Svg::beside(&draw_barcode(bars, "Barcode"), &draw_diagram(bars, "Persistence diagram"))
}

/// The persistence diagram under a title of its own.
pub fn draw_diagram(bars: &[Bar], title: &str) -> Svg {
    let entries = key(bars);
    let (lo, hi) = range(bars);
    let top = 34.0;
    let mut svg = Svg::new(360.0, 372.0 + legend::height(&entries, 360.0), title, &told(bars));
    let plot = Plot {
        x: Scale::padded(lo, hi, 0.06, 60.0, 348.0),
        y: Scale::padded(lo, hi, 0.06, top + 290.0, top),
    };
    plot.frame(&mut svg, "birth", "death");
    svg.line("diagonal", [60.0, top + 290.0], [348.0, top]);
    for bar in sorted(bars) {
        let Some(birth) = bar.birth else { continue };
        let (class, shape) = (format!("mark f{}", bar.index % 6), Shape::of(bar.index));
        match bar.death {
            Some(death) => svg.marker(&class, shape, plot.at(birth, death), 5.0, &tip(bar)),
            None => {
                let [x, y] = [plot.x.at(birth), top];
                svg.marker(&class, shape, [x, y], 5.0, &tip(bar));
                let line = format!("curve k{}", bar.index % 6);
                svg.polyline(&line, &[[x, y - 7.0], [x, y - 22.0]]);
                svg.polyline(&line, &[[x - 4.0, y - 17.0], [x, y - 22.0], [x + 4.0, y - 17.0]]);
            }
        }
    }
    legend::draw(&mut svg, &entries, 360.0, 368.0);
    svg
}

/// The barcode under a title of its own.
pub fn draw_barcode(bars: &[Bar], title: &str) -> Svg {
    let entries = key(bars);
    let (lo, hi) = range(bars);
    let count = bars.len().max(1) as f64;
    let row = (288.0 / count).clamp(0.4, 15.0);
    let bottom = 34.0 + row * count;
    let mut svg = Svg::new(360.0, bottom + 48.0 + legend::height(&entries, 360.0), title, &told(bars));
    let x = Scale::padded(lo, hi, 0.04, 20.0, 330.0);
    for (value, label) in x.ticks(7) {
        svg.line("grid", [x.at(value), 30.0], [x.at(value), bottom]);
        svg.text("label", Anchor::Middle, [x.at(value), bottom + 15.0], &label);
    }
    svg.line("axis", [20.0, bottom], [330.0, bottom]);
    svg.text("name", Anchor::Middle, [175.0, bottom + 32.0], "value of the filtration");
    for (i, bar) in sorted(bars).into_iter().enumerate() {
        let Some(birth) = bar.birth else { continue };
        let y = 32.0 + row * (i as f64 + 0.5);
        let from = x.at(birth);
        // Thin rows get thin bars.
        let style = format!("stroke-width:{:.2}", (0.5 * row).min(5.0));
        let class = format!("bar k{}", bar.index % 6);
        match bar.death {
            Some(death) => svg.styled_line(&class, &style, [from, y], [x.at(death), y]),
            None => {
                svg.styled_line(&class, &style, [from, y], [342.0, y]);
                let head = format!("curve k{}", bar.index % 6);
                svg.polyline(&head, &[[342.0, y - 5.0], [350.0, y], [342.0, y + 5.0], [342.0, y - 5.0]]);
            }
        }
        if row >= 8.0 {
            let mark = format!("mark f{}", bar.index % 6);
            svg.marker(&mark, Shape::of(bar.index), [from, y], 4.0, &tip(bar));
        }
    }
    legend::draw(&mut svg, &entries, 360.0, bottom + 44.0);
    svg
}

fn sorted(bars: &[Bar]) -> Vec<&Bar> {
    let end = |x: Option<f64>| x.unwrap_or(f64::INFINITY);
    let mut bars: Vec<_> = bars.iter().collect();
    bars.sort_by(|a, b| {
        a.index
            .cmp(&b.index)
            .then(end(a.birth).total_cmp(&end(b.birth)))
            .then(end(a.death).total_cmp(&end(b.death)))
    });
    bars
}

fn range(bars: &[Bar]) -> (f64, f64) {
    extent(bars.iter().flat_map(|bar| [bar.birth, bar.death]).flatten()).unwrap_or((0.0, 1.0))
}

fn tip(bar: &Bar) -> String {
    let end = |x: Option<f64>, none: &str| x.map_or(none.into(), short);
    format!("index {}: {} to {}", bar.index, end(bar.birth, "?"), end(bar.death, "∞"))
}

fn indices(bars: &[Bar]) -> Vec<usize> {
    let mut indices: Vec<_> = bars.iter().map(|bar| bar.index).collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

fn key(bars: &[Bar]) -> Vec<Entry> {
    let entry = |i: usize| Entry::marker(&format!("mark f{}", i % 6), Shape::of(i), &format!("index {i}"));
    let mut entries: Vec<_> = indices(bars).into_iter().map(entry).collect();
    if bars.iter().any(|bar| bar.death.is_none()) {
        entries.push(Entry { line: String::new(), marker: None, text: "→ never dies".into() });
    }
    entries
}

fn told(bars: &[Bar]) -> String {
    if bars.is_empty() {
        return "No bars.".into();
    }
    let count = |i: usize| {
        let of_index = || bars.iter().filter(|bar| bar.index == i);
        let essential = of_index().filter(|bar| bar.death.is_none()).count();
        format!("index {i}: {} finite, {essential} essential", of_index().count() - essential)
    };
    format!("{}.", indices(bars).into_iter().map(count).collect::<Vec<_>>().join("; "))
}

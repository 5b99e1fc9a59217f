//! The legend of a figure.

use super::svg::{Anchor, Shape, Svg};

/// An entry: a sample line, a marker, or both, and a text.
pub struct Entry {
    /// Classes of the sample line; empty for none.
    pub line: String,
    /// Classes and shape of the marker.
    pub marker: Option<(String, Shape)>,
    /// The meaning.
    pub text: String,
}

impl Entry {
    /// An entry with a sample line.
    pub fn line(class: &str, text: &str) -> Self {
        Self { line: class.into(), marker: None, text: text.into() }
    }

    /// An entry with a marker.
    pub fn marker(class: &str, shape: Shape, text: &str) -> Self {
        Self { line: String::new(), marker: Some((class.into(), shape)), text: text.into() }
    }

    /// Width of line and marker in pixels.
    fn sample_width(&self) -> f64 {
        if self.line.is_empty() && self.marker.is_none() { 0.0 } else { 28.0 }
    }

    /// Width of sample, text (about six pixels per character) and gap.
    fn width(&self) -> f64 {
        self.sample_width() + 5.8 * self.text.chars().count() as f64 + 12.0
    }
}

/// The height of a legend in a figure of this width.
pub fn height(entries: &[Entry], width: f64) -> f64 {
    18.0 * rows(entries, width).last().map_or(0.0, |&(_, row)| row as f64 + 1.0)
}

/// Draws the entries in rows, from `top` downwards.
pub fn draw(svg: &mut Svg, entries: &[Entry], width: f64, top: f64) {
    for (entry, (x, row)) in entries.iter().zip(rows(entries, width)) {
        let y = top + 18.0 * row as f64 + 9.0;
        if !entry.line.is_empty() {
            svg.polyline(&entry.line, &[[x, y], [x + 22.0, y]]);
        }
        if let Some((class, shape)) = &entry.marker {
            svg.marker(class, *shape, [x + 11.0, y], 4.5, "");
        }
        svg.text("name", Anchor::Start, [x + entry.sample_width(), y + 4.0], &entry.text);
    }
}

/// The left end and the row of each entry.
fn rows(entries: &[Entry], width: f64) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (8.0, 0);
    entries
        .iter()
        .map(|entry| {
            if x > 8.0 && x + entry.width() > width {
                (x, row) = (8.0, row + 1);
            }
            let place = (x, row);
            x += entry.width();
            place
        })
        .collect()
}

//! What colours, dashes and markers mean, as one row.

use super::svg::{Anchor, Shape, Svg};

/// One entry: classes of a sample line and of a marker, either may be empty, and its meaning.
pub struct Entry {
    pub line: String,
    pub marker: Option<(String, Shape)>,
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

    /// Room for line and marker.
    fn sample(&self) -> f64 {
        if self.line.is_empty() && self.marker.is_none() { 0.0 } else { 28.0 }
    }

    /// Sample, text at about six pixels a character, gap.
    fn width(&self) -> f64 {
        self.sample() + 5.8 * self.text.chars().count() as f64 + 12.0
    }
}

/// Height of a legend in a picture of this width.
pub fn height(entries: &[Entry], width: f64) -> f64 {
    18.0 * rows(entries, width).last().map_or(0.0, |&(_, row)| row as f64 + 1.0)
}

/// Draws the entries in rows from `top` downwards.
pub fn draw(svg: &mut Svg, entries: &[Entry], width: f64, top: f64) {
    for (entry, (x, row)) in entries.iter().zip(rows(entries, width)) {
        let y = top + 18.0 * row as f64 + 9.0;
        if !entry.line.is_empty() {
            svg.polyline(&entry.line, &[[x, y], [x + 22.0, y]]);
        }
        if let Some((class, shape)) = &entry.marker {
            svg.marker(class, *shape, [x + 11.0, y], 4.5, "");
        }
        svg.text("name", Anchor::Start, [x + entry.sample(), y + 4.0], &entry.text);
    }
}

/// Left end and row of each entry.
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

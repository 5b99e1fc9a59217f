//! SVG figures. Elements with a coordinate that is not finite are omitted, so that no `NaN` reaches a file.

use std::fmt::Write;

/// Styles of all figures. It defines the class names that the methods of [`Svg`] take.
pub const STYLE: &str = include_str!("figure.css");

/// A figure. Coordinates are CSS pixels, and y points downwards.
pub struct Svg {
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: String,
}

/// The part of a text that is at its coordinates.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// The shape of a marker. It distinguishes classes without colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

impl Shape {
    /// The shape of a class. Shapes repeat after five.
    pub fn of(i: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle, Self::Diamond, Self::Cross][i % 5]
    }
}

impl Svg {
    /// An empty figure. Screen readers read `title` and `description`.
    pub fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        Self { width, height, title: escape(title), description: escape(description), body: String::new() }
    }

    /// Adds a straight line.
    pub fn line(&mut self, class: &str, from: [f64; 2], to: [f64; 2]) {
        self.styled_line(class, "", from, to);
    }

    /// Adds a straight line with an inline style.
    pub fn styled_line(&mut self, class: &str, style: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        if all_finite(&[x1, y1, x2, y2]) {
            let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(fixed);
            let style = attribute("style", style);
            self.push(format_args!(
                r#"<line class="{class}"{style} x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#
            ));
        }
    }

    /// Adds a rectangle. `style` is an inline style or empty.
    pub fn rectangle(&mut self, class: &str, style: &str, [x, y]: [f64; 2], [w, h]: [f64; 2]) {
        if all_finite(&[x, y, w, h]) && w >= 0.0 && h >= 0.0 {
            let [x, y, w, h] = [x, y, w, h].map(fixed);
            let style = attribute("style", style);
            self.push(format_args!(
                r#"<rect class="{class}"{style} x="{x}" y="{y}" width="{w}" height="{h}"/>"#
            ));
        }
    }

    /// Adds closed polygons as one path. `style` is an inline style or empty.
    pub fn polygons<'a>(
        &mut self,
        class: &str,
        style: &str,
        loops: impl IntoIterator<Item = &'a [[f64; 2]]>,
    ) {
        let mut d = String::new();
        for points in loops.into_iter().filter(|p| p.iter().all(|p| all_finite(p))) {
            trace(&mut d, points);
            d.push('Z');
        }
        self.path(class, style, &d);
    }

    /// Adds a line through points. It is interrupted at points that are not finite; an isolated point is a dot.
    pub fn polyline(&mut self, class: &str, points: &[[f64; 2]]) {
        let mut d = String::new();
        for run in points.split(|p| !all_finite(p)) {
            trace(&mut d, run);
            if let [_] = run {
                d.push_str("h0");
            }
        }
        self.path(class, "", &d);
    }

    /// Adds a text with its baseline at these coordinates.
    pub fn text(&mut self, class: &str, anchor: Anchor, [x, y]: [f64; 2], text: &str) {
        if all_finite(&[x, y]) {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => r#" text-anchor="middle""#,
                Anchor::End => r#" text-anchor="end""#,
            };
            let (x, y, text) = (fixed(x), fixed(y), escape(text));
            self.push(format_args!(r#"<text class="{class}"{anchor} x="{x}" y="{y}">{text}</text>"#));
        }
    }

    /// Adds a text that reads upwards, centred at these coordinates.
    pub fn upward_text(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        if all_finite(&[x, y]) {
            let (x, y, text) = (fixed(x), fixed(y), escape(text));
            self.push(format_args!(
                r#"<text class="{class}" text-anchor="middle" transform="translate({x} {y}) rotate(-90)">{text}</text>"#
            ));
        }
    }

    /// Adds θ with a subscript, centred at these coordinates.
    pub fn theta(&mut self, class: &str, [x, y]: [f64; 2], index: &str) {
        if all_finite(&[x, y]) {
            let (x, y, index) = (fixed(x), fixed(y), escape(index));
            self.push(format_args!(
                r#"<text class="{class}" text-anchor="middle" x="{x}" y="{y}">θ<tspan class="index" dy="3">{index}</tspan></text>"#
            ));
        }
    }

    /// Adds a marker of half-width `r`. `tooltip` may be empty.
    pub fn marker(&mut self, class: &str, shape: Shape, [x, y]: [f64; 2], r: f64, tooltip: &str) {
        if !all_finite(&[x, y, r]) {
            return;
        }
        let corner = |dx: f64, dy: f64| [x + r * dx, y + r * dy];
        let mut d = String::new();
        match shape {
            Shape::Circle => {
                trace(&mut d, &[corner(-1.0, 0.0)]);
                let (r, diameter) = (fixed(r), fixed(2.0 * r));
                let _ = write!(d, "a{r} {r} 0 1 0 {diameter} 0a{r} {r} 0 1 0 -{diameter} 0Z");
            }
            Shape::Square => {
                trace(&mut d, &[corner(-0.9, -0.9), corner(0.9, -0.9), corner(0.9, 0.9), corner(-0.9, 0.9)])
            }
            Shape::Triangle => trace(&mut d, &[corner(0.0, -1.15), corner(1.05, 0.8), corner(-1.05, 0.8)]),
            Shape::Diamond => {
                trace(&mut d, &[corner(0.0, -1.25), corner(1.25, 0.0), corner(0.0, 1.25), corner(-1.25, 0.0)])
            }
            Shape::Cross => {
                trace(&mut d, &[corner(-0.9, -0.9), corner(0.9, 0.9)]);
                trace(&mut d, &[corner(-0.9, 0.9), corner(0.9, -0.9)]);
            }
        }
        let close = if matches!(shape, Shape::Circle | Shape::Cross) { "" } else { "Z" };
        if tooltip.is_empty() {
            self.push(format_args!(r#"<path class="{class}" d="{d}{close}"/>"#));
        } else {
            let tooltip = escape(tooltip);
            self.push(format_args!(
                r#"<path class="{class}" d="{d}{close}"><title>{tooltip}</title></path>"#
            ));
        }
    }

    fn path(&mut self, class: &str, style: &str, d: &str) {
        if !d.is_empty() {
            let style = attribute("style", style);
            self.push(format_args!(r#"<path class="{class}"{style} d="{d}"/>"#));
        }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.push('\n');
        // Writing to a string does not fail.
        let _ = self.body.write_fmt(element);
    }

    /// The figure as an element of a page that contains [`STYLE`].
    pub fn inline(&self) -> String {
        self.element("", "")
    }

    /// The figure as a file.
    pub fn standalone(&self) -> String {
        let size = format!(r#" width="{}" height="{}""#, fixed(self.width), fixed(self.height));
        self.element(&size, &format!("\n<style>{STYLE}</style>"))
    }

    /// Two figures side by side as one file.
    pub fn beside(left: &Self, right: &Self) -> String {
        const GAP: f64 = 24.0;
        let place = |svg: &Self, x: f64| {
            let place =
                format!(r#" x="{}" width="{}" height="{}""#, fixed(x), fixed(svg.width), fixed(svg.height));
            svg.element(&place, "")
        };
        let (w, h) = (left.width + GAP + right.width, left.height.max(right.height));
        let (left, right) = (place(left, 0.0), place(right, left.width + GAP));
        let (w, h) = (fixed(w), fixed(h));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 {w} {h}" width="{w}" height="{h}">
<style>{STYLE}</style>
{left}
{right}
</svg>"#
        )
    }

    fn element(&self, size: &str, style: &str) -> String {
        let (w, h) = (fixed(self.width), fixed(self.height));
        let Self { title, description, body, .. } = self;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" viewBox="0 0 {w} {h}"{size}>
<title>{title}</title>
<desc>{description}</desc>{style}{body}
</svg>"#
        )
    }
}

/// Replaces `<`, `>`, `&` and quotes by entities, and characters that XML forbids by `�`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}')
            }
            _ => out.push(c),
        }
    }
    out
}

fn all_finite(coordinates: &[f64]) -> bool {
    coordinates.iter().all(|c| c.is_finite())
}

fn attribute(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(r#" {name}="{}""#, escape(value)) }
}

/// A coordinate with two decimals, without trailing zeros.
fn fixed(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Appends `M x y L x y …`. Points that are equal to the previous one after rounding are skipped.
fn trace(d: &mut String, points: &[[f64; 2]]) {
    let mut last = [String::new(), String::new()];
    for (i, point) in points.iter().enumerate() {
        let [x, y] = point.map(fixed);
        if i == 0 || last[0] != x || last[1] != y {
            let _ = write!(d, "{}{x} {y}", if i == 0 { 'M' } else { 'L' });
            last = [x, y];
        }
    }
}

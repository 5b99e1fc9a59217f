//! A filled contour map of a quantity on a triangle, with the control points.

use super::axes::{extent, multiples, step};
use super::colour::colour;
use super::contour::{Field, to_plane};
use super::number;
use super::run_files::{Quantity, SimplexValues};
use super::svg::{Anchor, Shape, Svg};
use crate::schema::simplex_name;

/// Side of the triangle, its left end, and its lower edge, in pixels.
const SIDE: f64 = 216.0;
const LEFT: f64 = 32.0;
const BASE: f64 = 210.0;

/// The colour scale of a quantity. All triangles of a fit share it.
pub struct Colours {
    lo: f64,
    hi: f64,
    levels: Vec<f64>,
    step: f64,
}

impl Colours {
    /// A scale of bands between round numbers, over the range of all triangles. `None` without a finite value.
    pub fn of<'a>(
        triangles: impl IntoIterator<Item = &'a SimplexValues>,
        quantity: Quantity,
    ) -> Option<Self> {
        let (lo, hi) = extent(triangles.into_iter().flat_map(|t| t.of(quantity).iter().copied()))?;
        let step = step(lo, hi, 18);
        // Values that differ by rounding only have one colour.
        let flat = hi / 2.0 - lo / 2.0 <= 1e-12 * lo.abs().max(hi.abs());
        let inside = |&level: &f64| lo < level && level < hi;
        let levels =
            if flat { Vec::new() } else { multiples(lo, hi, step).into_iter().filter(inside).collect() };
        Some(Self { lo, hi, levels, step })
    }

    /// The colour of the band above `levels[band - 1]`.
    fn band(&self, band: usize) -> String {
        colour((band as f64 + 0.5) / (self.levels.len() + 1) as f64)
    }
}

/// A map, and the numbers of its caption.
pub struct TriangleMap {
    pub svg: String,
    /// Smallest and largest finite value on the lattice.
    pub range: Option<(f64, f64)>,
    /// Barycentric coordinates and value of the largest value.
    pub max: Option<([f64; 3], f64)>,
    /// The largest value on the three edges.
    pub max_on_edges: Option<f64>,
    /// Number of lattice points without a finite value.
    pub non_finite_points: usize,
    /// Number of lattice points.
    pub points: usize,
}

/// Draws a quantity on a triangle. `None` if it was not measured.
pub fn draw(values: &SimplexValues, quantity: Quantity, colours: &Colours, fit: &str) -> Option<TriangleMap> {
    let numbers = values.of(quantity);
    let field = Field::new(numbers)?;
    let range = extent(numbers.iter().copied());
    let on_edge = |i: &usize| field.barycentric(*i).contains(&0.0);
    let max = argmax(numbers, 0..numbers.len());
    let max_on_edges = argmax(numbers, (0..numbers.len()).filter(on_edge));
    let non_finite_points = numbers.iter().filter(|x| !x.is_finite()).count();
    let unit = quantity.unit(values.measure());
    let (name, triangle) = (quantity.name(values.measure()), simplex_name(&values.simplex));
    let description = match (range, max) {
        (Some((lo, hi)), Some(i)) => {
            let [a, b, c] = field.barycentric(i).map(number::short);
            let (lo, hi) = (number::short(lo), number::short(hi));
            format!("From {lo}{unit} to {hi}{unit}, largest at t = ({a}, {b}, {c}).")
        }
        _ => "No finite value.".into(),
    };
    let title = format!("{name} on triangle {triangle}, fit {fit}");
    let mut svg = Svg::new(280.0, 292.0, &title, &description);
    fill_bands(&mut svg, &field, colours);
    let max_is_below = max
        .is_some_and(|i| barycentric_pixel(field.barycentric(i))[1] >= barycentric_pixel([1.0 / 3.0; 3])[1]);
    draw_control_points(&mut svg, &field, &values.simplex, max_is_below);
    if let Some(i) = max_on_edges.filter(|_| quantity == Quantity::TrainLoss) {
        svg.marker(
            "birthplace",
            Shape::Diamond,
            barycentric_pixel(field.barycentric(i)),
            4.5,
            "largest on the edges",
        );
    }
    // Drawn last: if both are at the same point, this marker hides the other.
    if let Some(i) = max {
        svg.marker(
            "highest",
            Shape::Triangle,
            barycentric_pixel(field.barycentric(i)),
            5.5,
            "largest on the lattice",
        );
    }
    colour_bar(&mut svg, colours, range, name, unit);
    Some(TriangleMap {
        svg: svg.inline(),
        range,
        max: max.map(|i| (field.barycentric(i), numbers[i])),
        max_on_edges: max_on_edges.map(|i| numbers[i]),
        non_finite_points,
        points: numbers.len(),
    })
}

/// The first index of the largest finite number.
fn argmax(numbers: &[f64], indices: impl IntoIterator<Item = usize>) -> Option<usize> {
    indices
        .into_iter()
        .filter(|&i| numbers[i].is_finite())
        .reduce(|best, i| if numbers[i] > numbers[best] { i } else { best })
}

fn to_pixel([x, y]: [f64; 2]) -> [f64; 2] {
    [LEFT + SIDE * x, BASE - SIDE * y]
}

fn barycentric_pixel(t: [f64; 3]) -> [f64; 2] {
    to_pixel(to_plane(t))
}

fn fill_bands(svg: &mut Svg, field: &Field<'_>, colours: &Colours) {
    let levels = std::iter::once(f64::NEG_INFINITY).chain(colours.levels.iter().copied());
    for (band, level) in levels.enumerate() {
        let polygons: Vec<Vec<_>> =
            field.superlevel_set(level).into_iter().map(|p| p.into_iter().map(to_pixel).collect()).collect();
        let style = format!("fill:{}", colours.band(band));
        svg.polygons("region", &style, polygons.iter().map(Vec::as_slice));
    }
    // A line through the middle of every cell; together they are parallel lines.
    for [a, b, c] in field.non_finite_cells() {
        let middle = |p: [f64; 2], q: [f64; 2]| to_pixel([(p[0] + q[0]) / 2.0, (p[1] + q[1]) / 2.0]);
        svg.line("hatch", middle(a, b), middle(a, c));
    }
    let corners = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(barycentric_pixel);
    svg.polygons("outline", "", [corners.as_slice()]);
}

/// Draws the control points of depth 1 and the linear pieces of ψ between them. `max_is_below` says that the largest
/// value is below the barycentre: then the name of the barycentre is above it.
fn draw_control_points(svg: &mut Svg, field: &Field<'_>, vertices: &[u32], max_is_below: bool) {
    let separator = if vertices.iter().any(|&v| v > 9) { "," } else { "" };
    let barycentre = barycentric_pixel([1.0 / 3.0; 3]);
    let faces: [&[usize]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
    let at = |face: &[usize]| {
        barycentric_pixel([0, 1, 2].map(|i| if face.contains(&i) { 1.0 / face.len() as f64 } else { 0.0 }))
    };
    if field.n() > 1 {
        for face in &faces[..6] {
            svg.line("spokes", at(face), barycentre);
        }
        svg.polygons("spokes", "fill:none", [[at(faces[0]), at(faces[1]), at(faces[2])].as_slice()]);
    }
    for face in faces {
        let index: Vec<_> = face.iter().filter_map(|&i| vertices.get(i)).map(u32::to_string).collect();
        let [x, y] = at(face);
        svg.marker("control", Shape::Circle, [x, y], 3.5, "");
        // Names are outside the triangle, where nothing else is drawn.
        let [dx, dy] = match face {
            [0] => [-13.0, 12.0],
            [1] => [13.0, 12.0],
            [2] => [0.0, -10.0],
            [0, 1] => [0.0, 16.0],
            [0, 2] => [-19.0, -2.0],
            [1, 2] => [19.0, -2.0],
            _ if max_is_below => [0.0, -10.0],
            _ => [0.0, 18.0],
        };
        let class = if face.len() == 3 { "over" } else { "name" };
        svg.theta(class, [x + dx, y + dy], &index.join(separator));
    }
}

fn colour_bar(svg: &mut Svg, colours: &Colours, range: Option<(f64, f64)>, name: &str, unit: &str) {
    let (top, height) = (242.0, 11.0);
    let title = if unit.is_empty() { name.into() } else { format!("{name},{unit}") };
    svg.text("name", Anchor::Middle, [LEFT + SIDE / 2.0, top + 41.0], &title);
    let flat = colours.levels.is_empty() || colours.hi <= colours.lo;
    let at = |x: f64| {
        let s = if flat { 0.5 } else { (x / 2.0 - colours.lo / 2.0) / (colours.hi / 2.0 - colours.lo / 2.0) };
        LEFT + SIDE * s
    };
    let mut ends = vec![LEFT];
    ends.extend(colours.levels.iter().map(|&level| at(level)));
    ends.push(LEFT + SIDE);
    for (band, pair) in ends.windows(2).enumerate() {
        let style = format!("fill:{}", colours.band(band));
        svg.rectangle("band", &style, [pair[0], top], [pair[1] - pair[0], height]);
    }
    svg.polygons(
        "outline",
        "",
        [[[LEFT, top], [LEFT + SIDE, top], [LEFT + SIDE, top + height], [LEFT, top + height]].as_slice()],
    );
    if flat {
        let text = format!("{}{unit} everywhere", number::short(colours.lo));
        svg.text("label", Anchor::Middle, [LEFT + SIDE / 2.0, top + 26.0], &text);
        return;
    }
    // Labels at multiples of 1, 2, 5 or 10 steps, so that they do not overlap.
    let labels: Vec<_> = colours.levels.iter().map(|&level| number::tick(level, colours.step)).collect();
    let width = 6.0 * labels.iter().map(|label| label.chars().count()).max().unwrap_or(0) as f64 + 6.0;
    let apart = at(colours.levels[0] + colours.step) - at(colours.levels[0]);
    let every = [1.0, 2.0, 5.0].into_iter().find(|every| every * apart >= width).unwrap_or(10.0);
    for (&level, label) in colours.levels.iter().zip(&labels) {
        svg.line("axis", [at(level), top + height], [at(level), top + height + 3.0]);
        if (level / colours.step).round() % every == 0.0 {
            svg.text("label", Anchor::Middle, [at(level), top + 26.0], label);
        }
    }
    if let Some((lo, hi)) = range {
        // The part of the scale that this map uses.
        svg.line("range", [at(lo), top - 4.0], [at(hi), top - 4.0]);
    }
}

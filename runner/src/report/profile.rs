//! Loss and error along a fitted curve, all fits in one figure.

use super::axes::{Plot, Scale, extent};
use super::legend::{self, Entry};
use super::number::short;
use super::run_files::{Quantity, SimplexValues};
use super::svg::{Shape, Svg};
use crate::schema::ErrorMeasure;
use crate::schema::simplex_name;

/// Width of a figure, and the ends of its horizontal axis, in pixels.
const WIDTH: f64 = 360.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 345.0;
/// Gap between panels.
const GAP: f64 = 16.0;

/// A panel of a figure. The figures of all curves have the same range, so that they can be compared.
struct Panel {
    name: &'static str,
    height: f64,
    range: (f64, f64),
    /// The quantity with a solid line, and the one with a dashed line.
    quantities: [Option<Quantity>; 2],
}

/// The panels of every figure.
pub struct Panels(Vec<Panel>);

impl Panels {
    /// Panels for train loss, test loss and errors, as far as they were measured. Train and test loss have separate panels,
    /// because test losses are often far larger.
    pub fn of(curves: &[&SimplexValues]) -> Self {
        use Quantity::{TestError, TestLoss, TrainError, TrainLoss};
        let data = curves.iter().find_map(|curve| curve.measure());
        let panel = |name, height, quantities: [Option<Quantity>; 2]| {
            let measured = |q: Quantity| curves.iter().flat_map(move |curve| curve.of(q).iter().copied());
            let range = extent(quantities.into_iter().flatten().flat_map(measured))?;
            Some(Panel { name, height, range, quantities })
        };
        let errors = if data == Some(ErrorMeasure::Rmse) { "RMSE" } else { "error, %" };
        let panels = [
            panel(TrainLoss.name(data), 140.0, [Some(TrainLoss), None]),
            panel(TestLoss.name(data), 80.0, [None, Some(TestLoss)]),
            panel(errors, 80.0, [Some(TrainError), Some(TestError)]),
        ];
        Self(panels.into_iter().flatten().collect())
    }
}

/// The legend of all figures: the colour is the fit, dashed lines are test data.
pub fn legend(fits: &[&str], has_test_data: bool, loss: &str) -> String {
    let mut entries: Vec<_> = fits
        .iter()
        .enumerate()
        .map(|(i, name)| {
            Entry::line(
                &format!("curve k{}", i % 6),
                &format!("{name}{}", if has_test_data { ", train" } else { "" }),
            )
        })
        .collect();
    if has_test_data {
        let test =
            |(i, name): (usize, &&str)| Entry::line(&format!("dashed k{}", i % 6), &format!("{name}, test"));
        entries.extend(fits.iter().enumerate().map(test));
    }
    entries.push(Entry::line("dotted axis", &format!("larger {loss} of the two ends")));
    entries.push(Entry::marker("mark f0", Shape::Triangle, &format!("largest {loss}")));
    let height = legend::height(&entries, 520.0);
    let mut svg = Svg::new(520.0, height, "Legend", "The colour is the fit, dashed lines are test data.");
    legend::draw(&mut svg, &entries, 520.0, 0.0);
    svg.inline()
}

/// Draws the curve between two minima. `fits` has an entry for each fit, `None` if the fit lacks the curve.
pub fn draw(edge: &[u32], fits: &[Option<&SimplexValues>], panels: &Panels) -> String {
    let title = format!("Loss and error along the curve {}", simplex_name(edge));
    let height: f64 = panels.0.iter().map(|panel| panel.height + GAP).sum();
    let description = "Horizontal axis: t, from the first minimum (0) to the second (1).";
    let mut svg = Svg::new(WIDTH, height + 34.0, &title, description);
    let x_name = format!("t, from θ{} to θ{}", subscript(edge.first()), subscript(edge.get(1)));
    let mut top = GAP / 2.0;
    for (i, panel) in panels.0.iter().enumerate() {
        let y = Scale::padded(panel.range.0, panel.range.1, 0.05, top + panel.height, top);
        let plot = Plot { x: Scale::linear(0.0, 1.0, LEFT, RIGHT), y };
        plot.draw_axes(&mut svg, if i + 1 == panels.0.len() { &x_name } else { "" }, panel.name);
        if panel.quantities[0] == Some(Quantity::TrainLoss) {
            draw_lower_bound(&mut svg, &plot, fits);
        }
        draw_lines(&mut svg, &plot, fits, panel.quantities);
        if panel.quantities[0] == Some(Quantity::TrainLoss) {
            draw_max_losses(&mut svg, &plot, fits);
        }
        top += panel.height + GAP;
    }
    svg.inline()
}

/// Draws the larger train loss of the two minima, a lower bound of the barrier.
fn draw_lower_bound(svg: &mut Svg, plot: &Plot, fits: &[Option<&SimplexValues>]) {
    let Some(values) = fits.iter().flatten().next() else { return };
    let train = values.of(Quantity::TrainLoss);
    if let Some((_, lower_bound)) = extent(train.first().into_iter().chain(train.last()).copied()) {
        svg.polyline("dotted axis", &[plot.at(0.0, lower_bound), plot.at(1.0, lower_bound)]);
    }
}

/// Draws the largest train loss of every fit.
fn draw_max_losses(svg: &mut Svg, plot: &Plot, fits: &[Option<&SimplexValues>]) {
    for (i, values) in fits.iter().enumerate() {
        let Some(values) = values else { continue };
        let train = values.of(Quantity::TrainLoss);
        let finite = (0..train.len()).filter(|&k| train[k].is_finite());
        if let Some(k) = finite.reduce(|a, b| if train[b] > train[a] { b } else { a }) {
            let at = plot.at(k as f64 / values.n as f64, train[k]);
            svg.marker(&format!("mark f{}", i % 6), Shape::Triangle, at, 4.0, &short(train[k]));
        }
    }
}

/// Draws the first quantity solid and the second dashed.
fn draw_lines(
    svg: &mut Svg,
    plot: &Plot,
    fits: &[Option<&SimplexValues>],
    quantities: [Option<Quantity>; 2],
) {
    for (i, values) in fits.iter().enumerate() {
        let Some(values) = values else { continue };
        for (class, quantity) in ["curve", "dashed"].into_iter().zip(quantities) {
            let Some(quantity) = quantity else { continue };
            let point = |(k, &value): (usize, &f64)| plot.at(k as f64 / values.n as f64, value);
            let points: Vec<_> = values.of(quantity).iter().enumerate().map(point).collect();
            svg.polyline(&format!("{class} k{}", i % 6), &points);
        }
    }
}

fn subscript(vertex: Option<&u32>) -> String {
    let digit = |c: char| char::from_u32('₀' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or('₀');
    vertex.map(|v| v.to_string().chars().map(digit).collect()).unwrap_or_default()
}

//! Loss and error along a fitted curve, all fits in one picture.

use super::axes::{Plot, Scale, extent};
use super::directory::{Quantity, Values, simplex_name};
use super::legend::{self, Entry};
use super::svg::{Shape, Svg};

const WIDTH: f64 = 360.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 350.0;

/// Ranges shared by the pictures of all curves, so that they can be compared.
pub struct Ranges {
    loss: Option<(f64, f64)>,
    error: Option<(f64, f64)>,
}

impl Ranges {
    /// Over all curves of all fits.
    pub fn of<'a>(curves: impl IntoIterator<Item = &'a Values> + Clone) -> Self {
        let over = |wanted: bool| {
            let quantities = Quantity::ALL.into_iter().filter(move |q| q.is_error() == wanted);
            let curves = curves.clone();
            extent(
                quantities
                    .flat_map(move |q| curves.clone().into_iter().flat_map(move |c| c.of(q).iter().copied())),
            )
        };
        Self { loss: over(false), error: over(true) }
    }
}

/// What the lines mean: colour is the fit, dashes are test data.
pub fn key(fits: &[&str], tested: bool) -> String {
    let mut entries: Vec<_> = fits
        .iter()
        .enumerate()
        .map(|(i, name)| {
            Entry::line(
                &format!("curve k{}", i % 6),
                &format!("{name}{}", if tested { ", train" } else { "" }),
            )
        })
        .collect();
    if tested {
        let test =
            |(i, name): (usize, &&str)| Entry::line(&format!("dashed k{}", i % 6), &format!("{name}, test"));
        entries.extend(fits.iter().enumerate().map(test));
    }
    entries.push(Entry::line("dotted axis", "larger train loss of the two ends"));
    entries.push(Entry::marker("mark f0", Shape::Triangle, "largest train loss"));
    let height = legend::height(&entries, 720.0);
    let mut svg = Svg::new(720.0, height, "Legend", "Colour tells the fit, dashes tell test data.");
    legend::draw(&mut svg, &entries, 720.0, 0.0);
    svg.inline()
}

/// The curve between two minima: one entry a fit, `None` where a fit lacks it.
pub fn draw(edge: &[u32], fits: &[Option<&Values>], ranges: &Ranges) -> String {
    let loss_range = ranges.loss.unwrap_or((0.0, 1.0));
    let bottom = 172.0;
    let title = format!("Loss and error along the curve {}", simplex_name(edge));
    let last = if ranges.error.is_some() { 318.0 } else { 212.0 };
    let mut svg = Svg::new(WIDTH, last, &title, "Abscissa t from the first minimum (0) to the second (1).");
    let x = Scale::linear(0.0, 1.0, LEFT, RIGHT);
    let loss = Plot { x, y: Scale::padded(loss_range.0, loss_range.1, 0.05, bottom, 10.0) };
    let x_name = format!("t, from θ{} to θ{}", subscript(edge.first()), subscript(edge.get(1)));
    loss.frame(&mut svg, if ranges.error.is_some() { "" } else { &x_name }, "loss");
    if let Some(values) = fits.iter().flatten().next() {
        let train = values.of(Quantity::TrainLoss);
        let ends = train.first().into_iter().chain(train.last()).copied();
        if let Some((_, lower)) = extent(ends) {
            svg.polyline("dotted axis", &[loss.at(0.0, lower), loss.at(1.0, lower)]);
        }
    }
    lines(&mut svg, &loss, fits, [Quantity::TrainLoss, Quantity::TestLoss]);
    for (i, values) in fits.iter().enumerate() {
        let Some(values) = values else { continue };
        let train = values.of(Quantity::TrainLoss);
        let highest = (0..train.len()).filter(|&i| train[i].is_finite());
        if let Some(k) = highest.reduce(|a, b| if train[b] > train[a] { b } else { a }) {
            let at = loss.at(k as f64 / values.n as f64, train[k]);
            svg.marker(&format!("mark f{}", i % 6), Shape::Triangle, at, 4.0, &format!("{}", train[k]));
        }
    }
    if let Some((lo, hi)) = ranges.error {
        let error = Plot { x, y: Scale::padded(lo, hi, 0.05, last - 40.0, bottom + 18.0) };
        error.frame(&mut svg, &x_name, "error, %");
        lines(&mut svg, &error, fits, [Quantity::TrainError, Quantity::TestError]);
    }
    svg.inline()
}

/// Train solid, test dashed.
fn lines(svg: &mut Svg, plot: &Plot, fits: &[Option<&Values>], [train, test]: [Quantity; 2]) {
    for (i, values) in fits.iter().enumerate() {
        let Some(values) = values else { continue };
        for (class, quantity) in [("curve", train), ("dashed", test)] {
            let points: Vec<_> = values
                .of(quantity)
                .iter()
                .enumerate()
                .map(|(k, &value)| plot.at(k as f64 / values.n as f64, value))
                .collect();
            svg.polyline(&format!("{class} k{}", i % 6), &points);
        }
    }
}

fn subscript(vertex: Option<&u32>) -> String {
    let digit = |c: char| char::from_u32('₀' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or('₀');
    vertex.map(|v| v.to_string().chars().map(digit).collect()).unwrap_or_default()
}

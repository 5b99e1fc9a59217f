//! The segments [h1, h2] of the triangles in every fit, with the largest losses of their minima.

use super::axes::{Scale, extent};
use super::legend::{self, Entry};
use super::number::short;
use super::svg::{Anchor, Shape, Svg};
use crate::schema::{Fit, Segment, simplex_name};

const WIDTH: f64 = 520.0;
/// The right end of the axis.
const RIGHT: f64 = 506.0;

/// Draws one row for each triangle and fit: a thick line from birth to death, a thin line from the lower bound of the birth
/// to the birth.
pub fn draw(fits: &[&Fit], triangles: &[[u32; 3]], loss: &str) -> String {
    let mut entries: Vec<_> = fits
        .iter()
        .enumerate()
        .map(|(i, fit)| Entry {
            line: format!("bar k{}", i % 6),
            marker: Some((format!("mark f{}", i % 6), Shape::of(i))),
            text: fit.name.clone(),
        })
        .collect();
    entries.push(Entry::line("thin axis", "from the largest loss of the minima to the birth"));
    let (row, gap) = (11.0, 9.0);
    let block = row * fits.len() as f64 + gap;
    let bottom = 14.0 + block * triangles.len() as f64;
    let all = fits.iter().flat_map(|fit| &fit.segments).filter(|s| triangles.contains(&s.triangle));
    let ends = all.flat_map(|s| [s.birth, s.birth_lower, s.death]);
    let (lo, hi) = extent(ends).unwrap_or((0.0, 1.0));
    let description = format!(
        "{} triangles, {} fits; values from {} to {}.",
        triangles.len(),
        fits.len(),
        short(lo),
        short(hi)
    );
    let height = bottom + 44.0 + legend::height(&entries, WIDTH);
    let mut svg = Svg::new(WIDTH, height, "Segments of the triangles", &description);
    let x = Scale::padded(lo, hi, 0.03, 70.0, RIGHT);
    draw_axis(&mut svg, &x, [70.0, RIGHT], bottom, loss);
    for (i, triangle) in triangles.iter().enumerate() {
        let top = 12.0 + block * i as f64;
        let middle = top + row * fits.len() as f64 / 2.0;
        svg.text("label", Anchor::End, [64.0, middle + 4.0], &simplex_name(triangle));
        for (k, fit) in fits.iter().enumerate() {
            if let Some(segment) = fit.segments.iter().find(|s| s.triangle == *triangle) {
                draw_segment(&mut svg, segment, k, &x, top + row * (k as f64 + 0.5));
            }
        }
    }
    legend::draw(&mut svg, &entries, WIDTH, bottom + 40.0);
    svg.inline()
}

/// Draws the segments of each run, run below run.
pub fn draw_runs(runs: &[(String, Vec<Segment>)], fit: &str) -> String {
    let all = || runs.iter().flat_map(|(_, segments)| segments);
    let (lo, hi) = extent(all().flat_map(|s| [s.birth, s.birth_lower, s.death])).unwrap_or((0.0, 1.0));
    let (row, gap, head) = (10.0, 6.0, 15.0);
    let heights = runs.iter().map(|(_, segments)| head + row * segments.len() as f64 + gap);
    let bottom = 8.0 + heights.sum::<f64>();
    let description = format!("{} runs, fit {fit}; values from {} to {}.", runs.len(), short(lo), short(hi));
    let mut svg = Svg::new(WIDTH, bottom + 40.0, "Segments of the runs", &description);
    let x = Scale::padded(lo, hi, 0.03, 20.0, RIGHT);
    draw_axis(&mut svg, &x, [20.0, RIGHT], bottom, "loss");
    let mut y = 8.0;
    for (number, (name, segments)) in runs.iter().enumerate() {
        svg.text("label", Anchor::Start, [20.0, y + 11.0], name);
        y += head;
        for segment in segments {
            draw_segment(&mut svg, segment, number, &x, y + row / 2.0);
            y += row;
        }
        y += gap;
    }
    svg.inline()
}

/// Draws the axis of losses below the rows, with its grid.
fn draw_axis(svg: &mut Svg, x: &Scale, [left, right]: [f64; 2], bottom: f64, loss: &str) {
    for (value, label) in x.ticks(10) {
        svg.line("grid", [x.at(value), 8.0], [x.at(value), bottom]);
        svg.text("label", Anchor::Middle, [x.at(value), bottom + 15.0], &label);
    }
    svg.line("axis", [left, bottom], [right, bottom]);
    svg.text("name", Anchor::Middle, [f64::midpoint(left, right), bottom + 32.0], loss);
}

fn draw_segment(svg: &mut Svg, segment: &Segment, fit: usize, x: &Scale, y: f64) {
    let &Segment { birth, birth_lower, death, .. } = segment;
    let class = fit % 6;
    svg.line("whisker axis", [x.at(birth_lower), y], [x.at(birth), y]);
    svg.line("whisker axis", [x.at(birth_lower), y - 3.0], [x.at(birth_lower), y + 3.0]);
    svg.line(&format!("bar k{class}"), [x.at(birth), y], [x.at(death), y]);
    let tooltip = format!("{} to {}", short(birth), short(death));
    for end in [birth, death] {
        svg.marker(&format!("mark f{class}"), Shape::of(fit), [x.at(end), y], 3.5, &tooltip);
    }
}

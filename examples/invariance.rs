//! A picture of the invariance of barcodes: one loss in two coordinate systems of its plane, with fitted curves between its
//! minima, and the barcode of each.
//!
//!     cargo run --release -p valleys-examples --bin invariance -- DIRECTORY
//!
//! writes `invariance.svg` and both run directories to DIRECTORY, by default to `runs`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use valleys::checkpoint;
use valleys::config::Config;
use valleys::model::{NamedTensor, State};
use valleys::problem::{FunctionProblem, LossProblem};
use valleys::run::{Options, run_problem};
use valleys::schema::Fit;
use valleys_core::engine::{Batch, Function, Loss, Split, Subset, Value};
use valleys_core::error::Error;

/// The three-well ring f, or f∘φ with φ(x, y) = (x, y + bend · x²): the same loss in other coordinates.
#[derive(Clone, Copy)]
struct Ring {
    bend: f64,
}

impl Ring {
    fn loss(self, [x, y]: [f64; 2], gradient: &mut [f64; 2]) -> f64 {
        let value = Function::ThreeWellRing.gradient(&[x, y + self.bend * x * x], gradient);
        gradient[0] += 2.0 * self.bend * x * gradient[1];
        value
    }
}

impl Loss for Ring {
    type Error = Error;

    fn dim(&self) -> usize {
        2
    }

    fn batches(&self) -> u32 {
        100
    }

    fn value_and_gradient(&mut self, theta: &[f32], _: Batch, gradient: &mut [f32]) -> Result<f32, Error> {
        let mut slope = [0.0; 2];
        let value = self.loss([theta[0].into(), theta[1].into()], &mut slope);
        gradient.copy_from_slice(&slope.map(|x| x as f32));
        Ok(value as f32)
    }

    fn values(
        &mut self,
        _: Split,
        _: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Error> {
        for (theta, value) in thetas.iter().zip(values) {
            let loss = self.loss([theta[0].into(), theta[1].into()], &mut [0.0; 2]);
            *value = Value { loss, error: None };
        }
        Ok(())
    }
}

/// Half the width of the part of the plane that is drawn, and its side in pixels.
const RANGE: f64 = 1.6;
const SIDE: f64 = 320.0;

/// The point of the picture where a point of the plane is drawn.
fn place([x, y]: [f64; 2], left: f64) -> [f64; 2] {
    [left + SIDE * (x + RANGE) / (2.0 * RANGE), 30.0 + SIDE * (RANGE - y) / (2.0 * RANGE)]
}

/// Contour lines: in each square of a grid a segment between the edges that a level crosses.
fn contours(svg: &mut String, ring: Ring, left: f64) {
    const CELLS: usize = 120;
    let at = |i: usize| -RANGE + 2.0 * RANGE * i as f64 / CELLS as f64;
    let loss = |point| ring.loss(point, &mut [0.0; 2]);
    for level in [0.03, 0.08, 0.19, 0.35, 0.6, 0.9, 1.5, 3.0, 6.0] {
        let mut path = String::new();
        for (i, j) in (0..CELLS * CELLS).map(|cell| (cell / CELLS, cell % CELLS)) {
            let corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(|[i, j]| [at(i), at(j)]);
            let values = corners.map(loss);
            let mut crossings = Vec::new();
            for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
                if (values[a] < level) != (values[b] < level) {
                    let t = (level - values[a]) / (values[b] - values[a]);
                    let between = |k: usize| corners[a][k] + t * (corners[b][k] - corners[a][k]);
                    crossings.push(place([between(0), between(1)], left));
                }
            }
            for pair in crossings.chunks_exact(2) {
                let _ =
                    write!(path, "M{:.1} {:.1}L{:.1} {:.1}", pair[0][0], pair[0][1], pair[1][0], pair[1][1]);
            }
        }
        let width = if level == 0.19 { 1.6 } else { 0.7 };
        let _ = writeln!(svg, r##"<path d="{path}" fill="none" stroke="#8a8a94" stroke-width="{width}"/>"##);
    }
}

/// A control point from its file.
fn read(path: &Path) -> valleys::error::Result<[f64; 2]> {
    let theta = NamedTensor { name: "theta".into(), shape: vec![2], range: 0..2 };
    let state = State { parameters: vec![theta], statistics: Vec::new() };
    let theta = checkpoint::read(path, &state, false)?.theta;
    Ok([theta[0].into(), theta[1].into()])
}

/// The minima and the fitted curves between them.
fn fitted(svg: &mut String, run: &Path, fit: &Fit, left: f64) -> Result<(), Box<dyn std::error::Error>> {
    let minimum = |v: u32| read(&run.join(format!("minima/{v}/{v}.safetensors")));
    for curve in &fit.curves {
        let [a, b] = curve.edge;
        let mut points = vec![(0.0, minimum(a)?), (1.0, minimum(b)?)];
        for entry in std::fs::read_dir(run.join(format!("{}/{a}-{b}", fit.name)))? {
            let path = entry?.path();
            // `0-1@3-1.safetensors`: three parts of minimum 0 and one of minimum 1.
            let Some(name) = path.file_name().and_then(|n| n.to_str()?.strip_suffix(".safetensors")) else {
                continue;
            };
            let ratio = name.split_once('@').map_or("1-1", |(_, ratio)| ratio);
            let (from, to) = ratio.split_once('-').ok_or("a ratio of two numbers")?;
            let (from, to): (f64, f64) = (from.parse()?, to.parse()?);
            points.push((to / (from + to), read(&path)?));
        }
        points.sort_by(|x, y| x.0.total_cmp(&y.0));
        let text: Vec<String> =
            points.iter().map(|(_, p)| place(*p, left)).map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let points = text.join(" ");
        let _ = writeln!(
            svg,
            r##"<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="2.2"/>"##
        );
    }
    for v in 0..3 {
        let [x, y] = place(minimum(v)?, left);
        let _ = writeln!(svg, r##"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" fill="#d55e00" stroke="#fff"/>"##);
    }
    Ok(())
}

/// The finite bars.
fn barcode(svg: &mut String, fit: &Fit, left: f64) {
    let x = |loss: f64| left + 40.0 + (SIDE - 60.0) * loss / 1.1;
    let mut bars: Vec<_> =
        fit.bars.iter().filter_map(|bar| Some((bar.index, bar.birth, bar.death?))).collect();
    bars.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for (row, (index, birth, death)) in bars.iter().enumerate() {
        let y = 376.0 + 16.0 * row as f64;
        let colour = ["#009e73", "#b5479a"][(*index).min(1)];
        let _ = writeln!(
            svg,
            r#"<line x1="{:.1}" y1="{y}" x2="{:.1}" y2="{y}" stroke="{colour}" stroke-width="6"/>
<text x="{}" y="{}" font-size="11">H{index}</text>
<text x="{:.1}" y="{}" font-size="11">[{birth:.3}, {death:.3}]</text>"#,
            x(*birth),
            x(*death),
            left + 14.0,
            y + 4.0,
            if *death > 0.6 { x(*birth) - 4.0 } else { x(*death) + 6.0 },
            if *death > 0.6 { y + 16.0 } else { y + 4.0 },
        );
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).map_or(PathBuf::from("runs/invariance"), PathBuf::from);
    let width = 2.0 * SIDE + 60.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 440" width="{width}" height="440" font-family="sans-serif">
<rect width="100%" height="100%" fill="#fff"/>
"##
    );
    for (name, title, bend, left) in [
        ("straight", "a loss, its minima and fitted curves", 0.0, 20.0),
        ("bent", "the same loss in other coordinates", 0.6, SIDE + 40.0),
    ] {
        let ring = Ring { bend };
        // φ⁻¹ of points near the wells.
        let initial = move |_, vertex: u32| {
            let [x, y, _] = Function::ThreeWellRing.wells()[vertex as usize % 3];
            vec![(x + 0.05) as f32, (y - bend * x * x) as f32]
        };
        let problem = LossProblem::new(format!("ring {bend}"), move || ring, initial)
            .with_peak_sampling(FunctionProblem::PEAK_SAMPLING);
        let overrides = [
            "minima.count=3",
            "curves.epochs=90",
            "triangles.epochs=90",
            "train.learning_rate=0.005",
            "train.max_gradient_norm=5.0",
            "train.weight_decay=0.0",
            "fit.start=straight",
            "fit.tangent_removal=1.0",
            "second_fit.depth=3",
            "second_fit.epoch_multiplier=1",
        ];
        let config = Config::for_problem(name, &overrides)?;
        let options = Options { out: Some(out.join(name)), quiet: true, ..Options::default() };
        let (summary, run) = run_problem(Box::new(problem), config, &options)?;
        let fit = &summary.fits[1];
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="20" font-size="13" text-anchor="middle">{title}</text>
<clipPath id="{name}"><rect x="{left}" y="30" width="{SIDE}" height="{SIDE}"/></clipPath><g clip-path="url(#{name})">"##,
            left + SIDE / 2.0
        );
        contours(&mut svg, ring, left);
        fitted(&mut svg, &run, fit, left)?;
        let _ = writeln!(
            svg,
            r##"</g><rect x="{left}" y="30" width="{SIDE}" height="{SIDE}" fill="none" stroke="#8a8a94"/>"##
        );
        barcode(&mut svg, fit, left);
        let bar = fit.bars.iter().find(|bar| bar.index == 1).ok_or("a loop")?;
        let death = bar.death.ok_or("a filled loop")?;
        println!("{name}: [{:.4}, {death:.4}], true [0.19, 1]", bar.birth);
        assert!((bar.birth - 0.19).abs() < 2e-3 && (death - 1.0).abs() < 1e-2);
    }
    svg += "</svg>\n";
    let path = out.join("invariance.svg");
    std::fs::write(&path, svg)?;
    println!("{}", path.display());
    Ok(())
}

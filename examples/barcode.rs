//! The barcode of a point cloud: connected components and loops of its Vietoris–Rips complex.
//!
//!     cargo run --release -p valleys-examples --bin barcode
//!
//! Sixteen points on a circle of radius 1, and one far away. The circle is the one long bar of dimension 1: it is born
//! with the sides of the 16-gon, at 2 sin(π/16), and dies with the first triangle that holds the centre, whose longest
//! side spans 6 of the 16 points: 2 sin(6π/16).

use std::f64::consts::PI;
use valleys_core::topology::{Bar, Euclidean, Rips};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let angle = |i: usize| 2.0 * PI * i as f64 / 16.0;
    let mut points: Vec<f64> = (0..16).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect();
    points.extend([5.0, 0.0]);

    let rips = Rips { max_dim: 1, threshold: f64::INFINITY, budget: 1 << 20 };
    let bars = rips.bars(&Euclidean::new(&points, 2)?)?;
    for bar in &bars {
        println!("H{}  [{:.4}, {:.4})", bar.dim, bar.birth, bar.death);
    }

    let loops: Vec<&Bar> = bars.iter().filter(|bar| bar.dim == 1).collect();
    assert_eq!(loops.len(), 1);
    assert!((loops[0].birth - 2.0 * (PI / 16.0).sin()).abs() < 1e-12);
    assert!((loops[0].death - 2.0 * (6.0 * PI / 16.0).sin()).abs() < 1e-12);
    Ok(())
}

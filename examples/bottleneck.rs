//! How far apart two barcodes are: the bottleneck distance W∞ and the Wasserstein distance W₂.
//!
//!     cargo run --release -p valleys-examples --bin bottleneck
//!
//! The second barcode is the first with every end moved by at most 0.1, and one short bar more. By the stability
//! theorem W∞ is at most 0.1; the distance to the empty barcode is half the longest bar.

use valleys_core::topology::{GroundMetric, Interval, bottleneck, bottleneck_len, wasserstein};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = [Interval::new(0.0, 4.0), Interval::new(1.0, 2.5), Interval::new(0.5, f64::INFINITY)];
    let after = [
        Interval::new(0.1, 3.95),
        Interval::new(0.95, 2.5),
        Interval::new(0.45, f64::INFINITY),
        Interval::new(2.0, 2.15), // matched to the diagonal, at distance 0.075
    ];
    let mut scratch = vec![0; bottleneck_len(before.len(), after.len())];
    let distance = bottleneck(&before, &after, GroundMetric::L_INFINITY, &mut scratch)?;
    println!("W∞(before, after) = {distance:.4}");
    println!("W₂(before, after) = {:.4}", wasserstein(&before, &after, 2.0, GroundMetric::L_INFINITY)?);
    assert_eq!(distance, 0.1);

    // Without its essential class, a barcode has a finite distance to the empty one.
    let finite = &before[..2];
    let to_empty = bottleneck(finite, &[], GroundMetric::L_INFINITY, &mut scratch)?;
    println!("W∞(before, ∅)     = {to_empty:.4}");
    assert_eq!(to_empty, 2.0);
    Ok(())
}

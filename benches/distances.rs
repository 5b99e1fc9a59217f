//! Distances of random diagrams: births uniform, lifetimes exponential, so that most points are near the diagonal.

use valleys_benches::{Random, median};
use valleys_core::topology::{Error, GroundMetric, Interval, bottleneck, bottleneck_len, wasserstein};

fn main() -> Result<(), Error> {
    let euclidean = GroundMetric::new(2.0)?;
    for points in [100, 1000, 5000] {
        let mut random = Random::new(points as u64);
        let mut diagram = || -> Vec<Interval> {
            let births: Vec<f64> = (0..points).map(|_| random.uniform()).collect();
            births.into_iter().map(|b| Interval::new(b, b + 0.1 * random.exponential())).collect()
        };
        let (a, b) = (diagram(), diagram());
        let mut scratch = vec![0; bottleneck_len(points, points)];
        let max = median(5, || bottleneck(&a, &b, GroundMetric::L_INFINITY, &mut scratch).unwrap());
        let w1 = median(3, || wasserstein(&a, &b, 1.0, GroundMetric::L_INFINITY).unwrap());
        let w2 = median(3, || wasserstein(&a, &b, 2.0, euclidean).unwrap());
        println!("{points} points: bottleneck {max:.5} s, W1 L-inf {w1:.5} s, W2 L2 {w2:.5} s");
    }
    Ok(())
}

//! Descriptors of diagrams against their definitions.

use proptest::prelude::*;
use valleys_core::topology::{
    Error, Interval, LifetimeStatistics, PersistenceImage, betti_curve, persistence_landscape,
};

fn lifetimes(ends: &[(f64, f64)]) -> LifetimeStatistics {
    let diagram: Vec<Interval> = ends.iter().map(|&(b, d)| Interval::new(b, d)).collect();
    LifetimeStatistics::new(&diagram, &mut vec![0.0; diagram.len()]).unwrap()
}

#[test]
fn undefined_is_none() {
    let none = lifetimes(&[(1.0, 1.0), (0.0, f64::INFINITY)]);
    assert_eq!((none.bars, none.zero_length, none.essential, none.sum), (0, 1, 1, 0.0));
    let fields = [none.mean, none.max, none.median, none.std, none.entropy];
    assert_eq!(fields, [None; 5]);
    assert_eq!((none.entropy_norm_log_n, none.entropy_norm_log_sum), (None, None));

    let one = lifetimes(&[(1.0, 1.5)]);
    assert_eq!((one.entropy, one.entropy_norm_log_n, one.entropy_norm_log_sum), (Some(0.0), None, Some(0.0)));
    let sum_one = lifetimes(&[(0.0, 0.5), (0.0, 0.5)]);
    assert_eq!(sum_one.entropy_norm_log_sum, None);
    assert_eq!(sum_one.entropy_norm_log_n, Some(1.0));
}

#[test]
fn numbers_of_a_small_diagram() {
    let l = lifetimes(&[(0.0, 1.0), (5.0, 7.0), (-1.0, 4.0), (0.0, 0.0)]);
    assert_eq!((l.bars, l.zero_length, l.sum, l.max, l.median), (3, 1, 8.0, Some(5.0), Some(2.0)));
    assert_eq!(l.mean, Some(8.0 / 3.0));
    let near = |x: Option<f64>, y: f64| (x.unwrap() - y).abs() < 1e-15;
    assert!(near(l.std, (26.0f64 / 9.0).sqrt()));
    let entropy = -[1.0f64, 2.0, 5.0].map(|x| x / 8.0 * (x / 8.0).ln()).iter().sum::<f64>();
    assert!(near(l.entropy, entropy) && near(l.entropy_norm_log_n, entropy / 3f64.ln()));
    assert!(near(l.entropy_norm_log_sum, entropy / 8f64.ln()));
    assert_eq!(lifetimes(&[(0.0, 1.0), (0.0, 4.0)]).median, Some(2.5));
}

#[test]
fn errors_name_the_element() {
    let bad = [Interval::new(0.0, 1.0), Interval::new(2.0, 1.0)];
    let interval = Error::Interval { diagram: 0, number: 1, birth: 2.0, death: 1.0 };
    assert_eq!(LifetimeStatistics::new(&bad, &mut [0.0; 2]).unwrap_err(), interval);
    assert_eq!(betti_curve(&bad, &[0.0], &mut [0]).unwrap_err(), interval);
    assert_eq!(persistence_landscape(&bad, &[0.0], 1, &mut [0.0]).unwrap_err(), interval);
    let image = PersistenceImage { births: (0.0, 1.0), lengths: (0.0, 1.0), columns: 2, rows: 2, sigma: 0.5 };
    assert_eq!(image.write_pixels(&bad, |l| l, &mut [0.0; 4]).unwrap_err(), interval);
    assert_eq!(
        image.write_pixels(&[], |l| l, &mut [0.0; 3]).unwrap_err(),
        Error::Short { what: "pixels", needed: 4, given: 3 }
    );
    let unordered = betti_curve(&[], &[0.0, 1.0, 0.5], &mut [0; 3]).unwrap_err();
    assert_eq!(unordered, Error::Unordered { number: 2, value: 0.5 });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn curves_are_their_definitions(
        ends in prop::collection::vec((-3..6i32, 0..5i32, prop::bool::weighted(0.1)), 0..12),
        mut at in prop::collection::vec(-4..11i32, 0..9), layers in 0usize..5
    ) {
        let diagram: Vec<Interval> = ends.iter().map(|&(b, l, endless)| {
            Interval::new(b.into(), if endless { f64::INFINITY } else { f64::from(b + l) })
        }).collect();
        at.sort_unstable();
        let at: Vec<f64> = at.into_iter().map(|t| f64::from(t) / 2.0).collect();

        let mut alive = vec![9; at.len()];
        betti_curve(&diagram, &at, &mut alive).unwrap();
        let mut heights = vec![9.0; layers * at.len()];
        persistence_landscape(&diagram, &at, layers, &mut heights).unwrap();
        for (i, &t) in at.iter().enumerate() {
            let count = diagram.iter().filter(|x| x.birth <= t && t < x.death).count();
            prop_assert_eq!(alive[i] as usize, count);
            let mut tents: Vec<f64> = diagram.iter().map(|x| (t - x.birth).min(x.death - t).max(0.0)).collect();
            tents.sort_by(|x, y| y.total_cmp(x));
            for layer in 0..layers {
                prop_assert_eq!(heights[layer * at.len() + i], tents.get(layer).copied().unwrap_or(0.0));
            }
        }
    }

    /// A pixel is the integral: compared with a midpoint sum over a fine grid.
    #[test]
    fn image_pixels_are_integrals(birth in -1.0..1.0f64, length in 0.1..2.0f64, sigma in 0.3..1.0f64) {
        let image = PersistenceImage { births: (-1.0, 2.0), lengths: (0.0, 2.0), columns: 3, rows: 2, sigma };
        let diagram = [Interval::new(birth, birth + length), Interval::new(0.0, f64::INFINITY)];
        let mut pixels = [0.0; 6];
        image.write_pixels(&diagram, |l| l / 2.0, &mut pixels).unwrap();
        let fine = 64;
        for (i, &pixel) in pixels.iter().enumerate() {
            let (x0, y0) = (-1.0 + (i % 3) as f64, (i / 3) as f64);
            let mut sum = 0.0;
            for (j, k) in (0..fine).flat_map(|j| (0..fine).map(move |k| (j, k))) {
                let x = x0 + (f64::from(j) + 0.5) / f64::from(fine) - birth;
                let y = y0 + (f64::from(k) + 0.5) / f64::from(fine) - diagram[0].length();
                sum += (-(x * x + y * y) / (2.0 * sigma * sigma)).exp();
            }
            let density = 2.0 * std::f64::consts::PI * sigma * sigma * f64::from(fine * fine);
            prop_assert!((pixel - length / 2.0 * sum / density).abs() < 1e-4);
        }
    }
}

//! The scenarios of `tests/embedded` give the known answers, so that a device that agrees with them is right.

use valleys_core::kernels::cross_entropy::{self, Options};
use valleys_tests::scenarios::{SCENARIOS, lines};

/// The bits told of `what`, in order.
fn bits(lines: &[String], of: &str, what: &str) -> Vec<u64> {
    let prefix = format!("{of} {what} ");
    let hex = lines.iter().filter_map(|line| line.strip_prefix(&prefix));
    hex.map(|hex| u64::from_str_radix(hex, 16).unwrap()).collect()
}

fn numbers(lines: &[String], of: &str, what: &str) -> Vec<f64> {
    bits(lines, of, what).into_iter().map(f64::from_bits).collect()
}

/// Numbers of essential classes of index 0, 1, 2.
fn betti(lines: &[String], surface: &str) -> [usize; 3] {
    let index = bits(lines, surface, "index");
    let death = numbers(lines, surface, "death");
    assert_eq!(index.len(), death.len());
    [0, 1, 2].map(|k| index.iter().zip(&death).filter(|(i, death)| **i == k && death.is_infinite()).count())
}

#[test]
fn betti_numbers_over_two_elements() {
    let lines = lines("reduction");
    // Each surface is reduced twice, by both matrices.
    assert_eq!(betti(&lines, "torus"), [2, 4, 2]);
    assert_eq!(betti(&lines, "projective plane"), [2, 2, 2]);
}

#[test]
fn both_matrices_and_union_find_agree() {
    let reduction = lines("reduction");
    let union_find = lines("union_find");
    for surface in ["torus", "projective plane"] {
        let of = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|line| line.starts_with(surface)).cloned().collect()
        };
        let reduction = of(&reduction);
        let half = reduction.len() / 2;
        assert_eq!(reduction[1..half], reduction[half + 1..], "{surface}");
        let index_0: Vec<&[String]> =
            reduction[1..half].chunks(4).filter(|class| class[0].ends_with("index 0")).collect();
        assert_eq!(index_0.concat(), of(&union_find), "{surface}");
    }
}

#[test]
fn cloud_with_a_duplicate() {
    let lines = lines("cloud");
    for distance in ["euclidean", "cosine"] {
        let lengths = numbers(&lines, distance, "length");
        assert_eq!((lengths.len(), lengths[0]), (39, 0.0));
        assert!(lengths.is_sorted() && lengths[1] > 0.0);
        assert_eq!(bits(&lines, distance, "duplicates"), [1]);
        let mean = numbers(&lines, distance, "mean")[0];
        assert!((mean * 38.0 - lengths.iter().sum::<f64>()).abs() < 1e-12);
    }
}

#[test]
fn grid_of_the_three_well_ring() {
    let lines = lines("grid");
    let (birth, death) = (numbers(&lines, "grid", "birth"), numbers(&lines, "grid", "death"));
    let of_index = |k: u64| -> Vec<(f64, f64)> {
        let index = bits(&lines, "grid", "index");
        (0..index.len()).filter(|&i| index[i] == k).map(|i| (birth[i], death[i])).collect()
    };
    // Minima 0, saddles 0.19, a hill of height 1, to the resolution of a grid with spacing 0.13: two wells merge with
    // the third at the lower two saddles, the last saddle closes the ring, which the hill fills.
    let [wells, rings] = [0, 1].map(of_index);
    assert_eq!(wells.iter().filter(|bar| bar.1.is_infinite()).count(), 1);
    let long: Vec<_> = wells.iter().filter(|bar| bar.1.is_finite() && bar.1 - bar.0 > 0.05).collect();
    assert!(
        long.len() == 2 && long.iter().all(|bar| bar.0 < 0.06 && (0.19..0.25).contains(&bar.1)),
        "{wells:?}"
    );
    let long: Vec<_> = rings.iter().filter(|bar| bar.1 - bar.0 > 0.5).collect();
    assert!(long.len() == 1 && (0.19..0.25).contains(&long[0].0), "{rings:?}");
    assert!((0.95..=1.0).contains(&long[0].1), "{rings:?}");
}

#[test]
fn distances_to_itself_and_to_none() {
    let lines = lines("distance");
    let of = |what| numbers(&lines, "bottleneck", what)[0];
    assert_eq!(of("same"), 0.0);
    // To none: half of the longest bar, which is shorter than 1.
    assert!((0.4..0.5).contains(&of("none")));
    assert!((0.0..=0.5).contains(&of("two")) && of("two") > 0.0);
}

#[test]
fn weights_are_barycentric_coordinates() {
    let lines = lines("map");
    // Equation (5) at t = 1/4 and (6) at (0.61, 0.28, 0.11), depth 1: the first weights of each.
    assert_eq!(numbers(&lines, "phi at 3/4", "weight")[..2], [0.5, 0.5]);
    let psi = [0.61 - 0.28, 2.0 * (0.28 - 0.11), 3.0 * 0.11];
    assert_eq!(numbers(&lines, "psi inside", "weight")[..3], psi);
    assert_eq!(bits(&lines, "psi inside", "ratio")[..9], [1, 0, 0, 1, 1, 0, 1, 1, 1]);
    // At a vertex one control point has all the weight, at every depth.
    assert_eq!(numbers(&lines, "psi at a vertex", "weight"), [1.0; 3]);
}

#[test]
fn training_lowers_the_loss() {
    let losses = numbers(&lines("training"), "training", "loss");
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn three_well_ring() {
    let lines = lines("fitting");
    for (sampling, highest_birth) in [("uniform", 0.3), ("peak", 0.25)] {
        let of = |what| numbers(&lines, sampling, what);
        // True segment [0.19, 1]: a fitted simplex gives an upper bound of the birth, and the hill is 1 high on the
        // axis, which a lattice of 12 intervals meets closely, not exactly.
        let (birth, death) = (of("birth"), of("death"));
        assert!((0.19..highest_birth).contains(&birth[0]), "{sampling}: {birth:?}");
        assert!((0.9..1.0 + 1e-9).contains(&death[0]), "{sampling}: {death:?}");
        // The barcode of index 1 is the segment again: three minima.
        assert_eq!((birth.last(), death.last()), (Some(&birth[0]), Some(&death[0])));
    }
}

#[test]
fn all_is_the_others_together() {
    let parts: Vec<String> = SCENARIOS[..8].iter().flat_map(|name| lines(name)).collect();
    assert_eq!(lines("all"), parts);
}

/// Every build takes exp and ln from libm, also this one, where proptest wants num-traits with std: on one machine the
/// C library would do, on another it has other bits.
#[test]
fn exponentials_are_those_of_libm() {
    for i in 0..10_000u16 {
        let x = f32::from(i) / -321.0;
        let loss = cross_entropy::losses(Options::default(), &[0.0, x], &[0]).next().unwrap();
        let expected = libm::logf(1.0 + libm::expf(x));
        assert_eq!(loss.to_bits(), expected.to_bits(), "at {x}: {loss}, {expected}");
    }
}

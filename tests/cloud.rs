//! Index 0 of clouds: the spanning tree against union-find on the complete graph.

use proptest::prelude::*;
use valleys_core::topology::{
    Cosine, Distances, Edge, Error, Euclidean, Filtration, Metric, spanning_tree, union_find,
};

fn lengths(space: &impl Metric) -> Vec<f64> {
    let mut tree = vec![Edge::default(); space.points().saturating_sub(1)];
    spanning_tree(space, &mut tree).unwrap().iter().map(|e| e.length).collect()
}

/// The same by the filtration of all points and edges.
fn lengths_by_union_find(space: &impl Metric) -> Vec<f64> {
    let n = space.points() as u32;
    let vertices = (0..n).map(|v| (vec![v], 0.0));
    let edges = (0..n)
        .flat_map(|i| (0..i).map(move |j| (vec![i, j], space.distance(i as usize, j as usize))))
        .collect::<Vec<_>>();
    let f = Filtration::new(vertices.chain(edges)).unwrap();
    let (mut parent, mut partner) = (vec![0; f.len()], vec![0; f.len()]);
    let pairing = union_find(&f, &mut parent, &mut partner).unwrap();
    let mut lengths: Vec<f64> = pairing.classes().filter(|b| !b.is_essential()).map(|b| b.death).collect();
    lengths.sort_by(f64::total_cmp);
    lengths
}

#[test]
fn duplicates_are_at_exactly_zero() {
    // Coordinates whose squares round: x·x / (|x| |x|) need not be 1.
    let point: Vec<f64> = (1..40).map(|i| 0.1 * f64::from(i) + 1e6).collect();
    let cloud = point.repeat(5);
    assert_eq!(lengths(&Euclidean::new(&cloud, 39).unwrap()), [0.0; 4]);
    assert_eq!(lengths(&Cosine::new(&cloud, 39, &mut [0.0; 5]).unwrap()), [0.0; 4]);
}

#[test]
fn extreme_coordinates_keep_their_distances() {
    for scale in [1e-300, 1e-170, 1.0, 1e170, 1e300] {
        let cloud = [0.0, 0.0, 3.0 * scale, 4.0 * scale];
        let [length] = lengths(&Euclidean::new(&cloud, 2).unwrap())[..] else { panic!() };
        assert!((length / scale - 5.0).abs() < 1e-14, "{length} at scale {scale}");
    }
    let cloud = [f64::MAX / 2.0, -f64::MAX / 4.0];
    assert_eq!(lengths(&Euclidean::new(&cloud, 1).unwrap()), [f64::MAX * 0.75]);
    assert_eq!(lengths(&Euclidean::new(&[5e-324, 0.0], 1).unwrap()), [5e-324]);
}

#[test]
fn cosine_is_one_minus_the_cosine() {
    let cloud = [1.0f32, 0.0, 0.0, 5.0, -3.0, 0.0];
    let cosine = |i, j| Cosine::new(&cloud, 2, &mut [0.0; 3]).unwrap().distance(i, j);
    assert!((cosine(0, 1) - 1.0).abs() < 1e-15);
    assert_eq!(cosine(0, 2), 2.0);
}

#[test]
fn none_one_and_two_points() {
    assert!(lengths(&Euclidean::new(&[0.0f64; 0], 3).unwrap()).is_empty());
    assert!(lengths(&Euclidean::new(&[0.0f64; 0], 0).unwrap()).is_empty());
    assert!(lengths(&Euclidean::new(&[1.0f64, 2.0, 3.0], 3).unwrap()).is_empty());
    assert_eq!(lengths(&Distances::new(&[2.5], 2).unwrap()), [2.5]);
}

#[test]
fn errors_name_the_element() {
    let nan = f64::NAN;
    assert!(matches!(
        Euclidean::new(&[0.0, 1.0, 2.0, nan], 2).unwrap_err(),
        Error::Coordinate { point: 1, coordinate: 1, .. }
    ));
    assert_eq!(Euclidean::new(&[0.0; 5], 2).unwrap_err(), Error::Ragged { dim: 2, given: 5 });
    assert_eq!(Euclidean::new(&[0.0; 5], 0).unwrap_err(), Error::Ragged { dim: 0, given: 5 });
    assert_eq!(
        Cosine::new(&[1.0, 0.0, 0.0, 0.0], 2, &mut [0.0; 2]).unwrap_err(),
        Error::NoDirection { point: 1 }
    );
    assert_eq!(
        Distances::new(&[1.0, -2.0, 0.0], 3).unwrap_err(),
        Error::Distance { a: 2, b: 0, distance: -2.0 }
    );
    assert_eq!(
        Distances::new(&[1.0, 2.0], 3).unwrap_err(),
        Error::Short { what: "distances", needed: 3, given: 2 }
    );
    let space = (3, |i: usize, j: usize| if i + j == 3 { f64::INFINITY } else { 1.0 });
    assert!(matches!(spanning_tree(&space, &mut [Edge::default(); 2]), Err(Error::Distance { .. })));
    assert_eq!(
        spanning_tree(&space, &mut [Edge::default(); 1]).unwrap_err(),
        Error::Short { what: "edges of the tree", needed: 2, given: 1 }
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Small integers: ties, duplicates, collinear points.
    #[test]
    fn trees_agree_with_union_find(dim in 1usize..20, flat in prop::collection::vec(-2..3i8, 0..200)) {
        let n = flat.len() / dim;
        let cloud: Vec<f32> = flat[..n * dim].iter().map(|&x| f32::from(x)).collect();
        let euclidean = Euclidean::new(&cloud, dim).unwrap();
        prop_assert_eq!(lengths(&euclidean), lengths_by_union_find(&euclidean));

        let lower: Vec<f64> = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| euclidean.distance(i, j)).collect();
        prop_assert_eq!(lengths(&Distances::new(&lower, n).unwrap()), lengths(&euclidean));

        let shifted: Vec<f32> = cloud.iter().map(|x| x + 3.0).collect();
        let mut norms = vec![0.0; n];
        let cosine = Cosine::new(&shifted, dim, &mut norms).unwrap();
        prop_assert_eq!(lengths(&cosine), lengths_by_union_find(&cosine));
        for i in 0..n {
            for j in 0..i {
                prop_assert_eq!(cosine.distance(i, j).to_bits(), cosine.distance(j, i).to_bits());
            }
        }
    }

    /// What single precision rules out is never nearer: many dimensions, large offsets, tiny differences.
    #[test]
    fn short_cuts_change_nothing(
        dim in 1usize..70, offset in prop::sample::select(vec![0.0f32, 1.0, 1e6, 3e38]),
        scale in prop::sample::select(vec![1e-45f32, 1e-30, 1e-20, 1.0, 1e19, 1e30]),
        flat in prop::collection::vec(-1.0..1.0f32, 0..400)
    ) {
        let n = flat.len() / dim;
        let cloud: Vec<f32> = flat[..n * dim].iter().map(|x| (x * scale + offset).clamp(f32::MIN, f32::MAX)).collect();
        let wide: Vec<f64> = cloud.iter().map(|&x| f64::from(x)).collect();
        let (narrow, wide) = (Euclidean::new(&cloud, dim).unwrap(), Euclidean::new(&wide, dim).unwrap());
        prop_assert_eq!(lengths(&narrow), lengths(&wide));
        prop_assert_eq!(lengths(&narrow), lengths_by_union_find(&narrow));
    }
}

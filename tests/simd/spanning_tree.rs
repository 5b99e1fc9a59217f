//! Index 0 of clouds: the core's spanning tree against union-find on the complete graph, the host's against the core's.

use proptest::prelude::*;
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::topology::{
    Cosine, Distances, Edge, Error, Euclidean, Filtration, Metric, spanning_tree, union_find,
};
use valleys_simd::spanning_tree::{Distance, spanning_tree as host_tree};

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

/// The host's lengths, which must be the same trees for any number of threads.
fn host_lengths<T: valleys_simd::spanning_tree::Scalar>(
    cloud: &[T],
    dim: usize,
    distance: Distance,
) -> Vec<f64> {
    let tree = host_tree(cloud, dim, distance, 1).unwrap();
    for threads in [2, 3, 8] {
        assert_eq!(host_tree(cloud, dim, distance, threads).unwrap(), tree, "{threads} threads");
    }
    tree.iter().map(|e| e.length).collect()
}

/// Checks the host's lengths against the core's, to the bit, in both precisions and both metrics.
fn check_host(name: &str, cloud: &[f64], dim: usize) {
    let narrow: Vec<f32> = cloud.iter().map(|&x| x as f32).collect();
    let space = Euclidean::new(cloud, dim).unwrap();
    assert_eq!(host_lengths(cloud, dim, Distance::Euclidean), lengths(&space), "{name}, f64");
    if narrow.iter().all(|x| x.is_finite()) {
        let space = Euclidean::new(&narrow, dim).unwrap();
        assert_eq!(host_lengths(&narrow, dim, Distance::Euclidean), lengths(&space), "{name}, f32");
    }
    let mut norms = vec![0.0; cloud.len() / dim];
    if let Ok(space) = Cosine::new(cloud, dim, &mut norms) {
        assert_eq!(host_lengths(cloud, dim, Distance::Cosine), lengths(&space), "{name}, cosine, f64");
    }
    if let Ok(space) = Cosine::new(&narrow, dim, &mut norms) {
        assert_eq!(host_lengths(&narrow, dim, Distance::Cosine), lengths(&space), "{name}, cosine, f32");
    }
}

fn normal(points: usize, dim: usize) -> Vec<f64> {
    let mut stream = Stream::new(Key::new(7, points as u64), Purpose::Point, dim as u32, 0);
    (0..points * dim).map(|_| stream.normal()).collect()
}

#[test]
fn host_and_core_agree_at_all_sizes() {
    for dim in [1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 257, 784] {
        for points in [1, 2, 9, 31, 32, 33, 97, 255, 256, 257, 300] {
            check_host(&format!("{points}x{dim}"), &normal(points, dim), dim);
        }
    }
}

#[test]
fn host_and_core_agree_wherever_single_precision_is_not_enough() {
    for dim in [1, 3, 40] {
        let cloud = normal(300, dim);
        for scale in [1e-320, 1e-300, 1e-150, 1e-45, 1e-30, 1e30, 1e150, 1e300] {
            check_host(
                &format!("scale {scale}, {dim}"),
                &cloud.iter().map(|x| x * scale).collect::<Vec<_>>(),
                dim,
            );
        }
        for offset in [1e3, 1e6, 1e15] {
            check_host(
                &format!("offset {offset}, {dim}"),
                &cloud.iter().map(|x| x + offset).collect::<Vec<_>>(),
                dim,
            );
        }
        // Clusters of 30 points, and clusters of these: lists hold nobody outside.
        for size in [1e-1, 1e-3, 1e-6, 1e-9, 1e-12] {
            let centre = |p: usize, c: usize| cloud[p / 30 % 3 * dim + c] + size * cloud[p / 30 * dim + c];
            let place = |i: usize| centre(i / dim, i % dim) + size * size * cloud[i];
            check_host(
                &format!("clusters {size}, {dim}"),
                &(0..300 * dim).map(place).collect::<Vec<_>>(),
                dim,
            );
        }
        // One point far away, every third one twice, some on a line.
        let mut cloud = cloud;
        cloud[5 * dim] = 1e150;
        check_host(&format!("outlier, {dim}"), &cloud, dim);
        cloud[5 * dim] = 0.0;
        for p in (0..300).step_by(3) {
            cloud.copy_within(p * dim..(p + 1) * dim, 3 * (p % 97) * dim);
        }
        check_host(&format!("duplicates, {dim}"), &cloud, dim);
        let line: Vec<f64> = (0..300 * dim).map(|i| (i / dim * 37 % 300) as f64 * 0.1).collect();
        check_host(&format!("line, {dim}"), &line, dim);
    }
}

/// Ties everywhere: all points equally far apart, corners of a cube, all points the same.
#[test]
fn host_and_core_agree_on_ties() {
    let simplex: Vec<f64> = (0..100 * 100).map(|i| f64::from(u8::from(i / 100 == i % 100))).collect();
    check_host("simplex", &simplex, 100);
    for dim in [4, 10, 64] {
        let corners: Vec<f64> = normal(400, dim).iter().map(|x| x.signum()).collect();
        check_host(&format!("corners {dim}"), &corners, dim);
    }
    check_host("one place", &[0.1; 50 * 7], 7);
    check_host("origin and zeros of both signs", &[0.0, -0.0, -0.0, 0.0, 1.0, 0.0], 2);
}

#[test]
fn host_names_the_element() {
    let mut cloud = vec![1.0f32; 5000];
    cloud[3217] = f32::NAN;
    let error = host_tree(&cloud, 10, Distance::Euclidean, 2).unwrap_err();
    assert!(matches!(error, Error::Coordinate { point: 321, coordinate: 7, .. }), "{error}");
    cloud[3217] = f32::NEG_INFINITY;
    let error = host_tree(&cloud, 10, Distance::Cosine, 1).unwrap_err();
    assert!(matches!(error, Error::Coordinate { point: 321, coordinate: 7, .. }), "{error}");
    assert_eq!(
        host_tree(&[0.0; 5], 0, Distance::Euclidean, 1).unwrap_err(),
        Error::Ragged { dim: 0, given: 5 }
    );
    assert_eq!(
        host_tree(&[1.0, 0.0, 0.0, 0.0], 2, Distance::Cosine, 1).unwrap_err(),
        Error::NoDirection { point: 1 }
    );
    assert!(matches!(
        host_tree(&[f64::MAX, f64::MIN], 1, Distance::Euclidean, 1).unwrap_err(),
        Error::Distance { .. }
    ));
    assert!(host_tree(&[0.0f64; 0], 3, Distance::Cosine, 1).unwrap().is_empty());
    assert!(host_tree(&[0.0f64; 0], 0, Distance::Euclidean, 0).unwrap().is_empty());
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

        prop_assert_eq!(host_lengths(&cloud, dim, Distance::Euclidean), lengths(&euclidean));

        let shifted: Vec<f32> = cloud.iter().map(|x| x + 3.0).collect();
        let mut norms = vec![0.0; n];
        let cosine = Cosine::new(&shifted, dim, &mut norms).unwrap();
        prop_assert_eq!(lengths(&cosine), lengths_by_union_find(&cosine));
        prop_assert_eq!(host_lengths(&shifted, dim, Distance::Cosine), lengths(&cosine));
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
        prop_assert_eq!(host_lengths(&cloud, dim, Distance::Euclidean), lengths(&narrow));
    }
}

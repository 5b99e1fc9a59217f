//! Vietoris–Rips bars against the explicit complex.

use proptest::prelude::*;
use valleys_core::topology::{
    Bar, Distances, Edge, Error, Euclidean, Filtration, Metric, ReductionMatrix, Rips, reduce_sparse,
    spanning_tree,
};

fn rips(space: &impl Metric, max_dim: usize, threshold: f64) -> Vec<Bar> {
    Rips { max_dim, threshold, budget: 1 << 30 }.bars(space).unwrap()
}

fn ends(bars: &[Bar]) -> Vec<(usize, f64, f64)> {
    bars.iter().map(|b| (b.dim, b.birth, b.death)).collect()
}

fn diameter(space: &impl Metric, vertices: &[u32]) -> f64 {
    let pairs = vertices.iter().flat_map(|&a| vertices.iter().map(move |&b| (a as usize, b as usize)));
    pairs.filter(|(a, b)| a != b).map(|(a, b)| space.distance(a, b)).fold(0.0, f64::max)
}

/// All simplices of up to `max_dim` + 2 vertices within the threshold.
fn explicit(space: &impl Metric, max_dim: usize, threshold: f64) -> Vec<(usize, f64, f64)> {
    let mut cells: Vec<(Vec<u32>, f64)> = Vec::new();
    for mask in 1u32..1 << space.points() {
        if mask.count_ones() as usize <= max_dim + 2 {
            let vertices: Vec<u32> = (0..32).filter(|i| mask >> i & 1 == 1).collect();
            let value = diameter(space, &vertices);
            if value <= threshold {
                cells.push((vertices, value));
            }
        }
    }
    let f = Filtration::new(cells).unwrap();
    let mut partner = vec![0; f.len()];
    ends(&reduce_sparse(&f, ReductionMatrix::Boundary, max_dim, &mut partner).unwrap().sorted())
}

#[test]
fn polygons_have_their_loop() {
    for n in [4, 5, 8, 30] {
        let angle = |i: i32| 2.0 * std::f64::consts::PI * f64::from(i) / f64::from(n);
        let cloud: Vec<f64> = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect();
        let bars = rips(&Euclidean::new(&cloud, 2).unwrap(), 1, f64::INFINITY);
        let loops: Vec<&Bar> = bars.iter().filter(|b| b.dim == 1).collect();
        let chord = |steps: i32| 2.0 * (angle(steps) / 2.0).sin();
        assert_eq!(loops.len(), 1, "{n}-gon: {loops:?}");
        assert!((loops[0].birth - chord(1)).abs() < 1e-14);
        // The loop is filled by triangles whose vertices are a third of the way round apart.
        assert!((loops[0].death - chord((n + 2) / 3)).abs() < 1e-14);
    }
}

#[test]
fn the_octahedron_is_a_sphere() {
    let cloud = [1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0];
    let bars = rips(&Euclidean::new(&cloud, 3).unwrap(), 2, f64::INFINITY);
    assert_eq!(ends(&bars).last(), Some(&(2, 2f64.sqrt(), 2.0)));
    assert_eq!(bars.iter().filter(|b| b.dim == 1).count(), 0);
    let bars = rips(&Euclidean::new(&cloud, 3).unwrap(), 2, 1.9);
    assert_eq!(ends(&bars).last(), Some(&(2, 2f64.sqrt(), f64::INFINITY)));
}

#[test]
fn small_and_wrong_inputs() {
    let none = Euclidean::new(&[0.0f64; 0], 2).unwrap();
    assert!(rips(&none, 2, f64::INFINITY).is_empty());
    let one = Euclidean::new(&[3.0], 1).unwrap();
    assert_eq!(ends(&rips(&one, 2, f64::INFINITY)), [(0, 0.0, f64::INFINITY)]);
    let twice = Euclidean::new(&[3.0, 3.0], 1).unwrap();
    assert_eq!(ends(&rips(&twice, 2, 0.0)), [(0, 0.0, f64::INFINITY)]);

    let space = Distances::new(&[1.0, 2.0, 1.0, 1.0, 2.0, 1.0], 4).unwrap();
    let run = |max_dim, budget| Rips { max_dim, threshold: 2.0, budget }.bars(&space).unwrap_err();
    let needed = Rips::least_budget(4);
    assert_eq!(run(1, needed - 1), Error::Memory { needed, given: needed - 1, dim: 0 });
    assert!(matches!(run(1, needed), Error::Memory { dim: 1, .. }));
    assert_eq!(run(6, needed), Error::TooMany { what: "indices", given: 6 });
    let bad = (3, |_: usize, _: usize| f64::NAN);
    let error = Rips { max_dim: 1, threshold: 1.0, budget: 1 << 20 }.bars(&bad).unwrap_err();
    assert!(matches!(error, Error::Distance { a: 1, b: 0, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Few different distances, no triangle inequality: ties, duplicates, every shape of complex.
    #[test]
    fn bars_agree_with_the_explicit_complex(
        n in 0usize..9, levels in 1u32..12, noise in prop::collection::vec(any::<u32>(), 36),
        max_dim in 1usize..4, threshold in prop::sample::select(vec![f64::INFINITY, 3.0, 5.0]),
        missing in prop::sample::select(vec![u32::MAX, 2, 4])
    ) {
        // Some edges are missing: they are in no complex, whatever the threshold.
        let distance = |x: &u32| if x % missing == 1 { f64::INFINITY } else { f64::from(x % levels) };
        let lower: Vec<f64> = noise[..n * n.saturating_sub(1) / 2].iter().map(distance).collect();
        let space = Distances::new(&lower, n).unwrap();
        let bars = rips(&space, max_dim, threshold);
        prop_assert_eq!(ends(&bars), explicit(&space, max_dim, threshold.min(f64::MAX)));
        // The tree has as many finite edges as there are bars of dimension 0 that end, of length 0 or not.
        let mut tree = vec![Edge::default(); n.saturating_sub(1)];
        let tree = spanning_tree(&space, &mut tree).unwrap();
        let lengths = tree.iter().map(|edge| edge.length).filter(|&x| 0.0 < x && x <= threshold.min(f64::MAX));
        let deaths = bars.iter().filter(|bar| bar.dim == 0 && bar.death.is_finite()).map(|bar| bar.death);
        prop_assert!(lengths.eq(deaths));
        for bar in &bars {
            let vertices = Rips::vertices(bar.birth_simplex, bar.dim);
            prop_assert!(vertices.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(diameter(&space, &vertices), bar.birth);
            if let Some(cell) = bar.death_simplex {
                prop_assert_eq!(diameter(&space, &Rips::vertices(cell, bar.dim + 1)), bar.death);
            }
        }
    }
}

//! Reductions: known homology by all algorithms, random complexes against ranks.

use proptest::prelude::*;
use valleys_core::topology::{
    Bar, Error, Filtration, Interval, Pairing, ReductionMatrix, barcode, reduce, reduce_len, reduce_sparse,
    union_find, w_infinity,
};
use valleys_tests::complexes::{self, Simplices, lower_closure};
use valleys_tests::rank::{self, Pairs};

const MATRICES: [ReductionMatrix; 2] = [ReductionMatrix::Boundary, ReductionMatrix::Coboundary];

fn pairs(pairing: &Pairing<'_>) -> Pairs {
    let mut all = Pairs::default();
    for class in pairing.classes() {
        match class.death_simplex {
            Some(death) => all.pairs.push((class.birth_simplex, death)),
            None => all.essential.push(class.birth_simplex),
        }
    }
    all
}

/// The pairing by every algorithm: dense and sparse, boundary and coboundary. They must agree.
fn all_roads(f: &Filtration<'_>, max_dim: usize) -> Pairs {
    let mut results = Vec::new();
    for matrix in MATRICES {
        let mut scratch = vec![u32::MAX; reduce_len(f, matrix, max_dim)];
        let mut partner = vec![3; f.len()];
        results.push(pairs(&reduce(f, matrix, max_dim, &mut scratch, &mut partner).unwrap()));
        results.push(pairs(&reduce_sparse(f, matrix, max_dim, &mut partner).unwrap()));
    }
    assert!(results.iter().all(|r| *r == results[0]), "the roads disagree: {results:?}");
    results.swap_remove(0)
}

/// Essential classes by index.
fn betti(cells: Simplices) -> Vec<usize> {
    let f = Filtration::new(cells).unwrap();
    let mut numbers = vec![0; f.dim().unwrap() + 1];
    all_roads(&f, usize::MAX).essential.iter().for_each(|&cell| numbers[f.dimension(cell)] += 1);
    numbers
}

#[test]
fn homology_of_known_spaces() {
    assert_eq!(betti(complexes::circle()), [1, 1]);
    assert_eq!(betti(complexes::sphere(4)), [1, 0, 1], "hollow tetrahedron");
    assert_eq!(betti(complexes::ball(4)), [1, 0, 0, 0], "filled tetrahedron");
    assert_eq!(betti(complexes::sphere(7)), [1, 0, 0, 0, 0, 1]);
    assert_eq!(betti(complexes::torus()), [1, 2, 1]);
    assert_eq!(betti(complexes::projective_plane()), [1, 1, 1], "over Z/2");
    assert_eq!(betti(complexes::klein_bottle(5)), [1, 2, 1], "over Z/2");
    assert_eq!(betti(complexes::klein_bottle(31)), [1, 2, 1], "over Z/2");
}

#[test]
fn bars_carry_values_and_cells() -> Result<(), Error> {
    // A square with one diagonal, one half of it filled at once, the other later.
    let cells: Simplices = vec![
        (vec![0], 0.0),
        (vec![1], 0.0),
        (vec![2], 1.0),
        (vec![3], 3.0),
        (vec![0, 1], 1.0),
        (vec![1, 2], 2.0),
        (vec![2, 3], 3.0),
        (vec![0, 3], 4.0),
        (vec![0, 2], 5.0),
        (vec![0, 1, 2], 5.0),
        (vec![0, 2, 3], 7.5),
    ];
    let f = Filtration::new(cells)?;
    let mut partner = vec![0; f.len()];
    let pairing = reduce_sparse(&f, ReductionMatrix::Coboundary, 2, &mut partner)?;
    let bars = pairing.sorted();
    let seen: Vec<(usize, f64, f64)> = bars.iter().map(|b| (b.dim, b.birth, b.death)).collect();
    let inf = f64::INFINITY;
    assert_eq!(seen, [(0, 0.0, 1.0), (0, 0.0, inf), (0, 1.0, 2.0), (1, 4.0, 7.5)]);
    assert_eq!(bars, barcode(&f));
    assert_eq!(f.vertices(bars[3].birth_simplex), [0, 3]);
    assert_eq!(bars[3].death_simplex.map(|c| f.vertices(c)), Some(&[0, 2, 3][..]));
    let zero: Vec<(usize, f64)> = pairing.zero_length().map(|b| (b.dim, b.birth)).collect();
    assert_eq!(zero, [(0, 3.0), (1, 5.0)]);

    let unset = Bar { dim: 9, birth: 0.0, death: 0.0, birth_simplex: 0, death_simplex: None };
    assert_eq!(pairing.write_bars(&mut [unset; 6])?, bars);
    let short = pairing.write_bars(&mut [unset; 3]).unwrap_err();
    assert_eq!(short, Error::Short { what: "bars", needed: 4, given: 3 });
    Ok(())
}

#[test]
fn asked_for_low_indices_only() -> Result<(), Error> {
    let f = Filtration::new(complexes::ball(5))?;
    let full = all_roads(&f, 4);
    for max_dim in 0..4 {
        let part = all_roads(&f, max_dim);
        assert!(part.essential == full.essential);
        let low = full.pairs.iter().filter(|(birth, _)| f.dimension(*birth) <= max_dim);
        assert!(part.pairs.iter().eq(low));
    }
    Ok(())
}

#[test]
fn empty_and_point() -> Result<(), Error> {
    let empty = Filtration::new(Simplices::new())?;
    assert!(empty.is_empty() && empty.dim().is_none() && barcode(&empty).is_empty());
    assert_eq!(all_roads(&empty, 3), Pairs::default());
    assert_eq!(union_find(&empty, &mut [], &mut [])?.bars().count(), 0);
    let point = Filtration::new([([8], -2.5)])?;
    let bar = Bar { dim: 0, birth: -2.5, death: f64::INFINITY, birth_simplex: 0, death_simplex: None };
    assert_eq!(barcode(&point), [bar]);
    assert_eq!(all_roads(&point, 0).essential, [0]);
    Ok(())
}

#[test]
fn short_memory_is_named() -> Result<(), Error> {
    let f = Filtration::new(complexes::torus())?;
    for matrix in MATRICES {
        let needed = reduce_len(&f, matrix, 1);
        let error = reduce(&f, matrix, 1, &mut vec![0; needed - 1], &mut [0; 42]).unwrap_err();
        assert_eq!(error, Error::Short { what: "scratch of the reduction", needed, given: needed - 1 });
        let error = reduce(&f, matrix, 1, &mut vec![0; needed], &mut [0; 41]).unwrap_err();
        assert_eq!(error, Error::Short { what: "partners", needed: 42, given: 41 });
        let error = reduce_sparse(&f, matrix, 1, &mut [0; 41]).unwrap_err();
        assert_eq!(error, Error::Short { what: "partners", needed: 42, given: 41 });
    }
    let error = union_find(&f, &mut [0; 41], &mut [0; 42]).unwrap_err();
    assert_eq!(error, Error::Short { what: "union-find", needed: 42, given: 41 });
    Ok(())
}

#[test]
fn distance_to_the_empty_diagram() {
    assert_eq!(w_infinity([]), 0.0);
    assert_eq!(w_infinity([Interval::new(1.0, f64::INFINITY)]), 0.0);
    assert_eq!(w_infinity([Interval::new(-3.0, -1.0), Interval::new(0.0, 1.0)]), 1.0);
}

/// Complexes of up to seven vertices with gaps in their names, few different values, in any order.
fn random_cells() -> impl Strategy<Value = Simplices> {
    let simplex = (prop::sample::subsequence(vec![0u32, 1, 2, 5, 40, 41, u32::MAX], 1..=5), 0..6i32);
    prop::collection::vec(simplex, 0..9)
        .prop_map(|simplices| {
            let weighted: Vec<_> =
                simplices.into_iter().map(|(s, v)| (s, f64::from(v) / 2.0 - 1.0)).collect();
            lower_closure(&weighted)
        })
        .prop_filter("at most 100 cells", |cells| cells.len() <= 100)
        .prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_complexes_pair_as_the_ranks_say(cells in random_cells()) {
        let f = Filtration::new(cells.clone()).unwrap();
        for (cell, (simplex, value)) in rank::ordered(&cells).iter().enumerate() {
            prop_assert_eq!(f.vertices(cell), simplex.as_slice());
            prop_assert_eq!(f.value(cell), *value);
        }
        let found = all_roads(&f, usize::MAX);
        prop_assert_eq!(&found, &rank::pairs(&cells));

        // Dimension 0 by the third algorithm.
        let (mut parent, mut partner) = (vec![0; f.len()], vec![0; f.len()]);
        let third = pairs(&union_find(&f, &mut parent, &mut partner).unwrap());
        prop_assert!(third.pairs.iter().eq(found.pairs.iter().filter(|(birth, _)| f.dimension(*birth) == 0)));
        prop_assert!(third.essential.iter().eq(found.essential.iter().filter(|&&c| f.dimension(c) == 0)));

        // Euler characteristic: cells and essential classes, with alternating signs.
        let sign = |cell: usize| if f.dimension(cell).is_multiple_of(2) { 1 } else { -1 };
        let cells_sum: i32 = (0..f.len()).map(sign).sum();
        let classes_sum: i32 = found.essential.iter().map(|&cell| sign(cell)).sum();
        prop_assert_eq!(cells_sum, classes_sum);

        // Bars and zero-length classes are all classes, the bars in order.
        let reduced = reduce_sparse(&f, ReductionMatrix::Boundary, usize::MAX, &mut partner).unwrap();
        let bars = reduced.sorted();
        prop_assert!(bars.is_sorted_by(|a, b| (a.dim, a.birth, a.death) <= (b.dim, b.birth, b.death)));
        prop_assert_eq!(bars.len() + reduced.zero_length().count(), found.pairs.len() + found.essential.len());
    }
}

//! Representative cycles: they are cycles, begin with their birth, are filled by their death and not before.

use proptest::prelude::*;
use valleys_core::topology::{Bar, Error, Filtration, ReductionMatrix, cycles, cycles_len, reduce_sparse};
use valleys_tests::complexes::{self, Simplices, lower_closure};

/// All cycles, with the bars they stand for.
fn all(f: &Filtration<'_>) -> Vec<(Bar, Vec<usize>)> {
    let mut partner = vec![0; f.len()];
    let pairing = reduce_sparse(f, ReductionMatrix::Coboundary, usize::MAX, &mut partner).unwrap();
    let mut found = Vec::new();
    for index in 0..=f.dim().map_or(0, |dim| dim + 1) {
        let mut scratch = vec![u32::MAX; cycles_len(&pairing, index)];
        cycles(&pairing, index, &mut scratch, |bar, cells| found.push((bar, cells.collect()))).unwrap();
    }
    let mut bars: Vec<Bar> = found.iter().map(|(bar, _)| *bar).collect();
    bars.sort_by(Bar::order);
    assert_eq!(bars, pairing.sorted(), "one cycle for every bar");
    found
}

/// The sum of the boundaries of some cells, as bits.
fn boundary(f: &Filtration<'_>, cells: impl IntoIterator<Item = usize>) -> u128 {
    let facets = cells.into_iter().flat_map(|cell| f.facets(cell).iter());
    facets.fold(0, |bits, &facet| bits ^ (1 << facet))
}

/// Whether a chain is the boundary of one of the cells before `end`.
fn is_boundary(f: &Filtration<'_>, chain: u128, end: usize) -> bool {
    let mut basis: Vec<u128> = Vec::new();
    let reduced = |basis: &[u128], chain: u128| basis.iter().fold(chain, |c, b| c.min(c ^ b));
    for cell in 0..end {
        let column = reduced(&basis, boundary(f, [cell]));
        if column != 0 {
            basis.push(column);
            basis.sort_unstable_by(|a, b| b.cmp(a));
        }
    }
    reduced(&basis, chain) == 0
}

fn check(f: &Filtration<'_>) {
    for (bar, cells) in all(f) {
        assert!(cells.is_sorted_by(|a, b| a < b) && cells.iter().all(|&c| f.dimension(c) == bar.dim));
        assert_eq!(cells.last(), Some(&bar.birth_simplex));
        assert_eq!(boundary(f, cells.iter().copied()), 0, "{bar:?}: {cells:?}");
        let chain = cells.iter().fold(0, |bits, &cell| bits ^ (1u128 << cell));
        match bar.death_simplex {
            Some(death) => {
                assert!(
                    is_boundary(f, chain, death + 1) && !is_boundary(f, chain, death),
                    "{bar:?}: {cells:?}"
                );
            }
            None => assert!(!is_boundary(f, chain, f.len()), "{bar:?}: {cells:?}"),
        }
    }
}

#[test]
fn known_spaces() {
    for cells in
        [complexes::circle(), complexes::torus(), complexes::projective_plane(), complexes::sphere(6)]
    {
        check(&Filtration::new(cells).unwrap());
    }
    assert!(all(&Filtration::new(Simplices::new()).unwrap()).is_empty());
}

#[test]
fn indices_that_were_not_asked_for() -> Result<(), Error> {
    let f = Filtration::new(complexes::torus())?;
    let mut partner = vec![0; f.len()];
    let pairing = reduce_sparse(&f, ReductionMatrix::Coboundary, 0, &mut partner)?;
    assert_eq!(cycles_len(&pairing, 1), 0);
    cycles(&pairing, 1, &mut [], |bar, _| panic!("{bar:?}"))?;
    let needed = cycles_len(&pairing, 0);
    let short = cycles(&pairing, 0, &mut vec![0; needed - 1], |_, _| ()).unwrap_err();
    assert_eq!(short, Error::Short { what: "scratch of the cycles", needed, given: needed - 1 });
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_complexes(
        tops in prop::collection::vec((prop::collection::btree_set(0u32..8, 1..5), 0u32..6), 0..8)
    ) {
        let tops: Vec<(Vec<u32>, f64)> =
            tops.into_iter().map(|(s, v)| (s.into_iter().collect(), f64::from(v))).collect();
        check(&Filtration::new(lower_closure(&tops)).unwrap());
    }
}

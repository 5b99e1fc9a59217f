//! Reductions: all algorithms for the pairing of a complex agree, and its cycles are cycles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use valleys_core::topology::{
    Filtration, ReductionMatrix, cycles, cycles_len, reduce, reduce_len, reduce_sparse,
};

// Pairs of bytes: the vertices of a simplex as bits, its value. All faces enter with it, at its value or less.
fuzz_target!(|bytes: &[u8]| {
    let mut values: BTreeMap<u8, u8> = BTreeMap::new();
    for &[mask, value] in bytes.as_chunks::<2>().0.iter().take(12) {
        for face in (1..=mask).filter(|face| face & !mask == 0 && mask.count_ones() < 7) {
            let least = values.entry(face).or_insert(value);
            *least = value.min(*least);
        }
    }
    let vertices = |mask: u8| (0..8u32).filter(move |i| mask >> i & 1 == 1);
    let cells = values.iter().map(|(&mask, &value)| (vertices(mask), f64::from(value)));
    let filtration = Filtration::new(cells).unwrap();
    let n = filtration.len();
    let mut fast = vec![0; n];
    let pairing = reduce_sparse(&filtration, ReductionMatrix::Coboundary, usize::MAX, &mut fast).unwrap();
    for matrix in [ReductionMatrix::Boundary, ReductionMatrix::Coboundary] {
        let mut scratch = vec![u32::MAX; reduce_len(&filtration, matrix, usize::MAX)];
        let (mut dense, mut sparse) = (vec![0; n], vec![0; n]);
        let dense = reduce(&filtration, matrix, usize::MAX, &mut scratch, &mut dense).unwrap();
        let sparse = reduce_sparse(&filtration, matrix, usize::MAX, &mut sparse).unwrap();
        for cell in 0..n {
            assert_eq!(dense.partner(cell), pairing.partner(cell));
            assert_eq!(sparse.partner(cell), pairing.partner(cell));
        }
    }
    let mut shown = 0;
    for index in 0..8 {
        let mut scratch = vec![u32::MAX; cycles_len(&pairing, index)];
        let check = |bar: valleys_core::topology::Bar, cells: &mut dyn Iterator<Item = usize>| {
            let (mut open, mut last) = (vec![false; n], 0);
            for cell in cells {
                filtration.facets(cell).iter().for_each(|&facet| open[facet as usize] ^= true);
                last = cell;
            }
            assert!(last == bar.birth_simplex && open.iter().all(|open| !open));
            shown += 1;
        };
        cycles(&pairing, index, &mut scratch, check).unwrap();
    }
    assert_eq!(shown, pairing.bars().count());
});

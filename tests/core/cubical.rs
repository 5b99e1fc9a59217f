//! Cubical complexes of grids: bars against GUDHI, a triangulation with the same bars, mirror images, +∞.

use proptest::prelude::*;
use serde_json::Value;
use valleys_core::topology::{
    Bar, Error, Filtration, Grid, GridComplex, Pairing, ReductionMatrix, barcode, cycles, cycles_len,
    reduce_sparse,
};

type Ends = (usize, f64, f64);

const CUBICAL: [GridComplex; 2] = [GridComplex::Vertices, GridComplex::Cells];

fn ends(bars: &[Bar]) -> Vec<Ends> {
    bars.iter().map(|b| (b.dim, b.birth, b.death)).collect()
}

fn bars(values: &[f64], axes: &[usize], complex: GridComplex) -> Vec<Ends> {
    ends(&Grid::new(values, axes).unwrap().with_complex(complex).bars().unwrap())
}

fn end(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::INFINITY)
}

/// The value of a cube by its first and last corner: of its vertices, or of the cells of the top dimension around it.
fn of_cube(values: &[f64], axes: &[usize], complex: GridComplex, first: &[usize], last: &[usize]) -> f64 {
    let range = |axis: usize| -> Vec<usize> {
        match complex {
            GridComplex::Cells if axes[axis] == 1 => vec![0],
            GridComplex::Cells => {
                (0..axes[axis]).filter(|&i| i <= first[axis] && last[axis] <= i + 1).collect()
            }
            _ => (first[axis]..=last[axis]).collect(),
        }
    };
    let mut places = vec![0];
    for (axis, &len) in axes.iter().enumerate() {
        let along = range(axis);
        places = places.iter().flat_map(|&p| along.iter().map(move |i| p * len + i)).collect();
    }
    let of = places.iter().map(|&p| values[p]);
    match complex {
        GridComplex::Cells => of.fold(f64::INFINITY, f64::min),
        _ => of.fold(f64::NEG_INFINITY, f64::max),
    }
}

/// The bars of the staircase triangulation of the cubical complex: every simplex has the value of the smallest cube that
/// it lies in, so sublevel sets are the same sets.
fn triangulated(values: &[f64], axes: &[usize], complex: GridComplex) -> Vec<Ends> {
    let corners: Vec<usize> =
        axes.iter().map(|&n| if complex == GridComplex::Cells && n > 1 { n + 1 } else { n }).collect();
    let coordinates = |mut p: usize| {
        let mut at = vec![0; axes.len()];
        for (slot, n) in at.iter_mut().zip(&corners).rev() {
            (*slot, p) = (p % n, p / n);
        }
        at
    };
    let ahead = |a: usize, b: usize| {
        let (a, b) = (coordinates(a), coordinates(b));
        a.iter().zip(&b).all(|(a, b)| b == a || *b == a + 1)
    };
    let count: usize = corners.iter().product();
    let mut chains: Vec<Vec<usize>> = (0..count).map(|p| vec![p]).collect();
    let mut cells = Vec::new();
    while let Some(chain) = chains.pop() {
        let (first, last) = (coordinates(chain[0]), coordinates(chain[chain.len() - 1]));
        let value = of_cube(values, axes, complex, &first, &last);
        if value == f64::INFINITY {
            continue;
        }
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        for next in last + 1..count {
            if ahead(first, next) && ahead(last, next) {
                chains.push([&chain[..], &[next]].concat());
            }
        }
        cells.push((chain.into_iter().map(|p| p as u32).collect::<Vec<_>>(), value));
    }
    ends(&barcode(&Filtration::new(cells).unwrap()))
}

#[test]
fn bars_are_those_of_gudhi() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/grids.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 17);
    for case in cases {
        let values: Vec<f64> = case["values"].as_array().unwrap().iter().map(end).collect();
        let axes: Vec<usize> =
            case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        for complex in CUBICAL {
            let known = &case[complex.name()];
            let rows = known["bars"].as_array().unwrap();
            let expected: Vec<Ends> =
                rows.iter().map(|r| (r[0].as_u64().unwrap() as usize, end(&r[1]), end(&r[2]))).collect();
            let what = format!("{} {}", case["name"], complex.name());
            assert_eq!(bars(&values, &axes, complex), expected, "{what}");
            // All cubes, each in one pair.
            let grid = Grid::new(&values, &axes).unwrap().with_complex(complex);
            let filtration = grid.filtration(3).unwrap();
            let mut partner = vec![0; filtration.len()];
            let pairing = reduce_sparse(&filtration, ReductionMatrix::Boundary, 3, &mut partner).unwrap();
            assert_eq!(ends(&pairing.sorted()), expected, "{what}");
            assert_eq!(pairing.zero_length().count() as u64, known["zero_length"], "{what}");
            assert_eq!(grid.cells_len().iter().sum::<u64>() as usize, filtration.len(), "{what}");
        }
    }
}

#[test]
fn diagonals_connect_cells_but_not_vertices() {
    // A ring of low values whose corners touch by diagonals alone.
    let ring = [1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 1.0];
    let never = f64::INFINITY;
    assert_eq!(bars(&ring, &[3, 3], GridComplex::Cells), [(0, 0.0, never), (1, 0.0, 2.0)]);
    let apart = [(0, 0.0, 1.0), (0, 0.0, 1.0), (0, 0.0, 1.0), (0, 0.0, never), (1, 1.0, 2.0)];
    assert_eq!(bars(&ring, &[3, 3], GridComplex::Vertices), apart);
}

#[test]
fn no_grid_has_no_bars_and_a_point_has_one() {
    for complex in GridComplex::ALL {
        assert_eq!(bars(&[], &[0, 3], complex), []);
        assert_eq!(bars(&[], &[2, 0, 3], complex), []);
        assert_eq!(Grid::new(&[], &[0, 3]).unwrap().with_complex(complex).cells_len(), [0; 4]);
        assert_eq!(bars(&[-1.0], &[1, 1, 1], complex), [(0, -1.0, f64::INFINITY)]);
        assert_eq!(Grid::new(&[-1.0], &[1]).unwrap().with_complex(complex).cells_len(), [1, 0, 0, 0]);
        assert_eq!(bars(&[f64::INFINITY], &[1], complex), []);
    }
}

#[test]
fn infinite_values_never_enter_and_others_are_errors() {
    let never = f64::INFINITY;
    // A well, a wall that is never passed, and a hole that is never filled.
    let values = [0.0, 0.0, 0.0, never, 5.0, 0.0, never, 0.0, never, 5.0, 0.0, 0.0, 0.0, never, 4.0];
    for complex in GridComplex::ALL {
        let found = bars(&values, &[3, 5], complex);
        assert_eq!(found, [(0, 0.0, never), (0, 4.0, never), (1, 0.0, never)], "{complex:?}");
        let grid = Grid::new(&values, &[3, 5]).unwrap().with_complex(complex);
        for bar in grid.bars().unwrap() {
            assert_eq!(bar.death_simplex, None);
            assert_eq!(values[bar.birth_simplex], bar.birth);
        }
    }
    for wrong in [f64::NEG_INFINITY, f64::NAN] {
        let error = Grid::new(&[never, 0.0, wrong], &[3]).unwrap_err();
        assert!(matches!(error, Error::Value { position: 2, .. }), "{error}");
    }
}

/// Cells that are essential, zero-length, or in a bar: all of them, counted without the reduction.
fn counts_agree(grid: &Grid<'_>) {
    let filtration = grid.filtration(3).unwrap();
    for (dim, count) in grid.cells_len().into_iter().enumerate() {
        assert_eq!(filtration.simplices_of(dim).len() as u64, count, "{grid:?}");
    }
}

#[test]
fn cells_are_counted_with_infinite_values_and_without() {
    let values: Vec<f64> = (0..60u32).map(|i| f64::from(i * i % 7)).collect();
    let some_infinite: Vec<f64> = values.iter().map(|&x| if x == 4.0 { f64::INFINITY } else { x }).collect();
    for complex in GridComplex::ALL {
        for axes in [&[60][..], &[1, 60], &[6, 10], &[3, 4, 5], &[6, 1, 10], &[60, 1, 1]] {
            for values in [&values, &some_infinite] {
                counts_agree(&Grid::new(values, axes).unwrap().with_complex(complex));
            }
        }
    }
    let euler = |complex: GridComplex| {
        let counts = Grid::new(&values, &[3, 4, 5]).unwrap().with_complex(complex).cells_len();
        counts.iter().zip([1, -1, 1, -1]).map(|(&count, sign)| sign * count as i64).sum::<i64>()
    };
    assert_eq!(GridComplex::ALL.map(euler), [1; 3], "a box");
}

/// The boundary of a sum of cells over Z/2, as the vertices of its cells.
fn boundary(pairing: &Pairing<'_>, cells: &[usize]) -> Vec<usize> {
    let mut facets: Vec<usize> = cells
        .iter()
        .flat_map(|&cell| pairing.filtration().facets(cell).iter().map(|&facet| facet as usize))
        .collect();
    facets.sort_unstable();
    facets.chunk_by(|a, b| a == b).filter(|same| same.len() % 2 == 1).map(|same| same[0]).collect()
}

#[test]
fn cycles_of_cubes_have_no_boundary() {
    let values: Vec<f64> =
        (0..216u32).map(|i| f64::from((i + 1).wrapping_mul(2_654_435_769) >> 27)).collect();
    for complex in CUBICAL {
        let grid = Grid::new(&values, &[6, 6, 6]).unwrap().with_complex(complex);
        let filtration = grid.filtration(3).unwrap();
        let mut partner = vec![0; filtration.len()];
        let pairing = reduce_sparse(&filtration, ReductionMatrix::Coboundary, 3, &mut partner).unwrap();
        let mut shown = 0;
        for dim in 0..3 {
            let mut scratch = vec![0; cycles_len(&pairing, dim)];
            cycles(&pairing, dim, &mut scratch, |bar, cells| {
                let cells: Vec<usize> = cells.collect();
                assert_eq!(cells.last(), Some(&bar.birth_simplex));
                assert_eq!(boundary(&pairing, &cells), [0; 0], "{bar:?}");
                assert_eq!(values[grid.point_of(filtration.vertices(bar.birth_simplex))], bar.birth);
                shown += 1;
            })
            .unwrap();
        }
        assert_eq!(shown, pairing.bars().count());
        assert!(pairing.bars().any(|bar| bar.dim == 1) && pairing.bars().any(|bar| bar.dim == 2));
    }
}

/// The values of the mirror image along an axis.
fn mirrored(values: &[f64], axes: &[usize], axis: usize) -> Vec<f64> {
    let inner: usize = axes[axis + 1..].iter().product();
    let place = |p: usize| {
        let i = p / inner % axes[axis];
        p - i * inner + (axes[axis] - 1 - i) * inner
    };
    (0..values.len()).map(|p| values[place(p)]).collect()
}

/// The values with the axes in the opposite order.
fn transposed(values: &[f64], axes: &[usize; 3]) -> Vec<f64> {
    let [planes, rows, columns] = *axes;
    let place = |p: usize| (p % planes * rows + p / planes % rows) * columns + p / planes / rows;
    (0..values.len()).map(|p| values[place(p)]).collect()
}

#[test]
fn freudenthal_depends_on_the_orientation() {
    let values = [1.0, 0.0, 0.0, 1.0];
    let never = f64::INFINITY;
    let complex = GridComplex::Freudenthal;
    assert_eq!(bars(&values, &[2, 2], complex), [(0, 0.0, 1.0), (0, 0.0, never)]);
    assert_eq!(bars(&mirrored(&values, &[2, 2], 0), &[2, 2], complex), [(0, 0.0, never)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Few values and many, +∞ among them, in one to three axes: two reductions and union-find.
    #[test]
    fn cubes_agree_with_their_triangulation(
        axes in prop::array::uniform3(1usize..5), levels in 2u32..30, infinite in any::<bool>(),
        noise in prop::collection::vec(any::<u32>(), 64)
    ) {
        let points = axes.iter().product::<usize>();
        let value = |x: &u32| if infinite && x.is_multiple_of(5) { f64::INFINITY } else { f64::from(x / 5 % levels) };
        let values: Vec<f64> = noise[..points].iter().map(value).collect();
        for complex in CUBICAL {
            let grid = Grid::new(&values, &axes).unwrap().with_complex(complex);
            let found = ends(&grid.bars().unwrap());
            prop_assert_eq!(&found, &triangulated(&values, &axes, complex));
            prop_assert_eq!(&found, &ends(&barcode(&grid.filtration(3).unwrap())));
        }
        // The triangulation with +∞.
        let grid = Grid::new(&values, &axes).unwrap();
        prop_assert_eq!(ends(&grid.bars().unwrap()), ends(&barcode(&grid.filtration(3).unwrap())));
    }

    #[test]
    fn cubical_bars_do_not_depend_on_the_orientation(
        axes in prop::array::uniform3(1usize..7), levels in 2u32..30,
        noise in prop::collection::vec(any::<u32>(), 216)
    ) {
        let points = axes.iter().product::<usize>();
        let values: Vec<f64> = noise[..points].iter().map(|x| f64::from(x % levels)).collect();
        for complex in CUBICAL {
            let found = bars(&values, &axes, complex);
            for axis in 0..3 {
                prop_assert_eq!(&bars(&mirrored(&values, &axes, axis), &axes, complex), &found);
            }
            let opposite = [axes[2], axes[1], axes[0]];
            prop_assert_eq!(&bars(&transposed(&values, &axes), &opposite, complex), &found);
        }
    }
}

//! Sublevel bars of grids against the reduction of the triangulated grid.

use proptest::prelude::*;
use valleys_core::topology::{Bar, Error, Filtration, Grid, barcode};

type Ends = (usize, f64, f64);

fn ends(bars: &[Bar]) -> Vec<Ends> {
    bars.iter().map(|b| (b.dim, b.birth, b.death)).collect()
}

/// The plane, written out: right, down, and the diagonal down-right.
fn plane(values: &[f64], rows: usize, columns: usize) -> Vec<Ends> {
    let mut cells: Vec<(Vec<u32>, f64)> = Vec::new();
    let mut add = |points: &[(usize, usize)]| {
        if points.iter().all(|&(i, j)| i < rows && j < columns) {
            let places: Vec<usize> = points.iter().map(|(i, j)| i * columns + j).collect();
            let value = places.iter().map(|&p| values[p]).fold(f64::NEG_INFINITY, f64::max);
            cells.push((places.iter().map(|&p| p as u32).collect(), value));
        }
    };
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        let (here, right, down, tangent_removal) = ((i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1));
        add(&[here]);
        [right, down, tangent_removal].iter().for_each(|&p| add(&[here, p]));
        [right, down].iter().for_each(|&p| add(&[here, p, tangent_removal]));
    }
    ends(&barcode(&Filtration::new(cells).unwrap()))
}

#[test]
fn errors_name_the_element() {
    let nan = Grid::new(&[0.0, 1.0, f64::NAN, 2.0], &[2, 2]).unwrap_err();
    assert!(matches!(nan, Error::Value { position: 2, .. }));
    assert_eq!(Grid::new(&[0.0; 5], &[2, 2]).unwrap_err(), Error::Shape { axes: 2, points: 4, given: 5 });
    assert_eq!(Grid::new(&[0.0], &[1; 4]).unwrap_err(), Error::Shape { axes: 4, points: 1, given: 1 });
    let huge = Grid::new(&[], &[usize::MAX, 2]).unwrap_err();
    assert_eq!(huge, Error::Shape { axes: 2, points: usize::MAX, given: 0 });
    let grid = Grid::new(&[0.0; 4], &[4]).unwrap();
    let short = grid.merge_tree_bars(&mut [0; 4], &mut [0; 4], |_| ()).unwrap_err();
    assert_eq!(short, Error::Short { what: "parents of the grid", needed: 10, given: 4 });
}

#[test]
fn empty_point_and_line() -> Result<(), Error> {
    assert!(Grid::new(&[], &[0, 3])?.bars()?.is_empty());
    assert_eq!(ends(&Grid::new(&[-1.0], &[1, 1])?.bars()?), [(0, -1.0, f64::INFINITY)]);
    let line = [3.0, 0.0, 2.0, 1.0, 5.0, -0.0];
    let expected = [(0, -0.0, 5.0), (0, 0.0, f64::INFINITY), (0, 1.0, 2.0)];
    for axes in [&[6][..], &[1, 6], &[6, 1], &[1, 6, 1]] {
        assert_eq!(ends(&Grid::new(&line, axes)?.bars()?), expected);
    }
    Ok(())
}

#[test]
fn memory_may_be_used_again() -> Result<(), Error> {
    let values: Vec<f64> = (0..30u32).map(|i| f64::from(i * 7 % 11)).collect();
    let grid = Grid::new(&values, &[5, 6])?;
    let (mut order, mut parent) = ([u64::MAX; 30], [7; 62]);
    let mut bars = [vec![], vec![]];
    for bars in &mut bars {
        grid.merge_tree_bars(&mut order, &mut parent, |bar| bars.push(bar))?;
    }
    assert_eq!(bars[0], bars[1]);
    Ok(())
}

#[test]
fn cells_carry_the_values() -> Result<(), Error> {
    let values: Vec<f64> = (0..125u32).map(|i| f64::from(i * i * 37 % 101)).collect();
    for axes in [&[125][..], &[5, 25], &[5, 5, 5]] {
        for bar in Grid::new(&values, axes)?.bars()? {
            assert_eq!(values[bar.birth_simplex], bar.birth);
            assert_eq!(bar.death_simplex.map_or(f64::INFINITY, |cell| values[cell]), bar.death);
        }
    }
    Ok(())
}

#[test]
fn a_hollow_ball_has_a_hole() -> Result<(), Error> {
    let mut values = [0.0; 125];
    values[62] = 1.0;
    assert_eq!(ends(&Grid::new(&values, &[5, 5, 5])?.bars()?), [(0, 0.0, f64::INFINITY), (2, 0.0, 1.0)]);
    // A pillar through the middle makes a loop, closed where the pillar is lowest.
    for (i, z) in [2.0, 3.0, 1.0, 2.0, 2.0].into_iter().enumerate() {
        values[25 * i + 12] = z;
    }
    assert_eq!(
        ends(&Grid::new(&values, &[5, 5, 5])?.bars()?),
        [(0, 0.0, f64::INFINITY), (1, 0.0, 1.0), (2, 2.0, 3.0)]
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Few values and many: ties, plateaus, noise.
    #[test]
    fn planes_agree_with_reduction(
        rows in 1usize..8, columns in 1usize..8, levels in prop::sample::select(vec![2u32, 5, 1000]),
        noise in prop::collection::vec(any::<u32>(), 49)
    ) {
        // Values that differ in their lowest bits only are told apart.
        let values: Vec<f64> = noise[..rows * columns].iter()
            .map(|x| f64::from_bits(1f64.to_bits() + u64::from(x % levels)) - if x % 7 == 0 { 3.0 } else { 0.0 }).collect();
        let grid = Grid::new(&values, &[rows, columns]).unwrap();
        let bars = ends(&grid.bars().unwrap());
        prop_assert_eq!(&bars, &plane(&values, rows, columns));
        prop_assert_eq!(&bars, &ends(&barcode(&grid.filtration(2).unwrap())));
    }

    #[test]
    fn spaces_agree_with_reduction(
        axes in prop::array::uniform3(1usize..5), levels in 2u32..20,
        noise in prop::collection::vec(any::<u32>(), 64)
    ) {
        let points = axes.iter().product::<usize>();
        let values: Vec<f64> = noise[..points].iter().map(|x| f64::from(x % levels)).collect();
        let grid = Grid::new(&values, &axes).unwrap();
        prop_assert_eq!(ends(&grid.bars().unwrap()), ends(&barcode(&grid.filtration(3).unwrap())));
    }
}

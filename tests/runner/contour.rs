//! Areas of superlevel sets on a triangle's lattice, against formulas.

use proptest::prelude::*;
use valleys::report::{Field, signed_area, to_plane};

/// Rounding of a few hundred additions of coordinates of a unit triangle.
const AREA_ROUNDING: f64 = 1e-12;
/// Area of the equilateral triangle with side 1.
const WHOLE: f64 = 0.433_012_701_892_219_3;

/// Barycentric coordinates in lattice order: (n,0,0), (n−1,1,0), (n−1,0,1), …
fn lattice(n: usize) -> impl Iterator<Item = [f64; 3]> {
    (0..=n).flat_map(move |row| (0..=row).map(move |k| [n - row, row - k, k].map(|x| x as f64 / n as f64)))
}

/// Area of {t : c·t ≥ level} in a triangle of area 1, corner values `c`: the analytic share.
fn share(mut c: [f64; 3], level: f64) -> f64 {
    c.sort_by(f64::total_cmp);
    let [a, b, d] = c;
    if level <= a {
        1.0
    } else if level <= b {
        1.0 - (level - a).powi(2) / ((b - a) * (d - a))
    } else if level < d {
        (d - level).powi(2) / ((d - a) * (d - b))
    } else {
        0.0
    }
}

proptest! {
    #[test]
    fn areas_of_linear_functions(c in [-5.0..5.0f64, -5.0..5.0f64, -5.0..5.0f64], s in 0.01..0.99f64, n in 1..20usize) {
        let values: Vec<_> = lattice(n).map(|t| c[0] * t[0] + c[1] * t[1] + c[2] * t[2]).collect();
        let field = Field::new(&values).unwrap();
        let (lo, hi) = (c[0].min(c[1]).min(c[2]), c[0].max(c[1]).max(c[2]));
        prop_assume!(hi - lo > 1e-3);
        let level = lo + s * (hi - lo);
        // Crossings are off by rounding over the slope of the function.
        let tolerance = AREA_ROUNDING * (1.0 + 10.0 / (hi - lo));
        prop_assert!((signed_area(&field.superlevel_set(level)) / WHOLE - share(c, level)).abs() < tolerance);
    }

    /// Against the sum of the analytic areas of the cells: another algorithm for the same set.
    #[test]
    fn areas_of_rough_functions(n in 1..9usize, values in prop::collection::vec(-4..5i32, 45), level in -5.0..5.0f64, hole in 0..90usize) {
        let count = (n + 1) * (n + 2) / 2;
        let mut values: Vec<_> = values[..count].iter().map(|&v| f64::from(v)).collect();
        if let Some(v) = values.get_mut(hole) { *v = f64::NAN; }
        // Ties of level and values are the hard case.
        for level in [level, level.round()] {
            let at = |row: usize, k: usize| values[row * (row + 1) / 2 + k];
            let upright = (0..n).flat_map(|r| (0..=r).map(move |k| [(r, k), (r + 1, k), (r + 1, k + 1)]));
            let inverted = (0..n).flat_map(|r| (0..r).map(move |k| [(r, k), (r + 1, k + 1), (r, k + 1)]));
            let cells = upright.chain(inverted).map(|cell| cell.map(|(r, k)| at(r, k)));
            let finite = cells.filter(|c| c.iter().all(|v| v.is_finite()));
            let expected: f64 = finite.map(|c| share(c, level)).sum::<f64>() / (n * n) as f64;
            let field = Field::new(&values).unwrap();
            prop_assert!((signed_area(&field.superlevel_set(level)) / WHOLE - expected).abs() < AREA_ROUNDING);
        }
    }
}

#[test]
fn place_is_equilateral() {
    let corners = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(to_plane);
    for i in 0..3 {
        let (a, b) = (corners[i], corners[(i + 1) % 3]);
        assert!(((a[0] - b[0]).hypot(a[1] - b[1]) - 1.0).abs() < 1e-15);
    }
    assert!(
        Field::new(&[0.0]).is_none() && Field::new(&[0.0; 4]).is_none() && Field::new(&[0.0; 3]).is_some()
    );
}

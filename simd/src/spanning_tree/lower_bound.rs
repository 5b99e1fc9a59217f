//! Lower bounds of squared distances, in single precision.
//!
//! Let x, y be points of d coordinates, rounded from exact ones, u = 2^-24, and A = |x|² + |y|².
//! - Rounding moves the distance D by at most e = u (|x| + |y|) ≤ u √(2 A). So it moves D² by at most
//!   2 D e + e² ≤ 5 u A, and by at most θ D² + (1 + 1/θ) e² for any θ.
//! - A sum of d products is computed in chunks of c. Its error is at most γ = (c + d / c + 1) u, relative to the sum of
//!   the absolute values of the products.
//! - Adding three such sums costs less than 4 u A.
//!
//! Therefore A − 2 x·y as computed, less (2 γ + 9 u) A, is a lower bound of D². Another one is Σ (x − y)² as computed, less
//! (γ + 3 u + θ) of itself and less 3 u² A / θ.

use crate::floats::{LINE_LEN, Line};
use crate::register_tile::{Tile, accumulate, has_32_registers, load, store, width};
use fearless_simd::{Level, dispatch, prelude::*};

/// Coordinates that are summed before they are added to the total.
pub const CHUNK: usize = 256;

/// How a bound is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Formula {
    /// A − 2 x·y: a matrix product, fast.
    Products,
    /// Σ (x − y)²: sharp for points that are close to each other.
    Differences,
}

/// Coefficients of a lower bound: bound = sum · `sum` + (|x|² + |y|²) · `norms` − `underflow`.
#[derive(Clone, Copy, Debug)]
pub struct LowerBound {
    /// What is summed.
    pub formula: Formula,
    sum: f32,
    norms: f32,
    underflow: f32,
}

impl LowerBound {
    /// The bound for points of `dim` coordinates; `underflow` bounds what underflow can cost.
    pub fn new(formula: Formula, dim: usize, underflow: f32) -> Self {
        let u = 1.0 / f64::from(1 << 24);
        let gamma = (CHUNK.min(dim) + dim.div_ceil(CHUNK) + 1) as f64 * u;
        // The margins cover terms of second order, the rounding of these coefficients, and that of exact distances.
        let (sum, norms) = match formula {
            Formula::Products => (-2.0, 1.0 - 1.01 * (2.0 * gamma + 24.0 * u)),
            Formula::Differences => {
                let theta = 1.0 / 4096.0;
                (1.0 - 1.01 * (gamma + 24.0 * u + theta), -4.0 * u * u / theta)
            }
        };
        Self { formula, sum: sum as f32, norms: norms as f32, underflow }
    }
}

/// The sums of the formula for all pairs of some point tiles with one: `sums` (points of the tiles, 32).
///
/// # Layout
/// `tiles` (tiles, coordinates, 32), `columns` (coordinates, 32).
pub fn sums(level: Level, formula: Formula, tiles: &[Line], columns: &[Line], sums: &mut [Line]) {
    dispatch!(level, simd => add_all(simd, formula, tiles, columns, sums));
}

#[inline(always)]
fn add_all<S: Simd>(simd: S, formula: Formula, tiles: &[Line], columns: &[Line], sums: &mut [Line]) {
    for begin in (0..columns.len()).step_by(CHUNK) {
        let end = columns.len().min(begin + CHUNK);
        for (rows, sums) in tiles.chunks_exact(columns.len()).zip(sums.chunks_exact_mut(LINE_LEN)) {
            let (rows, columns, add) = (&rows[begin..end], &columns[begin..end], begin > 0);
            // Both heights divide 32.
            if const { has_32_registers::<S>() } {
                add_chunk::<S, 8>(simd, formula, rows, columns, sums, add);
            } else {
                add_chunk::<S, 4>(simd, formula, rows, columns, sums, add);
            }
        }
    }
}

/// The sums over some coordinates of a tile of points with another, in register tiles of R rows.
#[inline(always)]
fn add_chunk<S: Simd, const R: usize>(
    simd: S,
    formula: Formula,
    rows: &[Line],
    columns: &[Line],
    sums: &mut [Line],
    add: bool,
) {
    for (first, sums) in (0..LINE_LEN).step_by(R).zip(sums.chunks_exact_mut(R)) {
        for column in (0..LINE_LEN).step_by(width::<S>()) {
            let mut tile: Tile<S, R> = [[S::f32s::splat(simd, 0.0); 2]; R];
            let steps = rows.iter().zip(columns).map(|(row, line)| {
                let row: [f32; R] = row[first..][..R].try_into().expect("R elements");
                (row, line)
            });
            if formula == Formula::Products {
                accumulate(simd, &mut tile, column, steps);
            } else {
                for (row, line) in steps {
                    let [low, high] = load(simd, line, column);
                    for r in 0..R {
                        let x = S::f32s::splat(simd, row[r]);
                        let (a, b) = (x - low, x - high);
                        tile[r] = [a.mul_add(a, tile[r][0]), b.mul_add(b, tile[r][1])];
                    }
                }
            }
            for (pair, sums) in tile.into_iter().zip(&mut *sums) {
                let [low, high] = load(simd, sums, column);
                let pair = if add { [pair[0] + low, pair[1] + high] } else { pair };
                store::<S>(pair, sums, column);
            }
        }
    }
}

/// Which bounds of a row are below the limit of the row or of their column: one bit for each column. Replaces the sums by
/// the bounds.
///
/// # Layout
/// `row` is the squared norm and the limit of the row; `norms` and `limits` are those of the columns.
#[inline(always)]
pub fn below<S: Simd>(
    simd: S,
    bound: LowerBound,
    sums: &mut Line,
    row: [f32; 2],
    norms: &Line,
    limits: &Line,
) -> u32 {
    let [sum, weight] = [bound.sum, bound.norms].map(|x| S::f32s::splat(simd, x));
    let norm = S::f32s::splat(simd, row[0] * bound.norms - bound.underflow);
    let limit = S::f32s::splat(simd, row[1]);
    let mut bits = 0;
    for column in (0..LINE_LEN).step_by(width::<S>()) {
        let (norms, limits) = (load(simd, norms, column), load(simd, limits, column));
        let mut pair = load(simd, sums, column);
        for i in 0..2 {
            pair[i] = pair[i].mul_add(sum, norms[i].mul_add(weight, norm));
            let found = pair[i].simd_lt(limits[i].max(limit)).to_bitmask() as u32;
            bits |= found << (column + i * S::f32s::LEN);
        }
        store::<S>(pair, sums, column);
    }
    bits
}

/// [`below`] for some rows, each with its squared norm and limit; columns have no limits.
pub fn below_rows(
    level: Level,
    bound: LowerBound,
    sums: &mut [Line],
    rows: impl Iterator<Item = [f32; 2]>,
    norms: &Line,
    bits: &mut [u32],
) {
    let limits = &[f32::NEG_INFINITY; LINE_LEN];
    dispatch!(level, simd => {
        for ((sums, row), bits) in sums.iter_mut().zip(rows).zip(bits) {
            *bits = below(simd, bound, sums, row, norms, limits);
        }
    });
}

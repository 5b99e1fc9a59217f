//! Lower bounds of squared distances, in single precision.
//!
//! For points x, y of d coordinates that were rounded from exact ones, u = 2^-24, A = |x|² + |y|²:
//! - rounding moved the distance by no more than e = u (|x| + |y|) ≤ u √(2 A), and so its square D² by no more than
//!   2 D e + e² ≤ 5 u A, or by no more than θ D² + (1 + 1/θ) e² for any θ;
//! - a sum of d products is computed in chunks of c: its error is at most γ = (c + d / c + 1) u, relative to the sum of
//!   the products' absolute values;
//! - adding up three such sums costs less than 4 u A.
//!
//! So A − 2 x·y as computed, less (2 γ + 9 u) A, is a lower bound of D²; and so is Σ (x − y)² as computed, less
//! (γ + 3 u + θ) of itself and less 3 u² A / θ.

use crate::floats::{LANES, Line};
use crate::tile::{Rows, Tile, accumulate, each, load, store, width};
use fearless_simd::prelude::*;

/// Coordinates that are summed up before they are added to the rest.
pub const CHUNK: usize = 256;

/// How bounds are computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Formula {
    /// By products, which is quick.
    Products,
    /// By differences, which is sharp for points that are near each other.
    Differences,
}

/// Numbers that make lower bounds of sums: bound = sum · `sum` + (|x|² + |y|²) · `norms` − `least`.
#[derive(Clone, Copy, Debug)]
pub struct LowerBound {
    pub formula: Formula,
    pub sum: f32,
    pub norms: f32,
    pub least: f32,
}

impl LowerBound {
    /// For points of d coordinates; `least` is for what is lost to underflow.
    pub fn new(formula: Formula, dim: usize, least: f32) -> Self {
        let u = 1.0 / f64::from(1 << 24);
        let gamma = (CHUNK.min(dim) + dim.div_ceil(CHUNK) + 1) as f64 * u;
        // A little is added for the second order, the rounding of these numbers, and that of exact distances.
        let (sum, norms) = match formula {
            Formula::Products => (-2.0, 1.0 - 1.01 * (2.0 * gamma + 24.0 * u)),
            Formula::Differences => {
                let theta = 1.0 / 4096.0;
                (1.0 - 1.01 * (gamma + 24.0 * u + theta), -4.0 * u * u / theta)
            }
        };
        Self { formula, sum: sum as f32, norms: norms as f32, least }
    }
}

/// Sums for all pairs of a block of point_tiles and one tile: (points of the block, 32).
///
/// # Layout
/// `block` (point_tiles, coordinates, 32), `tile` (coordinates, 32).
#[inline(always)]
pub fn sums<S: Simd>(simd: S, formula: Formula, block: &[Line], tile: &[Line], sums: &mut [Line]) {
    for begin in (0..tile.len()).step_by(CHUNK) {
        let end = tile.len().min(begin + CHUNK);
        for (rows, sums) in block.chunks_exact(tile.len()).zip(sums.chunks_exact_mut(LANES)) {
            let (rows, columns) = (&rows[begin..end], &tile[begin..end]);
            each(simd, LANES, Chunk { formula, rows, columns, sums, add: begin > 0 });
        }
    }
}

struct Chunk<'a> {
    formula: Formula,
    rows: &'a [Line],
    columns: &'a [Line],
    sums: &'a mut [Line],
    add: bool,
}

impl<S: Simd> Rows<S> for Chunk<'_> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, simd: S, first: usize) {
        for column in (0..LANES).step_by(width::<S>()) {
            let mut tile: Tile<S, R> = [[S::f32s::splat(simd, 0.0); 2]; R];
            let steps = self.rows.iter().zip(self.columns).map(|(row, line)| {
                let row: [f32; R] = row[first..][..R].try_into().expect("R numbers");
                (row, line)
            });
            if self.formula == Formula::Products {
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
            for (r, pair) in tile.into_iter().enumerate() {
                let sums = &mut self.sums[first + r];
                let [low, high] = load(simd, sums, column);
                let pair = if self.add { [pair[0] + low, pair[1] + high] } else { pair };
                store::<S>(pair, sums, column);
            }
        }
    }
}

/// Where a row of bounds lies below the limit of the row or of the column: one bit a column. Overwrites sums by bounds.
///
/// # Layout
/// `norms` and `limits` of the columns; `row` has both of the row.
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
    let norm = S::f32s::splat(simd, row[0] * bound.norms - bound.least);
    let limit = S::f32s::splat(simd, row[1]);
    let mut bits = 0;
    for column in (0..LANES).step_by(width::<S>()) {
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

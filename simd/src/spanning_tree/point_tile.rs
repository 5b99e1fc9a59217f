//! Point tiles: 32 points side by side, in the narrowing.

use super::lower_bound::CHUNK;
use super::narrowing::{Narrowing, Scalar, Scale};
use crate::floats::{Floats, LANES, Line};
use crate::transpose::transpose;
use fearless_simd::prelude::*;

/// What tells equal points from others: of unequal ones hardly any two have the same.
pub type Fingerprint = u64;

impl<T: Scalar> Narrowing<'_, T> {
    /// Writes points, 32 at most, into a tile (coordinates, 32); what is left over are zeros.
    #[inline(always)]
    pub(super) fn pack<S: Simd>(&self, simd: S, points: &[u32], tile: &mut [Line]) {
        let mut from = [[0.0; LANES]; LANES];
        for (begin, to) in (0..self.dim).step_by(LANES).zip(tile.chunks_mut(LANES)) {
            let width = to.len();
            let centre = &self.centre[begin..][..width];
            for (line, &p) in from.iter_mut().zip(points) {
                let row = &self.points[p as usize * self.dim + begin..][..width];
                match self.scale {
                    Scale::All(scale) => zip(line, row, centre, |x, c| x.narrow(scale, c)),
                    Scale::Each(_) => {
                        let [up, scale] = self.scale.of(p as usize);
                        zip(line, row, centre, |x, c| (x.into() * up * scale - c.into()) as f32);
                    }
                }
            }
            if width == LANES {
                transpose(simd, &from, to);
            } else {
                for (coordinate, line) in to.iter_mut().enumerate() {
                    *line = from.map(|point| point[coordinate]);
                }
            }
        }
    }
}

/// to = f(x, y) for up to 32 numbers, at once where it is just as many.
#[inline(always)]
fn zip<T: Copy>(to: &mut Line, x: &[T], y: &[T], f: impl Fn(T, T) -> f32) {
    if let (Some(x), Some(y)) = (x.first_chunk::<LANES>(), y.first_chunk::<LANES>()) {
        for lane in 0..LANES {
            to[lane] = f(x[lane], y[lane]);
        }
    } else {
        to.iter_mut().zip(x.iter().zip(y)).for_each(|(to, (&x, &y))| *to = f(x, y));
    }
}

/// What the coordinates are weighted by for fingerprints: multiples of the golden ratio, irregular enough that hardly any two
/// points of a lattice agree.
pub fn weights(dim: usize) -> Vec<f32> {
    (0..dim as u32).map(|k| k.wrapping_mul(0x9e37_79b9) as f32 / 4_294_967_296.0 + 0.5).collect()
}

/// Squared norms of the points of a tile, and their fingerprints.
#[inline(always)]
pub fn norms<S: Simd>(simd: S, tile: &[Line], weights: &[f32]) -> ([f32; LANES], [Fingerprint; LANES]) {
    let (mut norms, mut others) = ([0.0; LANES], [0.0; LANES]);
    for (lines, weights) in tile.chunks(CHUNK).zip(weights.chunks(CHUNK)) {
        for column in (0..LANES).step_by(S::f32s::LEN) {
            let mut sums = [S::f32s::splat(simd, 0.0); 2];
            for (line, &weight) in lines.iter().zip(weights) {
                let x = S::f32s::from_slice(simd, &line[column..][..S::f32s::LEN]);
                sums[0] = x.mul_add(x, sums[0]);
                sums[1] = x.mul_add(S::f32s::splat(simd, weight), sums[1]);
            }
            for (all, sum) in [&mut norms, &mut others].into_iter().zip(sums) {
                let all = &mut all[column..][..S::f32s::LEN];
                (S::f32s::from_slice(simd, all) + sum).store_slice(all);
            }
        }
    }
    let mut fingerprints = [0; LANES];
    for ((fingerprint, norm), other) in fingerprints.iter_mut().zip(&norms).zip(&others) {
        *fingerprint = u64::from(norm.to_bits()) << 32 | u64::from(other.to_bits());
    }
    (norms, fingerprints)
}

/// Memory for some point_tiles.
pub fn point_tiles(count: usize, dim: usize) -> Floats {
    Floats::of_lines(count * dim)
}

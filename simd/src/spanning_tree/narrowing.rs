//! Narrowing: points in single precision, shifted and scaled so that neither offsets nor extreme magnitudes cost digits.

use crate::floats::{LINE_LEN, Line};
use crate::transpose::transpose;
use fearless_simd::{Level, dispatch, prelude::*};
use valleys_core::topology::Coordinate;

/// A coordinate that can be narrowed to single precision.
pub trait Narrow: Coordinate + PartialEq + Sync {
    /// The largest exponent of the power of two that scales coordinates.
    const MAX_EXPONENT: i32;

    /// x · scale − origin, rounded once.
    fn narrow(self, scale: f64, origin: Self) -> f32;

    /// The nearest number of this type.
    fn round(x: f64) -> Self;
}

impl Narrow for f32 {
    const MAX_EXPONENT: i32 = 126;

    #[inline(always)]
    fn narrow(self, scale: f64, origin: Self) -> f32 {
        self * scale as Self - origin
    }

    fn round(x: f64) -> Self {
        x as Self
    }
}

impl Narrow for f64 {
    const MAX_EXPONENT: i32 = 1000;

    #[inline(always)]
    fn narrow(self, scale: f64, origin: Self) -> f32 {
        (self * scale - origin) as f32
    }

    fn round(x: f64) -> Self {
        x
    }
}

/// How coordinates are scaled.
#[derive(Clone, Copy)]
pub enum Scaling<'a> {
    /// Euclidean distance: all points by one power of two.
    PowerOfTwo(f64),
    /// Cosine distance: each point by the inverse of its norm.
    Norms(&'a [f64]),
}

impl Scaling<'_> {
    /// Two factors for the coordinates of a point, to be applied one after the other: the inverse of a norm alone may
    /// overflow.
    #[inline(always)]
    fn factors(self, point: usize) -> [f64; 2] {
        match self {
            Self::PowerOfTwo(scale) => [1.0, scale],
            Self::Norms(norms) => {
                let up = if norms[point] < 1e-290 { 2f64.powi(600) } else { 1.0 };
                [up, 1.0 / (norms[point] * up)]
            }
        }
    }

    /// The squared distance between two narrowed points, from the distance that the metric gives.
    pub fn squared(self, distance: f64) -> f64 {
        match self {
            Self::PowerOfTwo(scale) => (distance * scale) * (distance * scale),
            Self::Norms(_) => 2.0 * distance,
        }
    }

    /// A bound of the error of a squared distance of `dim` terms that comes from underflow and, with norms, from the
    /// rounding of quotients in double precision.
    pub fn underflow(self, dim: usize) -> f32 {
        let tiny = dim as f32 * 1e-40;
        if matches!(self, Self::Norms(_)) { tiny + 1e-22 } else { tiny }
    }
}

/// A point cloud that can be read in single precision, whatever the type of its coordinates.
pub trait NarrowedCloud: Sync {
    /// Coordinates of a point.
    fn dim(&self) -> usize;

    /// How they are scaled.
    fn scaling(&self) -> Scaling<'_>;

    /// Writes at most 32 points to a tile (coordinates, 32). Unused columns are not defined.
    fn pack(&self, level: Level, points: &[u32], tile: &mut [Line]);

    /// Whether two points have equal coordinates.
    fn are_equal(&self, a: u32, b: u32) -> bool;
}

/// Points and how they are narrowed: x ↦ x · scale − origin.
pub struct Narrowing<'a, T> {
    points: &'a [T],
    dim: usize,
    /// A scaled point near the middle of the cloud. Any point is correct; the closer it is to the others, the sharper are
    /// the bounds.
    origin: Vec<T>,
    scaling: Scaling<'a>,
}

/// Points that are averaged to find the origin.
const ORIGIN_POINTS: usize = 128;

impl<'a, T: Narrow> Narrowing<'a, T> {
    /// For Euclidean distances.
    pub fn euclidean(level: Level, points: &'a [T], dim: usize) -> Self {
        let largest = dispatch!(level, simd => largest(simd, points));
        let exponent = if largest > 0.0 { -largest.log2().floor() as i32 } else { 0 };
        let scale = 2f64.powi(exponent.clamp(-T::MAX_EXPONENT, T::MAX_EXPONENT));
        Self::new(points, dim, Scaling::PowerOfTwo(scale))
    }

    /// For cosine distances of points with these norms.
    pub fn cosine(points: &'a [T], dim: usize, norms: &'a [f64]) -> Self {
        Self::new(points, dim, Scaling::Norms(norms))
    }

    fn new(points: &'a [T], dim: usize, scaling: Scaling<'a>) -> Self {
        Self { points, dim, origin: origin(points, dim, scaling), scaling }
    }
}

impl<T: Narrow> NarrowedCloud for Narrowing<'_, T> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn scaling(&self) -> Scaling<'_> {
        self.scaling
    }

    fn pack(&self, level: Level, points: &[u32], tile: &mut [Line]) {
        dispatch!(level, simd => pack(simd, self, points, tile));
    }

    fn are_equal(&self, a: u32, b: u32) -> bool {
        let [a, b] = [a, b].map(|p| &self.points[p as usize * self.dim..][..self.dim]);
        a == b
    }
}

#[inline(always)]
fn pack<S: Simd, T: Narrow>(simd: S, from: &Narrowing<'_, T>, points: &[u32], tile: &mut [Line]) {
    let mut rows = [[0.0; LINE_LEN]; LINE_LEN];
    for (begin, to) in (0..from.dim).step_by(LINE_LEN).zip(tile.chunks_mut(LINE_LEN)) {
        let width = to.len();
        let origin = &from.origin[begin..][..width];
        for (line, &p) in rows.iter_mut().zip(points) {
            let row = &from.points[p as usize * from.dim + begin..][..width];
            match from.scaling {
                Scaling::PowerOfTwo(scale) => map_line(line, row, origin, |x, o| x.narrow(scale, o)),
                Scaling::Norms(_) => {
                    let [up, scale] = from.scaling.factors(p as usize);
                    map_line(line, row, origin, |x, o| (x.into() * up * scale - o.into()) as f32);
                }
            }
        }
        if width == LINE_LEN {
            transpose(simd, &rows, to);
        } else {
            for (coordinate, line) in to.iter_mut().enumerate() {
                *line = rows.map(|row| row[coordinate]);
            }
        }
    }
}

/// to = f(x, y) for at most 32 elements; without a remainder loop where there are exactly 32.
#[inline(always)]
fn map_line<T: Copy>(to: &mut Line, x: &[T], y: &[T], f: impl Fn(T, T) -> f32) {
    if let (Some(x), Some(y)) = (x.first_chunk::<LINE_LEN>(), y.first_chunk::<LINE_LEN>()) {
        for i in 0..LINE_LEN {
            to[i] = f(x[i], y[i]);
        }
    } else {
        to.iter_mut().zip(x.iter().zip(y)).for_each(|(to, (&x, &y))| *to = f(x, y));
    }
}

/// The largest absolute value.
#[inline(always)]
fn largest<S: Simd, T: Narrow>(_: S, points: &[T]) -> f64 {
    let (lines, rest) = points.as_chunks::<32>();
    let mut most = [0.0f64; 32];
    for line in lines {
        for (most, &x) in most.iter_mut().zip(line) {
            let x: f64 = x.into().abs();
            *most = if x > *most { x } else { *most };
        }
    }
    rest.iter().map(|&x| x.into().abs()).chain(most).fold(0.0, f64::max)
}

/// The mean of some scaled points.
fn origin<T: Narrow>(points: &[T], dim: usize, scaling: Scaling<'_>) -> Vec<T> {
    let count = points.len() / dim.max(1);
    let step = count.div_ceil(ORIGIN_POINTS).max(1);
    let mut sum = vec![0.0f64; dim];
    for p in (0..count).step_by(step) {
        let [up, scale] = scaling.factors(p);
        let scale = scale / count.div_ceil(step) as f64;
        for (sum, &x) in sum.iter_mut().zip(&points[p * dim..]) {
            *sum += x.into() * up * scale;
        }
    }
    sum.into_iter().map(T::round).collect()
}

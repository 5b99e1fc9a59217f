//! Coordinates in single precision: centred and scaled, so that neither offsets nor extreme sizes cost digits.

use fearless_simd::{Level, dispatch, prelude::*};
use valleys_core::topology::Coordinate;

/// A coordinate that can be brought into single precision: `f32` or `f64`.
pub trait Scalar: Coordinate + PartialEq + Sync {
    /// The largest exponent of a power of two to scale by, or by whose inverse.
    const SCALES: i32;

    /// x · scale − centre, rounded once.
    fn narrow(self, scale: f64, centre: Self) -> f32;

    /// The nearest number.
    fn nearest(x: f64) -> Self;
}

impl Scalar for f32 {
    const SCALES: i32 = 126;

    #[inline(always)]
    fn narrow(self, scale: f64, centre: Self) -> f32 {
        self * scale as Self - centre
    }

    fn nearest(x: f64) -> Self {
        x as Self
    }
}

impl Scalar for f64 {
    const SCALES: i32 = 1000;

    #[inline(always)]
    fn narrow(self, scale: f64, centre: Self) -> f32 {
        (self * scale - centre) as f32
    }

    fn nearest(x: f64) -> Self {
        x
    }
}

/// How points are brought into single precision.
pub struct Narrowing<'a, T> {
    pub(super) level: Level,
    pub(super) points: &'a [T],
    pub(super) dim: usize,
    /// A point near the middle of the scaled distinct. Any point would do: the smaller the differences to it, the better
    /// the bounds.
    pub(super) centre: Vec<T>,
    pub(super) scale: Scale<'a>,
}

/// How long points are made.
#[derive(Clone, Copy)]
pub(super) enum Scale<'a> {
    /// Multiplied by a power of two.
    All(f64),
    /// Divided by their norms.
    Each(&'a [f64]),
}

/// Points whose mean is taken for the centre.
const SAMPLES: usize = 128;

impl<'a, T: Scalar> Narrowing<'a, T> {
    pub(super) fn euclidean(level: Level, points: &'a [T], dim: usize) -> Self {
        let largest = dispatch!(level, simd => largest(simd, points));
        let exponent = if largest > 0.0 { -largest.log2().floor() as i32 } else { 0 };
        let scale = Scale::All(2f64.powi(exponent.clamp(-T::SCALES, T::SCALES)));
        Self { level, points, dim, centre: centre(points, dim, scale), scale }
    }

    pub(super) fn cosine(level: Level, points: &'a [T], dim: usize, norms: &'a [f64]) -> Self {
        let scale = Scale::Each(norms);
        Self { level, points, dim, centre: centre(points, dim, scale), scale }
    }

    /// The square of the distance of two points in the narrowing, from the distance the metric gives.
    pub(super) fn square(&self, distance: f64) -> f64 {
        match self.scale {
            Scale::All(scale) => (distance * scale) * (distance * scale),
            Scale::Each(_) => 2.0 * distance,
        }
    }

    /// What a lower bound is less by for numbers too small for single precision, and, where there are norms to divide
    /// by, for the rounding of quotients in double precision.
    pub(super) fn least(&self) -> f32 {
        let tiny = self.dim as f32 * 1e-40;
        if matches!(self.scale, Scale::Each(_)) { tiny + 1e-22 } else { tiny }
    }
}

impl Scale<'_> {
    /// What the coordinates of a point are multiplied by, one after the other: the inverse of a norm may overflow.
    #[inline(always)]
    pub(super) fn of(self, point: usize) -> [f64; 2] {
        match self {
            Self::All(scale) => [1.0, scale],
            Self::Each(norms) => {
                let up = if norms[point] < 1e-290 { 2f64.powi(600) } else { 1.0 };
                [up, 1.0 / (norms[point] * up)]
            }
        }
    }
}

/// The largest absolute value.
#[inline(always)]
fn largest<S: Simd, T: Scalar>(_: S, points: &[T]) -> f64 {
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

fn centre<T: Scalar>(points: &[T], dim: usize, scale: Scale<'_>) -> Vec<T> {
    let count = points.len() / dim.max(1);
    let step = count.div_ceil(SAMPLES).max(1);
    let mut sum = vec![0.0f64; dim];
    for p in (0..count).step_by(step) {
        let [up, scale] = scale.of(p);
        let scale = scale / count.div_ceil(step) as f64;
        for (sum, &x) in sum.iter_mut().zip(&points[p * dim..]) {
            *sum += x.into() * up * scale;
        }
    }
    sum.into_iter().map(T::nearest).collect()
}

//! Proved bounds of the known functions, by interval arithmetic on a box.

use super::{Bounds, CertifiedLoss, Corner, Interval, MAX_CORNERS};
use crate::engine::Function;
use crate::error::{Error, length, range};

/// f(Qθ) with an orthogonal matrix Q, as [`FunctionLoss`](crate::engine::FunctionLoss) has it.
///
/// The cell is put into a box whose sides are those of the function's own coordinates.
#[derive(Clone, Copy, Debug)]
pub struct FunctionBounds<'a> {
    function: Function,
    dim: usize,
    rotation: &'a [f64],
}

impl<'a> FunctionBounds<'a> {
    /// A function of `dim` variables; `rotation` is Q (dim × dim, row-major).
    ///
    /// # Errors
    /// Too few variables for the function; a matrix of the wrong length.
    pub fn new(function: Function, dim: usize, rotation: &'a [f64]) -> Result<Self, Error> {
        range("variables of the function", function.least_dim(), usize::MAX, dim)?;
        length("rotation matrix", dim * dim, rotation.len())?;
        Ok(Self { function, dim, rotation })
    }

    /// Coordinate `i` of Qθ at a corner.
    fn coordinate(&self, i: usize, points: &[&[f32]], corner: &Corner) -> Interval {
        let row = &self.rotation[i * self.dim..(i + 1) * self.dim];
        let mut sum = Interval::point(0.0);
        for (k, &q) in row.iter().enumerate().filter(|(_, q)| **q != 0.0) {
            let theta = points.iter().zip(corner).fold(Interval::point(0.0), |theta, (point, &weight)| {
                // Exact: 24 bits times a weight of few bits would be, but nothing is taken for granted.
                theta + Interval::point(weight) * f64::from(point[k])
            });
            sum = sum + theta * q;
        }
        sum
    }
}

impl CertifiedLoss for FunctionBounds<'_> {
    type Error = Error;

    /// # Cost
    /// O(v² dim²) for v corners.
    fn bounds(&mut self, points: &[&[f32]], corners: &[Corner]) -> Result<Bounds, Error> {
        range("vertices of a cell", 1, MAX_CORNERS, points.len())?;
        length("corners of a cell", points.len(), corners.len())?;
        for point in points {
            length("a control point", self.dim, point.len())?;
        }
        let lowers = corners.iter().map(|corner| {
            let at = (0..self.dim).map(|i| self.coordinate(i, points, corner));
            enclosure(self.function, self.dim, at).low
        });
        let lower = lowers.fold(f64::NEG_INFINITY, f64::max);
        let of = (0..self.dim).map(|i| {
            let at = corners.iter().map(|corner| self.coordinate(i, points, corner));
            at.reduce(Interval::hull).unwrap_or(Interval::ALL)
        });
        Ok(Bounds { lower, upper: enclosure(self.function, self.dim, of).high })
    }
}

/// An interval that holds the function's values on a box, its sides in order.
///
/// # Panics
/// If there are fewer sides than the function has variables at least.
fn enclosure(function: Function, dim: usize, mut sides: impl Iterator<Item = Interval>) -> Interval {
    let mut next = || sides.next().expect("a side for each variable");
    let square_sum = |sum: Interval, x: Interval| sum + x.square();
    match function {
        Function::Himmelblau => {
            let (x, y) = (next(), next());
            let a = x.square() + y - Interval::point(11.0);
            let b = x + y.square() - Interval::point(7.0);
            sides.fold(a.square() + b.square(), square_sum)
        }
        Function::MullerBrown => {
            let (x, y) = (next(), next());
            let mut sum = Interval::point(0.0);
            for [height, a, b, c, cx, cy] in crate::engine::MULLER_BROWN {
                let (dx, dy) = (x - Interval::point(cx), y - Interval::point(cy));
                let exponent = dx.square() * a + dx * dy * b + dy.square() * c;
                sum = sum + exponent.exp() * height;
            }
            sides.fold(sum, square_sum)
        }
        Function::ThreeWellRing => {
            let base = ring(next(), next());
            sides.fold(base, square_sum)
        }
        Function::LiftableRing => {
            let (base, z) = (ring(next(), next()), next());
            let quartic = |z: Interval| z.square().square() * crate::engine::QUARTIC;
            sides.fold(base * (-z.square()).exp() + quartic(z), |sum, z| sum + quartic(z))
        }
        Function::UnequalRing => {
            let (x, y) = (next(), next());
            let r2 = x.square() + y.square();
            let unit = Interval { low: -1.0, high: 1.0 };
            let cosine = unit.meet(x * r2.sqrt().reciprocal());
            let factor = Interval::point(1.0) - cosine * crate::engine::SKEW;
            let around = (r2 - Interval::point(1.0)).square();
            sides.fold(around + (r2 - wave(x, y)) * factor * crate::engine::RIPPLE, square_sum)
        }
        Function::Sphere => {
            let (x, y, z) = (next(), next(), next());
            let square = x.square() + y.square() + z.square();
            let wave = x * y * z * crate::engine::CUBIC * square.sqrt().reciprocal();
            let wave = Interval { low: -square.high, high: square.high }.meet(wave);
            let around = (square - Interval::point(1.0)).square();
            sides.fold(around + (square - wave) * crate::engine::RIPPLE, square_sum)
        }
        Function::Quadratic => {
            let n = Interval::point(dim as f64);
            let terms = sides.enumerate().map(|(i, x)| x.square() * (i + 1) as f64 * 0.5);
            terms.fold(Interval::point(0.0), |sum, term| sum + term) * n.reciprocal()
        }
    }
}

/// (r² − 1)² + ε (1 − cos 3φ) r².
fn ring(x: Interval, y: Interval) -> Interval {
    let r2 = x.square() + y.square();
    (r2 - Interval::point(1.0)).square() + (r2 - wave(x, y)) * crate::engine::RIPPLE
}

/// r² cos 3φ, which is (x³ − 3xy²)/r and within ±r².
fn wave(x: Interval, y: Interval) -> Interval {
    let (x2, y2) = (x.square(), y.square());
    let r2 = x2 + y2;
    let wave = x * (x2 - y2 * 3.0) * r2.sqrt().reciprocal();
    Interval { low: -r2.high, high: r2.high }.meet(wave)
}

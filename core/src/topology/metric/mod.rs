//! Where distances come from.

use super::Error;
use super::error::enough;
use crate::math;

/// A finite metric space: points numbered from 0.
pub trait Metric {
    /// Number of points.
    fn points(&self) -> usize;

    /// Distance of two different points: symmetric to the bit.
    fn distance(&self, i: usize, j: usize) -> f64;

    /// Whether a distance may be +∞, which means that no edge ever joins the two points. Elsewhere an infinite distance
    /// is an overflow, and an error.
    fn has_missing_edges(&self) -> bool {
        false
    }

    /// [`Metric::distance`], or `None` where that is known to be larger than `limit`, for less work.
    fn distance_up_to(&self, i: usize, j: usize, limit: f64) -> Option<f64> {
        let _ = limit;
        Some(self.distance(i, j))
    }
}

/// A coordinate: `f32` or `f64`.
pub trait Coordinate: Copy + Into<f64> {
    /// Whether Σ (x − y)² is surely larger, as the rounded sum too; for less work than the sum.
    fn farther(x: &[Self], y: &[Self], square: f64) -> bool;
}

/// Lines after which a sum of squares is first compared to what it must not exceed.
const FIRST: usize = 4;

impl Coordinate for f64 {
    fn farther(_: &[Self], _: &[Self], _: f64) -> bool {
        false
    }
}

impl Coordinate for f32 {
    /// In single precision, less its error: after a few coordinates, after four times as many, and so on. Sums that
    /// are tested seldom are seldom mispredicted.
    fn farther(x: &[Self], y: &[Self], square: f64) -> bool {
        // Three roundings a term and no more than d + 16 additions, of 2^-24 each, are less than half of this for d up
        // to 2^21; squares that underflow lose 2^-149 each.
        let d = x.len() as f64;
        let limit = (square + d * f64::from(Self::from_bits(2))) * (1.0 + (d + 32.0) / (1 << 22) as f64);
        let limit = (limit as Self).next_up();
        if x.len() > 1 << 21 {
            return false;
        }
        let larger = |sums: &Line| {
            let half: [Self; 8] = core::array::from_fn(|lane| sums[lane] + sums[lane + 8]);
            let [a, b, c, d, e, f, g, h] = half;
            let sum = ((a + e) + (c + g)) + ((b + f) + (d + h));
            sum > limit && sum < Self::INFINITY
        };
        let (x_lines, x) = x.as_chunks();
        let (y_lines, y) = y.as_chunks();
        let mut sums = [0.0; 16];
        let (mut begin, mut end) = (0, FIRST);
        while begin < x_lines.len() {
            let lines = begin..end.min(x_lines.len());
            add_squares(&x_lines[lines.clone()], &y_lines[lines.clone()], &mut sums);
            if larger(&sums) {
                return true;
            }
            (begin, end) = (lines.end, 4 * end);
        }
        if x.is_empty() {
            return false;
        }
        let (mut x_line, mut y_line) = ([0.0; 16], [0.0; 16]);
        x_line[..x.len()].copy_from_slice(x);
        y_line[..y.len()].copy_from_slice(y);
        add_squares(&[x_line], &[y_line], &mut sums);
        larger(&sums)
    }
}

/// Coordinates that are added side by side, in sums that do not wait for each other.
type Line = [f32; 16];

/// Adds (x − y)² to the sums. A function of its own: vectorised together with the sum of the sums it would be by the
/// pairs of the latter.
#[inline(never)]
fn add_squares(x: &[Line], y: &[Line], sums: &mut Line) {
    let mut local = *sums;
    for (x, y) in x.iter().zip(y) {
        for lane in 0..local.len() {
            let t = x[lane] - y[lane];
            local[lane] += t * t;
        }
    }
    *sums = local;
}

/// Points of R^d under the Euclidean distance, computed in f64 from differences.
#[derive(Clone, Copy, Debug)]
pub struct Euclidean<'a, T> {
    coordinates: &'a [T],
    dim: usize,
}

impl<'a, T: Coordinate> Euclidean<'a, T> {
    /// Points one after the other, `dim` coordinates each.
    ///
    /// # Errors
    /// [`Error::Coordinate`] names the first coordinate that is not finite; [`Error::Ragged`] if the
    /// coordinates do not divide into points.
    pub fn new(coordinates: &'a [T], dim: usize) -> Result<Self, Error> {
        let given = coordinates.len();
        if given.checked_rem(dim).unwrap_or(given) != 0 {
            return Err(Error::Ragged { dim, given });
        }
        // 0 · x is a zero unless x is infinite or no number. Sums that do not wait for each other are quick; one by
        // one is only looked at what has something to find.
        let suspect = |chunk: &&[T]| {
            let (lines, rest) = chunk.as_chunks::<16>();
            let mut zeros = [0.0; 16];
            for line in lines {
                zeros.iter_mut().zip(line).for_each(|(zero, &x)| *zero += 0.0 * x.into());
            }
            zeros.iter().any(|zero| zero.is_nan()) || rest.iter().any(|&x| !x.into().is_finite())
        };
        let found = coordinates.chunks(1024).any(|chunk| suspect(&chunk));
        let bad = || coordinates.iter().position(|&x| !x.into().is_finite());
        match found.then(bad).flatten() {
            Some(i) => {
                Err(Error::Coordinate { point: i / dim, coordinate: i % dim, value: coordinates[i].into() })
            }
            None => Ok(Self { coordinates, dim }),
        }
    }

    /// All coordinates, point after point.
    pub fn coordinates(&self) -> &'a [T] {
        self.coordinates
    }

    /// How many coordinates a point has.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The coordinates of a point.
    pub fn point(&self, i: usize) -> &'a [T] {
        &self.coordinates[i * self.dim..(i + 1) * self.dim]
    }
}

impl<T: Coordinate> Metric for Euclidean<'_, T> {
    fn points(&self) -> usize {
        self.coordinates.len().checked_div(self.dim).unwrap_or(0)
    }

    /// √Σ(x − y)². Duplicates are at 0 and nothing else is: where squares leave the range of f64 the
    /// differences are scaled first.
    fn distance(&self, i: usize, j: usize) -> f64 {
        let (x, y) = (self.point(i), self.point(j));
        let squares = sum_of_squares(x, y, |x, y| x - y);
        if (1e-280..1e300).contains(&squares) {
            return math::sqrt(squares);
        }
        let scale = if squares < 1.0 { BIG } else { 1.0 / BIG };
        let squares = if squares < 1.0 {
            sum_of_squares(x, y, |x, y| (x - y) * scale)
        } else {
            sum_of_squares(x, y, |x, y| x * scale - y * scale)
        };
        math::sqrt(squares) / scale
    }

    fn distance_up_to(&self, i: usize, j: usize, limit: f64) -> Option<f64> {
        // The limit's square, rounded up, cannot be what rounding takes a larger distance for.
        let square = limit * limit * (1.0 + 4.0 * f64::EPSILON);
        (!T::farther(self.point(i), self.point(j), square)).then(|| self.distance(i, j))
    }
}

/// 2^600, whose product with a number is exact and brings its square into the range of f64.
const BIG: f64 = f64::from_bits((1023 + 600) << 52);

/// Points of R^d under the cosine distance 1 − x·y / (|x| |y|).
#[derive(Clone, Copy, Debug)]
pub struct Cosine<'a, T> {
    points: Euclidean<'a, T>,
    norms: &'a [f64],
}

impl<'a, T: Coordinate> Cosine<'a, T> {
    /// Points as [`Euclidean::new`] takes them, and memory for the norm of each.
    ///
    /// # Errors
    /// As [`Euclidean::new`]; [`Error::NoDirection`] names a point whose norm is 0 or overflows; [`Error::Short`].
    pub fn new(coordinates: &'a [T], dim: usize, norms: &'a mut [f64]) -> Result<Self, Error> {
        let points = Euclidean::new(coordinates, dim)?;
        enough("norms", points.points(), norms.len())?;
        for (i, norm) in norms.iter_mut().enumerate().take(points.points()) {
            let point = points.point(i);
            let largest = point.iter().fold(0.0f64, |m, &x| m.max(x.into().abs()));
            *norm = math::sqrt(sum_of_squares(point, point, |x, _| x / largest)) * largest;
            if !(*norm > 0.0 && norm.is_finite()) {
                return Err(Error::NoDirection { point: i });
            }
        }
        Ok(Self { points, norms })
    }

    /// All coordinates, point after point.
    pub fn coordinates(&self) -> &'a [T] {
        self.points.coordinates
    }

    /// How many coordinates a point has.
    pub fn dim(&self) -> usize {
        self.points.dim
    }

    /// The norm of each point.
    pub fn norms(&self) -> &[f64] {
        self.norms
    }
}

impl<T: Coordinate> Metric for Cosine<'_, T> {
    fn points(&self) -> usize {
        self.points.points()
    }

    /// ½ ‖x/|x| − y/|y|‖², the same number without cancellation: duplicates are at exactly 0.
    fn distance(&self, i: usize, j: usize) -> f64 {
        let (p, q) = (self.norms[i], self.norms[j]);
        sum_of_squares(self.points.point(i), self.points.point(j), |x, y| x / p - y / q) / 2.0
    }
}

/// A matrix of distances, given as its lower triangle without the diagonal: d(1,0), d(2,0), d(2,1), d(3,0), …
/// Points at distance +∞ are never joined by an edge.
#[derive(Clone, Copy, Debug)]
pub struct Distances<'a> {
    lower: &'a [f64],
    points: usize,
    has_missing_edges: bool,
}

impl<'a> Distances<'a> {
    /// The distances of so many points, n (n − 1) / 2 of them.
    ///
    /// # Errors
    /// [`Error::Distance`] names the first that is negative or NaN; [`Error::Short`].
    pub fn new(lower: &'a [f64], points: usize) -> Result<Self, Error> {
        let needed = points.saturating_mul(points.saturating_sub(1)) / 2;
        enough("distances", needed, lower.len())?;
        let lower = &lower[..needed];
        let distances = Self { lower, points, has_missing_edges: lower.contains(&f64::INFINITY) };
        for a in 1..points {
            for b in 0..a {
                let distance = distances.distance(a, b);
                if !(0.0..=f64::INFINITY).contains(&distance) {
                    return Err(Error::Distance { a, b, distance });
                }
            }
        }
        Ok(distances)
    }
}

impl Metric for Distances<'_> {
    fn points(&self) -> usize {
        self.points
    }

    fn distance(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.max(j), i.min(j));
        self.lower[i * (i - 1) / 2 + j]
    }

    fn has_missing_edges(&self) -> bool {
        self.has_missing_edges
    }
}

/// The distance of two different points, checked: not negative, and finite unless edges may be missing.
pub(super) fn checked_distance<M: Metric + ?Sized>(
    space: &M,
    (a, b): (usize, usize),
    distance: f64,
) -> Result<f64, Error> {
    let missing = distance == f64::INFINITY && space.has_missing_edges();
    if (0.0..f64::INFINITY).contains(&distance) || missing {
        Ok(distance)
    } else {
        Err(Error::Distance { a, b, distance })
    }
}

/// Any function of two different points.
impl<F: Fn(usize, usize) -> f64> Metric for (usize, F) {
    fn points(&self) -> usize {
        self.0
    }

    fn distance(&self, i: usize, j: usize) -> f64 {
        (self.1)(i, j)
    }
}

/// Σ term(x, y)², in eight sums that do not wait for each other: the order is fixed, so are the bits.
fn sum_of_squares<T: Coordinate>(x: &[T], y: &[T], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (x8, x) = x.as_chunks::<8>();
    let (y8, y) = y.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (x, y) in x8.iter().zip(y8) {
        for lane in 0..8 {
            let t = term(x[lane].into(), y[lane].into());
            sums[lane] += t * t;
        }
    }
    let rest = x.iter().zip(y).map(|(&x, &y)| term(x.into(), y.into())).fold(0.0, |sum, t| sum + t * t);
    let [a, b, c, d, e, f, g, h] = sums;
    (((a + e) + (c + g)) + ((b + f) + (d + h))) + rest
}

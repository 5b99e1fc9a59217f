//! Interval arithmetic in f64 with outward rounding.

use crate::math;
use core::ops::{Add, Mul, Neg, Sub};

/// All real numbers from `low` to `high`.
///
/// Each operation gives an interval that holds every result for operands from the given ones: the ends are rounded to
/// nearest and then moved one unit in the last place outward. An operation that overflows gives infinite ends, one on
/// NaN the whole line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The least.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Interval {
    /// The real line.
    pub const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// One number.
    pub const fn point(x: f64) -> Self {
        Self { low: x, high: x }
    }

    /// The smallest interval that holds both.
    pub const fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Whether `x` is in it.
    pub fn contains(self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// The largest absolute value.
    pub fn magnitude(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// Moves both ends outward, to the next f64.
    fn outward(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() {
            return Self::ALL;
        }
        Self { low: low.next_down(), high: high.next_up() }
    }

    /// Moves both ends outward by 4 units in the last place: for functions of libm.
    fn outward_libm(low: f64, high: f64) -> Self {
        (0..4).fold(Self { low, high }, |x, _| Self::outward(x.low, x.high))
    }

    /// x².
    pub fn square(self) -> Self {
        let (a, b) = (self.low * self.low, self.high * self.high);
        let least = if self.contains(0.0) { 0.0 } else { a.min(b) };
        let Self { low, high } = Self::outward(least, a.max(b));
        Self { low: low.max(0.0), high }
    }

    /// eˣ.
    pub fn exp(self) -> Self {
        let Self { low, high } = Self::outward_libm(math::exp(self.low), math::exp(self.high));
        Self { low: low.max(0.0), high }
    }

    /// √x of the part that is not negative.
    pub fn sqrt(self) -> Self {
        let Self { low, high } =
            Self::outward_libm(math::sqrt(self.low.max(0.0)), math::sqrt(self.high.max(0.0)));
        Self { low: low.max(0.0), high }
    }

    /// 1/x; the whole line if 0 is in it.
    pub fn reciprocal(self) -> Self {
        if self.contains(0.0) { Self::ALL } else { Self::outward(1.0 / self.high, 1.0 / self.low) }
    }

    /// The numbers in both, where both are known to hold a value; either one if they are disjoint by rounding alone.
    pub fn meet(self, other: Self) -> Self {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        if low <= high { Self { low, high } } else { self }
    }
}

impl From<f64> for Interval {
    fn from(x: f64) -> Self {
        Self::point(x)
    }
}

impl Add for Interval {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::outward(self.low + other.low, self.high + other.high)
    }
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }
}

impl Sub for Interval {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Interval {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        // 0 · ∞ is 0 here: an end at infinity is a limit that is not reached.
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let corners = [
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ];
        if corners.iter().any(|x| x.is_nan()) {
            return Self::ALL;
        }
        let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::outward(low, high)
    }
}

impl Mul<f64> for Interval {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        self * Self::point(factor)
    }
}

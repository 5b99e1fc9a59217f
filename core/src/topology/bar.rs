//! Intervals of a diagram, and bars: intervals with their dimension and their simplices.

use core::cmp::Ordering;

use super::Error;

/// A point of a persistence diagram: from `birth` to `death`. An essential class has infinite length: `death` is
/// +∞, or `birth` is −∞ (superlevel and extended persistence of other programs), or both.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// Value at which the class appears; −∞ if it was always there.
    pub birth: f64,
    /// Value at which it vanishes; `f64::INFINITY` if never.
    pub death: f64,
}

impl Interval {
    /// An interval.
    pub const fn new(birth: f64, death: f64) -> Self {
        Self { birth, death }
    }

    /// Lifetime, death − birth.
    pub fn length(self) -> f64 {
        self.death - self.birth
    }

    /// Whether the class never dies, or was never born.
    pub fn is_essential(self) -> bool {
        self.death == f64::INFINITY || self.birth == f64::NEG_INFINITY
    }

    /// The interval, if birth < ∞ and death > −∞ are in order, and its length is finite unless it is essential.
    pub(super) fn checked(self, diagram: usize, number: usize) -> Result<Self, Error> {
        let Self { birth, death } = self;
        let ordered = birth <= death && birth < f64::INFINITY && death > f64::NEG_INFINITY;
        if !ordered || (self.length().is_infinite() && !self.is_essential()) {
            return Err(Error::Interval { diagram, number, birth, death });
        }
        Ok(self)
    }
}

/// A class of a filtration: its homology dimension, its interval, and the simplices at which it is born and dies.
///
/// For a [`Grid`](super::Grid), grid points stand for the simplices.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bar {
    /// Dimension (degree) of the homology group.
    pub dim: usize,
    /// Value at which the class appears.
    pub birth: f64,
    /// Value at which it vanishes; `f64::INFINITY` if never.
    pub death: f64,
    /// The simplex that opens it: for a complex a position in its [`Filtration`](super::Filtration).
    pub birth_simplex: usize,
    /// The simplex that closes it, none for an essential class.
    pub death_simplex: Option<usize>,
}

impl Bar {
    /// Birth and death alone.
    pub fn interval(&self) -> Interval {
        Interval { birth: self.birth, death: self.death }
    }

    /// Lifetime, death − birth.
    pub fn length(&self) -> f64 {
        self.interval().length()
    }

    /// Whether the class never dies.
    pub fn is_essential(&self) -> bool {
        self.interval().is_essential()
    }

    /// The order of a barcode: dimension, birth, death; equal bars by their birth simplices.
    pub fn order(&self, other: &Self) -> Ordering {
        (self.dim.cmp(&other.dim))
            .then_with(|| self.birth.total_cmp(&other.birth))
            .then_with(|| self.death.total_cmp(&other.death))
            .then_with(|| self.birth_simplex.cmp(&other.birth_simplex))
    }
}

/// Bottleneck distance to the empty diagram, W∞(D, ∅): half of the longest finite interval, under the L∞
/// ground metric (Voronkova, Barannikov, Burnaev, equation (4)).
///
/// Essential classes are at infinite distance from the empty diagram: they are left out here, for the
/// caller to report beside the number. No finite interval gives 0.
///
/// ```
/// use valleys_core::topology::{Interval, w_infinity};
/// let diagram = [Interval::new(0.0, 1.0), Interval::new(2.0, 5.0), Interval::new(0.0, f64::INFINITY)];
/// assert_eq!(w_infinity(diagram), 1.5);
/// ```
pub fn w_infinity(intervals: impl IntoIterator<Item = Interval>) -> f64 {
    let finite = intervals.into_iter().filter(|i| !i.is_essential());
    finite.fold(0.0, |longest: f64, i| longest.max(i.length())) / 2.0
}

//! Powers of distances, as an assignment adds them up.

use super::super::Interval;
use super::GroundMetric;
use crate::math;

/// ‖·‖_p^q of a difference of births and one of deaths.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    q: f64,
    ground: GroundMetric,
    kind: Kind,
}

/// Which shortcut there is.
#[derive(Clone, Copy)]
enum Kind {
    /// p = ∞: the power of the larger.
    Larger,
    /// p = q = 2: no root is needed.
    Squares,
    Any,
}

impl Cost {
    pub(super) fn new(q: f64, ground: GroundMetric) -> Self {
        let kind = match ground.0 {
            f64::INFINITY => Kind::Larger,
            2.0 if q == 2.0 => Kind::Squares,
            _ => Kind::Any,
        };
        Self { q, ground, kind }
    }

    /// The cost of two points whose births and deaths differ so much.
    #[inline]
    pub(super) fn of(self, birth: f64, death: f64) -> f64 {
        match self.kind {
            Kind::Larger => self.power(birth.abs().max(death.abs())),
            Kind::Squares => birth * birth + death * death,
            Kind::Any => {
                self.power(self.ground.distance(Interval::new(birth, death), Interval::new(0.0, 0.0)))
            }
        }
    }

    /// A lower bound of the cost that grows with both differences, which are not negative, and is quick.
    #[inline]
    pub(super) fn least(self, birth: f64, death: f64) -> f64 {
        match self.kind {
            Kind::Squares => birth * birth + death * death,
            _ => self.power(birth.max(death)),
        }
    }

    /// The cost of a point and the diagonal.
    pub(super) fn to_diagonal(self, x: Interval) -> f64 {
        match self.kind {
            Kind::Squares => x.length() * x.length() / 2.0,
            _ => self.power(self.ground.to_diagonal(x)),
        }
    }

    #[inline]
    fn power(self, distance: f64) -> f64 {
        if self.q == 1.0 {
            distance
        } else if self.q == 2.0 {
            distance * distance
        } else if self.q == 3.0 {
            distance * distance * distance
        } else {
            math::pow(distance, self.q)
        }
    }
}

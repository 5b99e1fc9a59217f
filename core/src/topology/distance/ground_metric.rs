//! The metric of the plane under a distance of diagrams.

use super::super::{Error, Interval};
use crate::math;

/// The norm L_p of the plane, p from 1 to infinity, in which points of diagrams are compared.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GroundMetric(pub(super) f64);

impl GroundMetric {
    /// L∞, the usual one.
    pub const L_INFINITY: Self = Self(f64::INFINITY);

    /// L_p.
    ///
    /// # Errors
    /// [`Error::Exponent`] unless p ≥ 1.
    pub fn new(p: f64) -> Result<Self, Error> {
        if p >= 1.0 { Ok(Self(p)) } else { Err(Error::Exponent { what: "ground norm", value: p }) }
    }

    /// ‖x − y‖_p, never less than the difference of births or of deaths.
    pub fn distance(self, x: Interval, y: Interval) -> f64 {
        let (birth, death) = ((x.birth - y.birth).abs(), (x.death - y.death).abs());
        let (large, small) = if birth > death { (birth, death) } else { (death, birth) };
        if self.0 == f64::INFINITY || small == 0.0 || large == f64::INFINITY {
            large
        } else if self.0 == 1.0 {
            birth + death
        } else if self.0 == 2.0 {
            large * math::sqrt(1.0 + (small / large) * (small / large))
        } else {
            large * math::pow(1.0 + math::pow(small / large, self.0), 1.0 / self.0)
        }
    }

    /// Distance to the nearest point of the diagonal: 2^(1/p) (death − birth) / 2.
    pub fn to_diagonal(self, x: Interval) -> f64 {
        let half = x.length() / 2.0;
        if self.0 == f64::INFINITY {
            half
        } else if self.0 == 1.0 {
            x.length()
        } else if self.0 == 2.0 {
            half * core::f64::consts::SQRT_2
        } else {
            half * math::pow(2.0, 1.0 / self.0)
        }
    }
}

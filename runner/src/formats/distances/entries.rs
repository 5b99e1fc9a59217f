//! The entries of a distance matrix, one by one.

use super::Rows;
use crate::error::Result;
use crate::formats::data_error;
use crate::formats::read_info::ReadInfo;

/// Takes distances one by one, and counts what deviates by rounding.
pub(super) struct Entries<'a> {
    name: &'a str,
    tolerance: f64,
    largest: f64,
    rounded: usize,
    farthest: f64,
    missing: usize,
}

impl<'a> Entries<'a> {
    /// Rounding is relative to the largest finite number.
    pub(super) fn new(name: &'a str, tolerance: f64, numbers: &[f64]) -> Self {
        let largest = numbers.iter().filter(|x| x.is_finite()).fold(0.0, |m: f64, x| m.max(x.abs()));
        Self { name, tolerance, largest, rounded: 0, farthest: 0.0, missing: 0 }
    }

    fn is_small(&self, x: f64) -> bool {
        x.abs() <= self.tolerance * self.largest
    }

    /// Whether an entry of a diagonal is 0, or empty.
    pub(super) fn is_zero(&self, x: f64) -> bool {
        x.is_nan() || self.is_small(x)
    }

    fn round(&mut self, by: f64) {
        if by != 0.0 {
            self.rounded += 1;
            self.farthest = self.farthest.max(by.abs());
        }
    }

    /// What to say to somebody whose matrix deviates.
    fn advice(&self, by: f64) -> String {
        let (share, allowed) = (by.abs() / self.largest, self.tolerance);
        let much = format!(
            "{share:.1e} of the largest distance, more than the rounding of {allowed:.0e} that is accepted"
        );
        if share < 1e-2 { format!(" ({much}; --tolerance X accepts more)") } else { String::new() }
    }

    pub(super) fn diagonal(&mut self, i: usize, x: f64) -> Result<()> {
        if !self.is_zero(x) {
            let advice = if x == 1.0 {
                " (similarities s are no distances: 1 - s)".to_owned()
            } else {
                self.advice(x)
            };
            let what = format!("point {i} is at distance {x} from itself{advice}");
            return Err(data_error(self.name, what));
        }
        self.round(if x.is_nan() { 0.0 } else { x });
        Ok(())
    }

    /// One of two entries that must agree.
    pub(super) fn both(&mut self, (i, j): (usize, usize), lower: f64, upper: f64) -> Result<f64> {
        if lower == upper || (lower.is_nan() && upper.is_nan()) {
            return Ok(lower);
        }
        let by = lower - upper;
        if self.is_small(by) {
            self.round(by);
            return Ok(lower);
        }
        let shown = |x: f64| if x.is_nan() { "none".to_owned() } else { x.to_string() };
        let what = format!(
            "not symmetric: points {i} and {j} are at distance {} and {}{}; --triangle lower or upper takes one half",
            shown(lower),
            shown(upper),
            self.advice(by)
        );
        Err(data_error(self.name, what))
    }

    pub(super) fn distance(&mut self, (i, j): (usize, usize), x: f64) -> Result<f64> {
        if x.is_nan() || x == f64::INFINITY {
            self.missing += 1;
            return Ok(f64::INFINITY);
        }
        if x < 0.0 {
            if !self.is_small(x) {
                let what =
                    format!("points {i} and {j} are at distance {x}, which is negative{}", self.advice(x));
                return Err(data_error(self.name, what));
            }
            self.round(x);
        }
        Ok(x.max(0.0))
    }

    /// Row after row, each without its last `diagonal` entries.
    pub(super) fn lower(&mut self, rows: &Rows, diagonal: usize) -> Result<Vec<f64>> {
        let mut lower = Vec::with_capacity(rows.numbers.len());
        for i in 0..rows.len() {
            let row = rows.row(i);
            // Without its diagonal the first row is that of the second point.
            let point = i + 1 - diagonal;
            for (j, &x) in row[..row.len() - diagonal].iter().enumerate() {
                lower.push(self.distance((point, j), x)?);
            }
            row[row.len() - diagonal..].iter().try_for_each(|&x| self.diagonal(point, x))?;
        }
        Ok(lower)
    }

    pub(super) fn upper(&mut self, rows: &Rows, diagonal: usize) -> Result<Vec<f64>> {
        let points = rows.len() + 1 - diagonal;
        for i in 0..rows.len() {
            rows.row(i)[..diagonal].iter().try_for_each(|&x| self.diagonal(i, x))?;
        }
        self.transposed(points, |i, j| rows.row(j)[i - j - 1 + diagonal])
    }

    pub(super) fn condensed(&mut self, numbers: &[f64], points: usize) -> Result<Vec<f64>> {
        self.transposed(points, |i, j| numbers[j * points - j * (j + 1) / 2 + i - j - 1])
    }

    /// From a function of i > j.
    fn transposed(&mut self, points: usize, at: impl Fn(usize, usize) -> f64) -> Result<Vec<f64>> {
        let mut lower = Vec::with_capacity(points * (points - 1) / 2);
        for i in 1..points {
            for j in 0..i {
                lower.push(self.distance((i, j), at(i, j))?);
            }
        }
        Ok(lower)
    }

    pub(super) fn tell(&self, info: &mut ReadInfo) {
        if self.rounded > 0 {
            info.note(format!(
                "rounding in {} of the entries, by up to {:.1e}, is accepted ({:.0e} of the largest distance)",
                self.rounded, self.farthest, self.tolerance
            ));
        }
        if self.missing > 0 {
            info.note(format!("{} pairs have no edge (+inf or empty)", self.missing));
        }
    }
}

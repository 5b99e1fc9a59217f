//! Scales, ticks and axes of a plot.

use super::number;
use super::svg::{Anchor, Svg};

/// The smallest and the largest finite number. `None` without one.
pub fn extent(numbers: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.into_iter().filter(|x| x.is_finite()).fold(None, |range, x| match range {
        None => Some((x, x)),
        Some((lo, hi)) => Some((lo.min(x), hi.max(x))),
    })
}

/// The smallest step of 1, 2, 2.5 or 5 times a power of ten that divides [lo, hi] into at most `max_steps` steps.
pub fn step(lo: f64, hi: f64, max_steps: usize) -> f64 {
    // Divided before subtracting: the difference of the largest numbers overflows.
    let rough = hi / max_steps as f64 - lo / max_steps as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|f| f * power >= rough * (1.0 - 1e-9)).unwrap_or(10.0);
    (factor * power).max(f64::MIN_POSITIVE)
}

/// The multiples of `step` in [lo, hi].
pub fn multiples(lo: f64, hi: f64, step: f64) -> Vec<f64> {
    let (first, last) = ((lo / step - 1e-9).ceil(), (hi / step + 1e-9).floor());
    if !(last - first).is_finite() || last - first > 1000.0 {
        return Vec::new();
    }
    (0..=(last - first).max(-1.0) as i64).map(|i| (first + i as f64) * step).collect()
}

/// Maps numbers to pixels.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    lo: f64,
    hi: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// A linear scale that maps [lo, hi] to the pixels `from` to `to`. An empty range is widened.
    pub fn linear(lo: f64, hi: f64, from: f64, to: f64) -> Self {
        let wide = hi / 2.0 - lo / 2.0 > 1e-12 * lo.abs().max(hi.abs()) && hi > lo;
        let margin = if lo == 0.0 { 1.0 } else { lo.abs() / 10.0 };
        let (lo, hi) = if wide { (lo, hi) } else { (lo - margin, hi + margin) };
        Self { lo, hi, from, to, log: false }
    }

    /// A linear scale with a margin of `share` of the range at each end.
    pub fn padded(lo: f64, hi: f64, share: f64, from: f64, to: f64) -> Self {
        let scale = Self::linear(lo, hi, from, to);
        let margin = share * scale.hi - share * scale.lo;
        Self { lo: scale.lo - margin, hi: scale.hi + margin, ..scale }
    }

    /// A logarithmic scale of [lo, hi], 0 < lo, widened to at least half a decade.
    pub fn log(lo: f64, hi: f64, from: f64, to: f64) -> Self {
        let hi = hi.max(lo * 3.0).min(f64::MAX);
        Self { lo, hi, from, to, log: true }
    }

    /// The pixel of a number; not finite if the number has none.
    pub fn at(&self, x: f64) -> f64 {
        let (lo, hi, x) = if self.log {
            (self.lo.ln(), self.hi.ln(), x.ln())
        } else {
            (self.lo / 2.0, self.hi / 2.0, x / 2.0)
        };
        self.from + (x - lo) / (hi - lo) * (self.to - self.from)
    }

    /// Whether the scale is logarithmic.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// Round numbers in the range and their labels, about `max_ticks` of them or fewer.
    pub fn ticks(&self, max_ticks: usize) -> Vec<(f64, String)> {
        if self.log {
            return self.log_ticks(max_ticks);
        }
        let step = step(self.lo, self.hi, max_ticks);
        multiples(self.lo, self.hi, step).into_iter().map(|x| (x, number::tick(x, step))).collect()
    }

    /// The largest of four sets of round numbers that has about `max_ticks` numbers or fewer in the range.
    fn log_ticks(&self, max_ticks: usize) -> Vec<(f64, String)> {
        let (first, last) = (self.lo.log10().floor() as i32, self.hi.log10().ceil() as i32);
        let sets: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 7.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        let of = |factors: &[f64], every: usize| -> Vec<(f64, String)> {
            (first..=last)
                .step_by(every)
                .flat_map(|e| factors.iter().map(move |f| (f * 10f64.powi(e), 10f64.powi(e))))
                .filter(|(x, _)| (self.lo..=self.hi).contains(x))
                .map(|(x, decade)| (x, number::tick(x, decade)))
                .collect()
        };
        let decades = (last - first) as usize;
        let sparse = || of(&[1.0], decades.div_ceil(max_ticks).max(1));
        sets.iter()
            .map(|factors| of(factors, 1))
            .find(|ticks| ticks.len() <= max_ticks + 1)
            .unwrap_or_else(sparse)
    }
}

/// A rectangle with two scales.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    /// Scale of the horizontal axis.
    pub x: Scale,
    /// Scale of the vertical axis. Its pixels decrease upwards.
    pub y: Scale,
}

impl Plot {
    /// The pixel of a point.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [self.x.at(x), self.y.at(y)]
    }

    /// Draws grid, tick labels and names of the axes. Without `x_name`, the horizontal axis has no labels.
    pub fn draw_axes(&self, svg: &mut Svg, x_name: &str, y_name: &str) {
        let (left, right, bottom, top) = (self.x.from, self.x.to, self.y.from, self.y.to);
        for (y, label) in self.y.ticks(((bottom - top) / 20.0).max(3.0) as usize) {
            svg.line("grid", [left, self.y.at(y)], [right, self.y.at(y)]);
            svg.text("label", Anchor::End, [left - 5.0, self.y.at(y) + 4.0], &label);
        }
        for (x, label) in self.x.ticks(((right - left) / 48.0).max(2.0) as usize) {
            svg.line("grid", [self.x.at(x), bottom], [self.x.at(x), top]);
            if !x_name.is_empty() {
                svg.text("label", Anchor::Middle, [self.x.at(x), bottom + 15.0], &label);
            }
        }
        svg.line("axis", [left, bottom], [right, bottom]);
        svg.line("axis", [left, bottom], [left, top]);
        svg.text("name", Anchor::Middle, [(left + right) / 2.0, bottom + 32.0], x_name);
        svg.upward_text("name", [left - 46.0, (top + bottom) / 2.0], y_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_stay_finite_and_monotone() {
        let ranges = [(0.0, 0.0), (1.0, 1.0), (-3.0, -3.0), (0.0, 1e-300), (-1e308, 1e308), (-0.1, 2.5)];
        for (lo, hi) in ranges {
            let scale = Scale::padded(lo, hi, 0.05, 0.0, 100.0);
            assert!(scale.at(lo).is_finite() && scale.at(lo) <= scale.at(hi), "{lo} {hi}");
            assert!(scale.ticks(5).len() < 20, "{lo} {hi}");
        }
    }

    #[test]
    fn ticks_are_round_numbers_in_the_range() {
        let labels: Vec<_> =
            Scale::linear(0.011, 0.058, 0.0, 1.0).ticks(5).into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["0.02", "0.03", "0.04", "0.05"]);
        let labels: Vec<_> = Scale::log(0.009, 2.0, 0.0, 1.0).ticks(5).into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["0.01", "0.03", "0.1", "0.3", "1"]);
    }
}

//! Barcodes of files: which algorithm answers, what is counted, what a second algorithm says.
//!
//! | input | fast algorithm | second algorithm (`verify`) |
//! |---|---|---|
//! | complex | coboundary matrix, index 0 by union-find | boundary matrix |
//! | points, index 0 | minimum spanning tree by blocked products (`valleys_simd::spanning_tree`) | the core's, by distances alone |
//! | distances, index 0 | minimum spanning tree of the core | explicit complex, boundary matrix |
//! | either, index 1 to 5 | implicit cohomology | explicit complex, boundary matrix |
//! | grid | union-find from below and from above, in space reduction between | explicit complex of simplices or cubes, boundary matrix |
//!
//! Cycles and the list of zero-length pairs come from the explicit complex.

mod cliques;
mod complex;
mod grid;
mod rips;

pub use complex::complex;
pub use grid::{complex_of_connectivity, grid};
pub use rips::{MetricSpace, RipsLimits, rips};

use crate::error::{CliError, ErrorKind, Result};
use serde::Serialize;
use std::cmp::Ordering;
use valleys_core::topology::Interval;

/// What to find out, and with how much memory.
#[derive(Clone, Copy, Debug)]
pub struct BarcodeOptions {
    /// List the pairs of length zero.
    pub zero_length: bool,
    /// Show a cycle for every bar.
    pub cycles: bool,
    /// Compute everything by a second algorithm and compare.
    pub verify: bool,
    /// Bytes that may be used.
    pub budget: usize,
}

impl BarcodeOptions {
    /// The bars alone.
    pub const fn bars(budget: usize) -> Self {
        Self { zero_length: false, cycles: false, verify: false, budget }
    }

    fn listing(&self) -> bool {
        self.zero_length || self.cycles
    }
}

/// A bar as it is printed. A simplex is named by its vertices, a grid point by its coordinates.
#[derive(Clone, PartialEq, Serialize, Debug, Default)]
pub struct Bar {
    /// Index (degree) of the homology group.
    #[serde(rename = "index")]
    pub dim: usize,
    /// Value at which the class appears.
    pub birth: f64,
    /// Value at which it vanishes, `None` if never.
    pub death: Option<f64>,
    /// The simplex that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_simplex: Option<Vec<u32>>,
    /// The simplex that closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death_simplex: Option<Vec<u32>>,
    /// The grid point that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_point: Option<Vec<usize>>,
    /// The grid point that closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death_point: Option<Vec<usize>>,
    /// Simplices whose sum is a cycle of the class, in lexicographic order; vertices of a grid are numbered with the last axis fastest; in the complex `cells` they are the corners of the cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<Vec<Vec<u32>>>,
}

impl Bar {
    /// Birth and death, infinite if never.
    pub fn interval(&self) -> Interval {
        Interval::new(self.birth, self.death.unwrap_or(f64::INFINITY))
    }

    /// By index, then birth, then death.
    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (self.interval(), other.interval());
        (self.dim.cmp(&other.dim))
            .then(a.birth.total_cmp(&b.birth))
            .then(a.death.total_cmp(&b.death))
            .then_with(|| self.birth_simplex.cmp(&other.birth_simplex))
            .then_with(|| self.birth_point.cmp(&other.birth_point))
    }
}

/// The document that `barcode --json` prints.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Barcode {
    /// What it is of: `points`, `distances`, `complex` or `grid`.
    pub input: &'static str,
    /// The complex of a grid: `freudenthal`, whose bars depend on the orientation, `vertices` or `cells`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complex: Option<&'static str>,
    /// Points, simplices or grid points of the input.
    pub elements: usize,
    /// Bars of positive length by index, then birth, then death.
    pub bars: Vec<Bar>,
    /// Pairs of simplices of equal value, of the dimensions asked for.
    pub zero_length: u64,
    /// These pairs, on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_length_bars: Option<Vec<Bar>>,
    /// Whether a second algorithm was run; it agreed.
    pub verified: bool,
}

impl Barcode {
    fn sort(&mut self) {
        self.bars.sort_by(Bar::order);
        self.zero_length_bars.iter_mut().for_each(|bars| bars.sort_by(Bar::order));
    }

    /// # Panics
    /// If the two differ in an interval or a count: one of two algorithms is wrong.
    fn assert_same(&self, other: &Self) {
        let bits = |bar: &Bar| (bar.dim, bar.birth.to_bits(), bar.death.map(f64::to_bits));
        let (mine, others) = (self.bars.iter().map(bits), other.bars.iter().map(bits));
        assert!(mine.eq(others), "--verify: two algorithms give different bars; please report the input");
        let (mine, others) = (self.zero_length, other.zero_length);
        assert!(
            mine == others,
            "--verify: {mine} pairs of length zero by one algorithm, {others} by another"
        );
    }
}

/// Pairs of equal value among the dimensions 0 to `counts.len()` − 1, from the number of simplices of each of these
/// dimensions: a simplex that does not close a class opens one.
fn zero_length(counts: &[u64], bars: &[Bar]) -> u64 {
    let (mut closing, mut zero) = (0, 0);
    for (dim, &count) in counts.iter().enumerate() {
        let of_dim = bars.iter().filter(|bar| bar.dim == dim);
        let essential = of_dim.clone().filter(|bar| bar.death.is_none()).count() as u64;
        let finite = of_dim.count() as u64 - essential;
        closing = count - closing - essential;
        zero += closing - finite;
    }
    zero
}

/// Bytes a simplex or cube of an explicit complex takes, at most, with its reduction.
const SIMPLEX: u64 = 160;

/// Refuses a complex that would not fit.
fn explicit_fits(name: &str, count: u64, cells: &str, budget: usize) -> Result<()> {
    fits(name, &format!("{count} explicit {cells}"), count.saturating_mul(SIMPLEX), budget)
}

/// Refuses what would not fit, with the numbers.
fn fits(name: &str, what: &str, needed: u64, budget: usize) -> Result<()> {
    if needed <= budget as u64 {
        return Ok(());
    }
    let message = format!(
        "{name}: {what} need {} of memory or more, {} may be used (--memory)",
        gigabytes(needed),
        gigabytes(budget as u64)
    );
    Err(CliError::new(ErrorKind::Resources, message))
}

/// Bytes as gigabytes, 10^9, or as such where they are few.
fn gigabytes(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{bytes} bytes") } else { format!("{:.3} GB", bytes as f64 / 1e9) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn barcode(death: f64, zero_length: u64) -> Barcode {
        let bars = vec![Bar { death: Some(death), ..Bar::default() }];
        Barcode {
            input: "points",
            complex: None,
            elements: 2,
            bars,
            zero_length,
            zero_length_bars: None,
            verified: false,
        }
    }

    #[test]
    #[should_panic(expected = "different bars")]
    fn a_bar_that_differs_in_its_last_bit_is_noticed() {
        barcode(1.0, 0).assert_same(&barcode(1f64.next_up(), 0));
    }

    #[test]
    #[should_panic(expected = "2 pairs of length zero by one algorithm, 3 by another")]
    fn a_count_that_differs_is_noticed() {
        barcode(1.0, 2).assert_same(&barcode(1.0, 3));
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_size() {
        assert!(explicit_fits("x", 1000, "simplices", 160_000).is_ok());
        let failure = explicit_fits("x", 1000, "simplices", 159_999).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Resources);
        assert!(failure.message.contains("1000 explicit simplices need 160000 bytes"), "{failure}");
    }
}

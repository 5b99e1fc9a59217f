//! The map of a simplex: φ (two vertices), ψ (three) and the next one (four), at depths 1 to 3.

use crate::{Error, Record};
use valleys_core::simplex::{MAX_DEPTH, weights};

/// None: weights come back by value.
#[derive(Debug, Default)]
pub struct Memory;

impl Memory {
    /// Nothing.
    pub const fn new() -> Self {
        Self
    }
}

/// Points t: in the middle of a cell, with ties, on a face, at a vertex, with coordinates that are not exact.
const POINTS: [(&str, &[f64]); 9] = [
    ("phi at 3/4", &[0.75, 0.25]),
    ("phi at 0.3", &[0.3, 0.7]),
    ("phi at the middle", &[0.5, 0.5]),
    ("psi inside", &[0.61, 0.28, 0.11]),
    ("psi at the barycentre", &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]),
    ("psi on an edge", &[0.1, 0.0, 0.9]),
    ("psi at a vertex", &[0.0, 1.0, 0.0]),
    ("psi with a tie", &[0.4, 0.2, 0.4]),
    ("four vertices", &[0.07, 0.41, 0.23, 0.29]),
];

/// Tells the control points (as ratios of their coordinates) and their weights.
///
/// # Errors
/// None; the signature is that of every capability.
pub fn run(_: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    for (name, t) in POINTS {
        record.of(name);
        for depth in 1..=MAX_DEPTH {
            record.put("depth", depth);
            for (position, weight) in &weights(t, depth) {
                for ratio in &position.ratio()[..t.len()] {
                    record.put("ratio", *ratio);
                }
                record.put("weight", *weight);
            }
        }
    }
    Ok(())
}

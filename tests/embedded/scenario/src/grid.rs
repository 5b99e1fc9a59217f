//! Sublevel bars of the three-well ring, sampled on a square grid.

use crate::{Error, Record};
use valleys_core::engine::Function;
use valleys_core::topology::Grid;

const SIDE: usize = 24;
const POINTS: usize = SIDE * SIDE;

/// Values, and the memory of a merge tree.
#[derive(Debug)]
pub struct Memory {
    values: [f64; POINTS],
    order: [u64; POINTS],
    parent: [u32; 2 * POINTS + 2],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self { values: [0.0; POINTS], order: [0; POINTS], parent: [0; 2 * POINTS + 2] }
    }
}

/// Tells every bar of the function on the square of side 3 around the axis.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    let at = |i: usize| 3.0 * (i as f64 / (SIDE - 1) as f64 - 0.5);
    for (i, value) in memory.values.iter_mut().enumerate() {
        *value = Function::ThreeWellRing.gradient(&[at(i / SIDE), at(i % SIDE)], &mut [0.0; 2]);
    }
    record.of("grid");
    Grid::new(&memory.values, &[SIDE, SIDE])?.merge_tree_bars(
        &mut memory.order,
        &mut memory.parent,
        |bar| {
            record.put("index", bar.dim);
            record.put("birth", bar.birth);
            record.put("death", bar.death);
        },
    )?;
    Ok(())
}

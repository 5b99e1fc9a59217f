//! Persistence of every index by reduction over Z/2, of the boundary and of the coboundary matrix.

use crate::surfaces::{MAX_CELLS, MAX_SPAN, PROJECTIVE_PLANE, TORUS};
use crate::union_find::tell;
use crate::{Error, Record};
use valleys_core::topology::{Filtration, ReductionMatrix, filtration_len, reduce};

/// Cells, and the bits of the largest block: 21 edges by 14 triangles, a word a column either way.
const SCRATCH_LEN: usize = MAX_CELLS + 21;

/// A filtration, a matrix, partners.
#[derive(Debug)]
pub struct Memory {
    values: [f64; MAX_CELLS],
    words: [u32; filtration_len(MAX_CELLS, MAX_SPAN)],
    scratch: [u32; SCRATCH_LEN],
    partner: [u32; MAX_CELLS],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            values: [0.0; MAX_CELLS],
            words: [0; filtration_len(MAX_CELLS, MAX_SPAN)],
            scratch: [0; SCRATCH_LEN],
            partner: [0; MAX_CELLS],
        }
    }
}

/// Tells the classes of both surfaces by both matrices.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    for surface in [TORUS, PROJECTIVE_PLANE] {
        record.of(surface.name);
        let filtration = Filtration::build(surface.cells(), &mut memory.values, &mut memory.words)?;
        for (name, matrix) in
            [("boundary", ReductionMatrix::Boundary), ("coboundary", ReductionMatrix::Coboundary)]
        {
            record.put(name, filtration.len());
            tell(&reduce(&filtration, matrix, 2, &mut memory.scratch, &mut memory.partner)?, record);
        }
    }
    Ok(())
}

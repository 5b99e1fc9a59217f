//! Persistence of index 0 by union-find.

use crate::surfaces::{MAX_CELLS, MAX_SPAN, PROJECTIVE_PLANE, TORUS};
use crate::{Error, Record};
use valleys_core::topology::{Filtration, Pairing, filtration_len, union_find};

/// A filtration, a forest, partners.
#[derive(Debug)]
pub struct Memory {
    values: [f64; MAX_CELLS],
    words: [u32; filtration_len(MAX_CELLS, MAX_SPAN)],
    parent: [u32; MAX_CELLS],
    partner: [u32; MAX_CELLS],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            values: [0.0; MAX_CELLS],
            words: [0; filtration_len(MAX_CELLS, MAX_SPAN)],
            parent: [0; MAX_CELLS],
            partner: [0; MAX_CELLS],
        }
    }
}

/// Tells the classes of index 0 of both surfaces.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    for surface in [TORUS, PROJECTIVE_PLANE] {
        record.of(surface.name);
        let filtration = Filtration::build(surface.cells(), &mut memory.values, &mut memory.words)?;
        tell(&union_find(&filtration, &mut memory.parent, &mut memory.partner)?, record);
    }
    Ok(())
}

/// Every class, those of length zero included.
pub(crate) fn tell(pairing: &Pairing<'_>, record: &mut Record<'_>) {
    for bar in pairing.classes() {
        record.put("index", bar.dim);
        record.put("birth", bar.birth);
        record.put("death", bar.death);
        record.put("cell", bar.birth_simplex);
    }
}

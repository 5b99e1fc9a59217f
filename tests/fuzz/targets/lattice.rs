//! Losses of a triangle: its edges are parts of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{Input, TableOptions, lattice};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((segment, _)) = lattice(&Input::new("x", bytes), "loss", &TableOptions::default()) {
        assert!(segment.birth.is_finite() && segment.birth <= segment.death);
    }
});

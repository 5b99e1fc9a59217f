//! Losses of a triangle: its edges are parts of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(segment) = formats::lattice("x", bytes, "loss") {
        assert!(segment.birth.is_finite() && segment.birth <= segment.death);
    }
});

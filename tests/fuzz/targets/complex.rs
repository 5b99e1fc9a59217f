//! Filtered complexes: values rise with dimension.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{Input, complex};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((filtration, _)) = complex(&Input::new("x", bytes)) {
        for cell in 0..filtration.len() {
            assert!(filtration.facets(cell).iter().all(|&f| (f as usize) < cell));
        }
    }
});

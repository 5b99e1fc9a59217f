//! Point clouds: what is read is finite and rectangular.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{Input, Points, TableOptions};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((points, _)) = Points::read(&Input::new("x", bytes), &TableOptions::default()) {
        assert_eq!(points.len() * points.dim, points.coordinates.len());
    }
});

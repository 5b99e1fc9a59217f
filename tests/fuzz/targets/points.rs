//! Point clouds: what is read is finite and rectangular.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(points) = formats::Points::parse("x", bytes) {
        assert_eq!(points.len() * points.dim, points.coordinates.len());
    }
});

//! Distance matrices: a triangle without negative numbers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(formats::Distances { points, lower }) = formats::distances("x", bytes) {
        assert_eq!(lower.len(), points * points.saturating_sub(1) / 2);
        assert!(lower.iter().all(|d| (0.0..f64::INFINITY).contains(d)));
    }
});

//! Distance matrices: a triangle without negative numbers and NaN.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{DistanceOptions, Distances, Input, TableOptions};

fuzz_target!(|bytes: &[u8]| {
    let input = Input::new("x", bytes);
    let read = Distances::read(&input, &TableOptions::default(), &DistanceOptions::default());
    if let Ok((Distances { points, lower, labels }, _)) = read {
        assert_eq!(lower.len(), points * points.saturating_sub(1) / 2);
        assert!(lower.iter().all(|d| *d >= 0.0));
        assert!(labels.is_none_or(|labels| labels.len() == points));
    }
});

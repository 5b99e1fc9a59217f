//! Grids: finite values, as many as the axes say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = formats::Array::parse("x", bytes) {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        assert!(array.values.iter().all(|x| x.is_finite()));
    }
});

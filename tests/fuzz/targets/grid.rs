//! Grids: values that are no NaN, as many as the axes say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{Array, Input, TableOptions};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((array, _)) = Array::read(&Input::new("x", bytes), &TableOptions::default()) {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        assert!(array.values.iter().all(|x| *x > f64::NEG_INFINITY));
    }
});

//! Batches of CIFAR-10: whole records, labels that are classes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::data::cifar10;

fuzz_target!(|bytes: &[u8]| {
    if cifar10::check(Path::new("x"), bytes).is_ok() {
        assert!(bytes.chunks(3073).all(|record| record.len() == 3073 && record[0] < 10));
    }
});

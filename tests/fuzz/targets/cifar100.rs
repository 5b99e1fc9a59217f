//! Records of CIFAR-100: labels below 20 and below 100.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::data::cifar100;

fuzz_target!(|bytes: &[u8]| {
    // A record is longer than most inputs: the rest of it is zeros.
    let mut file = bytes.to_vec();
    if bytes.first().is_some_and(|byte| byte % 2 == 0) {
        file.resize(bytes.len().next_multiple_of(3074), 0);
    }
    if cifar100::check(Path::new("x"), &file).is_ok() {
        assert!(!file.is_empty() && file.chunks_exact(3074).all(|record| record[0] < 20 && record[1] < 100));
    }
});

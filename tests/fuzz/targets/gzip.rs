//! Compressed files: never more than a data set's file may hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::data::bounded;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(content) = bounded(Path::new("x.gz"), bytes) {
        assert!(content.len() <= 256 << 20);
    }
});

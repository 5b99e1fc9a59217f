//! Archives of arrays, and archives that are none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{Input, TableOptions, diagram};

fuzz_target!(|bytes: &[u8]| {
    let mut file = b"PK\x03\x04".to_vec();
    file.extend(bytes);
    let _ = diagram(&Input::new("x", file), &TableOptions::default());
});

//! Headers of safetensors files, and the numbers of their tensors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use valleys::tensors::header::Header;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut header) = Header::new("x", Cursor::new(bytes), bytes.len() as u64) {
        for tensor in header.tensors().to_vec() {
            let _ = header.stream(&tensor, |_, _| {});
        }
    }
});

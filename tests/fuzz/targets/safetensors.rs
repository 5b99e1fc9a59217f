//! Headers of safetensors files, and the numbers of their tensors, stored and joined, with any axis in front.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use valleys::tensors::Tensors;
use valleys::tensors::header::Header;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut header) = Header::new("x", Cursor::new(bytes), bytes.len() as u64) {
        for tensor in header.tensors().to_vec() {
            let _ = header.stream(&tensor, |_, _| {});
        }
        let mut all = Tensors::of_file(header);
        for tensor in all.tensors().to_vec() {
            for axis in 0..tensor.shape.len() {
                if let Ok(read) = all.read_rows(&tensor, axis..axis + 1) {
                    assert_eq!(read.numbers.double().len(), tensor.elements());
                }
            }
        }
    }
});

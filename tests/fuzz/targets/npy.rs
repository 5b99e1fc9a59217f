//! The .npy reader behind a header that is right, so that the fuzzer gets to the literal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats;

fuzz_target!(|bytes: &[u8]| {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    let header = bytes.len().min(200);
    file.extend((header as u16).to_le_bytes());
    file.extend(bytes);
    if let Ok(npy) = formats::Npy::parse("x", &file) {
        assert_eq!(npy.shape.iter().product::<usize>(), npy.numbers.len());
    }
});

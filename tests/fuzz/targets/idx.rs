//! The four files of MNIST and FashionMNIST: as many labels and pixels as the header says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::data::idx;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("x");
    if let Ok((count, pixels)) = idx::images(path, bytes) {
        assert_eq!(pixels.len(), count * 784);
    }
    if let Ok(labels) = idx::labels(path, bytes) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});

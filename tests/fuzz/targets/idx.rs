//! The four files of FashionMNIST: as many labels and pixels as the header says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::data::fashion_mnist;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("x");
    if let Ok((count, pixels)) = fashion_mnist::images(path, bytes) {
        assert_eq!(pixels.len(), count * 784);
    }
    if let Ok(labels) = fashion_mnist::labels(path, bytes) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});

//! Diagrams: what is read is written and read again to the same bits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(diagram) = formats::diagram("x", bytes) {
        let csv = formats::diagram_csv(diagram.iter().copied());
        assert_eq!(formats::diagram("x", csv.as_bytes()).unwrap(), diagram);
    }
});

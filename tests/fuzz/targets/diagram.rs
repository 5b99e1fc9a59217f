//! Diagrams: what is read is written and read again to the same bits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::formats::{Input, TableOptions, diagram, diagram_csv};

fuzz_target!(|bytes: &[u8]| {
    let plain = TableOptions::default();
    if let Ok((bars, _)) = diagram(&Input::new("x", bytes), &plain) {
        let csv = diagram_csv(bars.iter().copied());
        assert_eq!(diagram(&Input::new("x", csv), &plain).unwrap().0, bars);
    }
});

//! Arrays of one's own: `.npz`, `.npy` and IDX, by the first byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::config::{Column, Columns, Data, Missing};
use valleys::data::{LoadOptions, Subset, idx, load_bytes};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    if choice % 4 == 3 {
        if let Ok((shape, numbers)) = idx::array(Path::new("x"), rest) {
            assert_eq!(shape.iter().product::<usize>(), numbers.len());
        }
        return;
    }
    let start: &[u8] = if choice % 4 == 0 { b"PK\x03\x04" } else { b"\x93NUMPY\x01\x00" };
    let keys = Data {
        label: (choice % 4 == 1).then_some(Columns::One(Column::Number(-1))),
        missing: (choice & 4 > 0).then_some(Missing::Mean),
        ..Data::default()
    };
    let options = LoadOptions::of_keys(&keys, Subset::All, Subset::All);
    if let Ok(loaded) = load_bytes("x", [start, rest].concat(), &options) {
        for samples in [&loaded.data.train, &loaded.data.test] {
            assert_eq!(samples.inputs.len(), samples.len() * loaded.shape.len());
            assert!(samples.inputs.iter().all(|x| x.is_finite()));
        }
    }
});

//! Tables of one's own, with the keys that the first byte chooses: samples that are finite, or a sentence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::config::{Column, Columns, Data, Missing, Normalise, Split, Task};
use valleys::data::{LoadOptions, Subset, load_bytes};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, table)) = bytes.split_first() else { return };
    let bit = |place: u8| choice >> place & 1 == 1;
    let keys = Data {
        label: Some(Columns::One(Column::Number(if bit(0) { -1 } else { 0 }))),
        missing: Some(
            [Missing::Error, Missing::Drop, Missing::Mean, Missing::Mean][usize::from(choice >> 1 & 3)],
        ),
        task: bit(3).then_some(if bit(4) { Task::Regression } else { Task::Classification }),
        header: bit(5).then_some(bit(4)),
        normalise: bit(6).then_some(Normalise::MinMax),
        split: bit(7).then_some(Split::Fraction(0.5)),
        ..Data::default()
    };
    let options = LoadOptions::of_keys(&keys, Subset::All, Subset::All);
    if let Ok(loaded) = load_bytes("x.csv", table.to_vec(), &options) {
        for samples in [&loaded.data.train, &loaded.data.test] {
            assert!(!samples.is_empty());
            assert_eq!(samples.inputs.len(), samples.len() * loaded.shape.len());
            assert!(samples.inputs.iter().all(|x| x.is_finite()));
            if let Some(labels) = samples.targets.labels() {
                assert!(labels.iter().all(|&label| usize::from(label) < loaded.outputs));
            }
        }
        assert_eq!(loaded.source.feature_names.len(), loaded.shape.len());
    }
});

//! Checkpoints of a network, by name and by order: what is read is finite, and written again it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::checkpoint;
use valleys::model::Model;

fuzz_target!(|bytes: &[u8]| {
    // One layer, layers of equal shapes, and layers with statistics.
    for network in ["mlp:2-2", "mlp:2-2-2", "resnet8"] {
        let state = Model::by_name(network).unwrap().state();
        let len = state.parameters.last().unwrap().range.end;
        for by_order in [false, true] {
            if let Ok(read) = checkpoint::decode(Path::new("x"), bytes, &state, by_order) {
                assert!(read.theta.len() == len && read.theta.iter().all(|x| x.is_finite()));
                let statistics = read.statistics.as_deref().unwrap_or(&[]);
                let statistics_len = state.statistics.last().map_or(0, |t| t.range.end);
                if statistics.len() == statistics_len {
                    let again = checkpoint::encode(&state, &read.theta, statistics, 0);
                    let again = checkpoint::decode(Path::new("x"), &again, &state, false).unwrap();
                    assert_eq!(again.theta, read.theta);
                }
                // No tensor stands for two.
                let mut files: Vec<String> =
                    read.mapping.into_iter().flatten().map(|pair| pair.file).collect();
                let count = files.len();
                files.sort();
                files.dedup();
                assert_eq!(files.len(), count);
            }
        }
    }
});

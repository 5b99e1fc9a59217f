//! Checkpoints of a network: what is read is finite, and written again it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::checkpoint;
use valleys::model::Model;

fuzz_target!(|bytes: &[u8]| {
    let state = Model::by_name("mlp:2-2").unwrap().state();
    if let Ok(read) = checkpoint::decode(Path::new("x"), bytes, &state, true) {
        assert!(read.theta.len() == 6 && read.theta.iter().all(|x| x.is_finite()));
        let again = checkpoint::encode(&state, &read.theta, &[], 0);
        assert_eq!(checkpoint::decode(Path::new("x"), &again, &state, false).unwrap().theta, read.theta);
    }
});

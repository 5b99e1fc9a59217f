//! What a run reads of itself: records and summaries (JSON), checkpoints of jobs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::run::{JobCheckpoint, Record};
use valleys::schema::Summary;

fuzz_target!(|bytes: &[u8]| {
    let _ = serde_json::from_slice::<Summary>(bytes);
    if let Ok(record) = serde_json::from_slice::<Record>(bytes) {
        let text = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&text).unwrap(), record);
    }
    // Behind the hash, so that the fuzzer gets to the numbers.
    let mut file = bytes.to_vec();
    file.extend(blake3::hash(bytes).as_bytes());
    if let Some(saved) = JobCheckpoint::decode(&file) {
        assert_eq!(JobCheckpoint::decode(&saved.encode()).map(|s| s.integers), Some(saved.integers));
    }
});

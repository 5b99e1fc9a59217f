//! Indexes of models in shards: the shards of what is read are files beside the index.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::tensors::model_files::Index;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("folder/model.safetensors.index.json");
    if let Ok(index) = Index::decode(path, bytes) {
        let shards = index.shards();
        assert!(!shards.is_empty() && shards.len() <= index.names().len());
        assert!(shards.iter().all(|shard| shard.parent() == path.parent()));
    }
});

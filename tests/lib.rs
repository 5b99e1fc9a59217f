//! Shared by the tests.

pub mod complexes;
pub mod conformance;
pub mod differences;
pub mod engines;
pub mod rank;
pub mod scenarios;
pub mod tolerance;
pub mod trained;

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A device of this machine for tests, with all checks of indices or with none. Without an adapter: none, or a failure
/// where the tests must be whole (CI=true).
pub fn gpu(checked: bool) -> Option<Arc<valleys_gpu::DeviceProvider>> {
    let options = valleys_gpu::DeviceOptions { checked, ..valleys_gpu::DeviceOptions::from_environment() };
    let provider = Arc::new(valleys_gpu::DeviceProvider::new(options));
    match provider.device() {
        Ok(_) => Some(provider),
        Err(error) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI=true: what is missing is a failure: {error}"
            );
            println!("SKIPPED the GPU: {error}; to have it: apt-get install mesa-vulkan-drivers");
            None
        }
    }
}

/// The official files, where they are: in VALLEYS_DATA, or in `../shared/data`.
pub fn official_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let dir = std::env::var_os("VALLEYS_DATA").map_or(beside, PathBuf::from);
    if !dir.is_dir() {
        println!(
            "SKIPPED the official files: set VALLEYS_DATA to a directory with fashion-mnist and cifar-10"
        );
        return None;
    }
    Some(dir)
}

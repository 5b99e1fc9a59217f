//! Shared by the tests.

pub mod complexes;
pub mod differences;
pub mod engines;
pub mod rank;
pub mod scenarios;
pub mod tolerance;

use std::path::{Path, PathBuf};

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

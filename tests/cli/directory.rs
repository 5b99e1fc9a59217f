//! Run directories, for the tests that work on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file of a run directory but its lock, its times, and what engines keep.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            if path.is_dir() && name != "tasks" {
                folders.push(path);
            } else if name != "lock" && name != "tasks" && name != "times.csv" {
                all.insert(path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// Two finished runs have the same files.
pub fn same_files(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    let result = ["summary.json", "comparison.json"].iter().any(|name| a.contains_key(Path::new(name)));
    assert!(result && a.contains_key(Path::new("report.html")));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{} differs", name.display());
    }
}

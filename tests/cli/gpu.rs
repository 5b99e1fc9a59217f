//! `valleys devices` and `valleys bench`, as a user types them.

use crate::binary::{said, valleys};
use std::process::Output;

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether this machine has an adapter; without one the commands say so with their exit code.
fn has_adapter() -> bool {
    let output = valleys(&["devices", "--no-check", "--json"]);
    let found = document(&output);
    let none = found.as_array().unwrap().is_empty();
    assert_eq!(output.status.code(), Some(if none { 7 } else { 0 }));
    if none {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true: what is missing is a failure");
        println!("SKIPPED the GPU; to have it: apt-get install mesa-vulkan-drivers");
        assert_eq!(valleys(&["bench"]).status.code(), Some(7));
    }
    !none
}

#[test]
fn an_unknown_path_is_named() {
    let wrong = [
        (2, vec!["bench", "--paths", "winograd4,winograd3"]),
        (3, vec!["plan", "--set", "gpu.paths=[\"f16\", \"winograd3\"]"]),
    ];
    for (code, words) in wrong {
        let output = valleys(&words);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = said(&output);
        assert!(said.contains("\"winograd3\"") && said.contains("winograd2, winograd4"), "{said}");
    }
}

#[test]
fn the_old_name_of_f16_is_accepted_with_a_warning() {
    let output = valleys(&["plan", "--set", "gpu.paths=[\"halves\"]"]);
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("the path halves is now f16"), "{output:?}");
}

#[test]
fn devices_and_bench_answer() {
    if !has_adapter() {
        return;
    }
    let none = valleys(&["devices", "--device", "no such adapter"]);
    assert_eq!(none.status.code(), Some(7));
    assert_eq!(valleys(&["bench", "--device", "no such adapter"]).status.code(), Some(7));
    assert_eq!(valleys(&["run", "--backend", "gpu", "--device", "no such adapter"]).status.code(), Some(7));

    let folder = tempfile::tempdir().unwrap();
    let files = ["a.json", "b.json"].map(|name| folder.path().join(name).display().to_string());
    for file in &files {
        let output = valleys(&["bench", "gemm 256", "--json"]);
        assert!(output.status.success(), "{output:?}");
        let rows = document(&output);
        assert_eq!(rows.as_array().unwrap().len(), 1);
        for key in ["median_seconds", "gflops", "gbytes_per_second"] {
            assert!(rows[0][key].as_f64().unwrap() > 0.0, "{key}");
        }
        assert_eq!([&rows[0]["kernel"], &rows[0]["shape"]], ["gemm", "256"]);
        std::fs::write(file, &output.stdout).unwrap();
    }
    let output = valleys(&["bench", "--compare", &files[0], &files[1]]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.lines().count() == 3, "{text}");
    assert_eq!(valleys(&["bench", "--compare", &files[0], "missing.json"]).status.code(), Some(4));
}

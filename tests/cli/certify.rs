//! `valleys certify`: bounds that hold, in every file, and what it refuses.

use crate::binary::{json_in, said, valleys};
use std::path::Path;

fn path(root: &Path) -> &str {
    root.to_str().unwrap()
}

#[test]
fn bounds_of_a_function_are_those_of_its_saddles() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("run");
    let run = ["run", "--preset", "three-well-ring", "--out", path(&root)];
    assert!(valleys(&run).status.success());
    let all =
        json_in(folder.path(), &["certify", path(&root), "--triangles", "--tolerance", "0.02", "--json"]);
    let all = all.as_array().unwrap();
    // Three curves and a triangle, in two fits.
    assert_eq!(all.len(), 8);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["certified"].as_array().unwrap(), all);
    for certified in all {
        let [found, upper] = ["found", "upper"].map(|key| certified[key].as_f64().unwrap());
        // The search measures in f32.
        assert!(upper >= found * (1.0 - 1e-6) && upper <= 1.02 * found, "{certified}");
        // No path between two minima stays below the saddle, no disc below the maximum.
        let truth = if certified["simplex"].as_array().unwrap().len() == 2 { 0.19 } else { 1.0 };
        assert!(upper >= truth, "{certified}");
    }
    let page = std::fs::read_to_string(root.join("report.html")).unwrap();
    assert!(page.contains("Proved upper bounds"));
    // A run that is started again keeps what was proved.
    assert!(valleys(&run).status.success());
    let again: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("summary.json")).unwrap()).unwrap();
    assert_eq!(again["certified"], summary["certified"]);
}

#[test]
fn bounds_of_a_perceptron_are_near_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("run");
    let run =
        ["run", "--preset", "digits", "--set", "minima.count=2", "--set", "index=0", "--out", path(&root)];
    assert!(valleys(&run).status.success());
    let all = json_in(folder.path(), &["certify", path(&root), "--max-time", "5m", "--json"]);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 2);
    for certified in all {
        let [found, upper] = ["found", "upper"].map(|key| certified[key].as_f64().unwrap());
        assert!(upper >= found * (1.0 - 1e-6) && upper <= 1.05 * found, "{certified}");
    }
}

#[test]
fn what_cannot_be_certified_gets_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("run");
    let none = valleys(&["certify", path(&root)]);
    assert_eq!(none.status.code(), Some(4));
    assert!(said(&none).contains("is not a run directory"), "{}", said(&none));
    let tolerance = valleys(&["certify", path(&root), "--tolerance", "0"]);
    assert_eq!(tolerance.status.code(), Some(2));
    assert!(said(&tolerance).contains("must be above 0"), "{}", said(&tolerance));
}

//! Run directories where a user has them: inside one, above several, or none at all.

use crate::binary::{refused, run};
use std::path::Path;
use tempfile::TempDir;

/// A run of a function in `runs/a` of a folder.
fn finished() -> TempDir {
    let folder = TempDir::new().unwrap();
    let small = ["minima.count=3", "minima.epochs=1", "curves.epochs=1", "triangles.epochs=1", "lattice.n=4"];
    let mut arguments = vec!["run", "--preset", "three-well-ring", "--out", "runs/a"];
    small.iter().for_each(|key| arguments.extend(["--set", key]));
    let output = run(folder.path(), &arguments, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments, b"");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_run_is_resumed_by_its_directory_alone() {
    let folder = finished();
    let directory = folder.path().join("runs/a");
    let summary = || std::fs::read(directory.join("summary.json")).unwrap();
    let first = summary();
    assert!(said(folder.path(), &["run", "--out", "runs/a"]).contains("that of the run in runs/a"));
    std::fs::remove_file(directory.join("summary.json")).unwrap();
    let words = ["the run is not finished", "valleys status runs/a", "valleys run --out runs/a"];
    refused(folder.path(), 4, &words, &["compare", "runs/a"]);
    said(&directory, &["run", "--out", "."]);
    assert!(summary() == first);
    // Inside, without saying where.
    for arguments in [&["run"][..], &[], &["run", "config.toml"], &["run", "--preset", "digits"]] {
        let output = run(&directory, arguments, b"");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("is a run directory: valleys run --out . resumes its run"), "{text}");
    }
    assert!(!directory.join("runs").exists());
    // Another configuration.
    let other = ["run", "--preset", "himmelblau", "--out", "runs/a"];
    let output = run(folder.path(), &other, b"");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("runs/a holds a run of another configuration (see its config.toml)"), "{text}");
    assert!(text.contains("give another --out, or no flag but this --out to resume that run"), "{text}");
}

#[test]
fn a_folder_that_is_no_run_directory_is_told_with_those_in_it() {
    let folder = finished();
    for command in ["status", "report", "compare", "certify"] {
        let no = |words: &[&str], directory: &str| refused(folder.path(), 4, words, &[command, directory]);
        no(&["runs is not a run directory: it has no config.toml; run directories in it: runs/a"], "runs");
        no(&["run directories in it: ./runs/a"], ".");
        no(&["minima is not a run directory", "it is a folder of the run directory"], "runs/a/minima");
        no(&["nothing is not a run directory: it does not exist"], "nothing");
        no(&["config.toml is not a run directory, but a file"], "runs/a/config.toml");
    }
    let empty = TempDir::new().unwrap();
    refused(empty.path(), 4, &["a run directory is printed by valleys run"], &["status", "."]);
}

#[test]
fn typos_of_names_are_answered_with_the_nearest_or_all() {
    let folder = TempDir::new().unwrap();
    for (words, arguments) in [
        (&["unknown preset \"digit\"; did you mean \"digits\"?"][..], &["run", "--preset", "digit"][..]),
        (&["unknown preset \"zzz\"; there are digits, himmelblau"], &["run", "--preset", "zzz"]),
        (&["unknown network \"mlp\"; did you mean \"mlp:64-32-10\"?"], &["run", "--set", "network=mlp"]),
        (&["did you mean \"resnet20\"?"], &["run", "--set", "network=ResNet20"]),
        (&["unknown network \"qqq\"; there are himmelblau", "lenet5"], &["run", "--set", "network=qqq"]),
        (&["did you mean \"mnist\"?"], &["run", "--set", "dataset=MNIST "]),
    ] {
        refused(folder.path(), 3, words, arguments);
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left behind");
}

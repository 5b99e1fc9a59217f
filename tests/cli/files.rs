//! Files as people have them: the numbers that NumPy, pandas, SciPy, GUDHI and ripser.py read in them, recorded by
//! tests/fixtures/files.py, and what is told of each.

use crate::binary::run;
use serde_json::Value;
use std::cmp::Ordering;
use std::path::Path;
use tempfile::TempDir;
use valleys::formats::{Array, DistanceOptions, Distances, Input, Points, TableOptions, diagram};

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/files.json"))
        .unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// All numbers of a nested list.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::String(text) => vec![text.parse().unwrap()],
        number => vec![number.as_f64().unwrap()],
    }
}

#[derive(clap::Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    table: TableOptions,
    #[command(flatten)]
    matrix: DistanceOptions,
}

/// What a reader makes of a file: its numbers in the order of the recorded ones, and its labels.
fn read(command: &str, path: &Path, flags: &Flags) -> (Vec<f64>, Option<Vec<String>>) {
    let input = Input::read(path).unwrap();
    match command {
        "points" => {
            let (points, _) = Points::read(&input, &flags.table).unwrap();
            (points.coordinates.into_f64(), points.labels)
        }
        "grid" => (Array::read(&input, &flags.table).unwrap().0.values, None),
        "distances" => {
            let (Distances { points, lower, labels }, _) =
                Distances::read(&input, &flags.table, &flags.matrix).unwrap();
            let at = |i: usize, j: usize| {
                if i == j { 0.0 } else { lower[i.max(j) * (i.max(j) - 1) / 2 + i.min(j)] }
            };
            ((0..points * points).map(|k| at(k / points, k % points)).collect(), labels)
        }
        "summary" => {
            let bars = diagram(&input, &flags.table).unwrap().0;
            (bars.into_iter().flat_map(|(index, bar)| [index as f64, bar.birth, bar.death]).collect(), None)
        }
        other => panic!("no command {other}"),
    }
}

/// Bars as index, birth, death, in one order.
fn sorted(bars: &[f64]) -> Vec<[f64; 3]> {
    let mut bars = bars.as_chunks::<3>().0.to_vec();
    bars.sort_by(|a, b| a.iter().zip(b).fold(Ordering::Equal, |order, (x, y)| order.then(x.total_cmp(y))));
    bars
}

#[test]
fn files_are_read_as_other_libraries_read_them() {
    let cases = cases();
    assert!(cases.len() > 200, "{} cases", cases.len());
    let folder = TempDir::new().unwrap();
    for case in &cases {
        let (name, command, file) = (text(&case["name"]), text(&case["command"]), text(&case["file"]));
        let stored = file.split_once(':').map_or(file, |(stored, _)| stored);
        std::fs::write(folder.path().join(stored), bytes(text(&case["bytes"]))).unwrap();
        let args: Vec<&str> = case["args"].as_array().unwrap().iter().map(text).collect();
        let flags = <Flags as clap::Parser>::parse_from(&args);
        let (found, labels) = read(command, &folder.path().join(file), &flags);
        let expected = numbers(&case["numbers"]);
        if command == "summary" {
            // Each library has its own order of bars.
            assert_eq!(sorted(&found), sorted(&expected), "{name}");
        } else {
            assert_eq!(found, expected, "{name}");
        }
        let labels = labels.map_or(Value::Null, Value::from);
        assert_eq!(labels, case["labels"], "{name}");
    }
}

#[test]
fn an_empty_file_has_no_header() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["barcode", "points", "-", "--header", "yes"], b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.contains("no points are in it"), "{stderr}");
}

#[test]
fn zeros_of_either_sign_are_one_value() {
    let folder = TempDir::new().unwrap();
    for complex in ["freudenthal", "vertices", "cells"] {
        let args = ["barcode", "grid", "-", "--verify", "--csv", "--complex", complex];
        let output = run(folder.path(), &args, b"-0,1,-0\n");
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "index,birth,death\n0,0.0,1.0\n0,0.0,inf\n",
            "{complex}"
        );
    }
}

#[test]
fn what_was_found_is_told_once_and_recorded() {
    let folder = TempDir::new().unwrap();
    for case in &cases() {
        let (name, command, file) = (text(&case["name"]), text(&case["command"]), text(&case["file"]));
        let stored = file.split_once(':').map_or(file, |(stored, _)| stored);
        std::fs::write(folder.path().join(stored), bytes(text(&case["bytes"]))).unwrap();
        let command = if command == "summary" { vec!["summary"] } else { vec!["barcode", command] };
        let mut args = [command, vec![file, "--json"]].concat();
        args.extend(case["args"].as_array().unwrap().iter().map(text));
        let output = run(folder.path(), &args, b"");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{name}: {stderr}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let notes = document["read"]["notes"].as_array().cloned().unwrap_or_default();
        let notes: Vec<&str> = notes.iter().map(text).collect();
        let told = text(&case["told"]);
        assert!(
            notes.iter().any(|note| note.contains(told)) || told.is_empty(),
            "{name}: {told:?} in {notes:?}"
        );
        // On stderr the same, and nothing where there is nothing.
        let line =
            if notes.is_empty() { String::new() } else { format!("read {file}: {}\n", notes.join("; ")) };
        assert_eq!(stderr, line, "{name}");
        // A file as the guide describes it is nothing to talk about.
        let plain =
            told.is_empty() && !name.starts_with("commas") && case["args"].as_array().unwrap().is_empty();
        assert!(!plain || notes.is_empty(), "{name}: {notes:?}");
    }
}

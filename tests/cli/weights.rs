//! Topology of weights on the command line: what scipy says, every form of output, series, wrong input.

use crate::binary::{json_in, refused, said};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn text(folder: &Path, arguments: &[&str]) -> String {
    let output = crate::binary::run(folder, &[&["weights"], arguments].concat(), b"");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    json_in(folder, &[&["weights"], arguments, &["--json"]].concat())
}

/// A folder with the recorded checkpoint under some names.
fn folder(names: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in names {
        std::fs::copy(fixture("weights.safetensors"), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn json_has_the_numbers_of_scipy() {
    let folder = folder(&["a.safetensors"]);
    let found = json(folder.path(), &["a.safetensors"]);
    let recorded: Value = serde_json::from_slice(&std::fs::read(fixture("weights.json")).unwrap()).unwrap();
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), recorded["layers"].as_object().unwrap().len());
    for layer in layers {
        let name = layer["name"].as_str().unwrap();
        for (key, expected) in recorded["layers"][name].as_object().unwrap() {
            let given = &layer[key];
            match (given.as_f64(), expected.as_f64()) {
                (Some(a), Some(b)) => {
                    assert!(
                        (a - b).abs() <= crate::tolerance::PEER_F64 * b.abs(),
                        "{name} {key}: {a}, not {b}"
                    );
                }
                _ => assert_eq!(given, expected, "{name} {key}"),
            }
        }
        for key in
            ["neurons", "inputs", "mean_lifetime", "entropy", "entropy_norm_log_n", "entropy_norm_log_sum"]
        {
            assert!(layer.get(key).is_some(), "{name} has no {key}");
        }
    }
    for skipped in found["skipped"].as_array().unwrap() {
        assert!(
            !skipped["name"].as_str().unwrap().is_empty() && !skipped["reason"].as_str().unwrap().is_empty()
        );
    }
}

#[test]
fn csv_and_table_say_what_json_says() {
    let folder = folder(&["a.safetensors"]);
    let options = ["a.safetensors", "--layers", "fc*", "--baseline", "shuffle", "--baseline", "gaussian"];
    let found = json(folder.path(), &options);
    let csv = text(folder.path(), &[&options[..], &["--csv"]].concat());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let layers = found["layers"].as_array().unwrap();
    // The layer, its entries shuffled, random numbers of its norm.
    assert_eq!(rows.len(), 3 * layers.len());
    let table = text(folder.path(), &options);
    for (rows, layer) in rows.chunks(3).zip(layers) {
        let all = [layer.clone(), layer["baselines"][0].clone(), layer["baselines"][1].clone()];
        for (row, values) in rows.iter().zip(&all) {
            for (name, cell) in header.iter().zip(row).skip(5) {
                let value = values.get(name).or_else(|| values["statistics"].get(name)).unwrap();
                match value.as_f64() {
                    Some(value) => {
                        assert_eq!(cell.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{name}")
                    }
                    None => assert_eq!(cell, "", "{name}"),
                }
            }
        }
        assert!(table.contains(layer["name"].as_str().unwrap()));
    }
    assert!(table.contains("shuffle") && table.contains("gaussian"));
}

#[test]
fn a_folder_is_a_series_in_the_order_of_its_numbers() {
    let folder = folder(&["epoch10.safetensors", "epoch9.safetensors", "notes.txt"]);
    let found = json(folder.path(), &["."]);
    let names: Vec<&str> =
        found["files"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    assert!(
        names[0].ends_with("epoch9.safetensors") && names[1].ends_with("epoch10.safetensors"),
        "{names:?}"
    );
    text(folder.path(), &[".", "--html", "page.html"]);
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("fc1.weight"));
    for remote in ["<script", "http-equiv", "src=", "@import", "href=\"http"] {
        assert!(!page.contains(remote), "{remote}");
    }
}

#[test]
fn wrong_input_gets_one_sentence_and_an_exit_code() {
    let folder = folder(&["good.safetensors"]);
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let good = std::fs::read(fixture("weights.safetensors")).unwrap();
    write("short.safetensors", &good[..good.len() - 1]);
    write("long.safetensors", &[&good[..], &[0]].concat());
    write("empty.safetensors", b"");
    let file = |header: &str, data: &[u8]| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    let nan = [0.0f32, 1.0, f32::NAN, 2.0].map(f32::to_le_bytes);
    let header = r#"{"fc.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
    write("nan.safetensors", &file(header, nan.as_flattened()));
    let vector = r#"{"fc.bias":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#;
    write("vector.safetensors", &file(vector, &[0; 16]));
    std::fs::create_dir(folder.path().join("nothing")).unwrap();
    for (arguments, code, words) in [
        (&["absent.safetensors"][..], 4, &["absent.safetensors"][..]),
        (&["short.safetensors"], 4, &["short.safetensors"]),
        (&["long.safetensors"], 4, &["long.safetensors"]),
        (&["empty.safetensors"], 4, &["empty.safetensors"]),
        (&["nan.safetensors"], 4, &["nan.safetensors", "fc.weight", "NaN"]),
        (&["vector.safetensors"], 4, &["vector.safetensors"]),
        (&["good.safetensors", "--layers", "conv9*"], 2, &["conv9*"]),
        (&["nothing"], 4, &["nothing", ".safetensors"]),
        (&["good.safetensors", "--metric", "taxi"], 2, &["taxi"]),
        (&["good.safetensors", "--baseline", "noise"], 2, &["noise"]),
        (&["good.safetensors", "--json", "--csv"], 2, &["--csv"]),
        (&["good.safetensors", "--html", "no/such/page.html"], 8, &["page.html"]),
        (&[], 2, &["FILE"]),
    ] {
        refused(folder.path(), code, words, &[&["weights"], arguments].concat());
    }
}

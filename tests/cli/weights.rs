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

/// Files of other programs, recorded by `tests/fixtures/foreign.py`.
#[test]
fn files_of_other_formats_are_told() {
    let recorded: Value = serde_json::from_slice(&std::fs::read(fixture("foreign.json")).unwrap()).unwrap();
    let folder = TempDir::new().unwrap();
    let files = recorded.as_object().unwrap();
    assert!(files.len() > 20);
    for (name, file) in files {
        let digits = file["bytes"].as_str().unwrap().as_bytes().chunks(2);
        let bytes: Vec<u8> =
            digits.map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let words: Vec<&str> =
            file["words"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        refused(
            folder.path(),
            4,
            &[&words[..], &[name, "not a safetensors file"]].concat(),
            &["weights", name],
        );
    }
    // A folder without a model says what it has instead.
    let words = ["no safetensors file is a model", "model.pt", "PyTorch"];
    std::fs::remove_file(folder.path().join("lfs.safetensors")).unwrap();
    std::fs::remove_file(folder.path().join("page.safetensors")).unwrap();
    std::fs::remove_file(folder.path().join("model.gguf")).unwrap();
    std::fs::remove_file(folder.path().join("model.h5")).unwrap();
    std::fs::remove_file(folder.path().join("model.onnx")).unwrap();
    refused(folder.path(), 4, &words, &["weights", "."]);
}

/// A file of one tensor of f32 with these numbers.
fn tensor(name: &str, shape: &[usize], numbers: &[f32]) -> Vec<u8> {
    let len = 4 * numbers.len();
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[0,{len}]}}}}"#);
    let data = numbers.iter().flat_map(|x| x.to_le_bytes());
    (header.len() as u64).to_le_bytes().into_iter().chain(header.bytes()).chain(data).collect()
}

fn series(found: &Value) -> Vec<&str> {
    found["files"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect()
}

#[test]
fn a_shell_s_order_is_put_right_and_told() {
    let folder = folder(&["step-500.safetensors", "step-1000.safetensors", "step-2000.safetensors"]);
    let shell = ["step-1000.safetensors", "step-2000.safetensors", "step-500.safetensors"];
    let output = crate::binary::run(folder.path(), &[&["weights", "--json"], &shell[..]].concat(), b"");
    assert!(said(&output).contains("--keep-order"), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(series(&found), [shell[2], shell[0], shell[1]]);
    assert!(found["notes"][0].as_str().unwrap().contains("--keep-order"));
    assert_eq!(series(&json(folder.path(), &[&["--keep-order"], &shell[..]].concat())), shell);
    // An order that no shell gives is that of the user.
    let own = [shell[1], shell[2], shell[0]];
    let found = json(folder.path(), &own);
    assert_eq!((series(&found), &found["notes"]), (own.to_vec(), &serde_json::json!([])));
}

#[test]
fn folders_of_checkpoints_are_a_series_without_what_is_no_model() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let good = std::fs::read(fixture("weights.safetensors")).unwrap();
    let state = tensor("state.0.exp_avg", &[2, 2], &[1.0, 2.0, 3.0, 5.0]);
    for step in ["checkpoint-1000", "checkpoint-500"] {
        write(&format!("{step}/model.safetensors"), &good);
        write(&format!("{step}/optimizer.safetensors"), &state);
        write(&format!("{step}/._model.safetensors"), b"\0\x05\x16\x07");
        write(&format!("{step}/notes.txt"), b"");
    }
    let found = json(folder.path(), &["."]);
    assert_eq!(series(&found), ["./checkpoint-500", "./checkpoint-1000"]);
    let skipped = found["skipped_files"].as_array().unwrap();
    assert_eq!(skipped.len(), 4, "{skipped:?}");
    for (word, file) in [("AppleDouble", "._model"), ("optimiser", "optimizer.safetensors")] {
        let has = |s: &Value| {
            s["reason"].as_str().unwrap().contains(word) && s["file"].as_str().unwrap().contains(file)
        };
        assert_eq!(skipped.iter().filter(|s| has(s)).count(), 2, "{skipped:?}");
    }
    // By its name an optimiser's state is read, and told.
    let arguments = ["weights", "checkpoint-500/optimizer.safetensors", "--json"];
    let output = crate::binary::run(folder.path(), &arguments, b"");
    assert!(output.status.success() && said(&output).contains("given by name"), "{}", said(&output));
    // Model files beside the folders: the folders are told.
    write("model.safetensors", &good);
    let found = json(folder.path(), &["."]);
    assert_eq!(found["file"], "./model.safetensors");
    assert!(found["skipped_files"][0]["reason"].as_str().unwrap().contains("give it by name"));
    // A file that should be a model and cannot be read: all else is measured.
    write("broken.safetensors", &good[..good.len() - 1]);
    let output = crate::binary::run(folder.path(), &["weights", ".", "--json"], b"");
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["file"], "./model.safetensors");
    assert!(said(&output).contains("broken.safetensors"));
}

#[test]
fn what_cannot_be_measured_or_done_is_told() {
    let folder = folder(&["good.safetensors"]);
    let all = std::fs::read(fixture("weights.safetensors")).unwrap();
    let len = 8 + u64::from_le_bytes(all[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&all[8..len]).unwrap();
    let start = header["fc1.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut bad = all.clone();
    bad[len + start + 20..len + start + 24].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(folder.path().join("nan.safetensors"), bad).unwrap();
    let output = crate::binary::run(folder.path(), &["weights", "nan.safetensors", "--json"], b"");
    assert_eq!(output.status.code(), Some(5));
    assert!(said(&output).contains("fc1.weight: element 5 is NaN"), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<&Value> =
        found["skipped"].as_array().unwrap().iter().filter(|s| s["failed"] == true).collect();
    assert_eq!((failed.len(), &failed[0]["name"]), (1, &Value::from("fc1.weight")));
    // All others are those of the file without the NaN.
    let whole = json(folder.path(), &["good.safetensors"]);
    assert_eq!(found["layers"].as_array().unwrap().len() + 1, whole["layers"].as_array().unwrap().len());

    std::fs::write(folder.path().join("bare.safetensors"), tensor("w.weight", &[2, 1], &[1.0, 3.0])).unwrap();
    for (words, arguments) in [
        (&["--bias", "no layer has a bias"][..], &["bare.safetensors", "--bias"][..]),
        (&["--include", "nothing*"], &["good.safetensors", "--include", "nothing*"]),
        (&["--exclude", "nothing*"], &["good.safetensors", "--exclude", "nothing*"]),
        (&["--transpose", "nothing*"], &["good.safetensors", "--transpose", "nothing*"]),
        (&["axes 0 to 1"], &["bare.safetensors", "--neuron-axis", "w*=2"]),
        (&["GLOB=AXIS"], &["bare.safetensors", "--neuron-axis", "w"]),
    ] {
        refused(folder.path(), 2, words, &[&["weights"], arguments].concat());
    }
    // Some layers have a bias, others not.
    let output = crate::binary::run(folder.path(), &["weights", "good.safetensors", "--bias"], b"");
    assert!(said(&output).contains("--bias: conv2.weight"), "{}", said(&output));
    // The bias of a table is a list, and a table says the axis.
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("axis 0 has the neurons (proved by the shape [24] of its bias): fc1.weight"),
        "{table}"
    );
}

/// `evaluate` says when it guesses, and what else would fit.
#[test]
fn evaluate_tells_the_order_it_took() {
    let folder = TempDir::new().unwrap();
    let weight: Vec<f32> = (0..640).map(|i| (i % 7) as f32 / 10.0).collect();
    let data: Vec<u8> = weight.iter().chain(&[0.0; 10]).flat_map(|x| x.to_le_bytes()).collect();
    let header = r#"{"out.weight":{"dtype":"F32","shape":[10,64],"data_offsets":[0,2560]},"out.bias":{"dtype":"F32","shape":[10],"data_offsets":[2560,2600]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    std::fs::write(folder.path().join("w.safetensors"), bytes).unwrap();
    let arguments =
        ["evaluate", "--network", "mlp:64-10", "--dataset", "digits", "--weights", "w.safetensors", "--json"];
    refused(
        folder.path(),
        4,
        &["fc1.weight is missing", "every shape fits by order", "--by-order"],
        &arguments,
    );
    let found = json_in(folder.path(), &[&arguments[..], &["--by-order"]].concat());
    assert_eq!(found["mapping"][0], serde_json::json!({"network": "fc1.weight", "file": "out.weight"}));
    let output = crate::binary::run(folder.path(), &[&arguments[..], &["--by-order"]].concat(), b"");
    assert!(said(&output).contains("by order fc1.bias is out.bias"));
    // A folder with one model is that model.
    let inside = [&arguments[..6], &[".", "--by-order", "--json"]].concat();
    assert_eq!(json_in(folder.path(), &inside)["loss"], found["loss"]);
}

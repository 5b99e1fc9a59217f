//! Checkpoints of every kind that `valleys weights` tells apart, against what torch, numpy and scipy say of them
//! (`tests/fixtures/checkpoints.py`).

use serde_json::Value;
use std::path::Path;
use valleys::weights::layer_filter::LayerFilter;
use valleys::weights::neuron_axis::AxisOptions;
use valleys::weights::{WeightsOptions, read};
use valleys_tests::tolerance::PEER_F64;

/// Joined tensors and scaled ones are rounded to f32, by torch and by us, in another order.
const ROUNDED: f64 = 2e-6;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn options(arguments: &Value) -> WeightsOptions {
    let words: Vec<&str> = arguments.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let after = |flag: &str| {
        let found = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].to_owned());
        found.collect::<Vec<String>>()
    };
    let axes = after("--neuron-axis");
    let axes = axes.iter().map(|text| {
        let (pattern, axis) = text.split_once('=').unwrap();
        (pattern.to_owned(), axis.parse().unwrap())
    });
    WeightsOptions {
        filter: LayerFilter {
            layers: after("--layers"),
            include: after("--include"),
            exclude: after("--exclude"),
            embeddings: words.contains(&"--embeddings"),
        },
        axes: AxisOptions {
            transpose: after("--transpose"),
            axes: axes.collect(),
            as_is: words.contains(&"--as-is"),
        },
        bias: words.contains(&"--bias"),
        ..WeightsOptions::default()
    }
}

#[test]
fn every_kind_is_measured_as_torch_has_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/checkpoints.json");
    let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() > 35);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    let mut faults = Vec::new();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        std::fs::write(&file, bytes(case["file"].as_str().unwrap())).unwrap();
        let found = read(&file, &options(&case["arguments"])).unwrap();
        let expected = case["layers"].as_object().unwrap();
        let names: Vec<&str> = found.layers.iter().map(|layer| layer.name.as_str()).collect();
        if names.len() != expected.len() || names.iter().any(|name| !expected.contains_key(*name)) {
            faults.push(format!("{name}: layers {names:?}, skipped {:?}", found.skipped));
            continue;
        }
        for layer in &found.layers {
            let expected = &expected[&layer.name];
            let given = serde_json::to_value(layer).unwrap();
            for (key, expected) in expected["statistics"].as_object().unwrap() {
                // The neurons of these layers are few, and their bars can be equal: no logarithm of nothing.
                let same = match (given[key].as_f64(), expected.as_f64()) {
                    (Some(a), Some(b)) => {
                        // A mean of cubes cancels.
                        let scale = if matches!(key.as_str(), "skewness" | "kurtosis") { 10.0 } else { 1.0 };
                        (a - b).abs() <= scale * ROUNDED.max(PEER_F64) * b.abs().max(0.1)
                    }
                    _ => given[key] == *expected,
                };
                if !same {
                    faults.push(format!("{name}: {} {key}: {}, not {expected}", layer.name, given[key]));
                }
            }
            if given["neuron_axis"] != expected["neuron_axis"]
                || !layer.neuron_axis_reason.contains(expected["reason"].as_str().unwrap())
            {
                faults.push(format!(
                    "{name}: {} along {} ({}), not {expected}",
                    layer.name, layer.neuron_axis, layer.neuron_axis_reason
                ));
            }
        }
        for (tensor, word) in case["skipped"].as_object().unwrap() {
            let reason = found.skipped.iter().find(|s| s.name == *tensor).map(|s| s.reason.as_str());
            if !reason.unwrap_or("not skipped").contains(word.as_str().unwrap()) {
                faults.push(format!("{name}: {tensor} is skipped for {reason:?}, not {word}"));
            }
        }
        let failed: Vec<Value> = found.failed().map(|s| s.name.clone().into()).collect();
        let all = case["failed"].as_array().unwrap();
        if failed.len() != all.len() || all.iter().any(|name| !failed.contains(name)) {
            faults.push(format!("{name}: failed {failed:?}, not {all:?}"));
        }
        // Every guess is said.
        let guesses = found.layers.iter().filter(|layer| layer.neuron_axis_is_guess).count();
        if (guesses > 0) != found.notes.iter().any(|note| note.starts_with("neurons along axis")) {
            faults.push(format!("{name}: {guesses} guesses, notes {:?}", found.notes));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

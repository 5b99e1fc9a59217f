//! Topology of weights: numbers against scipy and a brute-force tree, what is skipped and why, files that lie.

use proptest::prelude::*;
use serde_json::Value;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use valleys::error::ErrorKind;
use valleys::tensors::header::Header;
use valleys::weights::layer_filter::LayerFilter;
use valleys::weights::statistics::{Baseline, Metric, lifetimes};
use valleys::weights::{Layer, Weights, WeightsOptions, read};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::topology::NeuralPersistence;
use valleys_tests::tolerance::{BRUTE_F64, PEER_F64};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn recorded() -> Value {
    serde_json::from_slice(&std::fs::read(fixture("weights.json")).unwrap()).unwrap()
}

fn weights(wanted: &WeightsOptions) -> Weights {
    read(&fixture("weights.safetensors"), wanted).unwrap()
}

/// Every number that is recorded of a layer.
fn assert_layer(layer: &Layer, expected: &Value) {
    let given = serde_json::to_value(layer).unwrap();
    for (key, expected) in expected.as_object().unwrap() {
        let given = &given[key];
        let (Some(a), Some(b)) = (given.as_f64(), expected.as_f64()) else {
            assert_eq!(given, expected, "{} {key}", layer.name);
            continue;
        };
        assert!((a - b).abs() <= PEER_F64 * b.abs(), "{} {key}: {a}, not {b}", layer.name);
    }
}

#[test]
fn statistics_are_those_of_scipy() {
    let (recorded, found) = (recorded(), weights(&WeightsOptions::default()));
    let expected = recorded["layers"].as_object().unwrap();
    assert_eq!(found.layers.len(), expected.len());
    for layer in &found.layers {
        assert_layer(layer, &expected[&layer.name]);
    }
}

#[test]
fn options_are_those_of_scipy() {
    let recorded = recorded();
    let filter = LayerFilter { layers: vec!["fc*".into()], ..LayerFilter::default() };
    let real = weights(&WeightsOptions { filter: filter.clone(), ..WeightsOptions::default() });
    let names: Vec<_> = real.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["fc1.weight", "fc2.weight", "fc10.weight"], "by name, numbers as numbers");
    for layer in &real.layers {
        assert_layer(layer, &recorded["real"][&layer.name]);
    }
    let cosine = weights(&WeightsOptions { filter, metric: Metric::Cosine, ..WeightsOptions::default() });
    for layer in &cosine.layers {
        let expected = recorded["cosine"][&layer.name].as_object().unwrap();
        let of_lifetimes = ["mean_lifetime", "max_lifetime", "entropy", "entropy_norm_log_n"];
        let expected = of_lifetimes.iter().map(|&key| (key.to_owned(), expected[key].clone())).collect();
        assert_layer(layer, &Value::Object(expected));
    }
    let filter = LayerFilter { layers: vec!["fc1.weight".into()], ..LayerFilter::default() };
    let bias = weights(&WeightsOptions { filter, bias: true, ..WeightsOptions::default() });
    assert_eq!(bias.layers[0].bias.as_deref(), Some("fc1.bias"));
    assert_layer(&bias.layers[0], &recorded["bias"]["fc1.weight"]);
}

#[test]
fn what_is_no_layer_is_told_with_the_reason() {
    let found = weights(&WeightsOptions::default());
    let reason = |name: &str| found.skipped.iter().find(|s| s.name == name).map(|s| s.reason.as_str());
    for (name, part) in [
        ("embedding.weight", "embedding"),
        ("bn1.weight", "batch norm"),
        ("bn1.bias", "batch norm"),
        ("bn1.running_mean", "running statistic"),
        ("bn1.num_batches_tracked", "I64"),
        ("fc1.bias", "one dimension"),
        ("hostile.empty.weight", "no elements"),
    ] {
        assert!(reason(name).unwrap_or("not skipped").contains(part), "{name}: {:?}", reason(name));
    }
    let all = LayerFilter { embeddings: true, ..LayerFilter::default() };
    let all = weights(&WeightsOptions { filter: all, ..WeightsOptions::default() });
    assert!(all.layers.iter().any(|l| l.name == "embedding.weight"));
    // Rows of zeros have no direction.
    let cosine = weights(&WeightsOptions { metric: Metric::Cosine, ..WeightsOptions::default() });
    let zeros = cosine.skipped.iter().find(|s| s.name == "hostile.zeros.weight").unwrap();
    assert!(zeros.reason.contains("no direction"), "{}", zeros.reason);
}

#[test]
fn baselines_keep_what_they_promise() {
    let both = vec![Baseline::Shuffle, Baseline::Gaussian];
    let wanted = WeightsOptions { baselines: both, seed: 5, ..WeightsOptions::default() };
    let found = weights(&wanted);
    for layer in &found.layers {
        let [shuffled, gaussian] = &layer.baselines[..] else { panic!("two baselines") };
        let (own, s, g) = (layer.statistics, shuffled.statistics.unwrap(), gaussian.statistics.unwrap());
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs();
        assert!(near(s.frobenius_norm, own.frobenius_norm) && near(g.frobenius_norm, own.frobenius_norm));
        assert!(own.kurtosis.is_none_or(|k| (k - s.kurtosis.unwrap()).abs() < 1e-9), "the same entries");
    }
    assert_eq!(found, weights(&wanted), "the same seed, the same baselines");
    assert_ne!(found, weights(&WeightsOptions { seed: 6, ..wanted }));
}

/// Kruskal's algorithm over all distances, in f64: another algorithm for the lifetimes.
fn brute_force(points: &[f64], dim: usize) -> Vec<f64> {
    let n = points.len() / dim;
    let distance = |a: usize, b: usize| {
        let squares = (0..dim).map(|i| (points[a * dim + i] - points[b * dim + i]).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let mut edges: Vec<(f64, usize, usize)> =
        (0..n).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| (distance(a, b), a, b)).collect();
    edges.sort_by(|x, y| x.0.total_cmp(&y.0));
    let mut part: Vec<usize> = (0..n).collect();
    let mut lengths = Vec::new();
    for (length, a, b) in edges {
        let (old, new) = (part[a], part[b]);
        if old != new {
            part.iter_mut().filter(|p| **p == old).for_each(|p| *p = new);
            lengths.push(length);
        }
    }
    lengths
}

proptest! {
    #[test]
    fn lifetimes_are_those_of_all_distances(n in 1usize..40, dim in 1usize..30, seed in 0u64..1000, coarse: bool) {
        let mut stream = Stream::new(Key::new(seed, 0), Purpose::Init, 0, 0);
        // Coarse coordinates make ties and duplicates.
        let draw = |x: f64| if coarse { (x * 2.0).round() } else { x };
        let rows: Vec<f32> = (0..n * dim).map(|_| draw(stream.normal()) as f32).collect();
        let exact: Vec<f64> = rows.iter().map(|&x| f64::from(x)).collect();
        let expected: Vec<f64> = brute_force(&exact, dim).into_iter().filter(|&l| l > 0.0).collect();
        let found = lifetimes(&rows, dim, Metric::Euclidean, 1).unwrap();
        prop_assert_eq!(found.bars, expected.len());
        prop_assert_eq!(found.zero_length, n - 1 - expected.len());
        let sum: f64 = expected.iter().sum();
        prop_assert!((found.sum - sum).abs() <= BRUTE_F64 * sum.max(1.0));
        if let Some(entropy) = found.entropy {
            let h: f64 = expected.iter().map(|l| -(l / sum) * (l / sum).ln()).sum();
            prop_assert!((entropy - h).abs() <= BRUTE_F64 * h.max(1.0));
        }
    }

    #[test]
    fn maximum_tree_of_the_bipartite_graph(out in 1usize..12, inputs in 1usize..12, seed in 0u64..1000, coarse: bool) {
        let mut stream = Stream::new(Key::new(seed, 1), Purpose::Init, 0, 0);
        let draw = |x: f64| if coarse { x.round() } else { x };
        let w: Vec<f64> = (0..out * inputs).map(|_| draw(stream.normal())).collect();
        let mut edges: Vec<usize> = (0..w.len()).collect();
        edges.sort_by(|&a, &b| w[b].abs().total_cmp(&w[a].abs()));
        let mut part: Vec<usize> = (0..out + inputs).collect();
        let mut expected = 0.0;
        for e in edges {
            let (old, new) = (part[e / inputs], part[out + e % inputs]);
            if old != new {
                part.iter_mut().filter(|p| **p == old).for_each(|p| *p = new);
                expected += w[e].abs();
            }
        }
        let tree = NeuralPersistence::new(&w, inputs, &mut vec![0.0; out + inputs]).unwrap();
        prop_assert!((tree.sum - expected).abs() <= BRUTE_F64 * expected.max(1.0));
        prop_assert_eq!(tree.largest, w.iter().fold(0.0f64, |a, x| a.max(x.abs())));
    }
}

/// A file with this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; data]);
    bytes
}

fn refused(bytes: &[u8]) -> String {
    let opened = Header::new("w.safetensors", Cursor::new(bytes), bytes.len() as u64);
    let failure = opened.map(|_| ()).expect_err("refused");
    assert_eq!(failure.kind, ErrorKind::Data);
    failure.message
}

#[test]
fn headers_that_lie_are_refused_with_the_reason() {
    let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert!(Header::new("w", Cursor::new(file(one, 8)), file(one, 8).len() as u64).is_ok());
    let two =
        |second: &str| format!(r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},{second}}}"#);
    let b = |range: &str| two(&format!(r#""b":{{"dtype":"F32","shape":[2],"data_offsets":[{range}]}}"#));
    let tables = [
        (vec![1, 2, 3], "3 bytes"),
        (u64::MAX.to_le_bytes().to_vec(), "claims 18446744073709551615 bytes"),
        ([100u64.to_le_bytes().as_slice(), b"{}"].concat(), "claims 100 bytes, but 2 follow"),
        (file(one, 7), "offsets 0 to 8 in data of 7 bytes"),
        (file(one, 9), "1 bytes at the end belong to no tensor"),
        (file("{", 0), "its header: EOF"),
        (file("[]", 0), "a map of tensors"),
        (file("{}}", 0), "trailing characters"),
        (file(&b("4,12"), 12), "tensors a and b overlap"),
        (file(&b("12,20"), 20), "4 bytes before tensor b belong to none"),
        (
            file(&two(r#""a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#), 16),
            "the key \"a\" occurs twice",
        ),
        (file(&b("16,8"), 16), "offsets 16 to 8"),
        (file(&one.replace("[2]", "[3]"), 8), "takes 12 bytes, its offsets 0 to 8 hold 8"),
        (file(&one.replace("[2]", "[4294967296,4294967296,2]"), 8), "too many elements"),
        (file(&one.replace("[2]", "[-2]"), 8), "invalid value"),
        (file(&one.replace("F32", "F31"), 8), "F31"),
        (file(&one.replace("\"shape\":[2],", ""), 8), "missing field `shape`"),
        (file(&one.replace("[2]", "[2],\"shape\":[2]"), 8), "duplicate field `shape`"),
    ];
    for (bytes, reason) in tables {
        let message = refused(&bytes);
        assert!(message.contains(reason), "{message:?} does not say {reason:?}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    let header = r#"{"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}"#;
    let mut bytes = file(header, 8);
    let last = bytes.len() - 1;
    bytes[last] = 0x7e;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let found = read(&path, &WeightsOptions::default()).unwrap();
    let [skipped] = &found.skipped[..] else { panic!("{found:?}") };
    assert_eq!((skipped.name.as_str(), skipped.failed, found.layers.len()), ("a", true, 0));
    assert_eq!(skipped.reason, "element 3 is NaN, but must be finite");
}

/// Mutated files end in numbers or in a sentence. 10,000 of them by VALLEYS_MUTATIONS; the numbers are read, too.
#[test]
fn mutated_files_do_no_harm() {
    let count = std::env::var("VALLEYS_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    let original = std::fs::read(fixture("weights.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(original[..8].try_into().unwrap()) as usize;
    let (mut accepted, mut refused) = (0, 0);
    for mutation in 0..count {
        let mut stream = Stream::new(Key::new(7, 0), Purpose::Shuffle, 0, mutation);
        let mut bytes = original.clone();
        for _ in 0..=stream.below(3) {
            let length = bytes.len() as u32;
            if length == 0 {
                break;
            }
            // Most of them in the header, where the claims are.
            let near = if stream.below(4) > 0 { length.min(header as u32) } else { length };
            let at = stream.below(near) as usize;
            match stream.below(6) {
                0 => bytes[at] = stream.bits() as u8,
                1 => bytes[at] ^= 1 << stream.below(8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, b"0123456789,[]{}\"-"[stream.below(17) as usize]),
                4 => _ = bytes.remove(at),
                _ => {
                    let piece = bytes[at..(at + 40).min(bytes.len())].to_vec();
                    bytes.extend(piece);
                }
            }
        }
        let len = bytes.len() as u64;
        match Header::new("mutated", Cursor::new(bytes), len) {
            Err(failure) => {
                assert!(failure.kind == ErrorKind::Data && !failure.message.is_empty());
                refused += 1;
            }
            Ok(mut file) => {
                for tensor in file.tensors().to_vec() {
                    let read = file.stream(&tensor, |_, _| {});
                    assert!(read.is_ok() || read.is_err_and(|f| f.kind == ErrorKind::Data));
                }
                accepted += 1;
            }
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
}

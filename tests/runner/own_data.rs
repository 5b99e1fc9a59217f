//! Data of one's own against what pandas, NumPy and Pillow make of the same files, the draw of the parts, provenance.

use serde_json::Value;
use std::path::Path;
use valleys::config::{Data, Task};
use valleys::data::{FileHash, LoadOptions, Loaded, Samples, SplitKind, Subset, Targets, load};
use valleys::error::Result;
use valleys_tests::tolerance;

/// Loads with overrides of keys.
fn loaded(path: &Path, keys: &[&str]) -> Result<Loaded> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let keys = Data::from_overrides(&keys)?;
    load(path.to_str().unwrap(), &LoadOptions::of_keys(&keys, Subset::All, Subset::All))
}

/// A folder with files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

/// A table of text in a file.
fn table(text: &str, keys: &[&str]) -> Result<Loaded> {
    let dir = folder(&[("t.csv", text.as_bytes())]);
    loaded(&dir.path().join("t.csv"), keys)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn numbers(rows: &Value) -> Vec<f64> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    rows.as_array().unwrap().iter().flat_map(row).collect()
}

/// The targets as numbers.
fn targets(samples: &Samples) -> Vec<f64> {
    match &samples.targets {
        Targets::Labels(labels) => labels.iter().map(|&label| label.into()).collect(),
        Targets::Values { values, .. } => values.iter().map(|&x| x.into()).collect(),
    }
}

#[test]
fn as_pandas_numpy_and_pillow_read_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/own_data.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 27);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let hex = |text: &Value| {
            let digits = text.as_str().unwrap().as_bytes().chunks(2);
            digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
        };
        let files: Vec<(&str, Vec<u8>)> = case["files"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, text)| (name.as_str(), hex(text)))
            .collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        let dir = folder(&files);
        let keys = texts(&case["keys"]);
        let keys: Vec<String> =
            keys.iter().map(|key| key.replace("$DIR", dir.path().to_str().unwrap())).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let Loaded { data, shape, outputs, source } =
            loaded(&dir.path().join(case["dataset"].as_str().unwrap()), &keys)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        let tolerance = match case["tolerance"].as_str().unwrap() {
            "f32" => tolerance::PEER_F32,
            "images" => tolerance::IMAGES,
            "resized" => tolerance::RESIZED,
            "jpeg" => tolerance::JPEG,
            other => panic!("{other}"),
        };
        for (part, samples) in [("train", &data.train), ("test", &data.test)] {
            let inputs = numbers(&case[part]["inputs"]);
            assert_eq!(samples.inputs.len(), inputs.len(), "{name}: {part}");
            assert_eq!(samples.inputs.len(), samples.len() * shape.len(), "{name}");
            for (i, (&x, &y)) in samples.inputs.iter().zip(&inputs).enumerate() {
                assert!(
                    (f64::from(x) - y).abs() <= tolerance * y.abs().max(1.0),
                    "{name}: {part} {i}: {x} {y}"
                );
            }
            let expected = numbers(&case[part]["targets"]);
            let found = targets(samples);
            assert_eq!(found.len(), expected.len(), "{name}");
            for (x, y) in found.iter().zip(&expected) {
                assert!(
                    (x - y).abs() <= tolerance::PEER_F32 * y.abs().max(1.0),
                    "{name}: {part} target {x} {y}"
                );
            }
        }
        assert_eq!(source.target_names, texts(&case["targets"]), "{name}");
        if let Value::Array(_) = case["classes"] {
            assert_eq!(
                (&source.class_names, outputs),
                (&texts(&case["classes"]), source.class_names.len()),
                "{name}"
            );
        } else {
            assert_eq!((source.class_names.len(), outputs), (0, source.target_names.len()), "{name}");
        }
        if let Value::Array(_) = case["names"] {
            assert_eq!(source.feature_names, texts(&case["names"]), "{name}");
        }
        let own = source.own.unwrap();
        let told = own.found.join("\n") + "\n" + &source.notes.join("\n");
        for word in texts(&case["told"]) {
            assert!(told.contains(&word), "{name}: {word} is not in\n{told}");
        }
    }
}

/// 60 rows: 30 of class a, 20 of b, 10 of c.
fn classes() -> String {
    let row = |i: usize| format!("{i}.5,{}\n", ["a", "a", "a", "b", "b", "c"][i % 6]);
    (0..60).map(row).fold("x,kind\n".to_owned(), |text, row| text + &row)
}

#[test]
fn a_fraction_of_every_class() {
    let text = classes();
    let of = |keys: &[&str]| table(&text, &[&["data.label=kind"], keys].concat()).unwrap();
    for (keys, test) in [
        (&[][..], [6, 4, 2]),
        (&["data.split=0.2"], [6, 4, 2]),
        // 15 samples: 7.5, 5 and 2.5 of the classes, of which the lower class is rounded up.
        (&["data.split=0.25"], [8, 5, 2]),
        (&["data.split=0.01"], [1, 0, 0]),
        // One of each class is left for training.
        (&["data.split=0.99"], [29, 19, 9]),
    ] {
        let loaded = of(keys);
        let own = loaded.source.own.unwrap();
        assert_eq!(own.test_counts, test, "{keys:?}");
        let all: Vec<usize> = own.train_counts.iter().zip(&own.test_counts).map(|(a, b)| a + b).collect();
        assert_eq!(all, [30, 20, 10]);
        // What the labels themselves say.
        let mut counts = [0; 3];
        loaded.data.test.targets.labels().unwrap().iter().for_each(|&label| counts[usize::from(label)] += 1);
        assert_eq!(counts, test);
    }
    // The same draw again, another with another seed, and both parts in the order of the file.
    let raw = |seed: &str| of(&["data.normalise=none", seed]).data;
    let first = raw("data.split_seed=0");
    assert_eq!(first, raw("data.split_seed=0"));
    assert_ne!(first, raw("data.split_seed=1"));
    for samples in [&first.train, &first.test] {
        assert!(samples.inputs.is_sorted());
    }
    let mut all: Vec<f32> = first.train.inputs.iter().chain(&first.test.inputs).copied().collect();
    all.sort_by(f32::total_cmp);
    assert_eq!(all, (0..60).map(|i| i as f32 + 0.5).collect::<Vec<_>>());
}

#[test]
fn numbers_are_drawn_as_one_class() {
    let text =
        (0..50).map(|i| format!("{i},{}\n", f64::from(i) * 1.5)).fold("x,y\n".to_owned(), |t, row| t + &row);
    let Loaded { data, source, outputs, .. } = table(&text, &["data.label=y", "data.split=0.3"]).unwrap();
    assert_eq!((data.train.len(), data.test.len(), outputs), (35, 15, 1));
    let own = source.own.unwrap();
    assert_eq!((own.task, &own.split), (Task::Regression, &SplitKind::Fraction { fraction: 0.3, seed: 0 }));
    let Targets::Values { width: 1, unit, values } = &data.train.targets else { panic!("numbers expected") };
    // Errors are in units of the file: one unit of the normalised target is its deviation.
    assert_eq!(*unit, own.target_std[0]);
    for (x, y) in data.train.inputs.iter().zip(values) {
        // Both are the same ramp.
        assert!((x - y).abs() < 1e-5, "{x} {y}");
    }
}

#[test]
fn subsets_of_the_parts() {
    let dir = folder(&[("t.csv", classes().as_bytes())]);
    let path = dir.path().join("t.csv");
    let keys = Data::from_overrides(&["data.label=kind".to_owned()]).unwrap();
    let of = |train: Subset, test: Subset| {
        load(path.to_str().unwrap(), &LoadOptions::of_keys(&keys, train, test)).unwrap()
    };
    let all = of(Subset::All, Subset::All);
    let few = of(Subset::First(7), Subset::Nothing);
    assert_eq!((few.data.train.len(), few.data.test.len()), (7, 0));
    // The limit changes no constant.
    assert_eq!(few.source, all.source);
    assert_eq!(few.data.train.inputs[..], all.data.train.inputs[..7]);
    let stratified = of(Subset::Stratified { count: 12, seed: 3 }, Subset::All).data.train;
    let mut counts = [0; 3];
    stratified.targets.labels().unwrap().iter().for_each(|&label| counts[usize::from(label)] += 1);
    assert_eq!(counts, [6, 4, 2]);
}

#[test]
fn what_a_run_records() {
    let text = "id,x,kind,when\n1,1,a,train\n2,3,b,train\n3,,a,train\n4,5,a,test\n5,7,b,test\n6,1,a,test\n";
    let dir = folder(&[("t.csv", text.as_bytes())]);
    let path = dir.path().join("t.csv");
    let Loaded { data, source, .. } =
        loaded(&path, &["data.label=kind", "data.split=when", "data.missing=drop"]).unwrap();
    let own = *source.own.clone().unwrap();
    let file = path.display().to_string();
    let blake3 = blake3::hash(text.as_bytes()).to_hex().to_string();
    assert_eq!(own.files, [FileHash { file: file.clone(), blake3 }]);
    assert_eq!(source.files, [file]);
    assert_eq!((own.rows, own.columns, own.dropped, own.features), (6, 4, 1, 1));
    assert_eq!((own.task, own.train_counts, own.test_counts), (Task::Classification, vec![1, 1], vec![2, 1]));
    assert_eq!(own.split, SplitKind::Given { by: "column when".to_owned() });
    // Mean and deviation of 1 and 3; row 6 is row 1 again.
    assert_eq!((&source.mean[..], &source.std[..], own.duplicates), (&[2.0][..], &[1.0][..], 1));
    assert_eq!(data.train.inputs, [-1.0, 1.0]);
    assert_eq!(data.test.inputs, [3.0, 5.0, -1.0]);
    // It is read back as it was written.
    let json = serde_json::to_string(&source).unwrap();
    assert_eq!(serde_json::from_str::<valleys::data::Source>(&json).unwrap(), source);
    assert!(own.found.iter().any(|text| text.contains("`id` numbers the rows")), "{:?}", own.found);
}

#[test]
fn given_constants() {
    let text = "x,c,kind,when\n1,u,a,train\n3,v,b,train\n5,u,a,test\n7,v,b,test\n";
    let of = |keys: &[&str]| table(text, &[&["data.label=kind", "data.split=when"], keys].concat());
    // One number is for all features that are no categories.
    let one = of(&["data.mean=[1.0]", "data.std=[2.0]"]).unwrap();
    assert_eq!(one.data.train.inputs, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!((one.source.mean, one.source.std), (vec![1.0, 0.0, 0.0], vec![2.0, 1.0, 1.0]));
    let all = of(&["data.mean=[1, 0.5, 0.5]", "data.std=[1, 0.5, 0.5]"]).unwrap();
    assert_eq!(all.data.train.inputs, [0.0, 1.0, -1.0, 2.0, -1.0, 1.0]);
    let wrong = of(&["data.mean=[1, 2]"]).unwrap_err();
    assert!(
        wrong.message.contains("data.mean has 2 numbers, but must have 1 or, for each feature, 3"),
        "{wrong}"
    );
}

#[test]
fn cifar_100_by_both_labels() {
    let dir = tempfile::tempdir().unwrap();
    let record = |coarse: u8, fine: u8, x: u8| [&[coarse, fine][..], &[x; 3072]].concat();
    let train: Vec<u8> = (0..100).flat_map(|i| record(i / 5, i, i)).collect();
    std::fs::write(dir.path().join("train.bin"), &train).unwrap();
    std::fs::write(dir.path().join("test.bin"), record(19, 99, 255)).unwrap();
    let names: String = (0..20).map(|i| format!("coarse {i}\n")).collect();
    std::fs::write(dir.path().join("coarse_label_names.txt"), names).unwrap();
    let of = |label: Option<&str>| {
        let keys: Vec<String> = label.map(|label| format!("data.label={label}")).into_iter().collect();
        let keys = Data { dir: Some(dir.path().display().to_string()), ..Data::from_overrides(&keys)? };
        load("cifar-100", &LoadOptions::of_keys(&keys, Subset::All, Subset::All))
    };
    let fine = of(None).unwrap();
    assert_eq!((fine.outputs, fine.data.train.len(), fine.data.test.len()), (100, 100, 1));
    assert_eq!(fine.data.train.targets.labels().unwrap(), (0..100).collect::<Vec<u8>>());
    let x = (1.0 - 0.5071) / 0.2673;
    assert!((f64::from(fine.data.test.inputs[0]) - x).abs() < tolerance::PEER_F32 * 3.0);
    assert!(fine.source.class_names.is_empty());
    let coarse = of(Some("coarse")).unwrap();
    assert_eq!((coarse.outputs, coarse.source.class_names.len()), (20, 20));
    assert_eq!(coarse.data.train.targets.labels().unwrap()[7], 1);
    let message = of(Some("rough")).unwrap_err().message;
    assert!(message.contains("\"fine\" (100 classes) or \"coarse\""), "{message}");
    std::fs::write(dir.path().join("test.bin"), record(20, 99, 255)).unwrap();
    let message = of(None).unwrap_err().message;
    assert!(message.contains("offset 0: coarse label 0 to 19 expected, found 20"), "{message}");
}

#[test]
fn names_of_the_classes_of_known_sets() {
    let digits = load("digits", &LoadOptions::default()).unwrap().source;
    assert_eq!(digits.class_names.len(), 10);
    assert_eq!(
        load("breast-cancer", &LoadOptions::default()).unwrap().source.class_names,
        ["malignant", "benign"]
    );
}

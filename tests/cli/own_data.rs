//! Data of one's own through the command line: a run, a plan, an evaluation, and files that are refused.

mod wrong;

use crate::binary::{json_in, refused, run, said};
use crate::npy::{le, npy};
use std::path::Path;
use tempfile::TempDir;
use wrong::{WRONG, Y};

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The arguments of a plan for a data set and overrides.
fn plan<'a>(dataset: &'a str, keys: &'a [&'a str]) -> Vec<String> {
    let mut arguments: Vec<String> = ["plan", "--set", "network=mlp:2-2"].map(str::to_owned).into();
    for key in [format!("dataset={dataset:?}")].into_iter().chain(keys.iter().map(|&key| key.to_owned())) {
        arguments.extend(["--set".to_owned(), key]);
    }
    arguments
}

fn refuses(folder: &Path, code: i32, words: &[&str], dataset: &str, keys: &[&str]) {
    let arguments = plan(dataset, keys);
    refused(folder, code, words, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn wrong_tables_and_folders_get_one_sentence_and_an_exit_code() {
    assert!(WRONG.len() >= 60);
    for (code, words, files, dataset, keys) in WRONG {
        let folder = TempDir::new().unwrap();
        for (name, text) in *files {
            // Bytes that are no text.
            let bytes = match *text {
                "\u{1f}" => b"\x1f\x8b\x08\0\0\0\0\0\0\0garbage".to_vec(),
                "\u{ff}" => b"\xff\xd8\xff\xe0garbage".to_vec(),
                text => text.as_bytes().to_vec(),
            };
            write(folder.path(), name, &bytes);
        }
        refuses(folder.path(), *code, words, dataset, keys);
    }
    let folder = TempDir::new().unwrap();
    write(folder.path(), "t.csv", b"x,y\n1,\xe9\n2,b\n");
    refuses(folder.path(), 4, &["t.csv, line 2: not a text in UTF-8", "iconv"], "t.csv", Y);
    // More classes than a label holds, and a column of that many categories.
    let many: String = (0..300).map(|i| format!("{0}.5,c{0}\n{0}.25,c{0}\n", i)).collect();
    write(folder.path(), "t.csv", format!("x,y\n{many}").as_bytes());
    refuses(folder.path(), 4, &["300 different values, more than 256 classes"], "t.csv", Y);
}

/// Archives that NumPy wrote without compression: names and arrays.
fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let name = format!("{name}.npy");
        let crc = crc32(bytes).to_le_bytes();
        let size = (bytes.len() as u32).to_le_bytes();
        let name_len = (name.len() as u16).to_le_bytes();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc, &size, &size, &name_len, &[0, 0]].concat();
        let offset = (file.len() as u32).to_le_bytes();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
        let entry = [b"PK\x01\x02\x14\0", &common[..], &[0; 10], &offset, name.as_bytes()].concat();
        directory.extend(entry);
    }
    let count = (members.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes());
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0, 0]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (crc & 1).wrapping_neg() & 0xedb8_8320)
    })
}

/// An array of doubles of some shape, all different.
fn array(shape: &str, count: usize) -> Vec<u8> {
    npy("<f8", false, shape, &le(&(0..count).map(|i| (i * i % 97) as f64 + 0.5).collect::<Vec<_>>()))
}

#[test]
fn wrong_arrays_get_one_sentence_and_an_exit_code() {
    let labels = || npy("|u1", false, "(4,)", &[0, 1, 0, 1]);
    let nan = npy("<f8", false, "(4, 1)", &le(&[1.0, f64::NAN, 2.0, 3.0]));
    let infinite = npy("<f8", false, "(4, 1)", &le(&[1.0, 2.0, f64::INFINITY, 3.0]));
    let objects = npy("|O", false, "(4,)", &[0; 32]);
    let x = || array("(4, 2)", 8);
    for (code, words, members, keys) in [
        (4, &["without arrays of NumPy"][..], &[][..], &[][..]),
        (
            4,
            &["no array is called X, data or images", "there are: a, b, c"],
            &[("a", x()), ("b", x()), ("c", x())],
            &[],
        ),
        (4, &["no array is called y, target or labels"], &[("X", x())], &[]),
        (
            3,
            &["data.label: no array `z` in d.npz; there are: X, y"],
            &[("X", x()), ("y", labels())],
            &["data.label=z"],
        ),
        (4, &["d.npz:X: 4 samples, but 3 targets"], &[("X", x()), ("y", array("(3,)", 3))], &[]),
        (4, &["d.npz:X, row 1: column `0` has no value"], &[("X", nan), ("y", labels())], &[]),
        (4, &["d.npz:X: element [2, 0] is not finite"], &[("X", infinite), ("y", labels())], &[]),
        (4, &["d.npz:y: an array of the type `|O`"], &[("X", x()), ("y", objects)], &[]),
        (
            4,
            &["d.npz:X: an array of shape [4, 1, 1, 1, 1]"],
            &[("X", array("(4, 1, 1, 1, 1)", 4)), ("y", labels())],
            &[],
        ),
        (
            4,
            &["d.npz:y: an array of shape [2, 2, 1], but targets are"],
            &[("X", x()), ("y", array("(2, 2, 1)", 4))],
            &[],
        ),
        (
            4,
            &["d.npz:X: an array of shape [0, 2] holds nothing"],
            &[("X", array("(0, 2)", 0)), ("y", array("(0,)", 0))],
            &[],
        ),
        (
            4,
            &["x_train and d.npz:x_test differ in the shape"],
            &[("x_train", x()), ("y_train", labels()), ("x_test", array("(4, 3)", 12)), ("y_test", labels())],
            &[],
        ),
        (
            4,
            &["the samples `x_test` have no array of targets"],
            &[("x_train", x()), ("y_train", labels()), ("x_test", x())],
            &[],
        ),
        (
            3,
            &["data.split: d.npz has arrays of both parts"],
            &[("x_train", x()), ("y_train", labels()), ("x_test", x()), ("y_test", labels())],
            &["data.split=0.5"],
        ),
        (
            3,
            &["data.header does not act on a NumPy array"],
            &[("X", x()), ("y", labels())],
            &["data.header=true"],
        ),
        (
            3,
            &["data.split = \"part\": arrays have no columns"],
            &[("X", x()), ("y", labels())],
            &["data.split=part"],
        ),
    ] {
        let folder = TempDir::new().unwrap();
        write(folder.path(), "d.npz", &npz(members));
        refuses(folder.path(), code, words, "d.npz", keys);
    }
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let whole = npz(&[("X", x()), ("y", labels())]);
    write(folder, "d.npz", &whole[..whole.len() - 30]);
    refuses(folder, 4, &["d.npz: the zip archive is damaged"], "d.npz", &[]);
    write(folder, "d.npz", &whole);
    refuses(folder, 4, &["d.npz: no array `Z`; there are: X, y"], "d.npz:Z", &[]);
    // The archive itself is right: only the network is not.
    refuses(
        folder,
        3,
        &["has 2 inputs and 2 outputs, but dataset \"d.npz\" has 1 features"],
        "d.npz",
        &["data.ignore=0"],
    );
    write(folder, "x.npy", &array("(4, 3, 3)", 36));
    refuses(folder, 3, &["x.npy: an array of shape [4, 3, 3]; data.labels names the file"], "x.npy", &[]);
    refuses(folder, 4, &["cannot read y.npy"], "x.npy", &["data.labels=y.npy"]);
    write(folder, "y.npy", &array("(5,)", 5));
    refuses(folder, 4, &["y.npy: 5 targets, but x.npy has 4 samples"], "x.npy", &["data.labels=y.npy"]);
    write(folder, "x.npy", &x()[..x().len() - 3]);
    refuses(folder, 4, &["x.npy: the header promises [4, 2]", "bytes are there"], "x.npy", Y);
    write(folder, "i-images-idx3-ubyte", &[0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0, 2, 1, 2, 3]);
    write(folder, "i-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 0, 1]);
    refuses(folder, 4, &["offset 12: 8 bytes of numbers expected, found 3"], "i-images-idx3-ubyte", &[]);
    write(folder, "i-images-idx3-ubyte", &[0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    refuses(folder, 4, &["offset 12", "bytes of numbers expected, found 1"], "i-images-idx3-ubyte", &[]);
    write(folder, "i-images-idx3-ubyte", &[0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 1, 1, 2, 3]);
    refuses(
        folder,
        4,
        &["i-labels-idx1-ubyte: 4 targets, but i-images-idx3-ubyte has 3 samples"],
        "i-images-idx3-ubyte",
        &[],
    );
}

/// 60 patients of two classes that a line separates.
fn patients() -> String {
    let row = |i: usize| {
        let (age, ill) = (20 + (i * 37) % 60, (i * 37) % 60 > 30);
        let city = ["Oslo", "Bergen", "Rome"][i % 3];
        format!("{i},{age},{city},{}\n", if ill { "ill" } else { "well" })
    };
    (0..60).map(row).fold("id,age,city,state\n".to_owned(), |text, row| text + &row)
}

#[test]
fn a_run_a_plan_and_an_evaluation_of_a_table() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "data of mine/patients.csv", patients().as_bytes());
    let keys = [
        "dataset=data of mine/patients.csv",
        "data.label=state",
        "network=mlp:4-3-2",
        "minima.count=2",
        "index=0",
        "minima.epochs=3",
        "curves.epochs=1",
        "second_fit.depth=0",
        "loss.class_weights=balanced",
        "loss.label_smoothing=0.1",
    ];
    let sets: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    let arguments = [&["run", "--out", "r"], &sets[..]].concat();
    let output = run(folder.path(), &arguments, b"");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for word in [
        "read 48 training and 12 test samples from 1 file\n",
        "`id` numbers the rows",
        "2 classes: ill, well",
        "one-hot columns: city",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("r/summary.json")).unwrap()).unwrap();
    let source = &summary["provenance"]["source"];
    assert_eq!(source["class_names"], serde_json::json!(["ill", "well"]));
    assert_eq!(source["feature_names"], serde_json::json!(["age", "city_Bergen", "city_Oslo", "city_Rome"]));
    assert_eq!(source["own"]["split"], serde_json::json!({"kind": "fraction", "fraction": 0.2, "seed": 0}));
    // The same samples and constants again: the losses of the run.
    for (split, key) in [("train", "train_loss"), ("test", "test_loss")] {
        let answer = json_in(
            folder.path(),
            &[
                "evaluate",
                "--network",
                "mlp:4-3-2",
                "--weights",
                "r/minima/0/0.safetensors",
                "--dataset",
                "data of mine/patients.csv",
                "--set",
                "data.label=state",
                "--set",
                "loss.class_weights=balanced",
                "--set",
                "loss.label_smoothing=0.1",
                "--split",
                split,
                "--json",
            ],
        );
        let [found, expected] = [&answer["loss"], &summary["minima"][0][key]].map(|x| x.as_f64().unwrap());
        assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{split}: {found} {expected}");
        assert_eq!(answer["source"]["mean"], source["mean"]);
    }
    // The configuration in the run directory has all keys.
    let output = run(folder.path(), &["run", "--out", "r"], b"");
    assert!(output.status.success(), "{}", said(&output));
    let plan = json_in(folder.path(), &[&["plan", "--format", "json"], &sets[..]].concat());
    let sizes = serde_json::json!({"train_samples": 48, "test_samples": 12, "features": 4, "classes": 2});
    assert_eq!(plan["data"], sizes);
    // Another file under the same name is not the data of that run.
    write(folder.path(), "data of mine/patients.csv", patients().replace("0,20,", "0,21,").as_bytes());
    let output = run(folder.path(), &arguments, b"");
    assert!(
        output.status.code() == Some(3) && said(&output).contains("a run of other data"),
        "{}",
        said(&output)
    );
}

/// What `plan` says of a table on stderr.
fn told(folder: &Path, dataset: &str, keys: &[&str]) -> String {
    let mut arguments = plan(dataset, keys);
    arguments[2] = "network=mlp:*-2-*".to_owned();
    let output = run(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), b"");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[test]
fn what_was_decided_is_told_before_anything_is_trained() {
    let folder = TempDir::new().unwrap();
    let rows = |from: usize, count: usize, first: fn(usize) -> usize| -> String {
        let row = |i: usize| format!("{},{},{},{}\n", first(i), i * 7 % 13, i * 5 % 11, i * 3 % 7 % 2);
        (from..from + count).map(row).fold("id,a,b,y\n".to_owned(), |text, row| text + &row)
    };
    // Numbers of rows from 0 in each of two files.
    write(folder.path(), "train.csv", rows(0, 30, |i| i).as_bytes());
    write(folder.path(), "test.csv", rows(0, 10, |i| i).as_bytes());
    let text = told(folder.path(), "train.csv", &["data.label=y", "data.split=test.csv"]);
    assert!(text.contains("column `id` numbers the rows and is left out"), "{text}");
    // Identifiers in another order.
    write(folder.path(), "shuffled.csv", rows(0, 31, |i| i * 12 % 31).as_bytes());
    let text = told(folder.path(), "shuffled.csv", &["data.label=y"]);
    assert!(text.contains("column `id` has another whole number in every row"), "{text}");
    // Missing values, of a feature and of the target; comments; names of rows without a name beside a column 0.
    let rows: String = (0..30)
        .map(|i| {
            let (a, y) = (if i == 4 { "" } else { "2.5" }, if i == 7 { "" } else { ["u", "v"][i % 2] });
            format!("{i},{},{a},{y}\n", if i % 3 == 0 { 1.0 } else { 2.5 + i as f64 })
        })
        .collect();
    write(
        folder.path(),
        "gaps.csv",
        format!("# a comment\n,a,b,y\n{}", rows.replace(",2.5,u", ",0.5,u")).as_bytes(),
    );
    let text = told(folder.path(), "gaps.csv", &["data.label=y", "data.missing=mean"]);
    for word in [
        "gaps.csv: 1 line before the data begins with # or % and is no row",
        "gaps.csv: column 0 has no name and is left out",
        "1 of 30 rows are left out, as their target is missing, which no mean replaces; the first is gaps.csv, line 10",
        "column `b`: 1 missing values are the mean of the training part, ",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // pandas numbers columns without names; so the one of the names of rows is no column 0.
    let rows: String =
        (0..20).map(|i| format!("{i},{}.5,{}.25,{}.75\n", i * 7 % 13, i * 5 % 11, i * 3 % 7)).collect();
    write(folder.path(), "frame.csv", format!(",0,1,2\n{rows}").as_bytes());
    let output = run(
        folder.path(),
        &["plan", "--set", "network=mlp:*-2-*", "--set", "dataset=frame.csv", "--set", "data.label=\"2\""],
        b"",
    );
    assert!(said(&output).contains("column 0 has no name and is left out"), "{}", said(&output));
    assert!(said(&output).contains("the target `2` has many values"), "{}", said(&output));
}

/// A PNG image of a palette with this number of bytes.
fn palette(bytes: usize) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()].concat()
    };
    // 4 rows of 5 pixels of 2 bits, each after a byte for its filter, in one stored block; then the sum of Adler.
    let image = [&[0x78, 1, 1, 12, 0, 0xf3, 0xff][..], &[0; 12], &[0, 12, 0, 1]].concat();
    let header = chunk(b"IHDR", &[0, 0, 0, 5, 0, 0, 0, 4, 2, 3, 0, 0, 0]);
    let colours = chunk(b"PLTE", &vec![9; bytes]);
    [b"\x89PNG\r\n\x1a\n", &header[..], &colours, &chunk(b"IDAT", &image), &chunk(b"IEND", b"")].concat()
}

#[test]
fn a_palette_has_whole_colours() {
    let folder = TempDir::new().unwrap();
    for class in ["a", "b"] {
        for i in 0..3 {
            write(folder.path(), &format!("photos/{class}/{i}.png"), &palette(12));
        }
    }
    let output = run(folder.path(), &["plan", "--set", "network=mlp:*-2-*", "--set", "dataset=photos"], b"");
    assert!(!said(&output).contains("palette"), "{}", said(&output));
    // Sizes are compared before anything else of the image is read.
    let mut other = palette(12)[..33].to_vec();
    other[16..24].copy_from_slice(&[0, 0, 0x20, 0, 0, 0, 0x20, 0]);
    write(folder.path(), "photos/b/1.png", &other);
    refuses(
        folder.path(),
        4,
        &["has 4 x 5 pixels, and photos/b/1.png has 8192 x 8192; data.size"],
        "photos",
        &[],
    );
    write(folder.path(), "photos/b/1.png", &palette(14));
    refuses(folder.path(), 4, &["1.png: a damaged PNG image: a palette of 14 bytes"], "photos", &[]);
}

#[test]
fn keys_of_an_evaluation() {
    let folder = TempDir::new().unwrap();
    let base = ["evaluate", "--network", "mlp:64-2-10", "--weights", "w", "--dataset", "digits"];
    for (code, words, keys) in [
        (
            3,
            &["unknown key \"data.lable\"; did you mean \"data.label\"?"][..],
            &["--set", "data.lable=x"][..],
        ),
        (3, &["--set network: only keys of the sections data and loss"], &["--set", "network=x"]),
        (2, &["--set x: key=value expected"], &["--set", "x"]),
        (3, &["data.limit and data.take are for the training of a run; --limit"], &["--set", "data.limit=3"]),
        (3, &["data.std is 0, but must be a number above 0"], &["--set", "data.std=[0.0]"]),
        (3, &["data.mean has 2 numbers"], &["--set", "data.mean=[0.0, 1.0]"]),
        (3, &["data.task acts on data of one's own"], &["--set", "data.task=regression"]),
    ] {
        refused(folder.path(), code, words, &[&base[..], keys].concat());
    }
}

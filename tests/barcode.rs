//! Persistence on the command line: formats, wrong input, known answers, what other libraries say.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use valleys::formats::{self, Array, Npy, Points};
use valleys_core::rng::{Purpose, Stream};

#[allow(dead_code)]
#[path = "tolerance.rs"]
mod tolerance;

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valleys"));
    command.args(arguments).current_dir(folder).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The JSON document of a command that succeeds, its last argument the name of a file with these bytes.
fn json(arguments: &[&str], name: &str, bytes: &[u8]) -> Value {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    json_in(folder.path(), &[arguments, &[name, "--json"]].concat())
}

fn json_in(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, arguments, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

type Bars = Vec<(u64, f64, f64)>;

fn bars(document: &Value) -> Bars {
    let bar = |bar: &Value| {
        let death = if bar["death"].is_null() { f64::INFINITY } else { bar["death"].as_f64().unwrap() };
        (bar["index"].as_u64().unwrap(), bar["birth"].as_f64().unwrap(), death)
    };
    document["bars"].as_array().unwrap().iter().map(bar).collect()
}

/// An `.npy` file of version 1.
fn npy(descr: &str, fortran: bool, shape: &str, body: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn le(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

const SQUARE: &[f64] = &[0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];

#[test]
fn every_format_of_points_gives_the_same_bars() {
    let column_major: Vec<f64> = (0..2).flat_map(|axis| (0..4).map(move |i| SQUARE[2 * i + axis])).collect();
    let be = |values: &[f64]| values.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<u8>>();
    let single = |values: &[f64]| values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect::<Vec<u8>>();
    let single_be =
        |values: &[f64]| values.iter().flat_map(|&x| (x as f32).to_be_bytes()).collect::<Vec<u8>>();
    let mut version_2 = b"\x93NUMPY\x02\x00".to_vec();
    let header = "{\"shape\": (4, 2), \"fortran_order\": False, \"descr\": \"<f8\"}\n";
    version_2.extend((header.len() as u32).to_le_bytes());
    version_2.extend(header.as_bytes());
    version_2.extend(le(SQUARE));
    let expected =
        [(0, 0.0, 1.0), (0, 0.0, 1.0), (0, 0.0, 1.0), (0, 0.0, f64::INFINITY), (1, 1.0, 2f64.sqrt())];
    for (what, bytes) in [
        ("csv", b"0,0\n1,0\n1,1\n0,1\n".to_vec()),
        (
            "spaces, windows, blank lines, no last newline",
            b"\xef\xbb\xbf 0 , 0\r\n\r\n1,0e0\r\n1,+1\r\n 0.0,1".to_vec(),
        ),
        ("f8", npy("<f8", false, "(4, 2)", &le(SQUARE))),
        ("big f8", npy(">f8", false, "(4, 2)", &be(SQUARE))),
        ("f4", npy("<f4", false, "(4, 2)", &single(SQUARE))),
        ("big f4", npy(">f4", false, "(4, 2)", &single_be(SQUARE))),
        ("fortran", npy("<f8", true, "(4, 2)", &le(&column_major))),
        ("version 2", version_2),
    ] {
        let document = json(&["barcode", "points"], "points", &bytes);
        assert_eq!(bars(&document), expected, "{what}");
        // Six edges: three close components, one opens the loop, two open loops that are filled at once.
        assert_eq!(document["zero_length"], 2, "{what}");
    }
    let loops = json(&["barcode", "points", "--max-index", "0"], "points", b"0,0\n1,0\n1,0\n");
    assert_eq!((bars(&loops).len(), loops["zero_length"].as_u64()), (2, Some(1)));
}

#[test]
fn every_format_of_distances_gives_the_same_bars() {
    let full = "0,3,4\n3,0,5\n4,5,0\n";
    let square: Vec<f64> = full.split([',', '\n']).filter_map(|x| x.parse().ok()).collect();
    let expected = [(0, 0.0, 3.0), (0, 0.0, 4.0), (0, 0.0, f64::INFINITY)];
    for bytes in
        [b"\n3\n4,5\n".to_vec(), b"3\n4,5".to_vec(), full.into(), npy("<f8", false, "(3, 3)", &le(&square))]
    {
        let document = json(&["barcode", "distances"], "d", &bytes);
        assert_eq!(bars(&document), expected);
        assert_eq!(document["zero_length"], 1);
    }
    let points = |bytes: &[u8]| bars(&json(&["barcode", "distances"], "d", bytes)).len();
    assert_eq!((points(b""), points(b"\n"), points(b"0\n"), points(b"7\n")), (0, 1, 1, 2));
}

#[test]
fn complexes_and_grids() {
    let circle = br#"{"simplices": [{"vertices": [1, 0], "value": 1}, {"vertices": [0], "value": 0},
        {"vertices": [1], "value": 0.1}, {"vertices": [2], "value": 1}, {"vertices": [2, 1], "value": 1},
        {"vertices": [0, 2], "value": 3}]}"#;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("k.json"), circle).unwrap();
    let all = ["barcode", "complex", "k.json", "--json", "--zero-length", "--representatives", "--verify"];
    let document = json_in(folder.path(), &all);
    assert_eq!(bars(&document), [(0, 0.0, f64::INFINITY), (0, 0.1, 1.0), (1, 3.0, f64::INFINITY)]);
    assert_eq!(document["zero_length"], 1);
    assert_eq!(document["zero_length_bars"][0]["birth_simplex"], serde_json::json!([2]));
    assert_eq!(document["bars"][2]["cycle"], serde_json::json!([[0, 1], [0, 2], [1, 2]]));
    assert!(document["bars"][2]["death"].is_null(), "null, not left out");
    assert_eq!(bars(&json(&["barcode", "complex"], "none.json", br#"{"simplices": []}"#)), []);

    // A ring of low values around a hill, as a picture, a plane and a slab of space.
    let ring = [0.0, 1.0, 0.0, 1.0, 5.0, 2.0, 0.0, 3.0, 0.5];
    for (name, bytes) in [
        ("csv", b"0,1,0\n1,5,2\n0,3,.5\n".to_vec()),
        ("plane", npy("<f8", false, "(3, 3)", &le(&ring))),
        ("slab", npy("<f8", false, "(3, 1, 3)", &le(&ring))),
    ] {
        let document = json(&["barcode", "grid", "--verify"], name, &bytes);
        let loops: Bars = bars(&document).into_iter().filter(|bar| bar.0 == 1).collect();
        assert_eq!(loops, [(1, 3.0, 5.0)], "{name}");
    }
    assert_eq!(bars(&json(&["barcode", "grid"], "empty", b"")), []);
}

#[test]
fn triangles() {
    let point = |i: i32, j: i32| (f64::from(i) / 6.0, f64::from(j) / 6.0, f64::from(6 - i - j) / 6.0);
    let mut csv = "loss,t1,t2,t3\n".to_owned();
    for (i, j) in (0..=6).flat_map(|i| (0..=6 - i).map(move |j| (i, j))) {
        let (t1, t2, t3) = point(i, j);
        // Coordinates rounded to four digits.
        csv += &format!("{},{t1:.4},{t2:.4},{t3:.4}\n", 2.0 * t1 + t2 - t3 + 50.0 * t1 * t2 * t3);
    }
    let document = json(&["barcode", "triangle"], "t.csv", csv.as_bytes());
    assert_eq!(document["h12"], 2.0);
    assert_eq!(document["h23"], 1.0);
    assert_eq!(document["birth"], 2.0);
    let largest = 2.0 / 3.0 * 2.0 + 1.0 / 6.0 - 1.0 / 6.0 + 50.0 * 2.0 / 3.0 / 36.0;
    assert!(document["death"].as_f64().unwrap() >= largest);
    assert_eq!(document.as_object().unwrap().len(), 5);
    let renamed = csv.replace("loss", "train_loss");
    let other = json(&["barcode", "triangle", "--column", "train_loss"], "t.csv", renamed.as_bytes());
    assert_eq!(document, other);
    let bare = json(&["barcode", "triangle"], "t.csv", b"1,0,0,-1\n0,1,0,-2\n0,0,1,-3\n");
    let words: Vec<f64> = ["h12", "h13", "h23", "birth", "death"].map(|k| bare[k].as_f64().unwrap()).into();
    assert_eq!(words, [-1.0, -1.0, -2.0, -1.0, -1.0]);
}

/// Exit code, words of the one sentence on stderr, arguments before the file, its bytes.
type Wrong<'a> = (i32, &'a [&'a str], &'a [&'a str], &'a [u8]);

const POINTS: &[&str] = &["barcode", "points"];
const DISTANCES: &[&str] = &["barcode", "distances"];
const COMPLEX: &[&str] = &["barcode", "complex"];
const GRID: &[&str] = &["barcode", "grid"];
const TRIANGLE: &[&str] = &["barcode", "triangle"];
const SUMMARY: &[&str] = &["summary"];

const WRONG: &[Wrong<'_>] = &[
    (4, &["line 2", "`nan` is not finite"], POINTS, b"1,2\n3,nan\n"),
    (4, &["line 1", "field 1: `-inf` is not finite"], POINTS, b"-inf,2\n"),
    (4, &["`1e999` is not finite"], POINTS, b"1e999\n"),
    (4, &["line 1", "`x` is not a number"], POINTS, b"x,y\n1,2\n"),
    (4, &["line 3", "3 fields where line 1 has 2"], POINTS, b"1,2\n\n1,2,3\n"),
    (4, &["line 1", "field 2: `` is not a number"], POINTS, b"1,\n"),
    (4, &["line 1", "`1 2` is not a number"], POINTS, b"1 2\n"),
    (4, &["UTF-8"], POINTS, b"1,2\n\xff\xfe,2\n"),
    (4, &["ends within its header"], POINTS, b"\x93NUMPY"),
    (4, &["ends within its header"], POINTS, b"\x93NUMPY\x01\x00\xff\xff{}"),
    (4, &["version 9"], POINTS, b"\x93NUMPY\x09\x00\x02\x00{}"),
    (4, &["the header `{}` is not understood"], POINTS, b"\x93NUMPY\x01\x00\x02\x00{}"),
    (2, &["--max-index is 6", "0 to 5"], &["barcode", "points", "--max-index", "6"], b"1\n2\n"),
    (2, &["--max-index"], &["barcode", "points", "--max-index", "-1"], b"1\n2\n"),
    (2, &["--threshold is -1", "0 or more"], &["barcode", "points", "--threshold", "-1"], b"1\n2\n"),
    (2, &["--threshold is NaN"], &["barcode", "points", "--threshold", "nan"], b"1\n2\n"),
    (2, &["--metric", "manhattan"], &["barcode", "points", "--metric", "manhattan"], b"1\n2\n"),
    (4, &["point 1 has no direction"], &["barcode", "points", "--metric", "cosine"], b"1,2\n0,0\n"),
    (2, &["--memory is -1"], &["barcode", "points", "--memory", "-1"], b"1\n2\n"),
    (8, &["2 points", "184 bytes", "--max-index 0"], &["barcode", "points", "--memory", "0"], b"1\n2\n"),
    (8, &["explicit simplices"], &["barcode", "grid", "--memory", "0", "--verify"], b"1,2\n2,1\n"),
    (2, &["--csv", "--json"], &["barcode", "points", "--json", "--csv"], b"1\n2\n"),
    (8, &["cannot write /dev/null/x"], &["barcode", "points", "--svg", "/dev/null/x"], b"1\n2\n"),
    (4, &["line 3", "3 distances; row 2", "has 2"], DISTANCES, b"\n1\n1,2,3\n"),
    (4, &["line 2", "field 1: the distance -1 is negative"], DISTANCES, b"\n-1\n1,2\n"),
    (4, &["points 1 and 0", "-3"], DISTANCES, b"0,-3\n-3,0\n"),
    (4, &["point 1 is at distance 2 from itself"], DISTANCES, b"0,1\n1,2\n"),
    (4, &["not symmetric: points 1 and 0 are at distance 2 and 1"], DISTANCES, b"0,1\n2,0\n"),
    (4, &["line 2", "`nan` is not finite"], DISTANCES, b"0,1\nnan,0\n"),
    (4, &["simplex 0-1 lacks its face 1"], COMPLEX, br#"{"simplices":[{"vertices":[0],"value":0},{"vertices":[0,1],"value":1}]}"#),
    (4, &["simplex 0-1 at 1 comes before its face 1 at 2"], COMPLEX,
        br#"{"simplices":[{"vertices":[0],"value":0},{"vertices":[1],"value":2},{"vertices":[0,1],"value":1}]}"#),
    (4, &["simplex 3 is entered twice"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value":0},{"vertices":[3],"value":1}]}"#),
    (4, &["simplex 3-3 has a vertex twice"], COMPLEX, br#"{"simplices":[{"vertices":[3,3],"value":0}]}"#),
    (4, &["entry 1 has no vertices"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value":0},{"vertices":[],"value":1}]}"#),
    (4, &["simplices[0].value: NaN is not finite"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value":NaN}]}"#),
    (4, &["simplices[0].value: -Infinity is not finite"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value": -Infinity}]}"#),
    (4, &["simplices[0].value", "out of range"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value":1e999}]}"#),
    (4, &["simplices[0].value", "null"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value":null}]}"#),
    (4, &["simplices[1].vertices[0]", "-1"], COMPLEX, br#"{"simplices":[{"vertices":[3],"value":0},{"vertices":[-1],"value":0}]}"#),
    (4, &["simplices[0].vertices[0]", "4294967296"], COMPLEX, br#"{"simplices":[{"vertices":[4294967296],"value":0}]}"#),
    (4, &["missing field `value`"], COMPLEX, br#"{"simplices":[{"vertices":[3]}]}"#),
    (4, &["unknown field `valeu`"], COMPLEX, br#"{"simplices":[{"vertices":[3],"valeu":1}]}"#),
    (4, &["missing field `simplices`"], COMPLEX, b"{}"),
    (4, &["EOF"], COMPLEX, b""),
    (4, &["after the document"], COMPLEX, br#"{"simplices":[]} x"#),
    (4, &["line 2", "`inf` is not finite"], GRID, b"1,2\n3,inf\n"),
    (4, &["line 2", "1 fields where line 1 has 2"], GRID, b"1,2\n3\n"),
    (4, &["4 points are no lattice"], TRIANGLE, b"t1,t2,t3,loss\n1,0,0,1\n0,1,0,1\n0,0,1,1\n0,0,1,1\n"),
    (4, &["0 points are no lattice"], TRIANGLE, b"t1,t2,t3,loss\n"),
    (4, &["line 4", "the point of line 2 a second time"], TRIANGLE, b"t1,t2,t3,loss\n1,0,0,1\n0,1,0,1\n1,0,0,1\n"),
    (4, &["line 3", "(0, 0.5, 0.5) is no point of the lattice"], TRIANGLE, b"1,0,0,1\n0,1,0,1\n0,.5,.5,1\n"),
    (4, &["line 3", "(1, 1, -1)"], TRIANGLE, b"1,0,0,1\n0,1,0,1\n1,1,-1,1\n"),
    (4, &["line 2", "`nan` is not finite"], TRIANGLE, b"1,0,0,1\n0,1,0,nan\n0,0,1,1\n"),
    (4, &["no column `loss`"], TRIANGLE, b"t1,t2,t3,error\n1,0,0,1\n"),
    (4, &["line 3", "3 fields, 4 expected"], TRIANGLE, b"1,0,0,1\n0,1,0,1\n0,0,1\n"),
    (4, &["line 1", "no column `index`"], SUMMARY, b"birth,death\n0,1\n"),
    (4, &["line 1", "no column `index`"], SUMMARY, b""),
    (4, &["line 3", "ends at 1, before it begins at 2"], SUMMARY, b"index,birth,death\n0,0,1\n0,2,1\n"),
    (4, &["line 2", "`inf` is not finite"], SUMMARY, b"index,birth,death\n0,inf,inf\n"),
    (4, &["line 2", "`-inf` is not finite"], SUMMARY, b"index,birth,death\n0,0,-inf\n"),
    (4, &["line 2", "the index `-1`"], SUMMARY, b"index,birth,death\n-1,0,1\n"),
    (4, &["line 2", "2 fields where the header has 3"], SUMMARY, b"index,birth,death\n0,1\n"),
    (4, &["line 2", "out of range"], SUMMARY, b"index,birth,death\n0,-1e308,1e308\n"),
    (4, &["bars[0]", "missing field `death`"], SUMMARY, br#"{"bars":[{"index":0,"birth":1}]}"#),
    (4, &["bars[1]", "ends at 0"], SUMMARY, br#"{"bars":[{"index":0,"birth":1,"death":null},{"index":0,"birth":1,"death":0}]}"#),
    (4, &["neither `bars` nor `birth`"], SUMMARY, b"{}"),
    (2, &["--index"], &["summary", "--index", "x"], b"index,birth,death\n"),
    (2, &["--q is 0.5"], &["distance", "--q", "0.5", "FILE"], b"index,birth,death\n"),
    (2, &["--q is -1"], &["distance", "--q", "-1", "FILE"], b"index,birth,death\n"),
    (2, &["--q is NaN"], &["distance", "--q", "nan", "FILE"], b"index,birth,death\n"),
    (2, &["--ground is 0"], &["distance", "--ground", "0", "FILE"], b"index,birth,death\n"),
    (2, &["unrecognized subcommand 'cube'"], &["barcode", "cube"], b""),
];

#[test]
fn wrong_input_gets_one_sentence_and_an_exit_code() {
    let folder = TempDir::new().unwrap();
    assert!(WRONG.len() >= 60);
    for (code, words, arguments, bytes) in WRONG {
        std::fs::write(folder.path().join("FILE"), bytes).unwrap();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["FILE"]).collect();
        refused(folder.path(), *code, words, &arguments);
    }
    for kind in ["points", "distances", "complex", "grid", "triangle"] {
        refused(folder.path(), 4, &["cannot read missing", "No such file"], &["barcode", kind, "missing"]);
    }
    refused(folder.path(), 4, &["cannot read missing"], &["distance", "missing", "FILE"]);
    refused(folder.path(), 2, &["one diagram, not two"], &["distance", "-", "-"]);
    // An .npy file of every kind that is not read.
    for (words, bytes) in [
        (&["element [1, 0] is NaN"][..], npy("<f8", false, "(2, 2)", &le(&[1.0, 2.0, f64::NAN, 3.0]))),
        (&["element [0, 1] is inf"], npy("<f8", true, "(2, 2)", &le(&[1.0, 2.0, f64::INFINITY, 3.0]))),
        (&["promises [2, 2]", "31 bytes"], npy("<f8", false, "(2, 2)", &[0; 31])),
        (&["promises [2, 2]", "33 bytes"], npy("<f8", false, "(2, 2)", &[0; 33])),
        (&["promises"], npy("<f8", false, "(4294967296, 4294967296)", &[0; 32])),
        (&["promises"], npy("<f8", false, "(1000000000, 1000)", &[0; 32])),
        (&["type `<i8`", "f4 and f8"], npy("<i8", false, "(2, 2)", &[0; 32])),
        (&["type `|O`"], npy("|O", false, "(2, 2)", &[0; 32])),
        (&["type `<c8`"], npy("<c8", false, "(2, 2)", &[0; 32])),
        (&["shape [4]", "2 axes"], npy("<f8", false, "(4,)", &[0; 32])),
        (&["shape []", "2 axes"], npy("<f8", false, "()", &[0; 8])),
        (&["3 points without coordinates"], npy("<f8", false, "(3, 0)", &[])),
        (&["not understood"], npy("<f8", false, "(2, -2)", &[0; 32])),
        (&["not understood"], npy("<f8', 'x': '", false, "(2, 2)", &[0; 32])),
    ] {
        std::fs::write(folder.path().join("FILE"), bytes).unwrap();
        refused(folder.path(), 4, words, &["barcode", "points", "FILE"]);
    }
    std::fs::write(folder.path().join("FILE"), npy("<f4", false, "(0, 2)", &[])).unwrap();
    refused(folder.path(), 4, &["shape [0, 2]", "not a square"], &["barcode", "distances", "FILE"]);
    let structured = npy("", false, "(2, 2)", &[0; 32]);
    let structured = String::from_utf8_lossy(&structured).replace("'': ''", "");
    assert!(Npy::parse("x", structured.as_bytes()).is_err());
}

fn refused(folder: &Path, code: i32, words: &[&str], arguments: &[&str]) {
    let output = run(folder, arguments, b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?} should mention {word:?}: {stderr}");
    }
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    if code != 2 {
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_header_that_lies_allocates_nothing() {
    let lie = npy("<f8", false, "(1152921504606846975, 1)", &[0; 8]);
    assert!(Points::parse("lie", &lie).unwrap_err().message.contains("8 bytes are there"));
    let mut version_2 = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec();
    version_2.extend([b' '; 9]);
    assert!(Points::parse("lie", &version_2).is_err());
}

#[test]
fn standard_input_and_csv_read_back() {
    let folder = TempDir::new().unwrap();
    let cloud: String =
        (0..40).map(|i| format!("{},{}\n", (f64::from(i)).cos() / 3.0, f64::from(i).sin())).collect();
    let out = |arguments: &[&str], input: &[u8]| {
        let output = run(folder.path(), arguments, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let csv = out(&["barcode", "points", "-", "--csv"], cloud.as_bytes());
    let document = out(&["barcode", "points", "-", "--json"], cloud.as_bytes());
    let svg = out(&["barcode", "points", "-", "--svg", "bars.svg"], cloud.as_bytes());
    assert!(String::from_utf8(svg).unwrap().contains("essential"));
    let picture = std::fs::read_to_string(folder.path().join("bars.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("index 1: ") && !picture.contains("NaN"));
    // The same bits on both ways, and nothing lost.
    let (a, b) = (formats::diagram("csv", &csv).unwrap(), formats::diagram("json", &document).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.len(), bars(&serde_json::from_slice(&document).unwrap()).len());
    for (index, interval) in [(0, (-0.0, 5e-324)), (3, (1.0 / 3.0, f64::INFINITY)), (1, (-1e300, 1e-300))] {
        let interval = valleys_core::topology::Interval::new(interval.0, interval.1);
        let csv = formats::diagram_csv([(index, interval)]);
        assert_eq!(formats::diagram("csv", csv.as_bytes()).unwrap(), [(index, interval)]);
    }
}

/// Distance of two diagrams of index 0.
fn distance(a: &str, b: &str, flags: &[&str]) -> Value {
    let folder = TempDir::new().unwrap();
    for (name, rows) in [("a", a), ("b", b)] {
        let rows: String = rows.split_whitespace().map(|row| format!("0,{row}\n")).collect();
        std::fs::write(folder.path().join(name), format!("index,birth,death\n{rows}")).unwrap();
    }
    json_in(folder.path(), &[&["distance", "a", "b", "--json"], flags].concat())
}

#[test]
fn the_five_pitfalls_of_bottleneck_distances() {
    for flags in [&["--q", "inf"][..], &["--q", "1"], &["--q", "2", "--ground", "2"], &[]] {
        let of = |a, b| distance(a, b, flags)["distance"].as_f64();
        let factor = if flags.len() == 4 { 2f64.sqrt() } else { 1.0 };
        // A diagram to itself, exactly; also where essential.
        assert_eq!(of("0.1,0.7 0.3,0.4 0.1,inf", "0.1,0.7 0.3,0.4 0.1,inf"), Some(0.0));
        // One point and none: half of its length.
        let half = of("1,4", "").unwrap();
        assert!((half - 1.5 * factor).abs() < 1e-15, "{flags:?}: {half}");
        assert_eq!(of("", ""), Some(0.0));
        // Repeated bars are as many points.
        let twice = of("0,2 0,2", "0,2").unwrap();
        assert!((twice - factor).abs() < 1e-15, "{flags:?}: {twice}");
        // Points on the diagonal cost nothing.
        assert_eq!(of("5,5 0,1", "0,1 3,3 7,7"), Some(0.0));
        // Essential classes match each other only.
        let infinite = distance("0,inf", "0,9", flags);
        assert!(infinite["distance"].is_null() && infinite["infinite"] == true);
        assert_eq!(distance("0,inf", "", flags)["infinite"], true);
        assert_eq!(of("0,inf 3,inf", "3.5,inf 0,inf"), Some(0.5));
    }
}

#[test]
fn distances_join_indices_and_show_their_matching() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("a"), "index,birth,death\n1,0,3\n0,0,4\n1,9,9.5\n").unwrap();
    std::fs::write(
        folder.path().join("b"),
        r#"{"bars":[{"index":0,"birth":0,"death":0.5},{"index":1,"birth":1,"death":3}]}"#,
    )
    .unwrap();
    let of = |flags: &[&str]| json_in(folder.path(), &[&["distance", "a", "b", "--json"], flags].concat());
    assert_eq!(of(&[])["distance"], 2.0);
    assert_eq!(of(&["--index", "1"])["distance"], 1.0);
    assert_eq!(of(&["--index", "7"])["distance"], 0.0);
    assert_eq!(of(&["--q", "1"])["distance"], 2.0 + 0.25 + 1.0 + 0.25);
    let matched = of(&["--matching"]);
    assert_eq!(
        matched["by_index"],
        serde_json::json!([{"index": 0, "distance": 2.0}, {"index": 1, "distance": 1.0}])
    );
    let pairs = matched["matching"].as_array().unwrap();
    assert!(pairs.contains(&serde_json::json!({"index": 1, "a": 0, "b": 1, "cost": 1.0})), "{pairs:?}");
    assert!(pairs.contains(&serde_json::json!({"index": 1, "a": 2, "b": null, "cost": 0.25})), "{pairs:?}");
}

#[test]
fn summaries() {
    let of = |rows: &str, flags: &[&str]| {
        json(&[&["summary"], flags].concat(), "d.csv", format!("index,birth,death\n{rows}").as_bytes())
    };
    let all = of("0,0,1\n0,0,3\n1,2,2\n1,5,inf\n1,0,4\n", &[]);
    assert_eq!((&all["bars"], &all["zero_length"], &all["essential"]), (&3.into(), &1.into(), &1.into()));
    let two = of("0,0,1\n0,0,3\n1,2,2\n", &["--index", "0"]);
    let entropy = -(0.25f64 * 0.25f64.ln() + 0.75 * 0.75f64.ln());
    for (key, value) in [
        ("sum_life", 4.0),
        ("mean_life", 2.0),
        ("max_life", 3.0),
        ("median_life", 2.0),
        ("std_life", 1.0),
        ("entropy", entropy),
        ("entropy_norm_log_n", entropy / 2f64.ln()),
        ("entropy_norm_log_sum", entropy / 4f64.ln()),
    ] {
        assert!((two[key].as_f64().unwrap() - value).abs() < 1e-15, "{key}: {}", two[key]);
    }
    let one = of("0,0,1\n", &[]);
    assert_eq!(one["entropy"], 0.0);
    assert!(one["entropy_norm_log_n"].is_null() && one["entropy_norm_log_sum"].is_null());
    let none = of("0,0,inf\n", &[]);
    assert_eq!(
        (&none["bars"], &none["sum_life"], &none["mean_life"]),
        (&0.into(), &0.0.into(), &Value::Null)
    );
}

/// The bars of a function that are longer than `least`, by `barcode grid` of its values as `.npy`.
fn sampled(
    f: impl Fn(f64, f64) -> f64,
    [x0, x1]: [f64; 2],
    [y0, y1]: [f64; 2],
    n: usize,
    least: f64,
) -> Bars {
    let at = |lo: f64, hi: f64, i: usize| lo + (hi - lo) * i as f64 / (n - 1) as f64;
    let values: Vec<f64> = (0..n * n).map(|k| f(at(x0, x1, k / n), at(y0, y1, k % n))).collect();
    let bytes = npy("<f8", false, &format!("({n}, {n})"), &le(&values));
    let mut bars = bars(&json(&["barcode", "grid"], "f.npy", &bytes));
    bars.retain(|(_, birth, death)| death - birth > least);
    bars
}

fn near(found: &Bars, expected: &[(u64, f64, f64)], tolerance: f64) {
    let close = |a: f64, b: f64| a == b || (a - b).abs() <= tolerance;
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (bar, known) in found.iter().zip(expected) {
        assert!(
            bar.0 == known.0 && close(bar.1, known.1) && close(bar.2, known.2),
            "{found:?}\n{expected:?}"
        );
    }
}

#[test]
fn himmelblau_and_muller_brown() {
    let himmelblau = |x: f64, y: f64| (x * x + y - 11.0).powi(2) + (x + y * y - 7.0).powi(2);
    let mut found = sampled(himmelblau, [-6.0, 6.0], [-6.0, 6.0], 601, 0.5);
    found.sort_by(|a, b| (a.0, a.2).partial_cmp(&(b.0, b.2)).unwrap());
    let known = [
        (0, 0.0, 13.311926),
        (0, 0.0, 67.719150),
        (0, 0.0, 104.015163),
        (0, 0.0, f64::INFINITY),
        (1, 178.337239, 181.616522),
    ];
    near(&found, &known, tolerance::GRID);

    let wells: [[f64; 6]; 4] = [
        [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
        [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
        [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
        [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
    ];
    let muller_brown = |x: f64, y: f64| {
        let well = |[height, a, b, c, p, q]: &[f64; 6]| {
            let (x, y) = (x - p, y - q);
            height * (a * x * x + b * x * y + c * y * y).exp()
        };
        wells.iter().map(well).sum()
    };
    let found = sampled(muller_brown, [-1.7, 1.2], [-0.6, 2.1], 601, 1.0);
    let known = [(0, -146.699517, f64::INFINITY), (0, -108.166724, -40.664844), (0, -80.767818, -72.248940)];
    near(&found, &known, tolerance::GRID);
}

fn recorded() -> Vec<Value> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../tests/fixtures/persistence.json"].iter().collect();
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

fn csv(rows: &Value) -> Vec<u8> {
    let row = |row: &Value| {
        let fields: Vec<String> = row.as_array().unwrap().iter().map(Value::to_string).collect();
        fields.join(",") + "\n"
    };
    rows.as_array().unwrap().iter().map(row).collect::<String>().into_bytes()
}

fn numbers(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| numbers(item, out)),
        other => out.push(other.as_f64().unwrap()),
    }
}

#[test]
fn bars_are_those_of_gudhi_and_ripser() {
    let mut compared = 0;
    for case in recorded() {
        let (kind, name) = (case["kind"].as_str().unwrap(), &case["name"]);
        let bytes = match kind {
            "points" => csv(&case["points"]),
            "distances" => csv(&case["square"]),
            "complex" => serde_json::to_vec(&serde_json::json!({"simplices": case["simplices"]})).unwrap(),
            "grid" => {
                let (mut values, mut shape, mut inner) = (Vec::new(), Vec::new(), &case["values"]);
                numbers(inner, &mut values);
                while let Some(axis) = inner.as_array() {
                    shape.push(axis.len().to_string());
                    inner = &axis[0];
                }
                npy("<f8", false, &format!("({})", shape.join(", ")), &le(&values))
            }
            _ => continue,
        };
        let mut arguments = vec!["barcode".to_owned(), kind.to_owned(), "--verify".to_owned()];
        for (flag, key) in [("--max-index", "max_index"), ("--threshold", "threshold")] {
            if !case[key].is_null() {
                arguments.extend([flag.to_owned(), case[key].to_string()]);
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let document = json(&arguments, "input", &bytes);
        assert_eq!(document["verified"], true);
        let found = bars(&document);
        for (library, tolerance) in [("gudhi", tolerance::PEER_F64), ("ripser", tolerance::PEER_F32)] {
            let Some(rows) = case[library].as_array() else { continue };
            let end = |x: &Value| x.as_f64().unwrap_or(f64::INFINITY);
            let known: Bars = rows.iter().map(|r| (r[0].as_u64().unwrap(), end(&r[1]), end(&r[2]))).collect();
            assert_eq!(found.len(), known.len(), "{kind} {name}: {library}");
            // Sorted by rounded numbers there, by exact ones here: compared index by index, end by end.
            for end in [|b: &(u64, f64, f64)| (b.0, b.1), |b: &(u64, f64, f64)| (b.0, b.2)] {
                let sorted = |bars: &Bars| {
                    let mut ends: Vec<(u64, f64)> = bars.iter().map(end).collect();
                    ends.sort_by(|a, b| a.partial_cmp(b).unwrap());
                    ends
                };
                for (a, b) in sorted(&found).into_iter().zip(sorted(&known)) {
                    let same = a == b || (a.0 == b.0 && (a.1 - b.1).abs() <= tolerance * b.1.abs().max(1.0));
                    assert!(same, "{kind} {name}: {a:?} here, {b:?} from {library}");
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 8 + 7 + 2 + 2 + 3 + 3, "points, distances, complexes, grids");
}

#[test]
fn distances_are_those_of_gudhi() {
    let mut compared = 0;
    for case in recorded().iter().filter(|case| case["kind"] == "distance") {
        let text = |rows: &Value| String::from_utf8(csv(rows)).unwrap();
        let (a, b) = (text(&case["a"]), text(&case["b"]));
        let of = |flags: &[&str]| distance(&a, &b, flags)["distance"].as_f64().unwrap();
        let close = |x: f64, y: &Value| (x - y.as_f64().unwrap()).abs() <= tolerance::PEER_F64;
        assert!(close(of(&[]), &case["bottleneck"]), "{}", case["name"]);
        for row in case["wasserstein"].as_array().unwrap() {
            let (q, p) =
                (row[0].to_string(), if row[1].is_null() { "inf".into() } else { row[1].to_string() });
            assert!(close(of(&["--q", &q, "--ground", &p]), &row[2]), "{}: {row}", case["name"]);
            compared += 1;
        }
    }
    assert_eq!(compared, 20);
}

#[test]
fn index_0_of_a_large_cloud_needs_no_matrix() {
    let cloud: String = (0..4000u64).map(|i| format!("{},{}\n", i * i % 4001, i * 7919 % 4001)).collect();
    // A hundredth of the 256 MB that distances and edges would take.
    let flags = ["barcode", "points", "--max-index", "0", "--memory", "0.002"];
    let document = json(&flags, "cloud.csv", cloud.as_bytes());
    assert_eq!(bars(&document).len() as u64 + document["zero_length"].as_u64().unwrap(), 4000);
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("cloud.csv"), cloud).unwrap();
    refused(
        folder.path(),
        8,
        &["4000 points", "0.400 GB"],
        &["barcode", "points", "cloud.csv", "--memory", "0.1"],
    );
}

#[test]
fn thousands_of_broken_files_and_no_panic() {
    let mut file = Vec::new();
    let seeds: [(&str, Vec<u8>); 9] = [
        ("csv", b"0.5,-1e3\n1,2\n\n3,4\n".to_vec()),
        ("lower", b"\n1\n2,3\n4,5,6\n".to_vec()),
        ("square", b"0,1,2\n1,0,3\n2,3,0\n".to_vec()),
        ("npy", npy("<f8", false, "(2, 2)", &le(&[1.0, 2.0, 3.0, 4.0]))),
        ("fortran", npy(">f4", true, "(2, 3)", &[63; 24])),
        ("complex", br#"{"simplices":[{"vertices":[0],"value":0},{"vertices":[1],"value":1e-3},{"vertices":[0,1],"value":1}]}"#.to_vec()),
        ("lattice", b"t1,t2,t3,loss\n1,0,0,1\n0,1,0,2\n0,0,1,3\n".to_vec()),
        ("diagram", b"index,birth,death\n0,0,1.5\n1,2,inf\n".to_vec()),
        ("bars", br#"{"bars":[{"index":0,"birth":0.5,"death":null},{"index":1,"birth":1,"death":2}]}"#.to_vec()),
    ];
    let mut stream = Stream::new(20, Purpose::Split, 0, 0, 0);
    let (mut good, mut bad) = (0, 0);
    for (_, seed) in &seeds {
        for _ in 0..2000 {
            file.clone_from(seed);
            for _ in 0..=stream.below(4) {
                mutate(&mut file, &mut stream);
            }
            let oks = [
                Points::parse("x", &file).is_ok(),
                Array::parse("x", &file).is_ok(),
                Npy::parse("x", &file).is_ok(),
                formats::distances("x", &file).is_ok(),
                formats::complex("x", &file).is_ok(),
                formats::lattice("x", &file, "loss").is_ok(),
                formats::diagram("x", &file).is_ok(),
            ];
            good += oks.iter().filter(|ok| **ok).count();
            bad += oks.iter().filter(|ok| !**ok).count();
        }
    }
    // Both happen, or the mutations test nothing.
    assert!(good > 1000 && bad > 10_000, "{good} read, {bad} refused");
}

fn mutate(bytes: &mut Vec<u8>, stream: &mut Stream) {
    const PIECES: [&[u8]; 12] = [
        b"nan",
        b"inf",
        b"-",
        b",",
        b"\n",
        b"1e999",
        b"{",
        b"]",
        b"\"",
        b"99999999999999999999",
        b"\xff",
        b"()",
    ];
    let mut at = |len: usize| stream.below(len.max(1) as u32) as usize;
    let place = at(bytes.len());
    match at(5) {
        0 if !bytes.is_empty() => bytes[place] = at(256) as u8,
        1 if !bytes.is_empty() => {
            bytes.remove(place);
        }
        2 => bytes.truncate(place),
        3 => {
            let copy = bytes[place..].to_vec();
            bytes.extend(copy);
        }
        _ => {
            let piece = PIECES[at(PIECES.len())];
            bytes.splice(place..place, piece.iter().copied());
        }
    }
}

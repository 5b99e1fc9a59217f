//! Wrong input of the commands of one answer: one sentence and an exit code, by hand and by the thousand.

use crate::binary::refused;
use crate::npy::{le, npy};
use tempfile::TempDir;
use valleys::formats::{self, Array, DistanceOptions, Distances, Input, Npy, Points, TableOptions};
use valleys_core::rng::{Key, Purpose, Stream};

/// Exit code, words of the one sentence on stderr, arguments before the file, its bytes.
type Wrong<'a> = (i32, &'a [&'a str], &'a [&'a str], &'a [u8]);

const POINTS: &[&str] = &["barcode", "points"];
const DISTANCES: &[&str] = &["barcode", "distances"];
const COMPLEX: &[&str] = &["barcode", "complex"];
const GRID: &[&str] = &["barcode", "grid"];
const TRIANGLE: &[&str] = &["barcode", "triangle"];
const SUMMARY: &[&str] = &["summary"];

/// 200 lines that end with a delimiter, and one that goes on after it.
const TRAILING: &[u8] = &{
    let mut text = [b'1'; 200 * 3 + 4];
    let mut i = 0;
    while i < 200 {
        text[3 * i + 1] = b',';
        text[3 * i + 2] = b'\n';
        i += 1;
    }
    text[601] = b',';
    text[602] = b'7';
    text[603] = b'\n';
    text
};

const WRONG: &[Wrong<'_>] = &[
    (4, &["line 2", "`nan` is not finite"], POINTS, b"1,2\n3,nan\n"),
    (4, &["line 1", "field 1: `-inf` is not finite"], POINTS, b"-inf,2\n"),
    (4, &["`1e999` is not finite"], POINTS, b"1e999\n"),
    (4, &["line 1", "`x` is not a number", "--header yes"], POINTS, b"x,1\n1,2\n"),
    (4, &["line 2", "`x` is not a number", "column 2 (`kind`) holds texts", "--columns 1,3"], POINTS, b"a,kind,b\n1,x,2\n3,y,4\n"),
    (4, &["line 1 counts", "--header yes", "--header no"], POINTS, b"0,1\n0.5,0.7\n1.5,0.2\n"),
    (4, &["two readings fit", "--delimiter tab", "--delimiter space"], POINTS, b"1\t\t2\n3\t\t4\n"),
    (4, &["no column `z` for --columns", "x, y"], &["barcode", "points", "--columns", "z"], b"x,y\n1,2\n"),
    (4, &["no column `3` for --columns", "1 to 2"], &["barcode", "points", "--columns", "3"], b"1,2\n"),
    (4, &["`1.234,5` is not a number"], POINTS, b"x;y\n1.234,5;0,5\n2.345,6;1,5\n"),
    (4, &["`10%` is not a number", "--index-column yes"], POINTS, b"10%,2\n20%,3\n"),
    (4, &["`TRUE` is not a number"], POINTS, b"a,b\nTRUE,2\nFALSE,3\n"),
    (4, &["line 1 has 2 names", "3 fields", "`#`"], POINTS, b"x,y\n1,2,3\n4,5,6\n7,8,9\n"),
    (4, &["`malignant` is not a number", "line 1 has 4 fields and the others 3", "`#`"], POINTS, b"569,30,malignant,benign\n1,2,0\n1,3,1\n"),
    (2, &["a NumPy array", "--columns"], &["barcode", "points", "--columns", "2"], b"\x93NUMPY\x01\x00\x02\x00{}"),
    (2, &["--delimiter", "slash"], &["barcode", "points", "--delimiter", "slash"], b"1,2\n"),
    (4, &["line 3", "3 fields where line 1 has 2"], POINTS, b"1,2\n\n1,2,3\n"),
    (4, &["line 2", "field 2: `` is no value"], POINTS, b"1,2\n1,\n"),
    (4, &["line 2", "field 1: `NA` is no value"], POINTS, b"1,2\nNA,3\n"),
    (4, &["line 201", "`7` stands after the last delimiter"], POINTS, TRAILING),
    (4, &["line 1", "`1 2` is not a number"], &["barcode", "points", "--delimiter", ","], b"1 2\n"),
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
    (4, &["line 3 has 3 distances", "a lower triangle", "has 2"], DISTANCES, b"\n1\n1,2,3\n"),
    (4, &["line 2 has 1 distances", "an upper triangle", "has 2"], DISTANCES, b"1,2,3\n4\n5\n"),
    (4, &["points 1 and 0 are at distance -1", "negative"], DISTANCES, b"\n-1\n1,2\n"),
    (4, &["2 rows of 3 numbers", "`barcode points`"], DISTANCES, b"1,2.5,3\n4,5,6\n"),
    (4, &["2 rows of 3 numbers", "edges i, j, distance"], DISTANCES, b"0,1,3\n0,2,6\n"),
    (4, &["point 0 is at distance 1 from itself", "similarities"], DISTANCES, b"1,0.5\n0.5,1\n"),
    (4, &["line 1: a quotation mark", "is not closed"], POINTS, b"\"1,2\n3,4\n5,6\n"),
    (4, &["line 1 begins with an empty field", "--header yes"], GRID, b",0.5,0.7\n1,2,3\n4,5,6\n"),
    (4, &["a JSON file"], POINTS, b"[[0,1],[1,2]]"),
    (4, &["2 rows of 1 numbers", "n (n - 1) / 2"], DISTANCES, b"1\n2\n"),
    (4, &["all numbers are 0", "--diagonal yes", "--diagonal no"], DISTANCES, b"0\n0,0\n"),
    (4, &["not symmetric", "--tolerance X"], DISTANCES, b"0,1\n1.000001,0\n"),
    (4, &["line 2", "`-inf` is not finite"], DISTANCES, b"0,1\n-inf,0\n"),
    (2, &["--tolerance", "from 0 to below 1"], &["barcode", "distances", "--tolerance", "2"], b"0\n"),
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
    (4, &["line 2", "`-inf` is not finite"], GRID, b"1,2\n3,-inf\n"),
    (4, &["line 2", "1 fields where line 1 has 2"], GRID, b"1,2\n3\n"),
    (4, &["4 points are no lattice"], TRIANGLE, b"t1,t2,t3,loss\n1,0,0,1\n0,1,0,1\n0,0,1,1\n0,0,1,1\n"),
    (4, &["0 points are no lattice"], TRIANGLE, b"t1,t2,t3,loss\n"),
    (4, &["line 4", "the point of line 2 a second time"], TRIANGLE, b"t1,t2,t3,loss\n1,0,0,1\n0,1,0,1\n1,0,0,1\n"),
    (4, &["line 3", "(0, 0.5, 0.5) is no point of the lattice"], TRIANGLE, b"1,0,0,1\n0,1,0,1\n0,.5,.5,1\n"),
    (4, &["line 3", "(1, 1, -1)"], TRIANGLE, b"1,0,0,1\n0,1,0,1\n1,1,-1,1\n"),
    (4, &["line 2", "`nan` is not finite"], TRIANGLE, b"1,0,0,1\n0,1,0,nan\n0,0,1,1\n"),
    (4, &["no column `loss`"], TRIANGLE, b"t1,t2,t3,error\n1,0,0,1\n"),
    (4, &["line 3", "3 fields, 4 expected"], TRIANGLE, b"1,0,0,1\n0,1,0,1\n0,0,1\n"),
    (4, &["line 1", "no column `death`", "index, birth"], SUMMARY, b"index,birth\n0,1\n"),
    (4, &["no bars and no header"], SUMMARY, b""),
    (4, &["two readings fit", "--columns"], SUMMARY, b"0 1 2\n1 2 3\n"),
    (4, &["line 1", "5 fields", "a bar has 2"], SUMMARY, b"1 2 3 4 5\n"),
    (4, &["line 2", "`[0,x)` is not understood"], SUMMARY, b"persistence intervals in dim 0:\n [0,x)\n"),
    (4, &["line 3", "ends at 1, before it begins at 2"], SUMMARY, b"index,birth,death\n0,0,1\n0,2,1\n"),
    (4, &["line 2", "from inf to inf"], SUMMARY, b"index,birth,death\n0,inf,inf\n"),
    (4, &["line 2", "from 0 to -inf"], SUMMARY, b"index,birth,death\n0,0,-inf\n"),
    (4, &["line 2", "`nan` is not finite"], SUMMARY, b"index,birth,death\n0,0,nan\n"),
    (4, &["line 2", "the index `-1`"], SUMMARY, b"index,birth,death\n-1,0,1\n"),
    (4, &["line 2", "2 fields where the header has 3"], SUMMARY, b"index,birth,death\n0,1\n"),
    (4, &["line 2", "out of range"], SUMMARY, b"index,birth,death\n0,-1e308,1e308\n"),
    (4, &["bars[0]", "missing field `death`"], SUMMARY, br#"{"bars":[{"index":0,"birth":1}]}"#),
    (4, &["bars[1]", "ends at 0"], SUMMARY, br#"{"bars":[{"index":0,"birth":1,"death":null},{"index":0,"birth":1,"death":0}]}"#),
    (4, &["neither `bars`", "`dgms`"], SUMMARY, b"{}"),
    (4, &["bars[0].birth", "NaN is not finite"], SUMMARY, br#"{"bars":[{"index":0,"birth":NaN,"death":null}]}"#),
    (4, &["[1]", "ends at 0"], SUMMARY, b"[[0,1],[2,0]]"),
    (4, &["dgms[0][0]"], SUMMARY, br#"{"dgms":[["x"]]}"#),
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
        (&["type `<U1`", "texts", "astype"], npy("<U1", false, "(2, 2)", &[0; 32])),
        (&["type `|O`", "Python objects"], npy("|O", false, "(2, 2)", &[0; 32])),
        (&["type `<c8`", "complex numbers", "a.real"], npy("<c8", false, "(2, 2)", &[0; 32])),
        (&["type `<f16`", "long double"], npy("<f16", false, "(2, 2)", &[0; 64])),
        (&["type `<i3`"], npy("<i3", false, "(2, 2)", &[0; 12])),
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

#[test]
fn a_header_that_lies_allocates_nothing() {
    let lie = npy("<f8", false, "(1152921504606846975, 1)", &[0; 8]);
    let points = |bytes: Vec<u8>| Points::read(&Input::new("lie", bytes), &TableOptions::default());
    assert!(points(lie).unwrap_err().message.contains("8 bytes are there"));
    let mut version_2 = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec();
    version_2.extend([b' '; 9]);
    assert!(points(version_2).is_err());
}

#[test]
fn thousands_of_broken_files_and_no_panic() {
    let (mut file, plain) = (Vec::new(), TableOptions::default());
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
    let mut stream = Stream::new(Key::new(20, 0), Purpose::Split, 0, 0);
    let (mut good, mut bad) = (0, 0);
    for (_, seed) in &seeds {
        for _ in 0..2000 {
            file.clone_from(seed);
            for _ in 0..=stream.below(4) {
                mutate(&mut file, &mut stream);
            }
            let input = Input::new("x", file.clone());
            let oks = [
                Points::read(&input, &plain).is_ok(),
                Array::read(&input, &plain).is_ok(),
                Npy::parse("x", &input.bytes).is_ok(),
                Distances::read(&input, &plain, &DistanceOptions::default()).is_ok(),
                formats::complex(&input).is_ok(),
                formats::lattice(&input, "loss", &plain).is_ok(),
                formats::diagram(&input, &plain).is_ok(),
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

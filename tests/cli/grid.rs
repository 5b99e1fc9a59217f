//! `valleys barcode grid` with its three complexes.

use crate::binary::{json, refused, run};
use crate::npy::{le, npy};
use serde_json::{Value, json as value};
use tempfile::TempDir;
use valleys::barcode::{BarcodeOptions, grid};
use valleys::formats::Array;
use valleys_core::topology::GridComplex;

/// Low values whose corners touch by diagonals alone.
const RING: &[u8] = b"1,0,1\n0,2,0\n1,0,1\n";

fn ends(document: &Value) -> Vec<[Value; 3]> {
    let ends = |bar: &Value| ["index", "birth", "death"].map(|key| bar[key].clone());
    document["bars"].as_array().unwrap().iter().map(ends).collect()
}

#[test]
fn the_complex_is_chosen_and_named() {
    let of = |flags: &[&str]| json(&[&["barcode", "grid", "--verify"], flags].concat(), "g.csv", RING);
    let plain = of(&[]);
    assert_eq!((&plain["complex"], &plain["verified"]), (&value!("freudenthal"), &value!(true)));
    let cells = of(&["--complex", "cells"]);
    assert_eq!(cells["complex"], "cells");
    assert_eq!(ends(&cells), [[value!(0), value!(0.0), Value::Null], [value!(1), value!(0.0), value!(2.0)]]);
    assert_eq!(cells["bars"][1]["death_point"], value!([1, 1]));
    // 9 squares, 24 edges, 16 corners: two ends of bars, one essential, and pairs.
    assert_eq!(cells["zero_length"], (9 + 24 + 16 - 3) / 2);
    let vertices = of(&["--complex", "vertices"]);
    assert_eq!((vertices["bars"].as_array().unwrap().len(), &vertices["complex"]), (5, &value!("vertices")));
    // 9 points, 12 edges, 4 squares: three components that end, one that stays, one loop.
    assert_eq!(vertices["zero_length"], (9 + 12 + 4 - 1 - 8) / 2);
    assert_eq!(of(&["--connectivity", "8"]), cells);
    assert_eq!(of(&["--connectivity", "4"]), vertices);
    let space = npy("<f8", false, "(2, 2, 2)", &le(&[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]));
    let components = |connectivity: &str| {
        let document =
            json(&["barcode", "grid", "--verify", "--connectivity", connectivity], "g.npy", &space);
        document["bars"].as_array().unwrap().len()
    };
    assert_eq!(["6", "26"].map(components), [2, 1]);
}

#[test]
fn cycles_and_pairs_of_cubes_are_listed() {
    let flags = ["barcode", "grid", "--zero-length", "--representatives", "--verify", "--complex"];
    let cells = json(&[&flags[..], &["cells"]].concat(), "g.csv", RING);
    assert_eq!(cells["zero_length_bars"].as_array().unwrap().len(), 23);
    // The square in the middle has four edges between the corners 5, 6, 9 and 10 of four rows of four.
    assert_eq!(cells["bars"][1]["cycle"], value!([[5, 6], [5, 9], [6, 10], [9, 10]]));
    let vertices = json(&[&flags[..], &["vertices"]].concat(), "g.csv", RING);
    assert_eq!(vertices["zero_length_bars"].as_array().unwrap().len(), 8);
    let cycle = vertices["bars"][4]["cycle"].as_array().unwrap().clone();
    assert_eq!((cycle.len(), &vertices["bars"][4]["death_point"]), (8, &value!([1, 1])));
}

#[test]
fn the_text_says_what_depends_on_the_orientation() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("g.csv"), RING).unwrap();
    for (complex, words) in [
        ("freudenthal", "bars depend on the orientation"),
        ("cells", "bars do not depend on the orientation"),
    ] {
        let output = run(folder.path(), &["barcode", "grid", "g.csv", "--complex", complex], b"");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("complex {complex}: {words}")), "{text}");
    }
    let wrong = |words: &[&str], flags: &[&str]| {
        refused(folder.path(), 2, words, &[&["barcode", "grid", "g.csv"], flags].concat());
    };
    wrong(&["--connectivity is 6, but must be 4 or 8 in the plane"], &["--connectivity", "6"]);
    wrong(&["cannot be used with"], &["--connectivity", "8", "--complex", "cells"]);
    wrong(&["freudenthal, vertices, cells"], &["--complex", "cubes"]);
    std::fs::write(folder.path().join("line.npy"), npy("<f8", false, "(2,)", &le(&[0.0, 1.0]))).unwrap();
    let line = ["barcode", "grid", "line.npy", "--connectivity", "4"];
    refused(folder.path(), 2, &["left out on a line"], &line);
    let small = ["barcode", "grid", "g.csv", "--complex", "cells", "--verify", "--memory", "0"];
    refused(folder.path(), 8, &["49 explicit cubes"], &small);
}

/// +∞ never enters: not in bars, not in pairs of length zero, by either algorithm.
#[test]
fn infinite_values_are_left_out_of_all_counts() {
    let never = f64::INFINITY;
    let values = vec![0.0, 1.0, 0.0, 1.0, never, 2.0, 0.0, 3.0, 0.5, never, never, never];
    let array = Array { shape: vec![4, 3], values };
    let options = BarcodeOptions { verify: true, zero_length: true, ..BarcodeOptions::bars(1 << 30) };
    for (complex, cells) in [
        (GridComplex::Vertices, 8 + 8),
        (GridComplex::Cells, 8 + 24 + 16),
        (GridComplex::Freudenthal, 8 + 10 + 2),
    ] {
        let barcode = grid("g", &array, complex, &options).unwrap();
        assert!(barcode.verified);
        let essential = barcode.bars.iter().filter(|bar| bar.death.is_none()).count();
        let loops: Vec<_> = barcode.bars.iter().filter(|bar| bar.dim == 1).collect();
        assert_eq!(
            (essential, loops.len(), loops[0].birth, loops[0].death),
            (2, 1, 3.0, None),
            "{complex:?}"
        );
        assert!(loops[0].death_point.is_none());
        let pairs = 2 * (barcode.bars.len() - essential) as u64 + 2 * barcode.zero_length;
        assert_eq!(pairs + essential as u64, cells, "{complex:?}");
        assert_eq!(barcode.zero_length_bars.unwrap().len() as u64, barcode.zero_length);
    }
}

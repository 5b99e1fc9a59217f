//! Barcodes on the command line: formats, known answers, what other libraries say.

use crate::binary::{json, json_in, refused, run};
use crate::npy::{le, npy};
use crate::recorded::{csv, recorded};
use serde_json::Value;
use tempfile::TempDir;
use valleys::formats::{Input, TableOptions, diagram, diagram_csv};

type Bars = Vec<(u64, f64, f64)>;

fn bars(document: &Value) -> Bars {
    let bar = |bar: &Value| {
        let death = if bar["death"].is_null() { f64::INFINITY } else { bar["death"].as_f64().unwrap() };
        (bar["index"].as_u64().unwrap(), bar["birth"].as_f64().unwrap(), death)
    };
    document["bars"].as_array().unwrap().iter().map(bar).collect()
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
    assert_eq!(document.as_object().unwrap().len(), 6);
    let renamed = csv.replace("loss", "train_loss");
    let other = json(&["barcode", "triangle", "--column", "train_loss"], "t.csv", renamed.as_bytes());
    assert_eq!((&document["birth"], &document["death"]), (&other["birth"], &other["death"]));
    let bare = json(&["barcode", "triangle"], "t.csv", b"1,0,0,-1\n0,1,0,-2\n0,0,1,-3\n");
    let words: Vec<f64> = ["h12", "h13", "h23", "birth", "death"].map(|k| bare[k].as_f64().unwrap()).into();
    assert_eq!(words, [-1.0, -1.0, -2.0, -1.0, -1.0]);
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
    let read = |bytes: &[u8]| diagram(&Input::new("diagram", bytes), &TableOptions::default()).unwrap().0;
    let (a, b) = (read(&csv), read(&document));
    assert_eq!(a, b);
    assert_eq!(a.len(), bars(&serde_json::from_slice(&document).unwrap()).len());
    for (index, interval) in [(0, (-0.0, 5e-324)), (3, (1.0 / 3.0, f64::INFINITY)), (1, (-1e300, 1e-300))] {
        let interval = valleys_core::topology::Interval::new(interval.0, interval.1);
        let csv = diagram_csv([(index, interval)]);
        assert_eq!(read(csv.as_bytes()), [(index, interval)]);
    }
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
    near(&found, &known, crate::tolerance::GRID);

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
    near(&found, &known, crate::tolerance::GRID);
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
        for (library, tolerance) in
            [("gudhi", crate::tolerance::PEER_F64), ("ripser", crate::tolerance::PEER_F32)]
        {
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

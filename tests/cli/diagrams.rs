//! Distances and summaries of diagrams on the command line: pitfalls, matchings, what other libraries say.

use crate::binary::{json, json_in};
use crate::recorded::{csv, recorded};
use serde_json::Value;
use tempfile::TempDir;

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

#[test]
fn distances_are_those_of_gudhi() {
    let mut compared = 0;
    for case in recorded().iter().filter(|case| case["kind"] == "distance") {
        let text = |rows: &Value| String::from_utf8(csv(rows)).unwrap();
        let (a, b) = (text(&case["a"]), text(&case["b"]));
        let of = |flags: &[&str]| distance(&a, &b, flags)["distance"].as_f64().unwrap();
        let close = |x: f64, y: &Value| (x - y.as_f64().unwrap()).abs() <= crate::tolerance::PEER_F64;
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

//! The study of weights: coefficients against scipy, the same bytes however it is run, what it finds.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use valleys::config::Config;
use valleys::error::ErrorKind;
use valleys::run::{Options, run};
use valleys::schema::{Correlation, Target, TrainingChange};
use valleys::study::correlation::{
    bootstrap_interval, holm, p_value, pearson, quantile, ranks, spearman, student_p_value,
    subtract_group_means,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_tests::tolerance::PEER_F64;

fn recorded() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/weights.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= PEER_F64 * b.abs()
}

#[test]
fn coefficients_and_their_chances_are_those_of_scipy() {
    let recorded = recorded();
    for case in recorded["correlations"].as_array().unwrap() {
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        for (key, r) in [("pearson", pearson(&x, &y)), ("spearman", spearman(&x, &y))] {
            let expected = numbers(&case[key]);
            let r = r.unwrap();
            let p = p_value(r, x.len() as f64 - 2.0).unwrap();
            // Of a coefficient of 1 only rounding makes a chance other than 0.
            let chance = if r == 1.0 { expected[1] < 1e-20 } else { near(p, expected[1]) };
            assert!((r - expected[0]).abs() < PEER_F64 && chance, "{key} {r} {p} {expected:?}");
        }
    }
    for case in recorded["student"].as_array().unwrap() {
        let of = |key: &str| case[key].as_f64().unwrap();
        assert!(
            near(student_p_value(of("t"), of("df")), of("p")),
            "{case}: {}",
            student_p_value(of("t"), of("df"))
        );
    }
}

#[test]
fn what_has_no_coefficient_has_none() {
    assert_eq!(pearson(&[0.1; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), None);
    assert_eq!(pearson(&[1.0, 2.0], &[1.0, 2.0]), None);
    assert_eq!(pearson(&[1.0, 2.0, 3.0], &[-2.0, -4.0, -6.0]), Some(-1.0));
    assert_eq!(p_value(1.0, 5.0), Some(0.0));
    assert_eq!(p_value(0.5, 0.0), None);
    assert_eq!(bootstrap_interval(&[0.1; 5], &[1.0, 2.0, 3.0, 4.0, 5.0], 1, pearson), None);
    assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
    assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
}

/// Holm's own procedure, by hand: 0.01 · 4, 0.02 · 3, then max(0.03 · 2, 0.06), 0.5.
#[test]
fn corrections_by_hand() {
    let corrected = holm(&[0.02, 0.5, 0.01, 0.03]);
    let expected = [0.06, 0.5, 0.04, 0.06];
    assert!(corrected.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{corrected:?}");
    assert_eq!(holm(&[0.4, 0.9]), [0.8, 0.9]);
    assert_eq!(subtract_group_means(&[1.0, 3.0, 10.0, 20.0], &[5, 5, 7, 7]), [-1.0, 1.0, -5.0, 5.0]);
}

/// The interval of a correlation of 0.6 over 40 rows holds it in about 95 of 100 samples.
#[test]
fn intervals_hold_the_truth() {
    let held = (0..100).filter(|&sample| {
        let mut stream = Stream::new(Key::new(11, 0), Purpose::Init, 0, sample);
        let x: Vec<f64> = (0..40).map(|_| stream.normal()).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.6 * x + 0.8 * stream.normal()).collect();
        let [lo, hi] = bootstrap_interval(&x, &y, u64::from(sample), pearson).unwrap();
        lo <= 0.6 && 0.6 <= hi
    });
    let held = held.count();
    assert!((86..=100).contains(&held), "{held} of 100");
}

/// A study of a second.
fn small(extra: &[&str]) -> Config {
    let keys = ["study.sizes=[20,60,150]", "study.seeds=2", "minima.epochs=6", "network=mlp:64-24-16-10"];
    let keys: Vec<String> = keys.iter().chain(extra).map(|&k| k.to_owned()).collect();
    Config::load(None, Some("weights-digits"), &keys).unwrap()
}

/// Every file of a run directory but its lock.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().unwrap() != "lock" {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

#[test]
fn threads_and_interruptions_do_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let work = |name: &str, threads: usize| {
        let out = folder.path().join(name);
        let options =
            Options { out: Some(out.clone()), threads: Some(threads), quiet: true, ..Options::default() };
        run(small(&[]), "study", &options).unwrap();
        files(&out)
    };
    let one = work("one", 1);
    assert!(one.contains_key("networks/150-1/measured.csv") && one.contains_key("report.html"));
    assert!(one == work("three", 3), "another number of threads");
    // Some networks are gone, one is half made: as after a kill.
    let killed = folder.path().join("one");
    std::fs::remove_dir_all(killed.join("networks/60-0")).unwrap();
    std::fs::rename(killed.join("networks/20-1"), killed.join("networks/.tmp-half")).unwrap();
    std::fs::remove_file(killed.join("networks/.tmp-half/measured.csv")).unwrap();
    std::fs::remove_file(killed.join("summary.json")).unwrap();
    assert!(one == work("one", 2), "resumed");
}

#[test]
fn measurements_are_of_the_stored_weights() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let options = Options { out: Some(out.clone()), threads: None, quiet: true, ..Options::default() };
    let (summary, _) = run(small(&[]), "study", &options).unwrap();
    let study = summary.study.unwrap();
    assert_eq!(study.layers, ["fc1.weight", "fc2.weight", "fc3.weight"]);
    assert_eq!((study.networks.len(), study.comparisons), (6, 8 * 4 * 2 * 3));
    let file = out.join("networks/150-0/theta.safetensors");
    let weights = valleys::weights::read(&file, &valleys::weights::WeightsOptions::default()).unwrap();
    let text = std::fs::read_to_string(out.join("networks/150-0/measured.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|c| *c == name).unwrap();
    // Untrained, four times in the first epoch, after five more; three layers each.
    assert_eq!(rows.len(), 1 + 3 * (1 + 4 + 5));
    for (layer, row) in weights.layers.iter().zip(&rows[rows.len() - 3..]) {
        let number = |name: &str| row[column(name)].parse::<f64>().unwrap();
        assert_eq!(layer.statistics.mean_lifetime, Some(number("mean_lifetime")));
        assert_eq!(layer.statistics.neural_persistence_norm, Some(number("neural_persistence_norm")));
        assert_eq!(number("epoch"), 6.0);
    }
}

/// The preset itself: what it found once, it finds again (docs/weights.md).
#[test]
fn mean_lifetime_follows_accuracy_on_the_digits() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { out: Some(folder.path().join("run")), threads: None, quiet: true, ..Options::default() };
    let config = Config::load(None, Some("weights-digits"), &[]).unwrap();
    let study = run(config, "weights-digits", &options).unwrap().0.study.unwrap();
    let of = |metric: &'static str| {
        let wanted = move |c: &&Correlation| {
            c.metric == metric && c.target == Target::TestAccuracy && c.layer != "all layers"
        };
        study.correlations.iter().filter(wanted).map(|c| c.pearson.value.unwrap()).collect::<Vec<_>>()
    };
    // The PyTorch trial (method: section 5): 0.84, 0.89, 0.94, 0.97 and −0.79, −0.79, −0.74, +0.72.
    for (found, trial) in of("mean_lifetime").iter().zip([0.84, 0.89, 0.94, 0.97]) {
        assert!((found - trial).abs() < 0.12, "{found}, not {trial}");
    }
    for (found, trial) in of("entropy_norm_log_n").iter().zip([-0.79, -0.79, -0.74, 0.72]) {
        assert!((found - trial).abs() < 0.2, "{found}, not {trial}");
    }
    let change = |layer: &str| {
        let is = |c: &&TrainingChange| c.metric == "mean_lifetime" && c.layer == layer && c.samples == 1437;
        study.changes.iter().find(is).map(|c| (c.untrained.mean.unwrap(), c.trained.mean.unwrap())).unwrap()
    };
    let trial = [("fc1", 0.683, 1.37), ("fc2", 0.685, 1.00), ("fc3", 0.687, 0.92), ("fc4", 0.740, 2.93)];
    for (layer, untrained, trained) in trial {
        let found = change(&format!("{layer}.weight"));
        assert!(
            (found.0 / untrained - 1.0).abs() < 0.05 && (found.1 / trained - 1.0).abs() < 0.1,
            "{layer} {found:?}"
        );
    }
}

#[test]
fn wrong_studies_get_one_sentence() {
    let options = |folder: &Path| Options {
        out: Some(folder.join("run")),
        threads: None,
        quiet: true,
        ..Options::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for (key, part) in [
        ("study.sizes=[20,2000]", "2000: 1 to 1437 training samples"),
        ("network=himmelblau", "takes no dataset"),
    ] {
        let failure = run(small(&[key]), "study", &options(folder.path())).unwrap_err();
        assert!(failure.kind == ErrorKind::Configuration && failure.message.contains(part), "{failure}");
    }
    let keys = ["study.seeds=0".to_owned()];
    let failure = Config::load(None, Some("weights-digits"), &keys).unwrap_err();
    assert!(failure.message.contains("study.seeds is 0"), "{failure}");
}

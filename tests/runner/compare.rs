//! Runs side by side: means by literal formulas, distances by another algorithm, what cannot be compared, several networks
//! in one run.

use std::path::{Path, PathBuf};
use valleys::compare::Comparison;
use valleys::config::Config;
use valleys::error::ErrorKind;
use valleys::report;
use valleys::run::{Options, run, run_all};
use valleys::schema::{Segment, Summary};

/// A short run on the digits.
fn work(out: &Path, keys: &[&str]) -> PathBuf {
    let small =
        ["minima.count=6", "minima.group=3", "minima.epochs=4", "curves.epochs=2", "triangles.epochs=2"];
    let more = ["lattice.n=6", "second_fit.epoch_multiplier=1"];
    let keys: Vec<String> = small.iter().chain(&more).chain(keys).map(|&key| key.to_owned()).collect();
    let config = Config::load(None, Some("digits"), &keys).unwrap();
    run(config, &Options { out: Some(out.to_owned()), quiet: true, ..Options::default() }).unwrap().1
}

/// The smallest largest cost over all matchings of at most two points each, to each other or to the diagonal.
fn bottleneck_of_two(a: &[Segment], b: &[Segment]) -> f64 {
    let half = |s: &Segment| (s.death - s.birth) / 2.0;
    let cost = |s: &Segment, t: &Segment| (s.birth - t.birth).abs().max((s.death - t.death).abs());
    let all = |pairs: &[(usize, usize)]| {
        let of_pairs = pairs.iter().map(|&(i, j)| cost(&a[i], &b[j]));
        let left = (0..2).filter(|&i| pairs.iter().all(|p| p.0 != i)).map(|i| half(&a[i]));
        let right = (0..2).filter(|&j| pairs.iter().all(|p| p.1 != j)).map(|j| half(&b[j]));
        of_pairs.chain(left).chain(right).fold(0.0, f64::max)
    };
    let matchings: [&[(usize, usize)]; 7] =
        [&[], &[(0, 0)], &[(0, 1)], &[(1, 0)], &[(1, 1)], &[(0, 0), (1, 1)], &[(0, 1), (1, 0)]];
    matchings.into_iter().map(all).fold(f64::INFINITY, f64::min)
}

#[test]
fn means_and_distances_are_those_of_the_summaries() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let runs = [
        work(&name("a"), &[]),
        work(&name("b"), &["seed=2"]),
        work(&name("c"), &["network=mlp:64-16-10", "train.learning_rate=0.02"]),
    ];
    let comparison = Comparison::read(&runs).unwrap();
    assert_eq!(comparison.keys, ["network", "seed", "train.learning_rate"]);
    let names: Vec<&str> = comparison.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names[1], "mlp:64-32-32-10, seed = 2, train.learning_rate = 0.05");
    let summaries = runs.each_ref().map(|run| Summary::read(run).unwrap());
    for (run, summary) in comparison.runs.iter().zip(&summaries) {
        assert!(run.independent);
        let errors: Vec<f64> = summary.minima.iter().map(|m| m.test_error.unwrap()).collect();
        let mean = errors.iter().sum::<f64>() / 6.0;
        let variance = errors.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / 5.0;
        assert!((run.errors.test.mean.unwrap() - mean).abs() < 1e-15);
        assert!((run.errors.test.deviation.unwrap() - variance.sqrt()).abs() < 1e-15);
        for (compared, fit) in run.fits.iter().zip(&summary.fits) {
            let [a, b] = &fit.segments[..] else { panic!("two triples") };
            let (x, y) = (a.length() / 2.0, b.length() / 2.0);
            let w = compared.w_infinity_of_triangles;
            assert!((w.mean.unwrap() - (x + y) / 2.0).abs() < 1e-15);
            assert!((w.deviation.unwrap() - (x - y).abs() / 2f64.sqrt()).abs() < 1e-12);
            assert_eq!(compared.w_infinity_segments, Some(x.max(y)));
        }
    }
    let segments = comparison.distances.iter().filter(|matrix| matrix.diagram == "segments");
    assert_eq!(segments.clone().count(), 2);
    for (matrix, fit) in segments.zip(0..) {
        for (row, a) in matrix.distances.iter().zip(&summaries) {
            for (distance, b) in row.iter().zip(&summaries) {
                let expected = bottleneck_of_two(&a.fits[fit].segments, &b.fits[fit].segments);
                assert!((distance.unwrap() - expected).abs() < 1e-12, "{distance:?} {expected}");
            }
        }
    }
    // A row for each run and fit; as many fields as the header.
    let csv = comparison.to_csv();
    let lines: Vec<usize> = csv.lines().map(|line| line.matches(',').count()).collect();
    assert!(lines.len() == 1 + 3 * 2 && lines.iter().all(|&count| count == lines[0]), "{csv}");
    let page = report::comparison::page(&comparison).unwrap();
    for part in
        ["3 runs on digits", "id=\"w-infinity\"", "id=\"distances\"", "seed = 2", "Test error, fit uniform-1"]
    {
        assert!(page.contains(part), "no {part} in the page");
    }
    assert!(!page.contains("<script") && !page.contains("http://www.w3.org/1999/xlink"));
    assert!(comparison.to_table().contains("bottleneck distances, fit uniform-1, segments"));
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let digits = work(&name("digits"), &["minima.count=3"]);
    let function = |preset: &str| {
        let keys = ["minima.count=1", "index=0", "lattice.n=2"].map(str::to_owned);
        let config = Config::load(None, Some(preset), &keys).unwrap();
        run(config, &Options { out: Some(name(preset)), quiet: true, ..Options::default() }).unwrap().1
    };
    let fewer = work(&name("fewer"), &["minima.count=3", "data.limit=500"]);
    let [ring, sphere] = ["three-well-ring", "sphere"].map(function);
    for (pair, words) in [
        ([&digits, &fewer], "(1437 and 500 training samples)"),
        ([&digits, &ring], "their data sets are digits and none"),
        ([&ring, &sphere], "functions three-well-ring:5 and sphere:5"),
        ([&digits, &name("nothing")], "summary.json"),
    ] {
        let error = Comparison::read(&pair.map(Clone::clone)).unwrap_err();
        assert!(error.kind == ErrorKind::Data && error.message.contains(words), "{error}");
    }
}

#[test]
fn several_networks_are_runs_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("both");
    let keys = [
        r#"network=["mlp:64-16-10", "mlp:64-12-10"]"#,
        "minima.count=3",
        "minima.epochs=3",
        "curves.epochs=1",
        "triangles.epochs=1",
        "lattice.n=6",
        "second_fit.depth=0",
    ]
    .map(str::to_owned);
    let configs = Config::load_all(None, Some("digits"), &keys).unwrap();
    let options = Options { out: Some(out.clone()), quiet: true, ..Options::default() };
    let (summaries, root) = run_all(configs.clone(), &options).unwrap();
    assert_eq!((summaries.len(), &root), (2, &out));
    // The same as each network alone.
    let alone = folder.path().join("alone");
    let options = Options { out: Some(alone.clone()), quiet: true, ..Options::default() };
    run(configs[1].clone(), &options).unwrap();
    for file in ["summary.json", "uniform-1/0-1-2.csv", "minima/2/2.safetensors", "report.html"] {
        let [a, b] = [&alone, &out.join("mlp-64-12-10")].map(|root| std::fs::read(root.join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
    let comparison = Comparison::read_all(std::slice::from_ref(&out)).unwrap();
    assert_eq!(comparison.keys, ["network"]);
    let text = std::fs::read_to_string(out.join("comparison.json")).unwrap();
    assert_eq!(text, comparison.relative_to(&out).to_json());
    assert!(std::fs::read_to_string(out.join("report.html")).unwrap().contains("2 networks on digits"));
}

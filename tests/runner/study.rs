//! The study of weights: coefficients against scipy, the same bytes however it is run, what it finds.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use valleys::config::{Backend, Config, Initial};
use valleys::error::ErrorKind;
use valleys::run::{Options, run};
use valleys::schema::{Correlation, Target, TrainingChange};
use valleys::study::correlation::{Grid, Rows, holm, pearson, quantile, ranks, spearman};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_tests::tolerance::{PEER_F64, RUN_F32};

fn recorded() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/weights.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn coefficients_are_those_of_scipy() {
    let recorded = recorded();
    for case in recorded["correlations"].as_array().unwrap() {
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        for (key, r) in [("pearson", pearson(&x, &y)), ("spearman", spearman(&x, &y))] {
            let expected = numbers(&case[key])[0];
            let r = r.unwrap();
            assert!((r - expected).abs() < PEER_F64, "{key} {r} {expected:?}");
        }
    }
}

#[test]
fn what_has_no_coefficient_has_none() {
    assert_eq!(pearson(&[0.1; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), None);
    assert_eq!(pearson(&[1.0, 2.0], &[1.0, 2.0]), None);
    assert_eq!(pearson(&[1.0, 2.0, 3.0], &[-2.0, -4.0, -6.0]), Some(-1.0));
    let constant = grid(3, 2, |size, replicate| Some((0.1, (size * replicate) as f64)));
    assert_eq!(constant.coefficient(Rows::All, pearson), None);
    assert_eq!(constant.interval(Rows::All, pearson, 1), None);
    assert_eq!(constant.p_value(Rows::All, pearson, 1), None);
    let one_size = grid(1, 5, |_, replicate| Some((replicate as f64, (replicate * replicate) as f64)));
    assert_eq!(one_size.p_value(Rows::All, pearson, 1), None, "one size has no order");
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
}

fn grid(sizes: usize, replicates: usize, mut cell: impl FnMut(usize, usize) -> Option<(f64, f64)>) -> Grid {
    let row = |size| (0..replicates).map(|replicate| cell(size, replicate)).collect();
    Grid { cells: (0..sizes).map(row).collect() }
}

/// Three sizes and two replicates, by hand.
#[test]
fn permutations_by_hand() {
    // x and y rise with the size, in steps of 1 and of 1, 2: the coefficient is largest for the identity and, in size,
    // for the reverse order.
    let y = [0.0, 1.0, 3.0];
    let rising = grid(3, 2, |size, replicate| Some((size as f64, y[size] + 0.1 * replicate as f64)));
    // Coefficients of x with the six orders of y: those of (0,1,3), (0,3,1), (1,0,3), (1,3,0), (3,0,1), (3,1,0) are
    // proportional to y₃ − y₁: 3, 1, 2, −1, −2, −3.
    assert_eq!(rising.p_value(Rows::All, pearson, 1), Some(2.0 / 6.0));
    // Within sizes y rises with the replicate and x does not vary: nothing to compare.
    let within = Rows::WithinSizes;
    assert_eq!(rising.coefficient(within, pearson), None);
    // Both rise with the replicate, the same in all sizes: of the two orders of replicates both are as large in size.
    let both = grid(3, 2, |size, r| Some(((size + r) as f64, (5 * size + 2 * r) as f64)));
    assert!((both.coefficient(within, pearson).unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(both.p_value(within, pearson, 1), Some(1.0));
    // Three of four networks: the same without the missing one.
    let missing = grid(2, 2, |size, r| {
        (size + r < 2).then_some((size as f64 + r as f64, 3.0 * size as f64 - r as f64))
    });
    assert_eq!(missing.len(), 3);
    let [x, y] = [[0.0, 1.0, 1.0], [0.0, -1.0, 3.0]];
    assert_eq!(missing.coefficient(Rows::All, pearson), pearson(&x, &y));
}

/// Effects of size and of replicate that all networks of a size, or of a replicate, share; x and y have nothing to do with
/// each other.
fn unrelated(stream: &mut Stream, sizes: usize, replicates: usize) -> Grid {
    let mut draw =
        |len: usize| -> Vec<[f64; 2]> { (0..len).map(|_| [stream.normal(), stream.normal()]).collect() };
    let (of_size, of_replicate, own) = (draw(sizes), draw(replicates), draw(sizes * replicates));
    grid(sizes, replicates, |size, replicate| {
        let sum = |k: usize| {
            2.0 * of_size[size][k] + of_replicate[replicate][k] + 0.5 * own[size * replicates + replicate][k]
        };
        Some((sum(0), sum(1)))
    })
}

/// Of columns that are not related, one in twenty is found to be at 5 %, although networks share effects. Student's t over
/// 25 networks, as if they were independent, finds more than a quarter of them.
#[test]
fn unrelated_columns_are_rarely_found_related() {
    let (mut all, mut within, mut student) = (0, 0, 0);
    const TRIALS: u32 = 300;
    for trial in 0..TRIALS {
        let mut stream = Stream::new(Key::new(17, 0), Purpose::Init, 0, trial);
        let grid = unrelated(&mut stream, 5, 5);
        all += u32::from(grid.p_value(Rows::All, pearson, 1).unwrap() <= 0.05);
        within += u32::from(grid.p_value(Rows::WithinSizes, pearson, 1).unwrap() <= 0.05);
        // Above 0.396 the p-value of Student's t with 23 degrees of freedom is below 0.05.
        student += u32::from(grid.coefficient(Rows::All, pearson).unwrap().abs() > 0.396);
    }
    let share = |count: u32| f64::from(count) / f64::from(TRIALS);
    // 5 % with a standard error of 1.3 %.
    assert!(share(all) < 0.09 && share(within) < 0.09, "{} {}", share(all), share(within));
    assert!(share(student) > 0.25, "{}", share(student));
}

/// The interval of a coefficient that is due to sizes and replicates holds the coefficient of the population: with the
/// two-way bootstrap about as often as it should, for so few sizes.
#[test]
fn intervals_hold_the_truth() {
    let held = (0..100).filter(|&sample| {
        let mut stream = Stream::new(Key::new(11, 0), Purpose::Init, 0, sample);
        let (sizes, replicates) = (12, 6);
        let x: Vec<f64> = (0..sizes + replicates).map(|_| stream.normal()).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.6 * x + 0.8 * stream.normal()).collect();
        let grid = grid(sizes, replicates, |size, r| Some((x[size] + x[sizes + r], y[size] + y[sizes + r])));
        let [lo, hi] = grid.interval(Rows::All, pearson, u64::from(sample)).unwrap();
        lo <= 0.6 && 0.6 <= hi
    });
    let held = held.count();
    assert!((82..=100).contains(&held), "{held} of 100");
}

/// A study of a second.
fn small(extra: &[&str]) -> Config {
    let keys = ["study.sizes=[20,60,150]", "study.seeds=2", "minima.epochs=6", "network=mlp:64-24-16-10"];
    let keys: Vec<String> = keys.iter().chain(extra).map(|&k| k.to_owned()).collect();
    Config::load(None, Some("weights-digits"), &keys).unwrap()
}

/// Every file of a run directory but its lock and its times.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !["lock", "times.csv"].iter().any(|name| path.file_name().unwrap() == *name) {
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
        run(small(&[]), &options).unwrap();
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
    let (summary, _) = run(small(&[]), &options).unwrap();
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
    let study = run(config, &options).unwrap().0.study.unwrap();
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

/// Networks of a replicate start alike, or each from its own parameters; with equal steps all end after as many steps,
/// with as many measurements; with permuted labels none knows the test samples.
#[test]
fn controls() {
    let folder = tempfile::tempdir().unwrap();
    let first_rows = |name: &str, extra: &[&str]| {
        let out = folder.path().join(name);
        let options = Options { out: Some(out.clone()), quiet: true, ..Options::default() };
        let summary = run(small(extra), &options).unwrap().0;
        let measured = |network: &str| {
            std::fs::read_to_string(out.join(format!("networks/{network}/measured.csv"))).unwrap()
        };
        let texts = ["20-0", "60-0", "150-0"].map(measured);
        (summary, texts)
    };
    let column = |text: &str, row: usize, name: &str| -> f64 {
        let mut lines = text.lines();
        let at = lines.next().unwrap().split(',').position(|field| field == name).unwrap();
        lines.nth(row).unwrap().split(',').nth(at).unwrap().parse().unwrap()
    };
    let lifetime = |text: &str| column(text, 0, "mean_lifetime");
    let (_, texts) = first_rows("plain", &[]);
    assert!(texts.iter().all(|text| lifetime(text) == lifetime(&texts[0])), "the same initial weights");
    let (_, texts) = first_rows("own", &["study.initial=own"]);
    assert!(lifetime(&texts[0]) != lifetime(&texts[1]) && lifetime(&texts[1]) != lifetime(&texts[2]));
    let (_, texts) = first_rows("steps", &["study.equal_steps=true"]);
    let rows = texts.each_ref().map(|text| text.lines().count());
    assert!(rows.iter().all(|&count| count == rows[0]), "{rows:?}");
    // Six epochs of 5 batches are 30 steps: 30 epochs of one batch, 15 of two.
    let last = texts.each_ref().map(|text| column(text, text.lines().count() - 2, "epoch"));
    assert_eq!(last, [30.0, 15.0, 6.0]);
    let (plain, _) = first_rows("long", &["minima.epochs=30"]);
    let (shuffled, _) = first_rows("labels", &["study.shuffle_labels=true", "minima.epochs=30"]);
    let error = |study: &valleys::schema::StudySummary| {
        study.networks.iter().map(|n| n.errors()[1]).fold(f64::INFINITY, f64::min)
    };
    assert!(error(&plain.study.unwrap()) < 0.5);
    assert!(error(&shuffled.study.unwrap()) > 0.75, "chance is 0.9");
}

/// Permuted training labels: the same on every engine, another permutation for each replicate, and said wherever results
/// are shown.
#[test]
fn shuffled_labels_on_every_engine() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ["study.shuffle_labels=true", "study.equal_steps=true", "minima.epochs=3", "study.early=1"];
    let work = |name: &str, backend: Backend| {
        let out = folder.path().join(name);
        let options = Options { out: Some(out.clone()), threads: Some(1), quiet: true, ..Options::default() };
        let mut config = small(&keys);
        config.backend = backend;
        (run(config, &options).unwrap().0, out)
    };
    let (cpu, out) = work("cpu", Backend::Cpu);
    assert!(files(&out) == files(&work("again", Backend::Cpu).1), "not the same twice");
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    let title = "on digits, training labels shuffled, equal steps</title>";
    assert!(report.contains(title) && report.contains("those of 3 epochs of the largest training set"));
    let text = valleys::table::summary(&cpu);
    assert!(text.starts_with("control: training labels shuffled, equal steps\n"), "{text}");
    let mut engines = vec![("reference", Backend::Reference)];
    engines.extend(valleys_tests::gpu(false).map(|_| ("gpu", Backend::Gpu)));
    let near = |a: f64, b: f64| (a - b).abs() <= RUN_F32 * b.abs();
    for (name, backend) in engines {
        let other = work(name, backend).0.study.unwrap();
        for (a, b) in other.networks.iter().zip(&cpu.study.as_ref().unwrap().networks) {
            assert!(near(a.train_loss, b.train_loss) && near(a.test_loss, b.test_loss), "{name} {a:?} {b:?}");
        }
    }
}

/// Files from before the controls have their defaults, and wrong values are refused by name.
#[test]
fn controls_in_a_configuration() {
    let text = "network = \"mlp:64-10\"\ndataset = \"digits\"\n[study]\nsizes = [20]\nseeds = 2\nearly = 4\n";
    let study = Config::parse(Path::new("old.toml"), text).unwrap().study;
    assert_eq!((study.initial, study.equal_steps, study.shuffle_labels), (Initial::Shared, false, false));
    let set = small(&["study.initial=own", "study.equal_steps=true", "study.shuffle_labels=true"]);
    assert_eq!(Config::parse(Path::new("new.toml"), &set.to_toml()).unwrap().study, set.study);
    for key in ["study.initial=each", "study.equal_steps=1", "study.shuffle_labels=yes"] {
        let failure = Config::load(None, Some("weights-digits"), &[key.to_owned()]).unwrap_err();
        let name = key.split_once('=').unwrap().0;
        assert!(failure.kind == ErrorKind::Configuration && failure.message.contains(name), "{failure}");
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
        let failure = run(small(&[key]), &options(folder.path())).unwrap_err();
        assert!(failure.kind == ErrorKind::Configuration && failure.message.contains(part), "{failure}");
    }
    let keys = ["study.seeds=0".to_owned()];
    let failure = Config::load(None, Some("weights-digits"), &keys).unwrap_err();
    assert!(failure.message.contains("study.seeds is 0"), "{failure}");
}

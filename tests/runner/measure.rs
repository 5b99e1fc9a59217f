//! Measurements on a part of the samples, fits that share curves, scales of presets.

use std::collections::HashMap;
use std::path::Path;
use valleys::config::{Config, Scale};
use valleys::problem;
use valleys::run::{Options, run};
use valleys::schema::{FoundMaxLoss, LatticeValues, Summary};
use valleys_core::engine::{Engine, Mix, Split, Subset, Value};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len};

const SMALL: [&str; 7] = [
    "minima.count=3",
    "minima.epochs=6",
    "curves.epochs=4",
    "triangles.epochs=4",
    "lattice.n=12",
    "second_fit.depth=0",
    "seed=3",
];

fn config(keys: &[&str]) -> Config {
    let keys: Vec<String> = SMALL.iter().chain(keys).map(|&key| key.to_owned()).collect();
    Config::load(None, Some("digits"), &keys).unwrap()
}

fn work(out: &Path, config: Config) -> Summary {
    run(config, &Options { out: Some(out.to_owned()), quiet: true, ..Options::default() }).unwrap().0
}

/// Losses of the triangle 0-1-2 of a fit at t, on all samples or a part, from its files.
fn losses(root: &Path, config: &Config, points: &[Vec<f64>], subset: Option<Subset>) -> Vec<f64> {
    let problem = problem::from_config(config).unwrap();
    let state = problem.state();
    let mut ids = vec![ControlPointId::default(); control_points_len(3, 1)];
    let control_points = ControlPoints::new(3, 1, &mut ids).unwrap();
    let files = HashMap::from([
        (1, "minima/0/0"),
        (2, "minima/1/1"),
        (4, "minima/2/2"),
        (3, "uniform-1/0-1/0-1"),
        (5, "uniform-1/0-2/0-2"),
        (6, "uniform-1/1-2/1-2"),
        (7, "uniform-1/0-1-2/0-1-2"),
    ]);
    let mut engine = problem.engine(7).unwrap();
    for (slot, id) in (0..).zip(control_points.ids()) {
        let face = files[&id.support()];
        // Private copies of the edges lie with their triangle.
        let own = root.join(format!("uniform-1/0-1-2/{}.safetensors", face.rsplit('/').next().unwrap()));
        let shared = root.join(format!("{face}.safetensors"));
        let path = if own.exists() { own } else { shared };
        let theta = valleys::checkpoint::read(&path, &state, false).unwrap().theta;
        engine.put(slot, &theta).unwrap();
    }
    let mixes: Vec<Mix> = points.iter().map(|t| control_points.mix(t)).collect();
    let mut values = vec![Value::default(); mixes.len()];
    engine.values(&[Split::Train], subset, &mixes, &mut values).unwrap();
    values.iter().map(|value| value.loss).collect()
}

/// The lattice has the losses on the part; the value of a simplex is a loss on all samples, and the largest of those
/// where it was looked for.
#[test]
fn values_are_losses_on_all_samples() {
    let folder = tempfile::tempdir().unwrap();
    let subset = Some(Subset { key: Key::new(3, 0), len: 200 });
    for (search, centres) in [(true, "fixed"), (false, "fixed"), (true, "trainable")] {
        let out = folder.path().join(format!("{search}-{centres}"));
        let keys = [format!("peaks.search={search}"), format!("triangles.centres={centres}")];
        let config = config(&["measure.samples=200", &keys[0], &keys[1]]);
        let summary = work(&out, config.clone());
        let lattice = LatticeValues::read(&out.join("uniform-1/0-1-2.csv"), 3).unwrap();
        let some = [vec![1.0, 0.0, 0.0], vec![0.0, 0.5, 0.5], vec![0.25, 0.25, 0.5]];
        let expected = losses(&out, &config, &some, subset);
        let at = |t: &[f64]| {
            let points = valleys_core::simplex::Lattice::new(3, 12).points();
            points.zip(&lattice.train).find(|(p, _)| p[..] == *t).unwrap().1.loss
        };
        for (t, expected) in some.iter().zip(&expected) {
            assert!((at(t) - expected).abs() < 1e-12 * expected, "{t:?}");
        }
        let (own, boundary) = FoundMaxLoss::read(&out.join("uniform-1/0-1-2.peak.csv"), 3).unwrap();
        let on_all = |found: &FoundMaxLoss| losses(&out, &config, std::slice::from_ref(&found.at), None)[0];
        assert!((own.loss - on_all(&own)).abs() < 1e-12 * own.loss);
        assert_eq!(boundary.is_some(), centres == "trainable");
        let segment = &summary.segments[0];
        if let Some(boundary) = boundary {
            assert!(boundary.at.contains(&0.0));
            assert!((boundary.loss - on_all(&boundary)).abs() < 1e-12 * boundary.loss);
            assert_eq!((segment.birth, segment.death), (boundary.loss, own.loss.max(boundary.loss)));
        } else {
            let of_curves = summary.fits[0].curves.iter().fold(0.0, |max: f64, curve| max.max(curve.peak));
            assert_eq!((segment.birth, segment.death), (of_curves, own.loss.max(of_curves)));
        }
        // Minima are measured on all samples.
        let corner = losses(&out, &config, &[vec![1.0, 0.0, 0.0]], None)[0];
        assert!((summary.minima[0].train_loss - corner).abs() < 1e-12);
        assert!((at(&[1.0, 0.0, 0.0]) - corner).abs() > 1e-6, "the part is not a part");
    }
}

/// With as many samples as there are, the lattice is that of all samples, and the largest losses are close.
#[test]
fn all_samples_as_a_part_are_all_samples() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, part] = ["whole", "part"].map(|name| folder.path().join(name));
    let (a, b) = (work(&whole, config(&[])), work(&part, config(&["measure.samples=1437"])));
    for file in ["uniform-1/0-1.csv", "uniform-1/0-1-2.csv"] {
        let [a, b] = [&whole, &part].map(|root| std::fs::read(root.join(file)).unwrap());
        assert!(a == b, "{file}");
    }
    let (a, b) = (&a.segments[0], &b.segments[0]);
    // The search on a part ends at larger steps.
    assert!((a.birth - b.birth).abs() < 0.01 * a.birth && (a.death - b.death).abs() < 0.01 * a.death);
}

/// Fits with other centres share the curves, and have the triangles of a run that has these centres alone.
#[test]
fn fits_with_other_centres_share_curves() {
    let folder = tempfile::tempdir().unwrap();
    let [both, alone] = ["both", "alone"].map(|name| folder.path().join(name));
    let compared = [
        "convergence.depth=1",
        "convergence.epoch_multipliers=[1, 2]",
        r#"convergence.samplings=["uniform"]"#,
        r#"convergence.centres=["fixed", "trainable"]"#,
    ];
    let summary = work(&both, config(&compared));
    let names: Vec<&str> = summary.fits.iter().map(|fit| fit.name.as_str()).collect();
    assert_eq!(names, ["uniform-1", "uniform-1-trainable", "uniform-1-x2", "uniform-1-x2-trainable"]);
    assert_eq!(summary.fits[3].curves_of.as_deref(), Some("uniform-1-x2"));
    assert!(summary.fits[1].curves == summary.fits[0].curves);
    assert!(!both.join("uniform-1-trainable/0-1.csv").exists());
    assert_eq!(
        (summary.fits[1].w_infinity, summary.fits[1].bars.iter().map(|b| b.index).max()),
        (None, Some(0))
    );
    let other = work(&alone, config(&["triangles.centres=trainable"]));
    for file in ["0-1-2.csv", "0-1-2.peak.csv", "0-1-2/0-1.safetensors", "0-1-2/training.csv"] {
        let a = std::fs::read(both.join("uniform-1-trainable").join(file)).unwrap();
        let b = std::fs::read(alone.join("uniform-1").join(file)).unwrap();
        assert!(a == b, "{file}");
    }
    assert!(summary.fits[1].segments[0].birth == other.segments[0].birth);
    assert_eq!(summary.convergence.len(), 4);
    let page = std::fs::read_to_string(both.join("report.html")).unwrap();
    assert!(page.contains("uniform, depth 1, trainable") && page.contains("Fit uniform-1-x2-trainable"));
}

#[test]
fn scales_divide_samples_and_epochs() {
    let load = |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        Config::load(None, Some("resnet20"), &keys).unwrap()
    };
    let sizes = |c: &Config| {
        [
            c.data.limit as u32,
            c.minima.epochs,
            c.curves.epochs,
            c.triangles.epochs,
            c.measure.samples,
            c.lattice.n,
        ]
    };
    assert_eq!(sizes(&load(&[])), [0, 300, 300, 300, 4000, 60]);
    let tenth = load(&["scale=tenth"]);
    assert_eq!((tenth.scale, sizes(&tenth)), (Scale::Tenth, [5000, 30, 30, 30, 400, 12]));
    assert_eq!(sizes(&load(&["scale=hundredth"])), [500, 3, 3, 3, 40, 6]);
    // What is set beside it stays.
    let own = load(&["scale=tenth", "minima.epochs=7", "lattice.n=24"]);
    assert_eq!(sizes(&own), [5000, 7, 30, 30, 400, 24]);
    // All networks of the table have the same keys.
    let table = Config::load_all(None, Some("table1"), &["scale=tenth".to_owned()]).unwrap();
    assert_eq!((table.len(), &table[0]), (8, &tenth));
    for network in &table {
        let alone = Config::load(None, Some(network.network.name()), &["scale=tenth".to_owned()]).unwrap();
        assert_eq!(alone, *network);
    }
}

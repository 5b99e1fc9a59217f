//! A run directory made by hand, for the tests of the report: three minima, two fits.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use tempfile::TempDir;
use valleys::config::Config;
use valleys::schema::{
    Bar, Curve, Fit, IndexDistance, Minimum, Provenance, Segment, Summary, Trial, VERSION,
};

pub const N: usize = 24;

/// Barycentric coordinates in the order of a file: (n,0,0), (n−1,1,0), (n−1,0,1), …
pub fn lattice(n: usize) -> impl Iterator<Item = [f64; 3]> {
    (0..=n).flat_map(move |row| (0..=row).map(move |k| [n - row, row - k, k].map(|x| x as f64 / n as f64)))
}

/// A loss of the look of a fitted triangle: low along the sides, high inside.
pub fn hill([a, b, c]: [f64; 3]) -> f64 {
    0.012 + 0.05 * (a * b + b * c + a * c) + 0.6 * a * b * c + 0.003 * a
}

/// A run directory with three minima and two fits.
pub fn directory(loss: impl Fn([f64; 3]) -> f64, summary: &str, config: &str) -> TempDir {
    let run = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let file = run.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("config.toml", config);
    write("summary.json", summary);
    let training = "epoch,rate,loss\n1,0.05,1.25\n2,0.05,0.5\n3,0.0005,0.0123\n";
    for i in 0..3 {
        write(&format!("minima/{i}/training.csv"), training);
    }
    let measured = |loss: f64| format!("{loss:?},{:?},{:?},{:?}", loss / 10.0, 2.0 * loss, loss / 5.0);
    for fit in ["uniform-1", "peak-2"] {
        for (edge, [i, j]) in [("0-1", [0, 1]), ("0-2", [0, 2]), ("1-2", [1, 2])] {
            let mut text = String::from("t1,t2,train_loss,train_error,test_loss,test_error\n");
            for k in 0..=N {
                let mut t = [0.0; 3];
                (t[i], t[j]) = ((N - k) as f64 / N as f64, k as f64 / N as f64);
                writeln!(text, "{:?},{:?},{}", t[i], t[j], measured(loss(t))).unwrap();
            }
            write(&format!("{fit}/{edge}.csv"), &text);
            write(&format!("{fit}/{edge}/training.csv"), training);
        }
        let mut text = String::from("t1,t2,t3,train_loss,train_error,test_loss,test_error\n");
        for t in lattice(N) {
            writeln!(text, "{:?},{:?},{:?},{}", t[0], t[1], t[2], measured(loss(t))).unwrap();
        }
        write(&format!("{fit}/0-1-2.csv"), &text);
        write(&format!("{fit}/0-1-2/training.csv"), training);
    }
    run
}

pub fn fit(name: &str, depth: usize, birth: f64, death: f64) -> Fit {
    let curve = |edge, peak, lower| Curve { edge, peak, lower, start: None };
    let bar = |index, birth, death, birth_simplex: &[u32], death_simplex: Option<&[u32]>| Bar {
        index,
        birth,
        death,
        birth_simplex: birth_simplex.to_vec(),
        death_simplex: death_simplex.map(<[u32]>::to_vec),
    };
    Fit {
        curves_of: None,
        name: name.into(),
        sampling: "uniform".into(),
        depth,
        centres: "fixed".into(),
        curves: vec![
            curve([0, 1], 0.0271, 0.015),
            curve([0, 2], 0.0272, 0.015),
            curve([1, 2], 0.0265, 0.0125),
        ],
        segments: vec![segment(birth, death)],
        bars: vec![
            bar(0, 0.012, None, &[1], None),
            bar(0, 0.015, Some(0.0271), &[0], Some(&[0, 1])),
            bar(1, birth, Some(death), &[0, 2], Some(&[0, 1, 2])),
        ],
        zero_length: 3,
        w_infinity: Some(0.01234567890123),
        minmax: Vec::new(),
        w_infinity_by_index: vec![IndexDistance { index: 1, value: 0.01234567890123 }],
        w_infinity_segments: Some(0.01345678901234),
        steps: 2250,
        search_evaluations: 0,
    }
}

pub fn segment(birth: f64, death: f64) -> Segment {
    Segment {
        triangle: [0, 1, 2],
        birth,
        birth_lower: 0.015,
        death,
        birth_not_separated: false,
        length_change: None,
        start: None,
    }
}

pub fn minimum(
    id: u32,
    train_loss: f64,
    train_error: f64,
    test_loss: f64,
    test_error: Option<f64>,
) -> Minimum {
    Minimum {
        id,
        train_loss,
        train_error: Some(train_error),
        test_loss: Some(test_loss),
        test_error,
        train_rmse: None,
        test_rmse: None,
        test_metrics: BTreeMap::new(),
    }
}

pub fn trial(depth: usize, steps: u64, seed: u32, birth: f64, death: f64) -> Trial {
    let sampling = if depth == 1 { "uniform" } else { "peak" }.to_owned();
    Trial { sampling, centres: "fixed".into(), depth, steps, seed, birth, birth_lower: 0.013, death }
}

/// Three minima, two fits, a convergence study.
pub fn results() -> Summary {
    let fits = vec![fit("uniform-1", 1, 0.0272, 0.0578), fit("peak-2", 2, 0.0201, 0.0312345678901)];
    Summary {
        version: VERSION,
        minima: vec![
            minimum(0, 0.015, 0.00139178844815588, 0.03, None),
            minimum(1, 0.0120123456789, 0.0, 0.031, Some(0.0083)),
            minimum(2, 0.0125, 0.0, 0.032, Some(0.0111)),
        ],
        segments: fits[0].segments.clone(),
        bars: fits[0].bars.clone(),
        zero_length: 3,
        w_infinity: fits[0].w_infinity,
        minmax: Vec::new(),
        w_infinity_by_index: fits[0].w_infinity_by_index.clone(),
        w_infinity_segments: fits[0].w_infinity_segments,
        fits,
        convergence: vec![
            trial(1, 2250, 1, 0.030, 0.058),
            trial(2, 2250, 1, 0.023, 0.041),
            trial(2, 9000, 2, 0.015, 0.024),
        ],
        certified: Vec::new(),
        study: None,
        config: Config::load(None, Some("digits"), &[]).unwrap(),
        provenance: Provenance {
            version: "0.2.0".into(),
            parameters: 3466,
            adapter: None,
            train_samples: Some(1437),
            test_samples: Some(360),
            data: Some("a hash".into()),
            source: None,
        },
    }
}

pub fn summary() -> String {
    results().to_json()
}

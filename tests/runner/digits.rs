//! The preset `digits` against an independent PyTorch trial (method: section 6).

use valleys::config::Config;
use valleys::run::{Options, run};
use valleys::schema::Summary;

fn result(seed: u32, overrides: &[&str]) -> Summary {
    let mut all: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    all.push(format!("seed={seed}"));
    let config = Config::load(None, Some("digits"), &all).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { out: Some(folder.path().join("run")), threads: None, quiet: true, ..Options::default() };
    run(config, &options).unwrap().0
}

/// The mean lies within three of the trial's standard deviations (between replicates) of its mean.
fn near(what: &str, values: &[f64], mean: f64, deviation: f64) {
    let ours = values.iter().sum::<f64>() / values.len() as f64;
    println!("{what}: {ours:.4}, the trial's {mean} ± {deviation}");
    assert!((ours - mean).abs() < 3.0 * deviation, "{what}: {ours}, the trial's {mean} ± {deviation}");
}

/// The test error is not among these: it is a matter of the split. On this split PyTorch's is 3.6 ± 0.4 %, on 29
/// others 1.5 to 3.5 %; the trial's split, with 0.9 %, is not known.
#[test]
fn digits_are_as_in_the_trial() {
    let paper = result(1, &["lattice.n=24", "second_fit.depth=2"]);
    let losses: Vec<f64> = paper.minima.iter().map(|m| m.train_loss).collect();
    near("loss of the minima", &losses, 0.0118, 0.0007);
    let fit = &paper.fits[0];
    near("peaks of curves", &fit.curves.iter().map(|c| c.peak).collect::<Vec<_>>(), 0.028, 0.002);
    near("births", &fit.segments.iter().map(|s| s.birth).collect::<Vec<_>>(), 0.030, 0.002);
    near("deaths", &fit.segments.iter().map(|s| s.death).collect::<Vec<_>>(), 0.0585, 0.004);
    let errors: Vec<f64> = paper.minima.iter().filter_map(|m| m.test_error).collect();
    assert!(errors.iter().all(|e| (0.01..0.06).contains(e)), "{errors:?}");

    // The tight fit: below the paper's, above the lower bound.
    for (tight, loose) in paper.fits[1].segments.iter().zip(&fit.segments) {
        assert!(tight.birth_lower <= tight.birth && tight.birth < 0.7 * loose.birth, "{tight:?} {loose:?}");
        assert!(tight.death < 0.65 * loose.death, "{tight:?} {loose:?}");
    }

    let straight =
        result(1, &["lattice.n=24", "curves.epochs=0", "triangles.epochs=0", "second_fit.depth=0"]);
    let peaks: Vec<f64> = straight.fits[0].curves.iter().map(|c| c.peak).collect();
    near("peaks of straight segments", &peaks, 0.85, 0.16);
    let unfitted = result(1, &["lattice.n=24", "triangles.epochs=0", "second_fit.depth=0"]);
    let deaths: Vec<f64> = unfitted.segments.iter().map(|s| s.death).collect();
    near("deaths with an unfitted centre", &deaths, 1.44, 0.10);

    let trainable = result(1, &["lattice.n=24", "triangles.centres=trainable", "second_fit.depth=0"]);
    assert_eq!(trainable.w_infinity, None, "private edges make no complex");
    near("deaths, trainable", &trainable.segments.iter().map(|s| s.death).collect::<Vec<_>>(), 0.062, 0.008);
}

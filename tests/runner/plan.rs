//! What a plan counts, against the files of the run.

use crate::study::files;
use std::path::{Path, PathBuf};
use valleys::config::Config;
use valleys::plan;
use valleys::run::{self, Options, Prepared};
use valleys::schema::{FoundMaxLoss, LatticeValues, TrainingEpoch, times};

/// Steps are those of the training curves, points those of lattices and searches, within the rounds of a search, which are
/// not known before. All jobs note their times.
#[test]
fn counts_are_those_of_the_record() {
    let small = [
        "minima.count=4",
        "minima.epochs=7",
        "curves.epochs=4",
        "triangles.epochs=3",
        "lattice.curves=30",
        "second_fit.depth=0",
    ];
    for keys in [&["second_fit.depth=0"][..], &["second_fit.depth=0", "measure.samples=150", "lattice.n=24"]]
    {
        let keys: Vec<String> = small.iter().chain(keys).map(|&key| key.to_owned()).collect();
        let config = Config::load(None, Some("digits"), &keys).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let parts = run::parts(std::slice::from_ref(&config), Some(&out));
        let Prepared { problem, threads, .. } = parts[0].prepare(Some(2)).unwrap();
        let levels = run::levels(&config);
        let estimate = plan::estimate(&config, &*problem, &levels, &out, threads, usize::MAX).unwrap();
        assert!(!out.exists());
        let options = Options { out: Some(out.clone()), quiet: true, ..Options::default() };
        run::run(config, &options).unwrap();

        let planned =
            |of: fn(&plan::estimate::KindEstimate) -> u64| estimate.kinds.iter().map(of).sum::<u64>();
        let paths: Vec<PathBuf> = files(&out).keys().map(|name| out.join(name)).collect();
        let ending =
            |ending: &'static str| paths.iter().filter(move |path| path.to_string_lossy().ends_with(ending));
        let epochs: usize = ending("training.csv").map(|path| TrainingEpoch::read(path).unwrap().len()).sum();
        assert_eq!(planned(|kind| kind.steps), epochs as u64 * u64::from(problem.batches()));
        let vertices = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.split('.').next().unwrap().split('-').count()
        };
        let (mut lattice, mut searched) = (0, 0);
        for path in ending(".csv") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".peak.csv") {
                let (found, _) = FoundMaxLoss::read(path, vertices(path)).unwrap();
                searched += if vertices(path) > 1 { found.evaluations } else { 0 };
            } else if !["training.csv", "minmax.csv"].contains(&&*name) && !name.ends_with(".metrics.csv") {
                let values = LatticeValues::read(path, vertices(path)).unwrap();
                // Where curves have the lattice of triangles, only the interior of a triangle is measured.
                let n = u64::from(values.n);
                let shared = values.vertices == 3 && n == 30;
                lattice += if shared { (n - 1) * (n - 2) / 2 } else { values.train.len() as u64 };
            }
        }
        let (points, measured) = (planned(|kind| kind.points), lattice + searched);
        let ratio = points as f64 / measured as f64;
        assert!((0.7..1.3).contains(&ratio), "{points} planned, {measured} measured");
        let noted = std::fs::read_to_string(out.join("times.csv")).unwrap();
        assert_eq!(noted.lines().count(), 1 + estimate.jobs, "{noted}");
        let seconds = times::read_total(&out).unwrap().unwrap();
        assert!(seconds.training > 0.0 && seconds.measuring > 0.0);
    }
}

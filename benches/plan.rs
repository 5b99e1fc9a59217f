//! What `valleys plan` says of a run, and what the run takes: seconds on the wall, and the share of measuring.
//!
//!     cargo bench -p valleys-benches --bench plan [-- FILTER]
//!
//! On a quiet machine. Networks on FashionMNIST and CIFAR-10 need their files in VALLEYS_DATA.

use std::time::Instant;
use valleys::config::Config;
use valleys::error::CliError;
use valleys::plan;
use valleys::run::{self, Options, Prepared};
use valleys::schema::times;

/// Preset, and overrides.
const RUNS: [(&str, &[&str]); 7] = [
    ("digits", &[]),
    ("digits", &["minima.count=8", "measure.samples=200"]),
    ("converge-ring", &["convergence.epoch_multipliers=[1]", "minima.count=6"]),
    ("weights-digits", &["study.seeds=2"]),
    ("lenet5", &["scale=tenth", "data.limit=3000"]),
    ("resnet20", &["scale=hundredth", "minima.count=3", "minima.epochs=12"]),
    ("resnet20", &["scale=hundredth", "network=resnet8-ns", "data.limit=1000", "minima.count=6"]),
];

fn main() -> Result<(), CliError> {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let data = std::env::var("VALLEYS_DATA").ok();
    println!("| run | planned | took | planned / took | measuring planned | measuring, of the record |");
    println!("|---|---|---|---|---|---|");
    for (preset, keys) in RUNS {
        let mut overrides: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        let name = format!("{preset} {}", overrides.join(" "));
        let needs_files = ["lenet5", "resnet20"].contains(&preset);
        if !name.contains(&filter) {
            continue;
        }
        match &data {
            Some(data) if needs_files => overrides.push(format!("data.dir={data}")),
            None if needs_files => {
                println!("| {name} | SKIPPED: set VALLEYS_DATA | | | | |");
                continue;
            }
            _ => {}
        }
        let config = Config::load(None, Some(preset), &overrides)?;
        let folder =
            tempfile::tempdir().map_err(|e| CliError::new(valleys::error::ErrorKind::Data, e.to_string()))?;
        let out = folder.path().join("run");
        let parts = run::parts(std::slice::from_ref(&config), Some(&out));
        let Prepared { problem, threads, .. } = parts[0].prepare(None)?;
        let levels = run::levels(&config);
        let estimate = plan::estimate(&config, &*problem, &levels, &out, threads, usize::MAX)?;
        drop(problem);
        let start = Instant::now();
        run::run(config, &Options { out: Some(out.clone()), quiet: true, ..Options::default() })?;
        let took = start.elapsed().as_secs_f64();
        let sum = |of: fn(&plan::estimate::KindEstimate) -> f64| estimate.kinds.iter().map(of).sum::<f64>();
        let (training, measuring) = (sum(|kind| kind.training_seconds), sum(|kind| kind.measuring_seconds));
        let record = times::read_total(&out)?.unwrap_or_default();
        let share = |measuring: f64, training: f64| 100.0 * measuring / (measuring + training);
        println!(
            "| {name} | {:.2} s | {took:.2} s | {:.2} | {:.0} % | {:.0} % |",
            estimate.seconds,
            estimate.seconds / took,
            share(measuring, training),
            share(record.measuring, record.training)
        );
    }
    Ok(())
}

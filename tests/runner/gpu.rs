//! Whole runs on a GPU: the same barcode as on the processor.

use valleys::config::{Backend, Config};
use valleys::run::{Options, run};
use valleys::schema::Summary;
use valleys_tests::tolerance;

fn summary(backend: Backend, folder: &str) -> Summary {
    let root = tempfile::tempdir().unwrap();
    // The preset with fewer steps, and without its second fit: what is compared is the same.
    let changes =
        ["minima.count=3", "minima.epochs=6", "curves.epochs=3", "triangles.epochs=3", "second_fit.depth=0"];
    let changes = changes.map(str::to_owned).to_vec();
    let mut config =
        Config::load(None, Some("digits"), &[&changes[..], &["lattice.n=12".to_owned()]].concat()).unwrap();
    config.backend = backend;
    let out = Some(root.path().join(folder));
    let options = Options { out, threads: Some(2), quiet: true, ..Options::default() };
    run(config, &options).unwrap().0
}

#[test]
fn the_digits_have_the_same_barcode() {
    if valleys_tests::gpu(false).is_none() {
        return;
    }
    let [gpu, cpu] = [(Backend::Gpu, "gpu"), (Backend::Cpu, "cpu")].map(|(b, folder)| summary(b, folder));
    assert!(gpu.provenance.adapter.is_some() && cpu.provenance.adapter.is_none());
    assert_eq!(gpu.config.backend, Backend::Gpu);
    let near = |a: f64, b: f64| (a - b).abs() <= tolerance::RUN_F32 * b.abs();
    assert_eq!(gpu.bars.len(), cpu.bars.len());
    for (a, b) in gpu.bars.iter().zip(&cpu.bars) {
        assert_eq!(a.index, b.index);
        assert!(near(a.birth, b.birth) && a.death.is_some() == b.death.is_some(), "{a:?} {b:?}");
        assert!(near(a.death.unwrap_or(0.0), b.death.unwrap_or(0.0)), "{a:?} {b:?}");
    }
    for (a, b) in gpu.segments.iter().zip(&cpu.segments) {
        assert!(near(a.birth, b.birth) && near(a.death, b.death), "{a:?} {b:?}");
    }
    for (a, b) in gpu.minima.iter().zip(&cpu.minima) {
        assert!(near(a.train_loss, b.train_loss), "{a:?} {b:?}");
    }
}

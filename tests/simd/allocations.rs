//! Buffers are planned once: a step of training asks for no memory.

use std::hint::black_box;
use std::sync::Arc;
use valleys::data::{Dataset, Samples};
use valleys_core::engine::{Engine, Step};
use valleys_core::error::Error;
use valleys_core::network::{CropFlip, Network, Shape, zoo};
use valleys_simd::engine::CpuEngine;
use valleys_tests::engines::{course, mix};
use valleys_tests::trained::{Case, networks};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What `of` asks for, on all threads: the fewest of several times, for what it asks for itself comes every time,
/// and what a thread of the pool or of the test's harness asks for as it starts comes once.
fn allocations(mut of: impl FnMut()) -> u64 {
    let mut once = || {
        let before = dhat::HeapStats::get().total_blocks;
        of();
        dhat::HeapStats::get().total_blocks - before
    };
    (0..3).map(|_| once()).min().unwrap()
}

/// Of an epoch of a curve's fit, after the first of its kind: in that, threads' queues grow to what they need.
fn of_an_epoch(engine: &mut dyn Engine<Error = Error>) -> u64 {
    let steps: Vec<Step> = (0..engine.batches())
        .map(|batch| Step { mix: mix(&[(0, 0.25), (1, 0.5), (2, 0.25)]), rate: 0.01, batch })
        .collect();
    let mut losses = vec![0.0; steps.len()];
    engine.advance(&course(2, 0), &steps, &mut losses).unwrap();
    allocations(|| engine.advance(&course(2, 1), &steps, &mut losses).unwrap())
}

/// One test, for the counter counts all threads.
#[test]
fn a_step_asks_for_no_memory() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| {
        assert_eq!(allocations(|| drop(black_box(vec![1]))), 1, "the counter counts");

        for widths in [&[17, 40, 10], &[331, 210, 7]] {
            let layers = zoo::mlp::<4>(widths).unwrap();
            let samples = Samples::labelled(vec![0.5; widths[0] * 70], vec![3; 70]);
            let data = Arc::new(Dataset { train: samples.clone(), test: samples });
            let input = Shape { channels: 1, height: 1, width: widths[0] };
            let network = Network { input, layers: &layers };
            for augment in [None, Some(CropFlip { shape: input, padding: 4, border: vec![0.0] })] {
                let mut mlp = CpuEngine::new(&network, data.clone(), 70, 3, augment).unwrap();
                assert_eq!(of_an_epoch(&mut mlp), 0, "{widths:?}");
            }
        }
        for network in networks() {
            let border = vec![0.0; network.0.channels];
            let case = Case::new(network, [33, 70]);
            for augment in [None, Some(CropFlip { shape: case.input, padding: 4, border })] {
                assert_eq!(of_an_epoch(&mut case.images(3, augment)), 0, "{}", case.network());
            }
        }
    });
}

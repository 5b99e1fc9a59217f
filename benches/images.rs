//! Training steps and losses of convolutional networks, batch 128.
//!
//! `VALLEYS_PYTHON` names a Python with PyTorch: then its rounds alternate with ours. `VALLEYS_NETWORKS` names networks
//! (`lenet5,vgg11-bn`), `VALLEYS_ROUNDS` a number of rounds. Other programs disturb medians; least times tell more.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use valleys::data::{Dataset, Samples};
use valleys::model::Model;
use valleys_benches::{CliError, Peer, median_of};
use valleys_core::engine::{Engine, Mix, Optimizer, Split, Step, StepParams, Value};
use valleys_core::network::initialise;
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_simd::engine::CpuEngine;

const BATCH: usize = 128;
/// Batches of the training set.
const BATCHES: u32 = 4;
/// How long each thing is done in a round.
const SPAN: Duration = Duration::from_millis(1500);
/// Points whose losses are told in one call.
const POINTS: usize = 2;

fn main() -> Result<(), CliError> {
    let names = std::env::var("VALLEYS_NETWORKS").unwrap_or_else(|_| "lenet5,resnet20,vgg11-bn".to_owned());
    let rounds: usize = std::env::var("VALLEYS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let mut peer = Peer::start("images_torch.py")?;
    println!("{:<28} {:>9} {:>9} {:>9}", "", "min", "median", "GFLOP/s");
    for name in names.split(',') {
        let mut jobs = [Job::new(name, 1)?, Job::new(name, 3)?];
        let flops = jobs[0].flops as f64;
        let mut rows: Vec<(String, Vec<[f64; 2]>, f64)> = Vec::new();
        let mut note = |row: String, times: [f64; 2], flops: f64| match rows.iter_mut().find(|r| r.0 == row) {
            Some(found) => found.1.push(times),
            None => rows.push((row, vec![times], flops)),
        };
        for _ in 0..rounds {
            let step = 3.0 * flops * BATCH as f64;
            note(format!("{name}, ms a step"), jobs[0].steps()?, step);
            note(format!("{name}, ms a curve step"), jobs[1].steps()?, step);
            note(format!("{name}, us a sample"), jobs[0].values()?, flops / 1e3);
            if let Some(peer) = &mut peer {
                note(format!("{name}, torch, ms a step"), torch(peer, "step", name)?, step);
                let batch = torch(peer, "values", name)?;
                let sample = batch.map(|ms| ms * 1e3 / BATCH as f64);
                note(format!("{name}, torch, us a sample"), sample, flops / 1e3);
            }
        }
        for (row, times, flops) in &rows {
            let least = times.iter().map(|t| t[0]).fold(f64::INFINITY, f64::min);
            let middle = median_of(times.iter().map(|t| t[1]).collect());
            println!("{row:<28} {least:>9.3} {middle:>9.3} {:>9.0}", flops / least * 1e-6);
        }
        for (ours, theirs) in [(0, 3), (2, 4)].into_iter().filter(|_| peer.is_some()) {
            let ratio = |i: usize| {
                median_of(rows[ours].1.iter().zip(&rows[theirs].1).map(|(a, b)| b[i] / a[i]).collect())
            };
            println!("{:<28} {:>9.2} {:>9.2}", "torch / ours", ratio(0), ratio(1));
        }
    }
    Ok(())
}

/// A network to train, or a curve.
struct Job {
    images: CpuEngine,
    slots: u32,
    flops: usize,
    statistics: bool,
}

impl Job {
    fn new(name: &str, slots: u32) -> Result<Self, CliError> {
        let model = Model::by_name(name)?;
        let network = model.network();
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
            let inputs = (0..count * network.input.len()).map(|_| stream.unit() as f32).collect();
            Samples::labelled(inputs, (0..count).map(|_| stream.below(10) as u8).collect())
        };
        let train = samples(BATCHES as usize * BATCH, 1);
        let data = Arc::new(Dataset { train, test: samples(BATCH, 2) });
        let mut images = CpuEngine::new(&network, data, BATCH, slots as usize, None)?;
        let mut theta = vec![0.0; images.dim()];
        for slot in 0..slots {
            initialise(&network, 3, slot, &mut theta);
            images.put(slot, &theta)?;
        }
        Ok(Self { images, slots, flops: network.flops(), statistics: network.statistics_len() > 0 })
    }

    /// Least and median milliseconds of a step.
    fn steps(&mut self) -> Result<[f64; 2], CliError> {
        let mix = match self.slots {
            1 => Mix::from_iter([(0, 1.0)]),
            _ => Mix::from_iter([(0, 0.25), (2, 0.75)]),
        };
        let trainable = self.slots - 1;
        let course = StepParams {
            key: Key::new(5, 1),
            epoch: 0,
            first_trainable: trainable,
            optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
            weight_decay: 1e-3,
            tangent_removal: 0.0,
            max_gradient_norm: f32::INFINITY,
        };
        let mut batch = 0;
        measure(3, || {
            let step = Step { mix: mix.clone(), rate: 1e-3, batch };
            batch = (batch + 1) % BATCHES;
            Ok(self.images.advance(&course, &[step], black_box(&mut [0.0]))?)
        })
    }

    /// Least and median microseconds of a sample that is passed through the network: once for its loss, and once for
    /// the statistics of batch norms.
    fn values(&mut self) -> Result<[f64; 2], CliError> {
        let points = vec![Mix::from_iter([(0, 1.0)]); POINTS];
        let mut values = vec![Value::default(); POINTS];
        let passes = BATCHES as usize * BATCH * POINTS * if self.statistics { 2 } else { 1 };
        let times =
            measure(1, || Ok(self.images.values(&[Split::Train], None, &points, black_box(&mut values))?))?;
        Ok(times.map(|ms| ms * 1e3 / passes as f64))
    }
}

/// Least and median milliseconds, after some runs that do not count.
fn measure(warm: usize, mut run: impl FnMut() -> Result<(), CliError>) -> Result<[f64; 2], CliError> {
    for _ in 0..warm {
        run()?;
    }
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || begin.elapsed() < SPAN {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok([times.iter().copied().fold(f64::INFINITY, f64::min), median_of(times)])
}

/// PyTorch's least and median milliseconds.
fn torch(peer: &mut Peer, kind: &str, name: &str) -> Result<[f64; 2], CliError> {
    peer.ask(&format!("{kind} {name}"))?;
    let line = peer.line()?;
    let (least, median) = line.split_once(' ').ok_or("two numbers expected")?;
    Ok([least.parse()?, median.parse()?])
}

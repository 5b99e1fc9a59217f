//! Training steps of multilayer perceptrons, and losses at many points.
//!
//! `VALLEYS_PYTHON` names a Python with PyTorch: then its rounds alternate with ours, and the ratio to its fastest
//! variant is printed. Other programs disturb medians; least times and ratios within a round tell more.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use valleys::data::{Dataset, Samples};
use valleys_benches::{CliError, Peer, median_of};
use valleys_core::engine::{Engine, Mix, Optimizer, Split, Step, StepParams, Value};
use valleys_core::network::{Network, Shape, initialise, zoo};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_simd::engine::CpuEngine;

/// Least and median microseconds of one round, by name.
type Round = BTreeMap<String, [f64; 2]>;

const ROUNDS: usize = 8;
/// The network of the preset `digits`.
const TINY: &[usize] = &[64, 32, 32, 10];
const WIDE: &[usize] = &[784, 512, 256, 10];
const POINTS: usize = 64;
/// What PyTorch does, too.
const PEERS: [&str; 3] = ["tiny", "wide", "wide_curve"];

fn main() -> Result<(), CliError> {
    let mut peer = Peer::start("mlp_torch.py")?;
    let mut jobs = [
        Job::new("tiny", TINY, 32, [1, 0], |_| Mix::from_iter([(0, 1.0)]))?,
        // Half of the way on either side of the bend, slot 2.
        Job::new("tiny_curve", TINY, 32, [3, 2], curve)?,
        // The control points of a vertex, an edge and the triangle: four of seven move.
        Job::new("tiny_triangle", TINY, 32, [7, 3], |t| {
            let which = (3.0 * t) as u32;
            Mix::from_iter([(which, 0.4 * t), (3 + which, 0.6 * t), (6, 1.0 - t)])
        })?,
        Job::new("wide", WIDE, 128, [1, 0], |_| Mix::from_iter([(0, 1.0)]))?,
        Job::new("wide_curve", WIDE, 128, [3, 2], curve)?,
    ];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Round::new();
        for job in &mut jobs {
            round.insert(job.name.to_owned(), job.steps()?);
        }
        round.insert("values, a point".to_owned(), jobs[2].values()?);
        if let Some(peer) = &mut peer {
            torch(peer, &mut round)?;
        }
        rounds.push(round);
    }
    println!("{:<32} {:>10} {:>10}", "us", "min", "median");
    for name in rounds[0].keys() {
        let least = rounds.iter().map(|round| round[name][0]);
        let middle = rounds.iter().map(|round| round[name][1]).collect();
        print(name, least.fold(f64::INFINITY, f64::min), median_of(middle));
    }
    for name in ["tiny_curve", "tiny_triangle"] {
        ratio(&format!("{name} / tiny"), &rounds, |round, i| round[name][i] / round["tiny"][i]);
    }
    for name in PEERS.iter().filter(|_| peer.is_some()) {
        ratio(&format!("fastest torch / {name}"), &rounds, |round, i| {
            let of = format!("torch {name} ");
            let torch = round.iter().filter(|(name, _)| name.starts_with(&of));
            torch.map(|(_, times)| times[i]).fold(f64::INFINITY, f64::min) / round[*name][i]
        });
    }
    Ok(())
}

/// The middle of a curve, slot 2, and the end that is nearer.
fn curve(t: f32) -> Mix {
    let end = (1.0 - 2.0 * t).abs();
    Mix::from_iter([(u32::from(t > 0.5), end), (2, 1.0 - end)])
}

/// Prints the medians over the rounds of the ratios of least and of median times.
fn ratio(name: &str, rounds: &[Round], of: impl Fn(&Round, usize) -> f64) {
    let ratio = |i| median_of(rounds.iter().map(|round| of(round, i)).collect());
    print(name, ratio(0), ratio(1));
}

fn print(name: &str, least: f64, median: f64) {
    println!("{name:<32} {least:>10.3} {median:>10.3}");
}

/// One simplex to fit.
struct Job {
    name: &'static str,
    cpu: CpuEngine,
    trainable: u32,
    /// Passes through the training set in a round.
    epochs: u32,
    mix: fn(f32) -> Mix,
}

impl Job {
    fn new(
        name: &'static str,
        widths: &[usize],
        batch: usize,
        [slots, trainable]: [u32; 2],
        mix: fn(f32) -> Mix,
    ) -> Result<Self, CliError> {
        let layers = zoo::mlp::<8>(widths)?;
        let network = Network { input: Shape::flat(widths[0]), layers: &layers };
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
            let inputs = (0..count * widths[0]).map(|_| stream.below(17) as f32 / 16.0).collect();
            Samples::labelled(inputs, (0..count).map(|_| stream.below(10) as u8).collect())
        };
        let data = Arc::new(Dataset { train: samples(1437, 1), test: samples(360, 2) });
        let mut cpu = CpuEngine::new(&network, data, batch, slots as usize, None)?;
        let mut theta = vec![0.0; cpu.dim()];
        for slot in 0..slots {
            initialise(&network, 3, slot, &mut theta);
            cpu.put(slot, &theta)?;
        }
        let epochs = (1_000_000 / network.parameter_len()).max(2) as u32;
        Ok(Self { name, cpu, trainable, epochs, mix })
    }

    /// Least and median microseconds of a step.
    fn steps(&mut self) -> Result<[f64; 2], CliError> {
        let mut stream = Stream::new(Key::new(4, 0), Purpose::Point, 0, 0);
        let batches = self.cpu.batches();
        let mut times = Vec::new();
        for epoch in 0..self.epochs {
            let step = |batch| Step { mix: (self.mix)(stream.unit() as f32), rate: 1e-3, batch };
            let steps: Vec<Step> = (0..batches).map(step).collect();
            let mut losses = vec![0.0; steps.len()];
            let trainable = self.trainable;
            let course = StepParams {
                key: Key::new(5, 1),
                epoch,
                first_trainable: trainable,
                optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
                weight_decay: 1e-3,
                tangent_removal: 0.0,
                max_gradient_norm: f32::INFINITY,
            };
            let start = Instant::now();
            self.cpu.advance(&course, &steps, black_box(&mut losses))?;
            times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(batches));
        }
        Ok([times.iter().copied().fold(f64::INFINITY, f64::min), median_of(times)])
    }

    /// Least and median microseconds of a point on all training and test samples.
    fn values(&mut self) -> Result<[f64; 2], CliError> {
        let points: Vec<Mix> = (0..POINTS).map(|i| (self.mix)(i as f32 / POINTS as f32)).collect();
        let mut values = vec![Value::default(); 2 * POINTS];
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            self.cpu.values(&[Split::Train, Split::Test], None, &points, black_box(&mut values))?;
            times.push(start.elapsed().as_secs_f64() * 1e6 / POINTS as f64);
        }
        Ok([times.iter().copied().fold(f64::INFINITY, f64::min), median_of(times)])
    }
}

/// Adds PyTorch's times of a round.
fn torch(peer: &mut Peer, round: &mut Round) -> Result<(), CliError> {
    for step in PEERS {
        peer.ask(step)?;
        loop {
            let line = peer.line()?;
            let words: Vec<&str> = line.split(' ').collect();
            let [name, least, median] = words[..] else { break };
            round.insert(format!("torch {step} {name}"), [least.parse()?, median.parse()?]);
        }
    }
    Ok(())
}

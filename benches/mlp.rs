//! A training step of mlp:64-32-32-10 at batch 32 on one thread, and losses at many points.
//!
//! `VALLEYS_PYTHON` names a Python with PyTorch: then its rounds alternate with ours, and the ratio to its fastest
//! variant is printed.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use valleys::cpu::Cpu;
use valleys::data::{Dataset, Samples};
use valleys_core::landscape::{Course, Landscape, Mix, Split, Step, Value};
use valleys_core::network::{Network, Shape, initialise, zoo};
use valleys_core::rng::{Purpose, Stream};

type Failure = Box<dyn std::error::Error>;

/// The network of the preset `digits`.
const TINY: &[usize] = &[64, 32, 32, 10];
const ROUNDS: usize = 8;
const POINTS: usize = 64;

fn main() -> Result<(), Failure> {
    let mut peer = match std::env::var("VALLEYS_PYTHON") {
        Ok(python) => Some(Peer::new(&python)?),
        Err(_) => None,
    };
    let mut jobs = [
        Job::new("plain", TINY, 32, [1, 0], |_| Mix::from_iter([(0, 1.0)]))?,
        Job::new("curve", TINY, 32, [3, 2], |t| {
            Mix::from_iter([(u32::from(t > 0.5), (1.0 - 2.0 * t).abs()), (2, 1.0 - (1.0 - 2.0 * t).abs())])
        })?,
        Job::new("triangle", TINY, 32, [7, 3], |t| {
            Mix::from_iter([((3.0 * t) as u32, 0.4 * t), (3 + (3.0 * t) as u32, 0.6 * t), (6, 1.0 - t)])
        })?,
        Job::new("plain, wide", &[784, 512, 256, 10], 128, [1, 0], |_| Mix::from_iter([(0, 1.0)]))?,
    ];
    let mut ours = Times::default();
    let mut theirs = Times::default();
    for _ in 0..ROUNDS {
        for job in &mut jobs {
            job.round(&mut ours)?;
        }
        jobs[2].values(&mut ours)?;
        if let Some(peer) = &mut peer {
            peer.round(&mut theirs)?;
        }
    }
    println!("{:<24} {:>10} {:>10}", "us", "min", "median");
    for (name, times) in ours.0.iter_mut().chain(&mut theirs.0) {
        println!("{name:<24} {:>10.3} {:>10.3}", least(times), median(times));
    }
    for name in ["curve", "triangle"] {
        let of = |f: fn(&[f64]) -> f64| f(&ours.0[name]) / f(&ours.0["plain"]);
        println!("{:<24} {:>10.3} {:>10.3}", format!("{name} / plain"), of(least), of(median));
    }
    if !theirs.0.is_empty() {
        let fastest = |f: fn(&[f64]) -> f64| theirs.0.values().map(|t| f(t)).fold(f64::INFINITY, f64::min);
        let ratio = |f: fn(&[f64]) -> f64| fastest(f) / f(&ours.0["plain"]);
        println!("{:<24} {:>10.1} {:>10.1}", "fastest torch / plain", ratio(least), ratio(median));
    }
    Ok(())
}

/// Microseconds by name.
#[derive(Default)]
struct Times(BTreeMap<String, Vec<f64>>);

impl Times {
    fn add(&mut self, name: &str, time: f64) {
        self.0.entry(name.to_owned()).or_default().push(time);
    }
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One simplex to fit.
struct Job {
    name: &'static str,
    cpu: Cpu,
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
    ) -> Result<Self, Failure> {
        let layers = zoo::mlp::<8>(widths)?;
        let network = Network { input: Shape::flat(widths[0]), layers: &layers };
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(seed, Purpose::Split, 0, 0, 0);
            let inputs = (0..count * widths[0]).map(|_| stream.below(17) as f32 / 16.0).collect();
            Samples { inputs, labels: (0..count).map(|_| stream.below(10) as u8).collect() }
        };
        let data = Arc::new(Dataset { train: samples(1437, 1), test: samples(360, 2) });
        let mut cpu = Cpu::new(&layers, network.input, data, batch, slots as usize)?;
        let mut theta = vec![0.0; cpu.dim()];
        for slot in 0..slots {
            initialise(&network, 3, slot, &mut theta);
            cpu.put(slot, &theta)?;
        }
        let epochs = (1_200_000 / network.parameter_len()).clamp(1, 300) as u32;
        Ok(Self { name, cpu, trainable, epochs, mix })
    }

    fn round(&mut self, times: &mut Times) -> Result<(), Failure> {
        let mut stream = Stream::new(4, Purpose::Point, 0, 0, 0);
        let batches = self.cpu.epoch_len();
        for epoch in 0..self.epochs {
            let steps: Vec<Step> = (0..batches)
                .map(|batch| Step { mix: (self.mix)(stream.unit() as f32), rate: 1e-3, batch })
                .collect();
            let mut losses = vec![0.0; steps.len()];
            let trainable = self.trainable;
            let course = Course { seed: 5, job: 1, epoch, trainable, momentum: 0.9, weight_decay: 1e-3 };
            let start = Instant::now();
            self.cpu.advance(&course, &steps, black_box(&mut losses))?;
            times.add(self.name, start.elapsed().as_secs_f64() * 1e6 / f64::from(batches));
        }
        Ok(())
    }

    fn values(&mut self, times: &mut Times) -> Result<(), Failure> {
        let points: Vec<Mix> = (0..POINTS).map(|i| (self.mix)(i as f32 / POINTS as f32)).collect();
        let mut values = vec![Value::default(); POINTS];
        for _ in 0..10 {
            let start = Instant::now();
            for split in [Split::Train, Split::Test] {
                self.cpu.values(split, &points, black_box(&mut values))?;
            }
            times.add("values of a point", start.elapsed().as_secs_f64() * 1e6 / POINTS as f64);
        }
        Ok(())
    }
}

/// PyTorch in a process of its own, that times when it is asked to.
struct Peer {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Peer {
    fn new(python: &str) -> Result<Self, Failure> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/mlp_torch.py");
        let mut child =
            Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no output of the peer")?;
        Ok(Self { child, lines: BufReader::new(out).lines() })
    }

    fn round(&mut self, times: &mut Times) -> Result<(), Failure> {
        writeln!(self.child.stdin.as_mut().ok_or("no input of the peer")?, "round")?;
        loop {
            let line = self.lines.next().ok_or("the peer ended")??;
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some(name), Some(least), Some(median)) => {
                    times.add(&format!("torch {name} min"), least.parse()?);
                    times.add(&format!("torch {name}"), median.parse()?);
                }
                _ => return Ok(()),
            }
        }
    }
}

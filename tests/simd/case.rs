//! A network with random samples, on the CPU engine and on the reference kernels of core.

use std::sync::Arc;
use valleys::data::{Dataset, Samples, Targets};
use valleys_core::engine::{Direct, Engine, NetworkLoss, Slots, Split, Value, dropout_key};
use valleys_core::error::Error;
use valleys_core::network::{
    self, Criterion, Layer, Network, Shape, accumulate, initialise, outputs, scratch_len,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_simd::engine::CpuEngine;
use valleys_tests::engines::{WideTargets, batches, course, gradient_at, mix, widen};
use valleys_tests::tolerance;
use valleys_tests::trained::difference;

/// A network with random samples.
pub struct Case {
    input: Shape,
    layers: Vec<Layer>,
    pub data: Arc<Dataset>,
    batch: usize,
    criterion: Criterion<'static>,
}

impl Case {
    pub fn new(
        input: Shape,
        layers: Vec<Layer>,
        [batch, count]: [usize; 2],
        criterion: Criterion<'static>,
    ) -> Self {
        let width = Network { input, layers: &layers }.outputs();
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
            let inputs = (0..count * input.len()).map(|_| stream.normal() as f32).collect();
            let targets = match criterion {
                Criterion::CrossEntropy(_) => {
                    Targets::Labels((0..count).map(|_| stream.below(width.min(256) as u32) as u8).collect())
                }
                Criterion::Regression(_) => Targets::Values {
                    width,
                    values: (0..count * width).map(|_| stream.normal() as f32).collect(),
                    unit: 2.5,
                },
            };
            Samples { inputs, targets }
        };
        let data = Dataset { train: samples(count, 1), test: samples(1 + count / 3, 2) };
        Self { input, layers, data: Arc::new(data), batch, criterion }
    }

    pub fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    fn theta(&self, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.network().parameter_len()];
        initialise(&self.network(), 9, vertex, &mut theta);
        let mut stream = Stream::new(Key::new(2, vertex.into()), Purpose::Perturbation, 0, 0);
        theta.iter_mut().for_each(|x| *x += 0.05 * stream.normal() as f32);
        theta
    }

    pub fn cpu(&self, slots: u32) -> CpuEngine {
        let cpu = CpuEngine::new(&self.network(), self.data.clone(), self.batch, slots as usize, None);
        let mut cpu = cpu.unwrap().with_criterion(self.criterion).unwrap().with_second_moments();
        (0..slots).for_each(|slot| cpu.put(slot, &self.theta(slot)).unwrap());
        cpu
    }

    /// Calls `f` with the reference on the same slots.
    pub fn reference<R>(&self, slots: u32, f: impl FnOnce(&mut dyn Engine<Error = Error>) -> R) -> R {
        let network = self.network();
        let floats = vec![0.0; NetworkLoss::floats_len(&network, self.batch)];
        let order = vec![0; self.data.train.len().max(self.data.test.len())];
        let (train, test) = (self.data.train.borrowed(), self.data.test.borrowed());
        let labels = vec![0; self.batch];
        let loss = NetworkLoss::new(network, train, test, self.batch, floats, order, labels).unwrap();
        let (dim, count) = (network.parameter_len(), slots as usize);
        let memory = vec![0.0; Slots::memory_len(count, dim)];
        let loss = loss.with_criterion(self.criterion).unwrap();
        let engine = Direct::new(loss, memory, vec![0.0; 2 * dim]).unwrap();
        let mut engine = engine.with_second_moments(vec![0.0; Slots::second_len(count, dim)]).unwrap();
        (0..slots).for_each(|slot| engine.put(slot, &self.theta(slot)).unwrap());
        f(&mut engine)
    }

    /// Loss and gradient of chosen samples in f64; and what they become by rounding: in f32, and in f64 where parameters and
    /// inputs are changed by a unit in the last place of f32.
    fn gradient(&self, theta: &[f32], batch: u32, chosen: &[u32]) -> (Found, Vec<Found>) {
        let features = self.input.len();
        let samples = &self.data.train;
        let inputs: Vec<f32> = chosen
            .iter()
            .flat_map(|&i| samples.inputs[i as usize * features..][..features].to_vec())
            .collect();
        let numbers: Vec<usize> = chosen.iter().map(|&i| i as usize).collect();
        let targets = samples.targets.pick(&numbers);
        let wide = WideTargets::new(&targets);
        let exact = self.gradient_of(&widen(theta), &inputs_of(&widen(&inputs), wide.borrowed()), batch);
        let mut all = vec![self.gradient_of(theta, &inputs_of(&inputs, targets.borrowed()), batch)];
        for seed in 0..2 {
            let inputs = nudged(&inputs, 10 + seed);
            let samples = inputs_of(&inputs, wide.borrowed());
            all.push(self.gradient_of(&nudged(theta, seed), &samples, batch));
        }
        (exact, all)
    }

    fn gradient_of<T: nalgebra::RealField + Copy>(
        &self,
        theta: &[T],
        samples: &network::Samples<T>,
        batch: u32,
    ) -> Found {
        let network = self.network();
        let step = dropout_key(course(1, 0).key, 0, batch);
        let mut slope = vec![T::zero(); network.parameter_len()];
        let mut scratch = vec![T::zero(); scratch_len(&network, samples.len())];
        let criterion = &self.criterion;
        let loss = network::gradient(&network, theta, *samples, criterion, step, &mut scratch, &mut slope);
        let wide = |x: T| nalgebra::try_convert::<T, f64>(x).unwrap();
        (wide(loss.unwrap()), slope.into_iter().map(wide).collect())
    }

    /// Values, outputs and gradients are those of f64: as near as f32 sums are, and ten times as far as rounding moves them
    /// where a network amplifies it, as batch norms of nearly equal numbers do.
    pub fn check(&self) {
        let (network, theta) = (self.network(), self.theta(0));
        let mut cpu = self.cpu(2);
        let terms = network.activation_len() + self.input.len() + self.batch;
        // Every layer adds its rounding.
        let mut base = tolerance::sum_f32(terms) * self.layers.len() as f64;
        // γ/σ · x + (β − γ/σ · mean) has the rounding of the mean in place of that of the deviation from it: ten times as
        // large in some of these networks.
        if self.layers.contains(&Layer::BatchNorm) {
            base *= 10.0;
        }
        for (batch, chosen) in (0..).zip(batches(&self.data, self.batch)) {
            let (loss, found) = gradient_at(&mut cpu, &theta, batch);
            let ((exact_loss, exact), near) = self.gradient(&theta, batch, &chosen);
            let rounding = largest(near.iter().map(|near| (near.0 - exact_loss).abs()));
            let allowed = base * exact_loss.abs().max(1.0) + 10.0 * rounding;
            let error = (f64::from(loss) - exact_loss).abs();
            assert!(error <= allowed, "loss {loss} {exact_loss}\n{network}");
            for row in network.rows().filter(|row| !row.parameters().is_empty()) {
                let at = row.parameters();
                let whole = norm(&exact[at.clone()], |x| *x);
                let error = distance(&widen(&found[at.clone()]), &exact[at.clone()]);
                let rounding = near.iter().map(|near| distance(&near.1[at.clone()], &exact[at.clone()]));
                // The gradient of what a norm removes is 0, and the size of its terms that of the others.
                let allowed = base * whole.max(1.0) + 10.0 * largest(rounding);
                let name = row.layer.name();
                assert!(error <= allowed, "row {} {name}: {error} {allowed} {whole}\n{network}", row.number);
            }
        }
        self.check_values(&mut cpu, &theta, base);
    }

    fn check_values(&self, cpu: &mut CpuEngine, theta: &[f32], base: f64) {
        let network = self.network();
        let statistics = self.statistics(&widen(theta));
        let narrow: Vec<f32> = self.statistics(theta);
        let found = cpu.statistics(theta).unwrap();
        let slack = (0..2).map(|seed| {
            distance(&self.statistics(&nudged(theta, seed)), &statistics) / norm(&statistics, |x| *x)
        });
        let slack = 10.0 * largest(slack.chain([difference(&narrow, &statistics)]));
        assert!(difference(&found, &statistics) <= base + slack, "{network}");
        for (split, samples) in [(Split::Train, &self.data.train), (Split::Test, &self.data.test)] {
            let wide = self.outputs(&widen(theta), &statistics, &widen(&samples.inputs));
            let near = self.outputs(theta, &narrow, &samples.inputs);
            let found = cpu.outputs(split, theta, &found).unwrap();
            let slack = (0..2).map(|seed| {
                let (theta, inputs) = (nudged(theta, seed), nudged(&samples.inputs, 10 + seed));
                let statistics = self.statistics(&theta);
                distance(&self.outputs(&theta, &statistics, &inputs), &wide) / norm(&wide, |x| *x)
            });
            let slack = 10.0 * largest(slack.chain([difference(&near, &wide)]));
            assert!(difference(&found, &wide) <= base + slack, "outputs\n{network}");
            let targets = WideTargets::new(&samples.targets);
            let sum = self.criterion.scores(&wide, &targets.borrowed());
            let expected = Value::of(&sum, &targets.borrowed());
            let sum = self.criterion.scores(&near, &samples.targets.borrowed());
            let near = Value::of(&sum, &samples.targets.borrowed());
            cpu.put(0, theta).unwrap();
            let mut value = [Value::default()];
            cpu.values(&[split], None, &[mix(&[(0, 1.0)])], &mut value).unwrap();
            let close = |a: f64, b: f64, near: f64| {
                (a - b).abs() <= base * b.abs().max(1e-3) + 10.0 * (near - b).abs() + slack * b.abs()
            };
            assert!(close(value[0].loss, expected.loss, near.loss), "{value:?} {expected:?}\n{network}");
            let [a, b, c] = [value[0], expected, near].map(|value| value.error.unwrap());
            match self.criterion {
                // A sample between two classes may fall to either.
                Criterion::CrossEntropy(_) => {
                    let least = 1.5 / samples.len() as f64;
                    assert!((a - b).abs() < least, "{a} {b}\n{network}");
                }
                Criterion::Regression(_) => assert!(close(a, b, c), "{a} {b}\n{network}"),
            }
        }
    }

    fn statistics<T: nalgebra::RealField + Copy>(&self, theta: &[T]) -> Vec<T> {
        let network = self.network();
        let all: Vec<T> = self.data.train.inputs.iter().map(|&x| nalgebra::convert(f64::from(x))).collect();
        let mut statistics = vec![T::zero(); network.statistics_len()];
        for part in all.chunks(self.batch * self.input.len()) {
            let count = part.len() / self.input.len();
            let mut scratch = vec![T::zero(); network.activation_len() * count];
            let share = nalgebra::convert(count as f64 / self.data.train.len() as f64);
            accumulate(&network, theta, part, count, share, &mut scratch, &mut statistics).unwrap();
        }
        statistics
    }

    fn outputs<T: nalgebra::RealField + Copy>(&self, theta: &[T], statistics: &[T], inputs: &[T]) -> Vec<T> {
        let network = self.network();
        let count = inputs.len() / self.input.len();
        let mut scratch = vec![T::zero(); network.activation_len() * count];
        outputs(&network, theta, statistics, inputs, count, &mut scratch).unwrap().to_vec()
    }
}

/// A loss and its gradient.
type Found = (f64, Vec<f64>);

fn inputs_of<'a, T>(inputs: &'a [T], targets: network::Targets<'a, T>) -> network::Samples<'a, T> {
    network::Samples { inputs, targets }
}

/// Numbers that are changed by up to a unit in the last place of f32.
fn nudged(x: &[f32], seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(Key::new(seed, 5), Purpose::Perturbation, 0, 0);
    x.iter().map(|&x| f64::from(x) * (1.0 + f64::from(f32::EPSILON) * stream.symmetric(1.0))).collect()
}

fn norm<T>(x: &[T], of: impl Fn(&T) -> f64) -> f64 {
    x.iter().map(|x| of(x).powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let pairs: Vec<_> = a.iter().zip(b).collect();
    norm(&pairs, |(a, b)| *a - *b)
}

fn largest(x: impl Iterator<Item = f64>) -> f64 {
    x.fold(0.0, f64::max)
}

//! Every layer, loss and optimiser of the CPU engine against the reference kernels of core, alone and in random networks.

use std::sync::Arc;
use valleys::data::{Dataset, Samples, Targets};
use valleys_core::engine::{
    Direct, Engine, Mix, NetworkLoss, Optimizer, Slots, Split, Step, StepParams, Value, dropout_key,
};
use valleys_core::error::Error;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::{
    self, Criterion, Layer, Network, Shape, accumulate, initialise, outputs, scratch_len,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_simd::engine::CpuEngine;
use valleys_tests::engines::{WideTargets, batches, course, gradient_at, mix, widen};
use valleys_tests::tolerance;
use valleys_tests::trained::{difference, shape};

/// A network with random samples.
struct Case {
    input: Shape,
    layers: Vec<Layer>,
    data: Arc<Dataset>,
    batch: usize,
    criterion: Criterion<'static>,
}

const PLAIN: Criterion<'static> = Criterion::PLAIN;

impl Case {
    fn new(
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

    fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    fn theta(&self, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.network().parameter_len()];
        initialise(&self.network(), 9, vertex, &mut theta);
        let mut stream = Stream::new(Key::new(2, vertex.into()), Purpose::Perturbation, 0, 0);
        theta.iter_mut().for_each(|x| *x += 0.05 * stream.normal() as f32);
        theta
    }

    fn cpu(&self, slots: u32) -> CpuEngine {
        let cpu = CpuEngine::new(&self.network(), self.data.clone(), self.batch, slots as usize, None);
        let mut cpu = cpu.unwrap().with_criterion(self.criterion).unwrap().with_second_moments();
        (0..slots).for_each(|slot| cpu.put(slot, &self.theta(slot)).unwrap());
        cpu
    }

    /// Calls `f` with the reference on the same slots.
    fn reference<R>(&self, slots: u32, f: impl FnOnce(&mut dyn Engine<Error = Error>) -> R) -> R {
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
    fn check(&self) {
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

const fn convolution(outputs: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding, bias: true, groups: 1, dilation: 1 }
}

const fn grouped(outputs: usize, groups: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding, bias: false, groups, dilation: 1 }
}

const fn dilated(outputs: usize, kernel: usize, padding: usize, dilation: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride: 1, padding, bias: true, groups: 1, dilation }
}

const fn linear(outputs: usize) -> Layer {
    Layer::Linear { outputs }
}

const ACTIVATIONS: [Activation; 6] = [
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Silu,
    Activation::Gelu,
];

/// Each new layer in the middle of a small network, on samples and after a convolution.
#[test]
fn every_layer_is_the_reference_s() {
    let pool = |kernel, stride, padding| Layer::MaxPool { kernel, stride, padding };
    let average = |kernel, stride, padding| Layer::AveragePool { kernel, stride, padding };
    let mut all = vec![
        grouped(6, 3, 3, 1, 1),
        grouped(12, 6, 3, 2, 1),
        grouped(6, 6, 5, 1, 2),
        grouped(6, 2, 1, 1, 0),
        dilated(4, 3, 2, 2),
        dilated(3, 2, 0, 3),
        convolution(5, 3, 3, 0),
        convolution(5, 4, 4, 0),
        convolution(5, 1, 3, 0),
        convolution(5, 3, 2, 2),
        convolution(5, 2, 3, 3),
        convolution(4, 1, 1, 1),
        convolution(4, 2, 5, 4),
        pool(3, 2, 1),
        pool(2, 1, 0),
        pool(3, 3, 1),
        pool(2, 2, 1),
        pool(2, 3, 0),
        average(3, 2, 1),
        average(2, 2, 0),
        average(3, 1, 0),
        Layer::GlobalAveragePool,
        Layer::BatchNorm,
        Layer::LayerNorm,
        Layer::Dropout { probability: 0.3 },
    ];
    all.extend(ACTIVATIONS.map(Layer::Activation));
    for (i, layer) in all.into_iter().enumerate() {
        let size = [[33, 50], [7, 9], [16, 31]][i % 3];
        let after = |first: Layer| vec![first, layer, convolution(4, 1, 1, 0), Layer::RELU, linear(3)];
        for layers in [vec![layer, linear(3)], after(convolution(6, 3, 1, 1)), after(Layer::BatchNorm)] {
            Case::new(shape(6, 9, 7), layers, size, PLAIN).check();
        }
        Case::new(shape(6, 7, 8), vec![convolution(6, 3, 1, 1), layer], [5, 12], PLAIN).check();
    }
}

/// Convolutions between so many channels that all samples of a batch share the products, on planes of one and of several
/// tiles, of the samples and behind others, with a residual and twice in a row.
#[test]
fn many_channels() {
    let (wide, plain) = (convolution(192, 3, 1, 1), grouped(192, 1, 3, 1, 1));
    for (i, size) in [[2, 2], [1, 2], [1, 1], [3, 4], [5, 6], [9, 2]].into_iter().enumerate() {
        let batch = [[33, 40], [5, 7]][i % 2];
        let ends = [Layer::GlobalAveragePool, linear(3)];
        let residual =
            [convolution(192, 1, 1, 0), plain, Layer::BatchNorm, Layer::Add { back: 3 }, Layer::RELU];
        let layers: Vec<Layer> = match i % 3 {
            0 => residual.into_iter().chain(ends).collect(),
            1 => [wide, Layer::RELU].into_iter().chain(ends).collect(),
            _ => [wide, Layer::Activation(Activation::Tanh), plain, Layer::Add { back: 2 }]
                .into_iter()
                .chain(ends)
                .collect(),
        };
        Case::new(shape(192, size[0], size[1]), layers, batch, PLAIN).check();
    }
}

/// Multilayer perceptrons with everything behind a linear layer, also behind the last.
#[test]
fn perceptrons_have_every_activation_and_dropout() {
    let drop = Layer::Dropout { probability: 0.4 };
    for (i, activation) in ACTIVATIONS.into_iter().enumerate() {
        let f = Layer::Activation(activation);
        for layers in [
            vec![linear(19), f, linear(33), f, linear(4)],
            vec![linear(19), f, drop, linear(33), drop, linear(7), f],
            vec![drop, linear(9), f, f, linear(5), drop],
            vec![linear(40), Layer::BatchNorm, f, drop, linear(9), Layer::LayerNorm, f, linear(6)],
            vec![
                Layer::LayerNorm,
                linear(8),
                f,
                Layer::Branch { back: 2 },
                linear(8),
                Layer::Add { back: 2 },
                f,
                linear(3),
            ],
        ] {
            Case::new(Shape::flat(17), layers, [[37, 90], [5, 11], [32, 64]][i % 3], PLAIN).check();
        }
    }
}

#[test]
fn losses_are_the_reference_s() {
    const WEIGHTS: &[f32] = &[0.5, 2.0, 0.0, 1.25, 3.0];
    let losses = [
        Criterion::CrossEntropy(Options { class_weights: WEIGHTS, label_smoothing: 0.0 }),
        Criterion::CrossEntropy(Options { class_weights: &[], label_smoothing: 0.1 }),
        Criterion::CrossEntropy(Options { class_weights: WEIGHTS, label_smoothing: 0.2 }),
        Criterion::Regression(Deviation::Squared),
        Criterion::Regression(Deviation::Huber { delta: 0.7 }),
    ];
    for criterion in losses {
        let layers = vec![linear(20), Layer::RELU, linear(5)];
        Case::new(Shape::flat(9), layers, [40, 70], criterion).check();
        let layers = vec![convolution(4, 3, 1, 1), Layer::BatchNorm, Layer::RELU, linear(5)];
        Case::new(shape(2, 5, 6), layers, [40, 70], criterion).check();
    }
    let case = Case::new(Shape::flat(9), vec![linear(5)], [4, 8], PLAIN);
    let wrong = Criterion::CrossEntropy(Options { class_weights: &[1.0; 4], label_smoothing: 0.0 });
    assert!(matches!(case.cpu(1).with_criterion(wrong), Err(Error::Length { .. })));
    assert!(matches!(case.cpu(1).with_criterion(losses[3]), Err(Error::Unsupported { .. })));
}

/// ResNets without batch norm, with batch norm first, and values that several layers read in every order.
#[test]
fn residuals_of_every_kind() {
    use Layer::{Add, BatchNorm, Branch};
    let conv = convolution(8, 3, 1, 1);
    let plain = grouped(8, 1, 3, 1, 1);
    let all = [
        // No batch norm.
        vec![conv, Layer::RELU, conv, Layer::RELU, conv, Add { back: 3 }, Layer::RELU, linear(3)],
        // The input of a convolution is the residual.
        vec![conv, conv, Add { back: 2 }, plain, Add { back: 2 }, Layer::RELU, linear(3)],
        // Batch norm first, twice.
        vec![
            plain,
            BatchNorm,
            Layer::RELU,
            plain,
            BatchNorm,
            Layer::RELU,
            plain,
            Add { back: 7 },
            BatchNorm,
            Layer::RELU,
            plain,
            BatchNorm,
            Layer::RELU,
            plain,
            Add { back: 7 },
            BatchNorm,
            Layer::RELU,
            Layer::GlobalAveragePool,
            linear(3),
        ],
        // A residual that is read later; x + x; a sum with its own batch norm.
        vec![
            plain,
            BatchNorm,
            Add { back: 2 },
            conv,
            Add { back: 3 },
            Add { back: 5 },
            Add { back: 1 },
            BatchNorm,
            Add { back: 1 },
            Layer::Activation(Activation::Tanh),
            linear(3),
        ],
        // Branches that nothing reads.
        vec![
            conv,
            BatchNorm,
            conv,
            Branch { back: 3 },
            Layer::RELU,
            conv,
            BatchNorm,
            Add { back: 4 },
            linear(3),
        ],
        // Activations that are no ReLU behind everything.
        vec![
            conv,
            Layer::Activation(Activation::Sigmoid),
            plain,
            BatchNorm,
            Add { back: 2 },
            Layer::Activation(Activation::Tanh),
            plain,
            BatchNorm,
            Add { back: 3 },
            Layer::Activation(Activation::LeakyRelu { slope: 0.2 }),
            linear(7),
            BatchNorm,
            Layer::Activation(Activation::Gelu),
            Layer::Dropout { probability: 0.25 },
            linear(3),
        ],
    ];
    for layers in all {
        for size in [[33, 50], [8, 13]] {
            Case::new(shape(8, 5, 6), layers.clone(), size, PLAIN).check();
        }
    }
}

#[test]
fn a_branch_at_the_end_is_refused() {
    let layers = [linear(5), Layer::RELU, Layer::Branch { back: 1 }];
    let network = Network { input: Shape::flat(3), layers: &layers };
    assert!(matches!(CpuEngine::supports(&network), Err(Error::Unsupported { .. })));
}

/// A random network that fits together.
fn random_network(seed: u64) -> (Shape, Vec<Layer>) {
    let mut stream = Stream::new(Key::new(seed, 77), Purpose::Split, 0, 0);
    let mut below = |n: usize| stream.below(n as u32) as usize;
    let input = match below(4) {
        0 => Shape::flat(1 + below(20)),
        _ => shape(1 + below(8), 1 + below(9), 1 + below(9)),
    };
    let mut layers: Vec<Layer> = Vec::new();
    let goal = 1 + below(9);
    for _ in 0..60 {
        if layers.len() >= goal {
            break;
        }
        let layer = match below(14) {
            0 => linear(1 + below(12)),
            1..=3 => convolution(1 + below(12), 1 + below(4), 1 + below(3), below(3)),
            4 => grouped(2 + 2 * below(4), 1 + below(2), 1 + below(3), 1 + below(2), below(2)),
            5 => dilated(1 + below(5), 1 + below(3), below(3), 1 + below(3)),
            6 => Layer::BatchNorm,
            7 => Layer::LayerNorm,
            8 => Layer::Activation(ACTIVATIONS[below(6)]),
            9 => Layer::Dropout { probability: 0.1 * below(8) as f32 },
            10 => Layer::MaxPool { kernel: 1 + below(3), stride: 1 + below(3), padding: below(2) },
            11 => Layer::AveragePool { kernel: 1 + below(3), stride: 1 + below(3), padding: below(2) },
            12 => {
                if below(3) == 0 {
                    Layer::GlobalAveragePool
                } else {
                    Layer::Branch { back: 1 + below(3) }
                }
            }
            _ => Layer::Add { back: 1 + below(4) },
        };
        layers.push(layer);
        if (Network { input, layers: &layers }).check().is_err() {
            layers.pop();
        }
    }
    let width = if layers.is_empty() { 0 } else { (Network { input, layers: &layers }).outputs() };
    let ends_in_branch = matches!(layers.last(), Some(Layer::Branch { .. }));
    if width == 0 || width > 100 || ends_in_branch || below(2) == 0 {
        layers.push(linear(1 + below(6)));
    }
    (input, layers)
}

#[test]
fn random_networks_are_the_reference_s() {
    for seed in 0..400 {
        let (input, layers) = random_network(seed);
        let criterion = match seed % 4 {
            0 => Criterion::Regression(Deviation::Squared),
            1 => Criterion::CrossEntropy(Options { class_weights: &[], label_smoothing: 0.1 }),
            _ => PLAIN,
        };
        let size = [[33, 40], [16, 21], [5, 8], [70, 71]][seed as usize / 4 % 4];
        Case::new(input, layers, size, criterion).check();
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let wide = vec![convolution(192, 3, 1, 1), Layer::BatchNorm, Layer::RELU, linear(3)];
    let wide = [[2, 2], [5, 3]].map(|[height, width]| (shape(192, height, width), wide.clone()));
    for (input, layers) in (0..40).map(random_network).chain(wide) {
        let case = Case::new(input, layers, [70, 100], PLAIN);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| steps(&mut case.cpu(3), ADAM))
        };
        let bits = |(theta, losses): (Vec<f32>, Vec<f32>)| {
            theta.iter().chain(&losses).map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(bits(run(1)), bits(run(2)), "{}", case.network());
    }
}

const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: false };

/// Steps over all batches of two epochs, of a curve of which two control points are trained, one of them not in every mix.
fn steps<E: Engine<Error: std::fmt::Debug> + ?Sized>(
    engine: &mut E,
    optimizer: Optimizer,
) -> (Vec<f32>, Vec<f32>) {
    let mixes: [Mix; 3] = [mix(&[(0, 0.25), (2, 0.75)]), mix(&[(1, 0.5), (2, 0.5)]), mix(&[(0, 1.0)])];
    let mut all = Vec::new();
    for epoch in 0..2 {
        let steps: Vec<Step> = (0..engine.batches())
            .map(|batch| Step { mix: mixes[batch as usize % 3].clone(), rate: 1e-3, batch })
            .collect();
        let mut losses = vec![0.0; steps.len()];
        let params = StepParams { optimizer, weight_decay: 1e-2, ..course(1, epoch) };
        engine.advance(&params, &steps, &mut losses).unwrap();
        all.extend(losses);
    }
    let mut thetas = vec![0.0; 2 * engine.dim()];
    let dim = engine.dim();
    thetas.chunks_mut(dim).zip(1..).for_each(|(theta, slot)| engine.get(slot, theta).unwrap());
    (thetas, all)
}

#[test]
fn optimisers_are_the_reference_s() {
    let networks = [
        (Shape::flat(9), vec![linear(20), Layer::Activation(Activation::Tanh), linear(5)]),
        (
            shape(3, 6, 5),
            vec![convolution(9, 3, 1, 1), Layer::BatchNorm, Layer::Activation(Activation::Silu), linear(4)],
        ),
        // Long enough for several threads.
        (Shape::flat(300), vec![linear(250), Layer::Activation(Activation::Sigmoid), linear(3)]),
    ];
    // A large ε: with a small one the first steps of Adam are the signs of gradients, and those of rounding where the exact
    // one is 0.
    let adam = |decoupled| Optimizer::Adam { beta1: 0.8, beta2: 0.95, epsilon: 1e-3, decoupled };
    let optimizers = [
        Optimizer::Sgd { momentum: 0.9, nesterov: false },
        Optimizer::Sgd { momentum: 0.9, nesterov: true },
        adam(false),
        adam(true),
    ];
    for (input, layers) in networks {
        let case = Case::new(input, layers, [16, 70], PLAIN);
        let tolerance = tolerance::trajectory_f32(case.network().flops());
        for optimizer in optimizers {
            let (theta, losses) = steps(&mut case.cpu(3), optimizer);
            let (expected, expected_losses) = case.reference(3, |engine| steps(engine, optimizer));
            let error = difference(&theta, &widen(&expected));
            assert!(error < tolerance, "{optimizer:?}: {error}\n{}", case.network());
            assert!(difference(&losses, &widen(&expected_losses)) < tolerance, "{optimizer:?}");
        }
    }
}

/// Pending steps of Adam have the bits of steps of their own, whenever they are applied, and a saved state goes on.
#[test]
fn adam_resumes_with_the_same_bits() {
    let case = Case::new(Shape::flat(9), vec![linear(20), Layer::RELU, linear(5)], [8, 60], PLAIN);
    let (mut whole, mut watched) = (case.cpu(3), case.cpu(3));
    let expected = steps(&mut whole, ADAM);
    let mut found = Vec::new();
    let mixes: [Mix; 3] = [mix(&[(0, 0.25), (2, 0.75)]), mix(&[(1, 0.5), (2, 0.5)]), mix(&[(0, 1.0)])];
    let mut theta = vec![0.0; watched.dim()];
    for epoch in 0..2 {
        for batch in 0..watched.batches() {
            let step = Step { mix: mixes[batch as usize % 3].clone(), rate: 1e-3, batch };
            let mut loss = [0.0];
            let params = StepParams { optimizer: ADAM, weight_decay: 1e-2, ..course(1, epoch) };
            watched.advance(&params, &[step], &mut loss).unwrap();
            found.extend(loss);
            watched.get(1, &mut theta).unwrap();
            let mut state = vec![0.0; watched.state_len()];
            watched.save(&mut state).unwrap();
            watched = case.cpu(3);
            watched.restore(&state).unwrap();
        }
    }
    assert_eq!(found, expected.1);
    let mut thetas = Vec::new();
    for slot in 1..3 {
        watched.get(slot, &mut theta).unwrap();
        thetas.extend_from_slice(&theta);
    }
    assert_eq!(thetas, expected.0);
    let mut without = CpuEngine::new(&case.network(), case.data.clone(), 8, 3, None).unwrap();
    let params = StepParams { optimizer: ADAM, ..course(1, 0) };
    let step = Step { mix: mixes[0].clone(), rate: 1e-3, batch: 0 };
    assert!(matches!(without.advance(&params, &[step], &mut [0.0]), Err(Error::Unsupported { .. })));
}

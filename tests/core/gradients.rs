//! Gradients against central differences in f64: of the loss, of whole networks, of L(ψ(t)) in every control point. Those
//! of single layers are in `layers.rs`.

use valleys_core::engine::{Direct, Engine, Function, NetworkLoss, Optimizer, Slots, Step, StepParams};
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::cross_entropy::{self, Options};
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::{
    Criterion, Layer, Network, Samples, Shape, Targets, gradient, scores, scratch_len,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len, uniform};
use valleys_tests::differences::{difference, near, random};
use valleys_tests::tolerance;

#[test]
fn cross_entropy_loss() {
    let mut stream = Stream::new(Key::new(3, 0), Purpose::Init, 0, 0);
    for (batch, classes) in [(1, 1), (1, 2), (3, 10), (7, 5)] {
        let z: Vec<f64> = random(&mut stream, batch * classes).iter().map(|z| 3.0 * z).collect();
        let labels: Vec<u8> = (0..batch).map(|_| stream.below(classes as u32) as u8).collect();
        // The literal formula, without the shift that guards against overflow.
        let literal = |z: &[f64]| {
            let of =
                |(z, &l): (&[f64], &u8)| -(z[l as usize].exp() / z.iter().map(|z| z.exp()).sum::<f64>()).ln();
            z.chunks(classes).zip(&labels).map(of).sum::<f64>() / batch as f64
        };
        let ours = cross_entropy::losses(Options::default(), &z, &labels).sum::<f64>() / batch as f64;
        assert!((ours - literal(&z)).abs() < 1e-13);
        let mut dz = vec![f64::NAN; z.len()];
        cross_entropy::backward(Options::default(), 1.0 / batch as f64, &z, &labels, &mut dz);
        (0..z.len()).for_each(|i| near(dz[i], difference(&z, i, literal), "logit"));
    }
    // Where the literal formula overflows: 1000 against 0, and the other way round.
    let losses: Vec<f64> = {
        let z = [1000.0, 0.0, 1000.0, 0.0];
        cross_entropy::losses(Options::default(), &z, &[0, 1]).collect()
    };
    assert_eq!(losses, [0.0, 1000.0]);
    assert_eq!(cross_entropy::arg_max(&[1.0, 2.0, 2.0]), Some(1));
    assert_eq!(cross_entropy::arg_max(&[f64::NAN, 2.0]), None);
}

/// Class weights and label smoothing, and the losses of numbers, against their literal formulas and differences.
#[test]
fn other_losses() {
    let mut stream = Stream::new(Key::new(8, 0), Purpose::Init, 0, 0);
    let weights = [0.5_f32, 2.0, 0.0, 1.5];
    let network = Network { input: Shape::flat(4), layers: &[Layer::Linear { outputs: 4 }] };
    let batch = 6;
    for (class_weights, label_smoothing) in [(&weights[..], 0.0), (&[], 0.25), (&weights[..], 0.125)] {
        let labels: Vec<u8> = (0..batch).map(|i| (i % 4) as u8).collect();
        let criterion = Criterion::CrossEntropy(Options { class_weights, label_smoothing });
        let weight = |c: usize| class_weights.get(c).map_or(1.0, |&w| f64::from(w));
        let literal = |z: &[f64]| {
            let mut sum = 0.0;
            for (z, &label) in z.chunks(4).zip(&labels) {
                let total: f64 = z.iter().map(|z| z.exp()).sum();
                for (c, z) in z.iter().enumerate() {
                    let hit = if c == usize::from(label) { 1.0 - f64::from(label_smoothing) } else { 0.0 };
                    sum -= weight(c) * (hit + f64::from(label_smoothing) / 4.0) * (z.exp() / total).ln();
                }
            }
            sum / labels.iter().map(|&l| weight(l.into())).sum::<f64>()
        };
        check_criterion(&network, &criterion, Targets::Labels(&labels), literal, &mut stream);
    }
    let targets = random(&mut stream, 4 * batch);
    for deviation in [Deviation::Squared, Deviation::Huber { delta: 0.75 }] {
        let literal = |z: &[f64]| {
            let of = |(z, t): (&f64, &f64)| match deviation {
                Deviation::Squared => (z - t).powi(2),
                Deviation::Huber { .. } if (z - t).abs() < 0.75 => 0.5 * (z - t).powi(2),
                Deviation::Huber { .. } => 0.75 * ((z - t).abs() - 0.375),
            };
            z.iter().zip(&targets).map(of).sum::<f64>() / z.len() as f64
        };
        let targets = Targets::Values { width: 4, values: &targets, unit: 3.0 };
        check_criterion(&network, &Criterion::Regression(deviation), targets, literal, &mut stream);
    }
}

/// Criterion, mean loss and gradient of it for the outputs and targets of the test: PyTorch 2.15 in f64.
const PYTORCH_LOSSES: [(Criterion, f64, [f64; 12]); 6] = [
    (
        Criterion::PLAIN,
        1.8721914975878733,
        [
            0.044205045526861074,
            0.007681685081609108,
            -0.05188673060847018,
            0.22989655609099502,
            -0.2353032048703148,
            0.005406648779319764,
            -0.2439765579282879,
            0.19946900655174812,
            0.04450755137653976,
            0.12458029229668717,
            -0.12541970770331284,
            0.0008394154066256534,
        ],
    ),
    (
        Criterion::CrossEntropy(Options { class_weights: &[0.5, 2.0, 1.25], label_smoothing: 0.0 }),
        1.6024978120920108,
        [
            0.038439170023357457,
            0.006679726157920963,
            -0.04511889618127842,
            0.3198560780396452,
            -0.32737837199348147,
            0.007522293953836193,
            -0.08486141145331753,
            0.06938052401799935,
            0.015480887435318176,
            0.17332910232582563,
            -0.1744969846306961,
            0.0011678823048704742,
        ],
    ),
    (
        Criterion::CrossEntropy(Options { class_weights: &[], label_smoothing: 0.125 }),
        1.8982331642545398,
        [
            0.03378837886019441,
            -0.002734981585057558,
            -0.03105339727513684,
            0.21947988942432833,
            -0.21446987153698147,
            -0.005010017887346903,
            -0.22314322459495456,
            0.18905233988508144,
            0.034090884709873086,
            0.11416362563002048,
            -0.1045863743699795,
            -0.009577251260041013,
        ],
    ),
    (
        Criterion::CrossEntropy(Options { class_weights: &[0.5, 2.0, 1.25], label_smoothing: 0.25 }),
        1.6650309310084008,
        [
            0.031192793211763253,
            -0.022305781088455844,
            -0.008887012123307409,
            0.28262319391183427,
            -0.27132433077851287,
            -0.011298863133321456,
            -0.06958299147294929,
            0.0664127132783723,
            0.0031702781945769885,
            0.14983312217118525,
            -0.13277557348098867,
            -0.017057548690196638,
        ],
    ),
    (
        Criterion::Regression(Deviation::Squared),
        2.1041666666666665,
        [
            0.08333333333333333,
            -0.041666666666666664,
            -0.08333333333333333,
            0.3333333333333333,
            -0.125,
            -0.29166666666666663,
            0.0,
            -0.41666666666666663,
            -0.08333333333333333,
            0.125,
            0.16666666666666666,
            -0.5,
        ],
    ),
    (
        Criterion::Regression(Deviation::Huber { delta: 0.75 }),
        0.6041666666666666,
        [
            0.041666666666666664,
            -0.020833333333333332,
            -0.041666666666666664,
            0.0625,
            -0.0625,
            -0.0625,
            0.0,
            -0.0625,
            -0.041666666666666664,
            0.0625,
            0.0625,
            -0.0625,
        ],
    ),
];

#[test]
fn losses_are_those_of_pytorch() {
    let z = [0.5, -1.25, 2.0, 3.0, 0.25, -0.75, -2.0, 1.5, 0.0, 1.0, 1.0, -4.0];
    let numbers = [0.0, -1.0, 2.5, 1.0, 1.0, 1.0, -2.0, 4.0, 0.5, 0.25, 0.0, -1.0];
    // y = x of three inputs: the gradient of the bias is the sum over the samples of that of the outputs.
    let network = Network { input: Shape::flat(3), layers: &[Layer::Linear { outputs: 3 }] };
    let theta = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    for (criterion, expected, gradient_of_outputs) in PYTORCH_LOSSES {
        let targets = match criterion {
            Criterion::CrossEntropy(_) => Targets::Labels(&[2, 1, 0, 1]),
            Criterion::Regression(_) => Targets::Values { width: 3, values: &numbers, unit: 1.0 },
        };
        let samples = Samples { inputs: &z, targets };
        let (mut scratch, mut slope) = ([0.0; 24], [0.0; 12]);
        let loss = gradient(&network, &theta, samples, &criterion, STEP, &mut scratch, &mut slope).unwrap();
        assert!((loss - expected).abs() < 1e-14 * expected, "{criterion:?}: {loss} {expected}");
        for o in 0..3 {
            let of_output = |n: usize| gradient_of_outputs[3 * n + o];
            for i in 0..4 {
                let weight = |n: usize| if i == 3 { 1.0 } else { z[3 * n + i] };
                let expected: f64 = (0..4).map(|n| of_output(n) * weight(n)).sum();
                let found = if i == 3 { slope[9 + o] } else { slope[3 * o + i] };
                assert!((found - expected).abs() < 1e-14, "{criterion:?}, {o}, {i}: {found} {expected}");
            }
        }
    }
}

/// Compares the loss and the gradient of a linear network with those of a function of its outputs.
fn check_criterion(
    network: &Network,
    criterion: &Criterion,
    targets: Targets<f64>,
    literal: impl Fn(&[f64]) -> f64,
    stream: &mut Stream,
) {
    let theta = random(stream, network.parameter_len());
    let inputs = random(stream, targets.len() * 4);
    let outputs = |theta: &[f64]| -> Vec<f64> {
        let row = |x: &[f64], o: usize| (0..4).map(|i| theta[4 * o + i] * x[i]).sum::<f64>() + theta[16 + o];
        inputs.chunks(4).flat_map(|x| (0..4).map(|o| row(x, o)).collect::<Vec<_>>()).collect()
    };
    let samples = Samples { inputs: &inputs, targets };
    let mut slope = vec![f64::NAN; theta.len()];
    let mut scratch = vec![0.0; scratch_len(network, targets.len())];
    let loss = gradient(network, &theta, samples, criterion, STEP, &mut scratch, &mut slope).unwrap();
    let expected = literal(&outputs(&theta));
    assert!((loss - expected).abs() < 1e-13 * (1.0 + expected), "{criterion:?}: {loss} {expected}");
    for (i, &slope) in slope.iter().enumerate() {
        near(slope, difference(&theta, i, |theta| literal(&outputs(theta))), &format!("{criterion:?}, {i}"));
    }
    let scratch = &mut scratch[..network.activation_len() * targets.len()];
    let sum = scores(network, &theta, &[], samples, criterion, scratch).unwrap();
    assert!((sum.mean_loss() - expected).abs() < 1e-13 * (1.0 + expected), "{criterion:?}");
    if let Targets::Values { values, unit, .. } = targets {
        let squares: f64 = outputs(&theta).iter().zip(values).map(|(z, t)| (z - t).powi(2)).sum();
        let error = unit * (squares / values.len() as f64).sqrt();
        assert!((sum.mean_error(&targets) - error).abs() < 1e-13 * error, "{criterion:?}");
    }
}

const LAYERS: [Layer; 5] = [
    Layer::Linear { outputs: 5 },
    Layer::RELU,
    Layer::Linear { outputs: 3 },
    Layer::RELU,
    Layer::Linear { outputs: 4 },
];
const NETWORK: Network = Network { input: Shape::flat(6), layers: &LAYERS };

/// Every kind of layer, a shortcut with a projection and one without.
const RESIDUAL: Network = Network {
    input: Shape { channels: 2, height: 5, width: 4 },
    layers: &[
        convolution(3, 3, 1),
        Layer::BatchNorm,
        Layer::RELU,
        convolution(4, 3, 2),
        Layer::BatchNorm,
        Layer::Branch { back: 3 },
        convolution(4, 1, 2),
        Layer::BatchNorm,
        Layer::Add { back: 4 },
        Layer::RELU,
        convolution(4, 3, 1),
        Layer::Add { back: 2 },
        Layer::Add { back: 3 },
        Layer::GlobalAveragePool,
        Layer::Linear { outputs: 4 },
    ],
};

/// Biases, pooling with a rest, branches to a branch and to the last row.
const POOLED: Network = Network {
    input: Shape { channels: 1, height: 7, width: 6 },
    layers: &[
        Layer::Convolution {
            outputs: 2,
            kernel: 3,
            stride: 1,
            padding: 2,
            bias: true,
            groups: 1,
            dilation: 1,
        },
        Layer::RELU,
        Layer::Branch { back: 2 },
        Layer::Branch { back: 1 },
        Layer::MaxPool { kernel: 2, stride: 2, padding: 0 },
        Layer::Linear { outputs: 4 },
        Layer::Branch { back: 1 },
    ],
};

/// The layers that the papers' networks lack. Dropout has the mask of [`STEP`].
const OTHERS: Network = Network {
    input: Shape { channels: 4, height: 6, width: 5 },
    layers: &[
        Layer::BatchNorm,
        Layer::Activation(Activation::Silu),
        Layer::Convolution {
            outputs: 6,
            kernel: 3,
            stride: 1,
            padding: 2,
            bias: true,
            groups: 2,
            dilation: 2,
        },
        Layer::Activation(Activation::LeakyRelu { slope: 0.1 }),
        Layer::MaxPool { kernel: 3, stride: 2, padding: 1 },
        Layer::LayerNorm,
        Layer::Dropout { probability: 0.3 },
        Layer::AveragePool { kernel: 2, stride: 1, padding: 1 },
        Layer::Activation(Activation::Gelu),
        Layer::Branch { back: 3 },
        Layer::Activation(Activation::Sigmoid),
        Layer::Linear { outputs: 5 },
        Layer::LayerNorm,
        Layer::Activation(Activation::Tanh),
        Layer::Dropout { probability: 0.5 },
        Layer::Linear { outputs: 4 },
    ],
};

/// Keys the masks of dropout.
const STEP: [u32; 2] = [7, 11];

const fn convolution(outputs: usize, kernel: usize, stride: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding: kernel / 2, bias: false, groups: 1, dilation: 1 }
}

fn data(stream: &mut Stream, batch: usize) -> (Vec<f64>, Vec<u8>) {
    data_for(&NETWORK, stream, batch)
}

fn data_for(network: &Network, stream: &mut Stream, batch: usize) -> (Vec<f64>, Vec<u8>) {
    let inputs = random(stream, batch * network.input.len());
    (inputs, (0..batch).map(|_| stream.below(4) as u8).collect())
}

fn loss(theta: &[f64], x: &[f64], labels: &[u8]) -> f64 {
    loss_of(&NETWORK, theta, x, labels)
}

/// The loss where batch norms have the batch's own statistics.
fn loss_of(network: &Network, theta: &[f64], x: &[f64], labels: &[u8]) -> f64 {
    let mut scratch = vec![0.0; scratch_len(network, labels.len())];
    let samples = Samples::labelled(x, labels);
    gradient(network, theta, samples, &Criterion::PLAIN, STEP, &mut scratch, &mut vec![0.0; theta.len()])
        .unwrap()
}

#[test]
fn whole_networks() {
    let mut stream = Stream::new(Key::new(4, 0), Purpose::Init, 0, 0);
    for network in [NETWORK, RESIDUAL, POOLED, OTHERS] {
        for batch in [1, 2, 7] {
            let (x, labels) = data_for(&network, &mut stream, batch);
            let theta = random(&mut stream, network.parameter_len());
            let mut scratch = vec![f64::NAN; scratch_len(&network, batch)];
            let mut slope = vec![f64::NAN; theta.len()];
            let samples = Samples::labelled(&x, &labels);
            let value =
                gradient(&network, &theta, samples, &Criterion::PLAIN, STEP, &mut scratch, &mut slope)
                    .unwrap();
            if network.statistics_len() == 0 {
                let mut scratch = vec![f64::NAN; network.activation_len() * batch];
                let sum = scores(&network, &theta, &[], samples, &Criterion::PLAIN, &mut scratch).unwrap();
                assert!((value - sum.loss / batch as f64).abs() < 1e-13);
            }
            for (i, &slope) in slope.iter().enumerate() {
                let numeric = difference(&theta, i, |t| loss_of(&network, t, &x, &labels));
                near(slope, numeric, &format!("batch {batch}, parameter {i} of\n{network}\n"));
            }
        }
    }
}

/// One step with rate 1 from rest moves control point S by −weight·∇L(ψ(t)): compared with differences of L(ψ(t)) in
/// every number of every control point.
#[test]
fn every_control_point() {
    let mut stream = Stream::new(Key::new(5, 0), Purpose::Init, 0, 0);
    let dim = NETWORK.parameter_len();
    for (vertices, depth) in [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1)] {
        let mut memory = vec![ControlPointId::default(); control_points_len(vertices, depth)];
        let frame = ControlPoints::new(vertices, depth, &mut memory).unwrap();
        let count = frame.ids().len();
        let (x, labels) = data(&mut stream, 3);
        let inputs: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let x: Vec<f64> = inputs.iter().map(|&x| f64::from(x)).collect();
        let centres: Vec<Vec<f32>> =
            (0..count).map(|_| random(&mut stream, dim).iter().map(|&x| x as f32).collect()).collect();
        let mix = frame.mix(&uniform(&mut stream, vertices));

        let floats = vec![0.0; NetworkLoss::floats_len(&NETWORK, 3)];
        let samples = Samples::labelled(&inputs, &labels);
        let (order, batch_labels) = (vec![0; 3], vec![0; 3]);
        let network = NetworkLoss::new(NETWORK, samples, samples, 3, floats, order, batch_labels).unwrap();
        let (slots, scratch) = (vec![0.0; Slots::memory_len(count, dim)], vec![0.0; 2 * dim]);
        let mut engine = Direct::new(network, slots, scratch).unwrap();
        (0..).zip(&centres).for_each(|(slot, theta)| engine.put(slot, theta).unwrap());
        let course = StepParams {
            key: Key::new(0, 1),
            epoch: 0,
            first_trainable: 0,
            optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
            weight_decay: 0.0,
            tangent_removal: 0.0,
            max_gradient_norm: f32::INFINITY,
        };
        let step = Step { mix: mix.clone(), rate: 1.0, batch: 0 };
        engine.advance(&course, &[step], &mut [0.0]).unwrap();

        let at = |changed: usize, centre: &[f64]| {
            let mut theta = vec![0.0; dim];
            for &(slot, weight) in &mix {
                for (i, theta) in theta.iter_mut().enumerate() {
                    let other = f64::from(centres[slot as usize][i]);
                    *theta += f64::from(weight) * if slot as usize == changed { centre[i] } else { other };
                }
            }
            loss(&theta, &x, &labels)
        };
        for (slot, centre) in centres.iter().enumerate() {
            let mut moved = vec![0.0; dim];
            engine.get(slot as u32, &mut moved).unwrap();
            let wide: Vec<f64> = centre.iter().map(|&x| f64::from(x)).collect();
            for i in 0..dim {
                let numeric = difference(&wide, i, |centre| at(slot, centre));
                let analytic = wide[i] - f64::from(moved[i]);
                // f32: the sums of a pass, and the subtraction from a control point of size up to 4.
                let allowed = tolerance::sum_f32(64) * (1.0 + numeric.abs() + wide[i].abs());
                assert!(
                    (analytic - numeric).abs() < allowed,
                    "slot {slot}, element {i}: {analytic} {numeric}"
                );
            }
        }
    }
}

#[test]
fn analytic_functions() {
    let mut stream = Stream::new(Key::new(6, 0), Purpose::Init, 0, 0);
    for function in Function::ALL {
        for dim in [function.least_dim(), 4, 9] {
            for _ in 0..20 {
                let x = random(&mut stream, dim);
                let (mut slope, mut ignored) = (vec![f64::NAN; dim], vec![0.0; dim]);
                let value = function.gradient(&x, &mut slope);
                assert!(value.is_finite());
                for (i, slope) in slope.iter().enumerate() {
                    let numeric = difference(&x, i, |x| function.gradient(x, &mut ignored));
                    // Müller–Brown reaches 1e6 far out: relative to the value.
                    let allowed = tolerance::DIFFERENCE * (1.0 + numeric.abs() + value.abs() * 1e-2);
                    assert!((slope - numeric).abs() < allowed, "{function:?} {x:?} {i}: {slope} {numeric}");
                }
            }
        }
    }
}

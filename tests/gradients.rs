//! Gradients against central differences in f64: of every layer, of the loss, of L(ψ(t)) in every control point.

use valleys_core::kernels::{cross_entropy, linear, relu};
use valleys_core::landscape::{Course, Function, Landscape, Slots, Step, Supervised};
use valleys_core::network::{Layer, Network, Samples, Shape, gradient, scores, scratch_len};
use valleys_core::rng::{Purpose, Stream};
use valleys_core::simplex::{Frame, Position, control_len, uniform};
use valleys_tests::tolerance;

const H: f64 = 1e-5;

fn random(stream: &mut Stream, len: usize) -> Vec<f64> {
    (0..len).map(|_| stream.normal()).collect()
}

/// The central difference of `f` in element `i` of `x`.
fn difference(x: &[f64], i: usize, mut f: impl FnMut(&[f64]) -> f64) -> f64 {
    let mut at = x.to_vec();
    at[i] = x[i] + H;
    let above = f(&at);
    at[i] = x[i] - H;
    (above - f(&at)) / (2.0 * H)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn near(analytic: f64, numeric: f64, what: &str) {
    assert!(
        (analytic - numeric).abs() <= tolerance::DIFFERENCE * (1.0 + numeric.abs()),
        "{what}: {analytic} {numeric}"
    );
}

#[test]
fn linear_layer() {
    let mut stream = Stream::new(1, Purpose::Init, 0, 0, 0);
    for (batch, inputs, outputs) in [(1, 1, 1), (1, 3, 2), (2, 1, 5), (3, 7, 4), (5, 4, 11)] {
        let p = random(&mut stream, outputs * (inputs + 1));
        let x = random(&mut stream, batch * inputs);
        let dy = random(&mut stream, batch * outputs);
        let value = |p: &[f64], x: &[f64]| {
            let mut y = vec![0.0; batch * outputs];
            linear::forward(p, x, &mut y, batch);
            dot(&y, &dy)
        };
        let (mut dp, mut dx) = (vec![f64::NAN; p.len()], vec![f64::NAN; x.len()]);
        linear::backward(&p, &x, &dy, &mut dp, Some(&mut dx), batch);
        (0..p.len()).for_each(|i| near(dp[i], difference(&p, i, |p| value(p, &x)), "parameter"));
        (0..x.len()).for_each(|i| near(dx[i], difference(&x, i, |x| value(&p, x)), "input"));
    }
}

#[test]
fn relu_layer() {
    let mut stream = Stream::new(2, Purpose::Init, 0, 0, 0);
    let (x, dy) = (random(&mut stream, 50), random(&mut stream, 50));
    let value = |x: &[f64]| {
        let mut y = vec![0.0; x.len()];
        relu::forward(x, &mut y);
        dot(&y, &dy)
    };
    let (mut y, mut dx) = (vec![0.0; 50], vec![0.0; 50]);
    relu::forward(&x, &mut y);
    relu::backward(&y, &dy, &mut dx);
    (0..50).for_each(|i| near(dx[i], difference(&x, i, value), "input"));

    let mut y = [7.0; 4];
    relu::forward(&[-0.0, f64::NAN, f64::INFINITY, -1.0], &mut y);
    assert!(y[0] == 0.0 && y[1].is_nan() && y[2] == f64::INFINITY && y[3] == 0.0);
}

#[test]
fn cross_entropy_loss() {
    let mut stream = Stream::new(3, Purpose::Init, 0, 0, 0);
    for (batch, classes) in [(1, 1), (1, 2), (3, 10), (7, 5)] {
        let z: Vec<f64> = random(&mut stream, batch * classes).iter().map(|z| 3.0 * z).collect();
        let labels: Vec<u8> = (0..batch).map(|_| stream.below(classes as u32) as u8).collect();
        // The literal formula, without the shift that guards against overflow.
        let literal = |z: &[f64]| {
            let of =
                |(z, &l): (&[f64], &u8)| -(z[l as usize].exp() / z.iter().map(|z| z.exp()).sum::<f64>()).ln();
            z.chunks(classes).zip(&labels).map(of).sum::<f64>() / batch as f64
        };
        let ours = cross_entropy::losses(&z, &labels).sum::<f64>() / batch as f64;
        assert!((ours - literal(&z)).abs() < 1e-13);
        let mut dz = vec![f64::NAN; z.len()];
        cross_entropy::backward(&z, &labels, &mut dz);
        (0..z.len()).for_each(|i| near(dz[i], difference(&z, i, literal), "logit"));
    }
    // Where the literal formula overflows: 1000 against 0, and the other way round.
    let losses: Vec<f64> = cross_entropy::losses(&[1000.0, 0.0, 1000.0, 0.0], &[0, 1]).collect();
    assert_eq!(losses, [0.0, 1000.0]);
    assert_eq!(cross_entropy::arg_max(&[1.0, 2.0, 2.0]), Some(1));
    assert_eq!(cross_entropy::arg_max(&[f64::NAN, 2.0]), None);
}

const LAYERS: [Layer; 5] = [
    Layer::Linear { outputs: 5 },
    Layer::Relu,
    Layer::Linear { outputs: 3 },
    Layer::Relu,
    Layer::Linear { outputs: 4 },
];
const NETWORK: Network = Network { input: Shape::flat(6), layers: &LAYERS };

fn data(stream: &mut Stream, batch: usize) -> (Vec<f64>, Vec<u8>) {
    (random(stream, batch * 6), (0..batch).map(|_| stream.below(4) as u8).collect())
}

fn loss(theta: &[f64], x: &[f64], labels: &[u8]) -> f64 {
    let mut scratch = vec![0.0; scratch_len(&NETWORK, labels.len())];
    scores(&NETWORK, theta, Samples { inputs: x, labels }, &mut scratch).unwrap().loss / labels.len() as f64
}

#[test]
fn whole_network() {
    let mut stream = Stream::new(4, Purpose::Init, 0, 0, 0);
    for batch in [1, 2, 7] {
        let (x, labels) = data(&mut stream, batch);
        let theta = random(&mut stream, NETWORK.parameter_len());
        let mut scratch = vec![f64::NAN; scratch_len(&NETWORK, batch)];
        let mut slope = vec![f64::NAN; theta.len()];
        let samples = Samples { inputs: &x, labels: &labels };
        let value = gradient(&NETWORK, &theta, samples, &mut scratch, &mut slope).unwrap();
        assert!((value - loss(&theta, &x, &labels)).abs() < 1e-13);
        (0..theta.len())
            .for_each(|i| near(slope[i], difference(&theta, i, |t| loss(t, &x, &labels)), "parameter"));
    }
}

/// One step with rate 1 from rest moves centre S by −weight·∇L(ψ(t)): compared with differences of L(ψ(t)) in every
/// number of every control point.
#[test]
fn every_control_point() {
    let mut stream = Stream::new(5, Purpose::Init, 0, 0, 0);
    let dim = NETWORK.parameter_len();
    for (vertices, depth) in [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1)] {
        let mut memory = vec![Position::default(); control_len(vertices, depth)];
        let frame = Frame::new(vertices, depth, &mut memory).unwrap();
        let count = frame.positions().len();
        let (x, labels) = data(&mut stream, 3);
        let inputs: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let x: Vec<f64> = inputs.iter().map(|&x| f64::from(x)).collect();
        let centres: Vec<Vec<f32>> =
            (0..count).map(|_| random(&mut stream, dim).iter().map(|&x| x as f32).collect()).collect();
        let mix = frame.mix(&uniform(&mut stream, vertices));

        let mut floats = vec![0.0; Supervised::floats_len(&NETWORK, 3)];
        let mut memory = vec![0.0; Slots::memory_len(count, dim)];
        let (mut order, mut batch_labels) = ([0; 3], [0; 3]);
        let samples = Samples { inputs: &inputs, labels: &labels };
        let slots = Slots::new(&mut memory, dim).unwrap();
        let mut landscape =
            Supervised::new(NETWORK, samples, samples, 3, slots, &mut floats, &mut order, &mut batch_labels)
                .unwrap();
        (0..).zip(&centres).for_each(|(slot, theta)| landscape.put(slot, theta).unwrap());
        let course =
            Course { seed: 0, job: 1, epoch: 0, trainable: 0, momentum: 0.0, weight_decay: 0.0, across: 0.0 };
        let step = Step { mix: mix.clone(), rate: 1.0, batch: 0 };
        landscape.advance(&course, &[step], &mut [0.0]).unwrap();

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
            landscape.get(slot as u32, &mut moved).unwrap();
            let wide: Vec<f64> = centre.iter().map(|&x| f64::from(x)).collect();
            for i in 0..dim {
                let numeric = difference(&wide, i, |centre| at(slot, centre));
                let analytic = wide[i] - f64::from(moved[i]);
                // f32: the sums of a pass, and the subtraction from a centre of size up to 4.
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
    let mut stream = Stream::new(6, Purpose::Init, 0, 0, 0);
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

//! Certified bounds against dense sampling: the loss at any point of a cell is never above the upper bound, the loss at
//! some corner never below the lower one; and branch and bound closes the gap.

use valleys_core::certify::{
    Bounds, BranchAndBound, CertifiedLoss, Corner, FunctionBounds, Interval, MAX_CORNERS, NetworkBounds,
};
use valleys_core::engine::{Function, rotation};
use valleys_core::error::Error;
use valleys_core::network::{Criterion, Layer, Network, Samples, Shape, initialise, scores};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len, uniform};

const EXACT: f64 = 1e-12;

/// Corners of a random cell within a simplex of `v` points, and a random point of it, as weights of the points.
fn random_cell(v: usize, size: f64, stream: &mut Stream) -> Vec<Corner> {
    let grid = f64::from(1 << 20);
    let centre = uniform(stream, v);
    (0..v)
        .map(|_| {
            let other = uniform(stream, v);
            let mut corner = [0.0; MAX_CORNERS];
            for i in 0..v - 1 {
                let weight = (1.0 - size) * centre[i] + size * other[i];
                corner[i] = (weight * grid).floor() / grid;
            }
            corner[v - 1] = 1.0 - corner[..v - 1].iter().sum::<f64>();
            corner
        })
        .collect()
}

fn mixed(points: &[Vec<f32>], weights: &[f64]) -> Vec<f64> {
    let coordinate = |k: usize| weights.iter().zip(points).map(|(w, p)| w * f64::from(p[k])).sum();
    (0..points[0].len()).map(coordinate).collect()
}

/// Weights of the points at convex weights `lambda` of the corners.
fn within(corners: &[Corner], lambda: &[f64]) -> Vec<f64> {
    (0..corners.len()).map(|j| corners.iter().zip(lambda).map(|(c, l)| c[j] * l).sum()).collect()
}

/// Bounds of random cells of every size against the losses at their corners and at random points of them.
fn compare<L: CertifiedLoss<Error = Error>>(
    loss: &mut L,
    points: &[Vec<f32>],
    value: impl Fn(&[f64]) -> f64,
    stream: &mut Stream,
) {
    let v = points.len();
    let slices: Vec<&[f32]> = points.iter().map(|p| &p[..]).collect();
    for size in [1.0, 0.3, 1e-2, 1e-4, 0.0] {
        let corners = random_cell(v, size, stream);
        let Bounds { lower, upper } = loss.bounds(&slices, &corners).unwrap();
        let at_corners = corners.iter().map(|corner| value(&mixed(points, &corner[..v])));
        let at_corners = at_corners.fold(f64::NEG_INFINITY, f64::max);
        let scale = EXACT * (1.0 + at_corners.abs());
        assert!(lower <= at_corners + scale, "lower bound {lower}, but corners reach {at_corners}");
        assert!(at_corners <= upper + scale, "upper bound {upper}, but a corner reaches {at_corners}");
        for _ in 0..40 {
            let inside = value(&mixed(points, &within(&corners, &uniform(stream, v))));
            assert!(inside <= upper + scale, "{v} corners, size {size}: {inside} > {upper}");
        }
        if size == 0.0 {
            assert!(upper - lower <= 1e-9 * (1.0 + upper.abs()), "a point: {lower} to {upper}");
        }
    }
}

fn stream(seed: u64) -> Stream {
    Stream::new(Key::new(seed, 0), Purpose::Rotation, 0, 0)
}

const NETWORKS: [Network; 4] = [
    Network { input: Shape::flat(3), layers: &[Layer::Linear { outputs: 4 }] },
    Network {
        input: Shape::flat(5),
        layers: &[Layer::Linear { outputs: 7 }, Layer::RELU, Layer::Linear { outputs: 3 }],
    },
    Network {
        input: Shape::flat(2),
        layers: &[
            Layer::Linear { outputs: 9 },
            Layer::RELU,
            Layer::Linear { outputs: 1 },
            Layer::RELU,
            Layer::Linear { outputs: 8 },
            Layer::RELU,
            Layer::Linear { outputs: 2 },
        ],
    },
    // A ReLU on the samples, two linear layers in a row, a ReLU on the logits.
    Network {
        input: Shape::flat(4),
        layers: &[Layer::RELU, Layer::Linear { outputs: 6 }, Layer::Linear { outputs: 5 }, Layer::RELU],
    },
];

#[test]
fn bounds_of_networks_hold_on_every_cell() {
    for (number, network) in NETWORKS.iter().enumerate() {
        for (v, count) in [(1, 1), (2, 8), (3, 9), (4, 17), (2, 3)] {
            for scale in [1.0f32, 6.0] {
                let mut stream = stream((number * 10 + v) as u64);
                let inputs: Vec<f32> =
                    (0..count * network.input.len()).map(|_| stream.normal() as f32).collect();
                let classes = network.outputs() as u64;
                let labels: Vec<u8> = (0..count).map(|i| (i as u64 * 7 % classes) as u8).collect();
                let samples = Samples::labelled(&inputs, &labels);
                let points: Vec<Vec<f32>> = (0..v)
                    .map(|i| {
                        let mut theta = vec![0.0; network.parameter_len()];
                        initialise(network, 1, i as u32, &mut theta);
                        theta.iter_mut().for_each(|x| *x *= scale);
                        theta
                    })
                    .collect();
                let mut scratch = vec![f64::NAN; NetworkBounds::scratch_len(network)];
                let mut bounds = NetworkBounds::new(*network, samples, &mut scratch[..]).unwrap();
                let wide: Vec<f64> = inputs.iter().map(|&x| f64::from(x)).collect();
                let value = |theta: &[f64]| {
                    let samples = Samples::labelled(&wide, &labels);
                    let mut scratch = vec![0.0; network.activation_len() * count];
                    scores(network, theta, &[], samples, &Criterion::PLAIN, &mut scratch[..]).unwrap().loss
                        / count as f64
                };
                compare(&mut bounds, &points, value, &mut stream);
            }
        }
    }
}

#[test]
fn bounds_of_functions_hold_on_every_cell() {
    for function in Function::ALL {
        for dim in [function.least_dim(), 5] {
            for v in 1..=4 {
                let mut stream = stream((dim * 10 + v) as u64);
                let mut matrix = vec![0.0; dim * dim];
                rotation(7, dim, &mut matrix).unwrap();
                let points: Vec<Vec<f32>> =
                    (0..v).map(|_| (0..dim).map(|_| 1.5 * stream.normal() as f32).collect()).collect();
                let value = |theta: &[f64]| {
                    let x: Vec<f64> = matrix
                        .chunks_exact(dim)
                        .map(|row| row.iter().zip(theta).map(|(q, t)| q * t).sum())
                        .collect();
                    function.gradient(&x, &mut vec![0.0; dim])
                };
                let mut bounds = FunctionBounds::new(function, dim, &matrix).unwrap();
                compare(&mut bounds, &points, value, &mut stream);
            }
        }
    }
}

/// Branch and bound until upper and lower bound are within `tolerance`; both, and the number of cells.
fn close<L: CertifiedLoss<Error = Error>>(
    loss: &mut L,
    simplex: &ControlPoints,
    theta: &[Vec<f32>],
    tolerance: f64,
) -> (f64, f64, usize) {
    let slices: Vec<&[f32]> = theta.iter().map(|p| &p[..]).collect();
    let (mut search, mut cells) = BranchAndBound::new(simplex, &slices).unwrap();
    while !cells.is_empty() {
        for cell in cells {
            let points: Vec<&[f32]> = cell.slots.iter().map(|&slot| slices[slot as usize]).collect();
            let bounds = loss.bounds(&points, &cell.corners).unwrap();
            search.insert(cell, bounds);
        }
        let done = search.upper() - search.lower() <= tolerance || search.bounded() > 100_000;
        cells = if done { Vec::new() } else { search.split(3) };
    }
    (search.lower(), search.upper(), search.bounded())
}

#[test]
fn branch_and_bound_closes_in_on_the_largest_value_of_a_sheet() {
    // A flat triangle around Himmelblau's maximum, 181.616522, whose corners are lower.
    let mut ids = vec![ControlPointId::BLANK; control_points_len(3, 2)];
    let triangle = ControlPoints::new(3, 2, &mut ids).unwrap();
    let corners = [[-1.0f32, -1.3], [0.6, -1.2], [-0.3, -0.2]];
    let theta: Vec<Vec<f32>> = triangle
        .ids()
        .iter()
        .map(|id| {
            let t = id.coordinates();
            (0..2).map(|k| (0..3).map(|i| t[i] as f32 * corners[i][k]).sum()).collect()
        })
        .collect();
    let mut bounds = FunctionBounds::new(Function::Himmelblau, 2, &[1.0, 0.0, 0.0, 1.0]).unwrap();
    let (lower, upper, _) = close(&mut bounds, &triangle, &theta, 0.1);
    assert!(lower <= 181.616523 && 181.616522 <= upper, "{lower} to {upper}");
    assert!(upper - lower <= 0.1);
}

#[test]
fn branch_and_bound_of_a_network_agrees_with_a_fine_lattice() {
    let network = &NETWORKS[1];
    let mut stream = stream(3);
    let inputs: Vec<f32> = (0..13 * 5).map(|_| stream.normal() as f32).collect();
    let labels: Vec<u8> = (0..13).map(|i| i % 3).collect();
    let samples = Samples::labelled(&inputs, &labels);
    let mut ids = vec![ControlPointId::BLANK; 3];
    let curve = ControlPoints::new(2, 1, &mut ids).unwrap();
    let theta: Vec<Vec<f32>> = (0..3)
        .map(|i| {
            let mut theta = vec![0.0; network.parameter_len()];
            initialise(network, 5, i, &mut theta);
            theta.iter_mut().for_each(|x| *x *= 3.0);
            theta
        })
        .collect();
    let mut scratch = vec![0.0; NetworkBounds::scratch_len(network)];
    let mut bounds = NetworkBounds::new(*network, samples, &mut scratch[..]).unwrap();
    let (lower, upper, cells) = close(&mut bounds, &curve, &theta, 1e-6);
    let wide: Vec<f64> = inputs.iter().map(|&x| f64::from(x)).collect();
    let mut activations = vec![0.0; network.activation_len() * 13];
    let mut found = 0.0f64;
    for i in 0..=20_000 {
        let mut weights = [0.0; 3];
        for &(slot, weight) in &curve.mix(&[1.0 - f64::from(i) / 2e4, f64::from(i) / 2e4]) {
            weights[slot as usize] = f64::from(weight);
        }
        let samples = Samples::labelled(&wide, &labels);
        let loss =
            scores(network, &mixed(&theta, &weights), &[], samples, &Criterion::PLAIN, &mut activations)
                .unwrap()
                .loss
                / 13.0;
        found = found.max(loss);
    }
    // Weights of a mix are f32.
    assert!(lower <= found + 1e-6 && found <= upper + 1e-6, "found {found}, certified {lower} to {upper}");
    assert!(cells < 5_000, "{cells} cells");
}

#[test]
fn what_overflows_proves_nothing() {
    // Ten layers of weights near 10³⁸ on samples near 10³⁸: beyond 10³⁰⁸.
    let network = &Network { input: Shape::flat(2), layers: &[Layer::Linear { outputs: 2 }; 10] };
    let theta = vec![f32::MAX; network.parameter_len()];
    let samples = Samples::labelled(&[f32::MAX; 2], &[0]);
    let mut scratch = vec![0.0; NetworkBounds::scratch_len(network)];
    let mut bounds = NetworkBounds::new(*network, samples, &mut scratch[..]).unwrap();
    let corner = [1.0, 0.0, 0.0, 0.0];
    let bounds = bounds.bounds(&[&theta], &[corner]).unwrap();
    assert_eq!((bounds.lower, bounds.upper), (f64::NEG_INFINITY, f64::INFINITY));
}

#[test]
fn layers_without_bounds_are_refused() {
    let network = Network {
        input: Shape { channels: 1, height: 4, width: 4 },
        layers: &[Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }, Layer::Linear { outputs: 2 }],
    };
    let samples = Samples::labelled(&[0.0; 16], &[0]);
    let mut scratch = vec![0.0; NetworkBounds::scratch_len(&network)];
    let error = NetworkBounds::new(network, samples, &mut scratch[..]).err();
    assert!(matches!(error, Some(Error::Unsupported { .. })), "{error:?}");
}

#[test]
fn intervals_hold_every_result() {
    let mut stream = stream(1);
    let mut random = |scale: f64| {
        let (a, b) = (scale * stream.normal(), scale * stream.normal());
        Interval { low: a.min(b), high: a.max(b) }
    };
    for i in 0..2000 {
        let scale = [1e-3, 1.0, 30.0][i % 3];
        let (x, y) = (random(scale), random(scale));
        for (s, t) in [(0.0, 1.0), (0.25, 0.5), (0.9, 0.1), (1.0, 0.0)] {
            let a = (x.low + s * (x.high - x.low)).min(x.high);
            let b = (y.low + t * (y.high - y.low)).min(y.high);
            assert!((x + y).contains(a + b) && (x - y).contains(a - b) && (x * y).contains(a * b));
            assert!(x.square().contains(a * a) && x.exp().contains(a.exp()));
            assert!(x.sqrt().contains(a.max(0.0).sqrt()) && x.reciprocal().contains(1.0 / a));
            assert!(x.hull(y).contains(a) && x.hull(y).contains(b) && (-x).contains(-a));
            assert!((x * 3.0).contains(3.0 * a));
        }
    }
    // 0.1 + 0.2 is not 0.3 in f64, yet all of them are in the sum.
    let sum = Interval::point(0.1) + Interval::point(0.2);
    assert!(sum.low <= 0.3 && 0.1 + 0.2 < sum.high);
    assert_eq!(Interval::point(f64::MAX) * 2.0, Interval { low: f64::MAX, high: f64::INFINITY });
    assert_eq!(Interval::ALL * 0.0, Interval::point(0.0) * 0.0);
}

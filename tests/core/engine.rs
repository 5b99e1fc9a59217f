//! The contract: the optimiser's step against the literal formulas, rotations, segments, errors.

use valleys_core::engine::{
    Batch, Direct, Engine, Function, FunctionLoss, Loss, Mix, Optimizer, Slots, Split, Step, StepParams,
    Subset, Value, rotate, rotation,
};
use valleys_core::error::Error;
use valleys_core::evaluation::segment;
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPointId, ControlPoints, Lattice};

/// The part of a gradient along a cell is removed, the rest stays.
#[test]
fn gradients_across_a_simplex() {
    let dim = 5;
    let mut slots = Slots::new(vec![0.0; Slots::memory_len(4, dim)], dim).unwrap();
    let centres = [
        [1.0, 0.0, 2.0, 0.0, 1.0],
        [0.0, 1.0, 0.5, 0.0, 3.0],
        [2.0, 2.0, 0.0, 1.0, 0.0],
        [1.0, 0.0, 2.0, 0.0, 1.0],
    ];
    (0..).zip(&centres).for_each(|(slot, centre)| slots.put(slot, centre).unwrap());
    let gradient = [1.0_f32, -2.0, 0.5, 3.0, 1.5];
    let direction =
        |slot: usize| -> Vec<f32> { (0..dim).map(|i| centres[slot][i] - centres[0][i]).collect() };
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    // Also with two control points that coincide (0 and 3), and with one alone.
    let mixes: [&[u32]; 4] = [&[0, 1], &[0, 1, 2], &[0, 3, 1], &[0]];
    for mix in mixes {
        let terms: Mix = mix.iter().map(|&slot| (slot, 1.0 / mix.len() as f32)).collect();
        let course = StepParams {
            key: Key::new(0, 1),
            epoch: 0,
            first_trainable: 4,
            optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
            weight_decay: 0.0,
            tangent_removal: 1.0,
            max_gradient_norm: f32::INFINITY,
        };
        let mut tangent_removal = gradient;
        slots.step(&course, &terms, 0.0, &[0.0; 5], &mut tangent_removal);
        let removed: Vec<f32> = gradient.iter().zip(&tangent_removal).map(|(a, b)| a - b).collect();
        for &slot in &mix[1..] {
            assert!(
                dot(&tangent_removal, &direction(slot as usize)).abs() < 1e-5,
                "{mix:?}: {tangent_removal:?}"
            );
        }
        assert!(dot(&tangent_removal, &removed).abs() < 1e-5, "what is removed is orthogonal to what stays");
        assert_eq!(mix.len() == 1, removed.iter().all(|&r| r == 0.0));
        // A limit shortens what is left and does not turn it; a longer limit does nothing.
        let norm = dot(&tangent_removal, &tangent_removal).sqrt();
        for limit in [0.5 * norm, 2.0 * norm] {
            let mut limited = gradient;
            let course = StepParams { max_gradient_norm: limit, ..course };
            slots.step(&course, &terms, 0.0, &[0.0; 5], &mut limited);
            let factor = if limit < norm { 0.5 } else { 1.0 };
            assert!(limited.iter().zip(&tangent_removal).all(|(a, b)| (a - factor * b).abs() < 1e-6));
        }
    }
}

/// In the plane the edges of a triangle span everything: nothing is removed.
#[test]
fn where_a_simplex_fills_the_space_nothing_is_removed() {
    let mut slots = Slots::new(vec![0.0; Slots::memory_len(3, 2)], 2).unwrap();
    let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
    (0..).zip(&corners).for_each(|(slot, corner)| slots.put(slot, corner).unwrap());
    let course = StepParams {
        key: Key::new(0, 1),
        epoch: 0,
        first_trainable: 3,
        optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
        weight_decay: 0.0,
        tangent_removal: 1.0,
        max_gradient_norm: f32::INFINITY,
    };
    for (mix, expected) in [(&[0, 1, 2][..], [3.0, 4.0]), (&[0, 1], [0.0, 4.0])] {
        let mut gradient = [3.0, 4.0];
        let mix = mix.iter().map(|&slot| (slot, 1.0 / mix.len() as f32)).collect();
        slots.step(&course, &mix, 0.0, &[0.0; 2], &mut gradient);
        assert_eq!(gradient, expected);
    }
}

/// v ← μv + w(∇L + λθ(t)), θ ← θ − ηv on every trainable slot, also where its weight is 0.
#[test]
fn steps_are_the_literal_ones() {
    let dim = 4;
    let mut q = vec![0.0; dim * dim];
    rotation(3, dim, &mut q).unwrap();
    let loss = FunctionLoss::new(Function::Quadratic, dim, &q, vec![0.0; 2 * dim]).unwrap();
    let (slots, scratch) = (vec![0.0; Slots::memory_len(3, dim)], vec![0.0; 2 * dim]);
    let mut engine = Direct::new(loss, slots, scratch).unwrap();
    let mut centres: Vec<Vec<f64>> =
        (0..3).map(|s| (0..dim).map(|i| (s * dim + i) as f64 * 0.25 - 1.0).collect()).collect();
    let mut momenta = vec![vec![0.0; dim]; 3];
    for (slot, centre) in (0..).zip(&centres) {
        engine.put(slot, &centre.iter().map(|&x| x as f32).collect::<Vec<_>>()).unwrap();
    }
    let course = StepParams {
        key: Key::new(0, 1),
        epoch: 0,
        first_trainable: 1,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 0.125,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    };
    let mixes: [&[(u32, f32)]; 4] =
        [&[(0, 0.5), (1, 0.5)], &[(2, 1.0)], &[(0, 1.0)], &[(2, 0.25), (1, 0.25), (0, 0.5)]];
    for (batch, mix) in (0..).zip(mixes) {
        let mut loss = [0.0];
        let step = Step { mix: mix.iter().copied().collect(), rate: 0.0625, batch };
        engine.advance(&course, &[step], &mut loss).unwrap();
        let at = |i: usize| mix.iter().map(|&(s, w)| f64::from(w) * centres[s as usize][i]).sum::<f64>();
        let theta: Vec<f64> = (0..dim).map(at).collect();
        let x: Vec<f64> = q.chunks(dim).map(|row| row.iter().zip(&theta).map(|(q, t)| q * t).sum()).collect();
        let mut slope = vec![0.0; dim];
        let value = Function::Quadratic.gradient(&x, &mut slope);
        let back = |i: usize| q.chunks(dim).zip(&slope).map(|(row, g)| row[i] * g).sum::<f64>();
        assert!((f64::from(loss[0]) - value).abs() < 1e-6);
        for slot in 1..3 {
            let weight = mix.iter().find(|m| m.0 == slot).map_or(0.0, |m| f64::from(m.1));
            for i in 0..dim {
                let momentum = &mut momenta[slot as usize][i];
                *momentum = 0.9 * *momentum + weight * (back(i) + 0.125 * theta[i]);
                centres[slot as usize][i] -= 0.0625 * *momentum;
            }
        }
    }
    for (slot, centre) in (0..).zip(&centres) {
        let mut theta = vec![0.0; dim];
        engine.get(slot, &mut theta).unwrap();
        for (ours, theirs) in theta.iter().zip(centre) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6, "slot {slot}: {ours} {theirs}");
        }
    }
}

#[test]
fn rotations_are_orthogonal_and_keep_values() {
    for dim in [1, 2, 5, 50] {
        let mut q = vec![0.0; dim * dim];
        rotation(9, dim, &mut q).unwrap();
        for i in 0..dim {
            for j in 0..dim {
                let dot: f64 = (0..dim).map(|k| q[i * dim + k] * q[j * dim + k]).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        // θ = Qᵀx puts row i of Q where x is the i-th unit vector.
        let x: Vec<f64> = (0..dim).map(|i| f64::from(u8::from(i == dim - 1))).collect();
        let mut theta = vec![0.0; dim];
        rotate(&q, &x, &mut theta);
        assert!(theta.iter().zip(&q[dim * (dim - 1)..]).all(|(a, b)| *a == *b as f32));
    }
}

#[test]
fn segments_are_the_largest_losses() {
    let lattice = Lattice::new(3, 6);
    let losses: Vec<f64> =
        lattice.numerators().map(|k| f64::from(k[0] * 100 + k[1] * k[1] * 7 + k[2])).collect();
    let largest = |face: &dyn Fn(&[u32]) -> bool| {
        let inside = lattice.numerators().zip(&losses).filter(|(k, _)| face(k));
        inside.map(|(_, l)| *l).fold(f64::MIN, f64::max)
    };
    let s = segment(6, &losses).unwrap();
    assert_eq!(s.edges, [largest(&|k| k[2] == 0), largest(&|k| k[1] == 0), largest(&|k| k[0] == 0)]);
    assert_eq!((s.birth, s.death), (largest(&|k| k.contains(&0)), largest(&|_| true)));

    assert_eq!(
        segment(6, &losses[1..]).unwrap_err().to_string(),
        "losses of a triangle: 28 elements needed, 27 given"
    );
    let mut broken = losses.clone();
    broken[17] = f64::NAN;
    assert_eq!(segment(6, &broken).unwrap_err().to_string(), "the loss on the lattice is not finite at 17");
}

#[test]
fn wrong_calls_say_what_was_needed() {
    let mut slots = Slots::new(vec![0.0; Slots::memory_len(2, 3)], 3).unwrap();
    assert_eq!(slots.put(2, &[0.0; 3]).unwrap_err().to_string(), "slot: 0 to 1 needed, 2 given");
    assert_eq!(slots.put(1, &[0.0; 4]).unwrap_err().to_string(), "parameters: 3 elements needed, 4 given");
    let error = ControlPoints::new(3, 2, &mut [ControlPointId::default(); 24]).unwrap_err();
    assert_eq!(error.to_string(), "control points: 25 elements needed, 24 given");
    assert_eq!(
        ControlPoints::new(9, 1, &mut []).unwrap_err().to_string(),
        "vertices of a simplex: 1 to 8 needed, 9 given"
    );
    assert_eq!(
        ControlPoints::new(2, 4, &mut []).unwrap_err().to_string(),
        "depth of a map: 1 to 3 needed, 4 given"
    );
}

/// A loss whose gradient in step k is (x (1 + k/10), 3y − k/2, k/4): not that of a function, but what the recorded steps of
/// PyTorch had.
struct Recorded(u32);

impl Loss for Recorded {
    type Error = Error;

    fn dim(&self) -> usize {
        3
    }

    fn batches(&self) -> u32 {
        20
    }

    fn value_and_gradient(&mut self, theta: &[f32], _: Batch, gradient: &mut [f32]) -> Result<f32, Error> {
        self.0 += 1;
        let k = self.0 as f32;
        gradient.copy_from_slice(&[theta[0] * (1.0 + 0.1 * k), 3.0 * theta[1] - 0.5 * k, 0.25 * k]);
        Ok(0.0)
    }

    fn values(&mut self, _: Split, _: Option<Subset>, _: &[&[f32]], _: &mut [Value]) -> Result<(), Error> {
        Ok(())
    }
}

/// Optimiser, and the point after 1, 2 and 20 steps of rate 0.05 from (1, −2, ½) with a weight decay of 0.1: PyTorch 2.15 in
/// f64.
const PYTORCH_STEPS: [(Optimizer, [[f64; 3]; 3]); 5] = [
    (
        Optimizer::Sgd { momentum: 0.9, nesterov: false },
        [
            [0.94, -1.665, 0.485],
            [0.8249, -1.0554249999999998, 0.444075],
            [0.268189497104437, 3.3556672146778665, -11.259517875030781],
        ],
    ),
    (
        Optimizer::Sgd { momentum: 0.9, nesterov: true },
        [
            [0.886, -1.3635, 0.4715],
            [0.727979, -0.5955992499999999, 0.40737074999999995],
            [0.08314104312329561, 3.319076306239875, -12.227500386690831],
        ],
    ),
    (
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: false },
        [
            [0.9500000004166667, -1.950000000074627, 0.4500000016666666],
            [0.8999677031362577, -1.8999503391134376, 0.40125148654819753],
            [0.045901189449441195, -0.9643753640942729, -0.5415109642696077],
        ],
    ),
    (
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: true },
        [
            [0.9450000004545455, -1.940000000076923, 0.4475000019999999],
            [0.8902411251912763, -1.8802518210020727, 0.3970034019195977],
            [0.006889047913265195, -0.8209999442850076, -0.5395056724665892],
        ],
    ),
    (
        Optimizer::Adam { beta1: 0.5, beta2: 0.75, epsilon: 0.125, decoupled: true },
        [
            [0.9501020408163265, -1.940943396226415, 0.46416666666666667],
            [0.9002130835664375, -1.8819445793878327, 0.4230411831175324],
            [0.10594118732628707, -0.8317847714632814, -0.5076613660467623],
        ],
    ),
];

#[test]
fn optimisers_take_the_steps_of_pytorch() {
    for (optimizer, expected) in PYTORCH_STEPS {
        let mut params = StepParams {
            key: Key::new(1, 1),
            epoch: 0,
            first_trainable: 0,
            optimizer,
            weight_decay: 0.1,
            tangent_removal: 0.0,
            max_gradient_norm: f32::INFINITY,
        };
        let engine = Direct::new(Recorded(0), vec![0.0; Slots::memory_len(1, 3)], vec![0.0; 6]).unwrap();
        let mut engine = engine.with_second_moments(vec![0.0; Slots::second_len(1, 3)]).unwrap();
        engine.put(0, &[1.0, -2.0, 0.5]).unwrap();
        for k in 1..=20 {
            let step = Step { mix: Mix::from_iter([(0, 1.0)]), rate: 0.05, batch: k - 1 };
            engine.advance(&params, &[step], &mut [0.0]).unwrap();
            let Some(place) = [1, 2, 20].iter().position(|&at| at == k) else { continue };
            let mut theta = [0.0; 3];
            engine.get(0, &mut theta).unwrap();
            for (found, expected) in theta.iter().zip(expected[place]) {
                let error = (f64::from(*found) - expected).abs();
                assert!(
                    error < 20.0 * f64::from(f32::EPSILON) * (1.0 + expected.abs()),
                    "{optimizer:?}, step {k}: {found} {expected}"
                );
            }
        }
        // Without memory for second moments Adam is refused, and nothing moves.
        if optimizer.needs_second_moments() {
            let mut engine = Direct::new(Recorded(0), vec![0.0; 6], vec![0.0; 6]).unwrap();
            params.weight_decay = 1.0;
            let step = Step { mix: Mix::from_iter([(0, 1.0)]), rate: 0.05, batch: 0 };
            let error = engine.advance(&params, &[step], &mut [0.0]).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        }
    }
}

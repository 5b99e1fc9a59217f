//! The contract: the optimiser's step against the literal formulas, rotations, segments, errors.

use valleys_core::engine::{
    Direct, Engine, Function, FunctionLoss, Mix, Optimizer, Slots, Step, StepParams, rotate, rotation,
};
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

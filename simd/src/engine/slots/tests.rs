use super::*;
use valleys_core::rng::Key;

/// Steps with momentum alone.
fn params() -> StepParams {
    StepParams {
        key: Key::new(0, 0),
        epoch: 0,
        first_trainable: 0,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 0.0,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    }
}

#[test]
fn momenta_decay_to_zero_and_never_to_denormals() {
    let mut slots = Slots::new(1, 20);
    slots.put(0, &[1.0; 20]).unwrap();
    let params = params();
    let (theta, nothing) = ([1.0; 32], Mix::new());
    let mut push = |mix: &Mix| {
        slots.step(Level::new(), &params, mix, 0.1, &theta, &theta);
        slots.flush_all(Level::new());
        slots.pair(0).1[0]
    };
    assert_eq!(push(&Mix::from_iter([(0, 1.0)])), 1.0);
    let momenta: Vec<f32> = (0..1000).map(|_| push(&nothing)).collect();
    assert!(momenta.iter().all(|v| *v == 0.0 || v.is_normal()));
    assert!(momenta[100] > 0.0 && momenta[999] == 0.0);
}

/// Several pending steps are the same as steps one by one.
#[test]
fn pending_steps_are_many_steps() {
    let params = params();
    let theta: [f32; 32] = std::array::from_fn(|i| i as f32 - 7.5);
    let (mut once, mut singly) = (Slots::new(2, 20), Slots::new(2, 20));
    let level = Level::new();
    for slots in [&mut once, &mut singly] {
        slots.step(level, &params, &Mix::from_iter([(1, 1.0)]), 0.1, &theta, &theta);
    }
    for _ in 0..25 {
        singly.step(level, &params, &Mix::new(), 0.1, &theta, &theta);
        singly.flush_all(level);
        once.step(level, &params, &Mix::new(), 0.1, &theta, &theta);
    }
    once.flush(level, &Mix::from_iter([(1, 0.5)]));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 25.0 * f32::EPSILON * b.abs();
    let ((point, momentum), (point_singly, momentum_singly)) = (once.pair(1), singly.pair(1));
    assert!(point.iter().zip(&*point_singly).all(near));
    assert!(momentum.iter().zip(&*momentum_singly).all(near));
}

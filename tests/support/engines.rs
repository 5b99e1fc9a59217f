//! What the tests of every engine do alike: the same steps, the reference beside it, the exact gradient of a batch.

use std::fmt::{Debug, Display};
use valleys::data::{Dataset, Samples, Targets};
use valleys::reference;
use valleys_core::engine::{Engine, Mix, Optimizer, Step, StepParams, Value, dropout_key, epoch_order};
use valleys_core::error::Error;
use valleys_core::network::{self, Criterion, CropFlip, Network, scores, scratch_len};
use valleys_core::rng::Key;

/// A mix of slots.
pub fn mix(terms: &[(u32, f32)]) -> Mix {
    terms.iter().copied().collect()
}

/// A course with momentum and weight decay.
pub fn course(trainable: u32, epoch: u32) -> StepParams {
    StepParams {
        key: Key::new(7, 3),
        epoch,
        first_trainable: trainable,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 1e-3,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    }
}

/// The control point of a slot.
pub fn centre<L: Engine<Error: Debug> + ?Sized>(engine: &mut L, slot: u32) -> Vec<f32> {
    let mut theta = vec![0.0; engine.dim()];
    engine.get(slot, &mut theta).unwrap();
    theta
}

/// The same numbers in f64.
pub fn widen(theta: &[f32]) -> Vec<f64> {
    theta.iter().map(|&x| f64::from(x)).collect()
}

/// Steps of two epochs between three slots, the last of which is trained: all batches, also the short one. What became
/// of it, and the losses.
pub fn train<L: Engine<Error: Debug> + ?Sized>(engine: &mut L, rate: f32) -> (Vec<f32>, Vec<f32>) {
    let mut all = Vec::new();
    for epoch in 0..2 {
        let steps: Vec<Step> = (0..engine.batches())
            .map(|batch| {
                let t = 0.1 + 0.8 * batch as f32 / engine.batches() as f32;
                Step { mix: mix(&[(batch % 2, 1.0 - t), (2, t)]), rate, batch }
            })
            .collect();
        let mut losses = vec![0.0; steps.len()];
        engine.advance(&course(2, epoch), &steps, &mut losses).unwrap();
        all.extend(losses);
    }
    (centre(engine, 2), all)
}

/// Training resumes in an engine that has nothing but the saved state, with the same bits.
pub fn assert_resumes<L: Engine<Error: Debug> + ?Sized>(trained: &mut L, other: &mut L) {
    train(trained, 0.01);
    let mut state = vec![0.0; trained.state_len()];
    assert!(!state.is_empty());
    trained.save(&mut state).unwrap();
    other.restore(&state).unwrap();
    assert_eq!(train(trained, 0.01), train(other, 0.01));
    assert!(other.restore(&state[1..]).is_err());
}

/// Calls `f` with the reference engine on these control points.
pub fn reference<R>(
    network: &Network,
    data: &Dataset,
    batch: usize,
    centres: &[Vec<f32>],
    augment: Option<CropFlip<Vec<f32>>>,
    f: impl FnOnce(&mut dyn Engine<Error = Error>) -> R,
) -> R {
    let criterion = Criterion::of(&data.train.targets.borrowed());
    let mut engine = reference::engine(*network, data, batch, centres.len(), augment, criterion).unwrap();
    (0..).zip(centres).for_each(|(slot, theta)| engine.put(slot, theta).unwrap());
    f(&mut engine)
}

/// Loss and gradient of a batch of epoch 0 at θ, by an engine of two slots: slot 1 is 0, so that a step of rate 2 at
/// half of slot 0 leaves −∇L in it, with no rounding.
pub fn gradient_at<L: Engine<Error: Debug> + ?Sized>(
    engine: &mut L,
    theta: &[f32],
    batch: u32,
) -> (f32, Vec<f32>) {
    engine.put(0, &theta.iter().map(|x| 2.0 * x).collect::<Vec<_>>()).unwrap();
    engine.put(1, &vec![0.0; theta.len()]).unwrap();
    let step = Step { mix: mix(&[(0, 0.5), (1, 0.5)]), rate: 2.0, batch };
    let mut loss = [0.0];
    engine.advance(&StepParams { weight_decay: 0.0, ..course(1, 0) }, &[step], &mut loss).unwrap();
    (loss[0], centre(engine, 1).iter().map(|x| -x).collect())
}

/// The samples of the batches of epoch 0.
pub fn batches(data: &Dataset, batch: usize) -> Vec<Vec<u32>> {
    let mut order = vec![0; data.train.len()];
    epoch_order(course(1, 0).key, course(1, 0).epoch, &mut order);
    order.chunks(batch).map(<[u32]>::to_vec).collect()
}

/// The point of a mix in f64.
pub fn mixed(point: &Mix, centre: impl Fn(u32) -> Vec<f32>) -> Vec<f64> {
    let mut theta = Vec::new();
    for &(slot, weight) in point {
        let centre = centre(slot);
        theta.resize(centre.len(), 0.0);
        theta.iter_mut().zip(centre).for_each(|(t, c)| *t += f64::from(weight) * f64::from(c));
    }
    theta
}

/// Mean loss and error of samples at θ in f64, batch norms with these statistics.
pub fn exact_value(network: &Network, theta: &[f64], statistics: &[f64], samples: &Samples) -> Value {
    let (inputs, targets) = (widen(&samples.inputs), WideTargets::new(&samples.targets));
    let samples = network::Samples { inputs: &inputs, targets: targets.borrowed() };
    let mut scratch = vec![0.0; network.activation_len() * samples.len()];
    let criterion = Criterion::of(&samples.targets);
    let sum = scores(network, theta, statistics, samples, &criterion, &mut scratch).unwrap();
    Value::of(&sum, &targets.borrowed())
}

/// Targets in f64.
pub struct WideTargets(Targets, Vec<f64>);

impl WideTargets {
    /// The same targets.
    pub fn new(targets: &Targets) -> Self {
        let wide = if let Targets::Values { values, .. } = targets { widen(values) } else { Vec::new() };
        Self(targets.clone(), wide)
    }

    /// As the reference kernels read them.
    pub fn borrowed(&self) -> network::Targets<'_, f64> {
        match &self.0 {
            Targets::Labels(labels) => network::Targets::Labels(labels),
            &Targets::Values { width, unit, .. } => network::Targets::Values { width, values: &self.1, unit },
        }
    }
}

/// The same errors, and losses that differ by no more than a share.
pub fn assert_values(found: &[Value], expected: &[Value], tolerance: f64, what: &dyn Display) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let near = (found.loss - expected.loss).abs() <= tolerance * expected.loss;
        assert!(near, "{} {}\n{what}", found.loss, expected.loss);
        assert_eq!(found.error, expected.error, "{what}");
    }
}

/// Loss and gradient of chosen samples at θ in f64, batch norms with the statistics of these samples, dropout with the masks
/// of this batch of epoch 0.
pub fn exact_gradient(
    network: &Network,
    theta: &[f32],
    samples: &Samples,
    chosen: &[u32],
    batch: u32,
) -> (f64, Vec<f64>) {
    let features = network.input.len();
    let inputs: Vec<f64> =
        (chosen.iter()).flat_map(|&i| widen(&samples.inputs[i as usize * features..][..features])).collect();
    let numbers: Vec<usize> = chosen.iter().map(|&i| i as usize).collect();
    let targets = WideTargets::new(&samples.targets.pick(&numbers));
    let samples = network::Samples { inputs: &inputs, targets: targets.borrowed() };
    let criterion = Criterion::of(&samples.targets);
    let mut scratch = vec![0.0; scratch_len(network, chosen.len())];
    let mut gradient = vec![0.0; network.parameter_len()];
    let loss = network::gradient(
        network,
        &widen(theta),
        samples,
        &criterion,
        dropout_key(course(1, 0).key, 0, batch),
        &mut scratch,
        &mut gradient,
    );
    (loss.unwrap(), gradient)
}

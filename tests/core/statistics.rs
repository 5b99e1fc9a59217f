//! Batch norm in an engine: the batch's statistics in a fit, recomputed statistics wherever a loss is measured.

use valleys_core::engine::{
    Direct, Engine, Mix, NetworkLoss, Optimizer, Slots, Split, Step, StepParams, Subset, Value, epoch_order,
};
use valleys_core::error::Error;
use valleys_core::network::{
    Criterion, CropFlip, Layer, Network, Samples, Shape, accumulate, gradient, initialise, scores,
    scratch_len,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_tests::tolerance;

const fn convolution(outputs: usize, kernel: usize, stride: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding: kernel / 2, bias: false, groups: 1, dilation: 1 }
}

/// A residual block with a projection.
const NETWORK: Network = Network {
    input: Shape { channels: 2, height: 6, width: 5 },
    layers: &[
        convolution(4, 3, 1),
        Layer::BatchNorm,
        Layer::RELU,
        convolution(6, 3, 2),
        Layer::BatchNorm,
        Layer::Branch { back: 3 },
        convolution(6, 1, 2),
        Layer::BatchNorm,
        Layer::Add { back: 4 },
        Layer::RELU,
        Layer::GlobalAveragePool,
        Layer::Linear { outputs: 3 },
    ],
};
const DIM: usize = NETWORK.parameter_len();
const LEN: usize = NETWORK.input.len();
const TRAIN: usize = 11;
const TEST: usize = 5;
const BATCH: usize = 4;

struct Data {
    inputs: Vec<f32>,
    labels: Vec<u8>,
}

fn data(count: usize, seed: u64) -> Data {
    let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
    Data {
        inputs: (0..count * LEN).map(|_| stream.normal() as f32).collect(),
        labels: (0..count).map(|_| stream.below(3) as u8).collect(),
    }
}

fn centre(vertex: u32) -> Vec<f32> {
    let mut theta = vec![0.0; DIM];
    initialise(&NETWORK, 1, vertex, &mut theta);
    // Away from γ = 1, β = 0 and tiny last weights.
    let mut stream = Stream::new(Key::new(2, vertex.into()), Purpose::Perturbation, 0, 0);
    theta.iter_mut().for_each(|x| *x += 0.3 * stream.normal() as f32);
    theta
}

fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x.into()).collect()
}

/// Calls `work` with an engine of two slots, augmented or not.
fn with<R>(augment: Option<CropFlip<Vec<f32>>>, work: impl FnOnce(&mut dyn Engine<Error = Error>) -> R) -> R {
    let (train, test) = (data(TRAIN, 3), data(TEST, 4));
    let floats = vec![f32::NAN; NetworkLoss::floats_len(&NETWORK, BATCH)];
    let (order, labels) = (vec![0; TRAIN], vec![0; BATCH]);
    let borrow =
        |data: &Data| Samples::labelled(data.inputs.clone().leak() as &[f32], data.labels.clone().leak());
    let (train, test) = (borrow(&train), borrow(&test));
    let mut loss = NetworkLoss::new(NETWORK, train, test, BATCH, floats, order, labels).unwrap();
    if let Some(augment) = augment {
        loss = loss.augmented(augment).unwrap();
    }
    let (slots, scratch) = (vec![0.0; Slots::memory_len(2, DIM)], vec![f32::NAN; 2 * DIM]);
    let mut engine = Direct::new(loss, slots, scratch).unwrap();
    (0..2).for_each(|vertex| engine.put(vertex, &centre(vertex)).unwrap());
    work(&mut engine)
}

fn mixed(mix: &Mix) -> Vec<f64> {
    let mut theta = vec![0.0; DIM];
    for &(slot, weight) in mix {
        let terms = centre(slot).into_iter().map(|x| f64::from(weight) * f64::from(x));
        theta.iter_mut().zip(terms).for_each(|(t, x)| *t += x);
    }
    theta
}

/// Statistics at θ in f64: over these training samples in order, at most 4 at a time.
fn statistics(theta: &[f64], chosen: &[usize]) -> Vec<f64> {
    let all = widen(&data(TRAIN, 3).inputs);
    let train: Vec<f64> = chosen.iter().flat_map(|&i| &all[i * LEN..][..LEN]).copied().collect();
    let mut statistics = vec![0.0; NETWORK.statistics_len()];
    for part in train.chunks(BATCH * LEN) {
        let count = part.len() / LEN;
        let mut scratch = vec![0.0; NETWORK.activation_len() * count];
        let share = count as f64 / chosen.len() as f64;
        accumulate(&NETWORK, theta, part, count, share, &mut scratch, &mut statistics).unwrap();
    }
    statistics
}

fn measured(theta: &[f64], statistics: &[f64], data: &Data, chosen: &[usize]) -> Value {
    let inputs: Vec<f64> = chosen.iter().flat_map(|&i| widen(&data.inputs[i * LEN..][..LEN])).collect();
    let labels: Vec<u8> = chosen.iter().map(|&i| data.labels[i]).collect();
    let samples = Samples::labelled(&inputs, &labels);
    let mut scratch = vec![0.0; NETWORK.activation_len() * chosen.len()];
    let sum = scores(&NETWORK, theta, statistics, samples, &Criterion::PLAIN, &mut scratch).unwrap();
    Value::of(&sum, &samples.targets)
}

fn points() -> Vec<Mix> {
    [[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]].map(|w| (0..).zip(w).filter(|(_, w)| *w != 0.0).collect()).to_vec()
}

#[test]
fn losses_are_told_with_statistics_recomputed() {
    let drawn = |total: usize, subset: Option<Subset>| {
        let mut order: Vec<u32> = (0..total as u32).collect();
        if let Some(Subset { key, len }) = subset {
            Stream::new(key, Purpose::Subset, 0, 0).shuffle(&mut order);
            order.truncate(len as usize);
            order.sort_unstable();
        }
        order.into_iter().map(|i| i as usize).collect::<Vec<_>>()
    };
    let (train, test) = (data(TRAIN, 3), data(TEST, 4));
    let key = Key::new(5, 1);
    with(None, |engine| {
        for subset in [None, Some(Subset { key, len: 6 }), Some(Subset { key, len: 1 })] {
            let mut values = vec![Value::default(); 6];
            engine.values(&[Split::Test, Split::Train], subset, &points(), &mut values).unwrap();
            for (point, values) in points().iter().zip(values.chunks(2)) {
                let theta = mixed(point);
                let statistics = statistics(&theta, &drawn(TRAIN, subset));
                for (value, data, total) in [(values[0], &test, TEST), (values[1], &train, TRAIN)] {
                    let expected = measured(&theta, &statistics, data, &drawn(total, subset));
                    let allowed = tolerance::sum_f32(NETWORK.activation_len()) * expected.loss;
                    assert!(
                        (value.loss - expected.loss).abs() < allowed,
                        "{subset:?}: {value:?} {expected:?}"
                    );
                    assert_eq!(value.error, expected.error);
                }
            }
        }
    });
}

/// One step with rate 1 from rest moves a control point by −weight·∇L at θ(t), L with the batch's own statistics.
fn step_is_the_gradient_s(augment: Option<CropFlip<Vec<f32>>>) {
    let mix = points()[2].clone();
    let course = StepParams {
        key: Key::new(6, 3),
        epoch: 1,
        first_trainable: 0,
        optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
        weight_decay: 0.0,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    };
    let mut order = [0; TRAIN];
    epoch_order(course.key, course.epoch, &mut order);
    let train = data(TRAIN, 3);
    for batch in [0, 2] {
        let chosen = &order[batch * BATCH..][..BATCH.min(TRAIN - batch * BATCH)];
        let inputs: Vec<f64> = (chosen.iter())
            .flat_map(|&i| {
                let image = &train.inputs[i as usize * LEN..][..LEN];
                let mut copy = image.to_vec();
                if let Some(augment) = &augment {
                    augment.apply(&mut Stream::new(Key::new(6, 3), Purpose::Augment, 1, i), image, &mut copy);
                }
                widen(&copy)
            })
            .collect();
        let labels: Vec<u8> = chosen.iter().map(|&i| train.labels[i as usize]).collect();
        let mut slope = vec![0.0; DIM];
        let mut scratch = vec![0.0; scratch_len(&NETWORK, chosen.len())];
        let samples = Samples::labelled(&inputs, &labels);
        let loss =
            gradient(&NETWORK, &mixed(&mix), samples, &Criterion::PLAIN, [0; 2], &mut scratch, &mut slope)
                .unwrap();
        with(augment.clone(), |engine| {
            let step = Step { mix: mix.clone(), rate: 1.0, batch: batch as u32 };
            let mut losses = [0.0];
            engine.advance(&course, &[step], &mut losses).unwrap();
            let allowed = tolerance::sum_f32(NETWORK.activation_len());
            assert!((f64::from(losses[0]) - loss).abs() < allowed * loss);
            let mut moved = vec![0.0; DIM];
            engine.get(1, &mut moved).unwrap();
            for ((moved, was), slope) in moved.iter().zip(centre(1)).zip(&slope) {
                let ours = f64::from(was) - f64::from(*moved);
                assert!((ours - 0.75 * slope).abs() < allowed * (1.0 + slope.abs()), "{ours} {slope}");
            }
        });
    }
}

#[test]
fn steps_use_the_statistics_of_the_batch() {
    step_is_the_gradient_s(None);
}

#[test]
fn steps_see_changed_images_and_losses_do_not() {
    let augment = CropFlip { shape: NETWORK.input, padding: 2, border: vec![0.5, -0.5] };
    step_is_the_gradient_s(Some(augment.clone()));
    let of = |augment| {
        with(augment, |engine| {
            let mut values = vec![Value::default(); 3];
            engine.values(&[Split::Train], None, &points(), &mut values).unwrap();
            values
        })
    };
    assert_eq!(of(None), of(Some(augment)));
}

//! The fast kernels of the CPU against the reference kernels, f32 and f64, of core.

use proptest::prelude::*;
use std::sync::Arc;
use valleys::data::{Dataset, Samples, Targets};
use valleys_core::engine::{Engine, Mix, Split, Step, Subset, Value};
use valleys_core::error::Error;
use valleys_core::network::{CropFlip, Layer, Network, Shape, initialise, zoo};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_simd::engine::CpuEngine;
use valleys_tests::engines::{
    assert_values, batches, centre, course, exact_gradient, exact_value, gradient_at, mix, mixed, reference,
    train, widen,
};
use valleys_tests::tolerance;

/// Widths, batch, training samples: odd sizes around the vector widths, more than one sample tile, a last batch of one;
/// the last so large that threads share a step.
const CASES: &[(&[usize], usize, usize)] = &[
    (&[64, 32, 32, 10], 32, 93),
    (&[1, 1], 1, 3),
    (&[1, 2, 1, 3], 7, 15),
    (&[15, 16, 17, 5], 7, 22),
    (&[16, 15, 2], 32, 33),
    (&[17, 33, 16, 3], 33, 34),
    (&[33, 17, 10], 33, 100),
    (&[33, 65, 31, 1, 4], 70, 141),
    (&[2, 200], 16, 40),
    (&[97, 40, 10], 128, 300),
    (&[5, 9, 3], 700, 900),
    (&[331, 210, 7], 70, 141),
];

fn samples(features: usize, classes: usize, count: usize, seed: u64) -> Samples {
    let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
    Samples::labelled(
        (0..count * features).map(|_| stream.symmetric(1.0) as f32).collect(),
        (0..count).map(|_| stream.below(classes as u32) as u8).collect(),
    )
}

/// A network, its data, and points of its parameter space.
struct Case {
    layers: Vec<Layer>,
    input: Shape,
    data: Arc<Dataset>,
    batch: usize,
}

impl Case {
    fn new(widths: &[usize], batch: usize, count: usize) -> Self {
        let layers = zoo::mlp::<16>(widths).unwrap().to_vec();
        let (features, classes) = (widths[0], widths[widths.len() - 1]);
        let train = samples(features, classes, count, 1);
        let data = Dataset { train, test: samples(features, classes, 1 + count / 3, 2) };
        Self { layers, input: Shape::flat(features), data: Arc::new(data), batch }
    }

    fn all() -> impl Iterator<Item = Self> {
        CASES.iter().map(|&(widths, batch, count)| Self::new(widths, batch, count))
    }

    fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    /// Larger than what training starts from, so that the samples' losses differ.
    fn theta(&self, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.network().parameter_len()];
        initialise(&self.network(), 9, vertex, &mut theta);
        theta.iter_mut().for_each(|theta| *theta *= 1.5);
        theta
    }

    fn cpu(&self, slots: u32) -> CpuEngine {
        let mut cpu =
            CpuEngine::new(&self.network(), self.data.clone(), self.batch, slots as usize, None).unwrap();
        (0..slots).for_each(|slot| cpu.put(slot, &self.theta(slot)).unwrap());
        cpu
    }

    /// Calls `f` with the reference on the same slots.
    fn reference<R>(&self, slots: u32, f: impl FnOnce(&mut dyn Engine<Error = Error>) -> R) -> R {
        let centres: Vec<_> = (0..slots).map(|slot| self.theta(slot)).collect();
        reference(&self.network(), &self.data, self.batch, &centres, None, f)
    }
}

/// The largest difference, relative to the largest number of `b`.
fn difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(0.0f64, |m, b| m.max(b.abs()));
    a.iter().zip(b).fold(0.0f64, |m, (&a, &b)| m.max((f64::from(a) - b).abs())) / size.max(f64::MIN_POSITIVE)
}

#[test]
fn trajectory_is_the_reference_s() {
    for case in Case::all() {
        let (theta, losses) = train(&mut case.cpu(3), 0.05);
        let (expected, expected_losses) = case.reference(3, |reference| train(reference, 0.05));
        let tolerance = tolerance::trajectory_f32(case.network().flops());
        assert!(difference(&theta, &widen(&expected)) < tolerance, "{}", case.network());
        assert!(difference(&losses, &widen(&expected_losses)) < tolerance, "{}", case.network());
    }
}

/// Also where control points coast: saving lands none of them.
#[test]
fn a_saved_state_goes_on_with_the_same_bits() {
    for case in Case::all() {
        let steps: Vec<Step> = (0..case.cpu(1).batches())
            .map(|batch| Step { mix: mix(&[(0, 0.5), (1 + batch % 3, 0.5)]), rate: 0.05, batch })
            .collect();
        let mut losses = vec![0.0; steps.len()];
        let mut whole = case.cpu(4);
        whole.advance(&course(1, 0), &steps, &mut losses).unwrap();
        let expected = (centre(&mut whole, 1), centre(&mut whole, 2), centre(&mut whole, 3), losses);
        let mut losses = vec![f32::NAN; steps.len()];
        let mut state = vec![0.0; case.cpu(4).state_len()];
        case.cpu(4).save(&mut state).unwrap();
        for (step, loss) in steps.chunks(1).zip(losses.chunks_mut(1)) {
            let mut part = CpuEngine::new(&case.network(), case.data.clone(), case.batch, 4, None).unwrap();
            part.restore(&state).unwrap();
            part.advance(&course(1, 0), step, loss).unwrap();
            part.save(&mut state).unwrap();
        }
        let mut last = case.cpu(4);
        last.restore(&state).unwrap();
        assert!(expected == (centre(&mut last, 1), centre(&mut last, 2), centre(&mut last, 3), losses));
        assert!(last.restore(&state[1..]).is_err() && last.save(&mut [0.0]).is_err());
    }
}

#[test]
fn gradient_is_that_of_f64() {
    for case in Case::all() {
        let (network, theta) = (case.network(), case.theta(0));
        let mut cpu = case.cpu(2);
        for (batch, chosen) in (0..).zip(batches(&case.data, case.batch)) {
            let (loss, gradient) = gradient_at(&mut cpu, &theta, batch);
            let (expected_loss, expected) =
                exact_gradient(&network, &theta, &case.data.train, &chosen, batch);
            let terms = network.activation_len() + case.input.len() + case.batch;
            assert!(difference(&[loss], &[expected_loss]) < tolerance::sum_f32(terms), "{network}");
            assert!(difference(&gradient, &expected) < tolerance::sum_f32(terms), "{network}");
        }
    }
}

/// A multilayer perceptron reads images as vectors; they are augmented as images.
#[test]
fn augmented_samples_are_the_reference_s() {
    let case = Case::new(&[2 * 3 * 7, 33, 10], 16, 90);
    let shape = Shape { channels: 2, height: 3, width: 7 };
    let augment = Some(CropFlip { shape, padding: 2, border: vec![0.5, -0.25] });
    let points: Vec<_> = (0..3).map(|slot| case.theta(slot)).collect();
    let mut cpu = CpuEngine::new(&case.network(), case.data.clone(), case.batch, 3, augment.clone()).unwrap();
    (0..).zip(&points).for_each(|(slot, theta)| cpu.put(slot, theta).unwrap());
    let (theta, losses) = train(&mut cpu, 0.05);
    let (expected, expected_losses) =
        reference(&case.network(), &case.data, case.batch, &points, augment, |reference| {
            train(reference, 0.05)
        });
    let tolerance = tolerance::trajectory_f32(case.network().flops());
    assert!(difference(&theta, &widen(&expected)) < tolerance);
    assert!(difference(&losses, &widen(&expected_losses)) < tolerance);
    let (_, plain) = train(&mut case.cpu(3), 0.05);
    assert!(difference(&plain, &widen(&expected_losses)) > 10.0 * tolerance);
}

#[test]
fn scores_are_those_of_f64() {
    for case in Case::all() {
        let (network, theta) = (case.network(), case.theta(0));
        let mut cpu = case.cpu(0);
        assert_eq!(cpu.statistics(&theta), Ok(Vec::new()));
        for (split, samples) in [(Split::Train, &case.data.train), (Split::Test, &case.data.test)] {
            let sum = cpu.scores(split, &theta, &[]).unwrap();
            let found = Value::of(&sum, &samples.targets.borrowed());
            let expected = exact_value(&network, &widen(&theta), &[], samples);
            let terms = network.activation_len() + case.input.len();
            assert_values(&[found], &[expected], tolerance::sum_f32(terms), &network);
        }
    }
}

#[test]
fn values_are_those_of_f64() {
    for case in Case::all() {
        let network = case.network();
        let mut cpu = case.cpu(3);
        let points: Vec<Mix> = [[1.0, 0.0], [0.25, 0.75], [0.5, 0.0]]
            .map(|[a, b]| [(0, a), (1, b), (2, 1.0 - a - b)].into_iter().filter(|x| x.1 != 0.0).collect())
            .to_vec();
        for (split, samples) in [(Split::Train, &case.data.train), (Split::Test, &case.data.test)] {
            let mut values = vec![Value::default(); points.len()];
            cpu.values(&[split], None, &points, &mut values).unwrap();
            let expected: Vec<Value> = points
                .iter()
                .map(|point| exact_value(&network, &mixed(point, |slot| case.theta(slot)), &[], samples))
                .collect();
            // No two logits of these samples are so near that rounding could swap them.
            let terms = network.activation_len() + case.input.len();
            assert_values(&values, &expected, tolerance::sum_f32(terms), &network);
        }
    }
}

#[test]
fn drawn_samples_are_the_reference_s() {
    let case = Case::new(&[17, 33, 10], 16, 90);
    let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.5), (1, 0.5)])];
    for len in [1, 31, 33, 90, 1000] {
        let (splits, subset) = ([Split::Train, Split::Test], Some(Subset { key: Key::new(5, 6), len }));
        let mut values = [Value::default(); 4];
        case.cpu(2).values(&splits, subset, &points, &mut values).unwrap();
        let mut expected = [Value::default(); 4];
        case.reference(2, |reference| reference.values(&splits, subset, &points, &mut expected)).unwrap();
        let tolerance = tolerance::sum_f32(case.network().activation_len());
        assert_values(&values, &expected, tolerance, &format!("{len} samples"));
    }
}

#[test]
fn bits_repeat() {
    for case in Case::all() {
        assert_eq!(train(&mut case.cpu(3), 0.05), train(&mut case.cpu(3), 0.05), "{}", case.network());
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let case = Case::all().last().unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut cpu = case.cpu(3);
            let trained = train(&mut cpu, 0.01);
            let mut values = [Value::default(); 2];
            cpu.values(&[Split::Train], None, &[mix(&[(2, 1.0)]), mix(&[(1, 0.5), (2, 0.5)])], &mut values)
                .unwrap();
            (trained, values)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn steps_may_be_grouped_into_calls_in_any_way() {
    let case = Case::new(&[17, 33, 10], 8, 61);
    let steps: Vec<Step> =
        (0..8).map(|batch| Step { mix: mix(&[(0, 0.75), (1, 0.25)]), rate: 0.1, batch }).collect();
    let run = |size: usize| {
        let mut cpu = case.cpu(2);
        let mut losses = vec![0.0; steps.len()];
        for (steps, losses) in steps.chunks(size).zip(losses.chunks_mut(size)) {
            cpu.advance(&course(1, 0), steps, losses).unwrap();
        }
        (centre(&mut cpu, 1), losses)
    };
    assert_eq!(run(8), run(1));
    assert_eq!(run(8), run(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn points_may_be_grouped_into_calls_in_any_way(
        count in 1usize..70, size in 1usize..40, a in 1usize..40, b in 1usize..40, seed in 0u64..99,
    ) {
        let case = Case::new(&[a, b, 3], 8, 50);
        let mut stream = Stream::new(Key::new(seed, 0), Purpose::Point, 0, 0);
        let points: Vec<Mix> = (0..count)
            .map(|_| {
                let t = stream.unit() as f32;
                mix(&[(stream.below(3), 1.0 - t), (3, t)])
            })
            .collect();
        let mut cpu = case.cpu(4);
        let mut together = vec![Value::default(); count];
        cpu.values(&[Split::Train], None, &points, &mut together).unwrap();
        let mut apart = vec![Value::default(); count];
        for (points, values) in points.chunks(size).zip(apart.chunks_mut(size)) {
            cpu.values(&[Split::Train], None, points, values).unwrap();
        }
        prop_assert_eq!(together, apart);
    }
}

#[test]
fn centres_of_weight_nought_go_on_with_their_momentum() {
    let case = Case::new(&[5, 7, 3], 4, 8);
    let mut cpu = case.cpu(3);
    let step = |slot, batch| Step { mix: mix(&[(0, 0.5), (slot, 0.5)]), rate: 0.1, batch };
    let (mut before, mut loss) = (centre(&mut cpu, 1), [0.0]);
    cpu.advance(&course(1, 0), &[step(1, 0)], &mut loss).unwrap();
    let pushed = centre(&mut cpu, 1);
    cpu.advance(&course(1, 0), &[step(2, 1)], &mut loss).unwrap();
    let coasted = centre(&mut cpu, 1);
    for ((before, pushed), coasted) in before.iter().zip(&pushed).zip(&coasted) {
        let tolerance = tolerance::sum_f32(1) as f32 * before.abs().max(0.1);
        assert!(((coasted - pushed) - 0.9 * (pushed - before)).abs() <= tolerance);
    }
    assert_ne!(before, pushed);
    // `put` sets the momentum to 0.
    cpu.put(1, &pushed).unwrap();
    before = centre(&mut cpu, 0);
    cpu.advance(&course(1, 0), &[step(2, 1)], &mut loss).unwrap();
    assert_eq!(centre(&mut cpu, 1), pushed);
    assert_eq!(centre(&mut cpu, 0), before);
}

#[test]
fn ties_go_to_the_lower_class() {
    let case = Case::new(&[6, 5, 4], 8, 50);
    let mut cpu = case.cpu(1);
    cpu.put(0, &vec![0.0; cpu.dim()]).unwrap();
    let mut value = [Value::default()];
    cpu.values(&[Split::Train], None, &[mix(&[(0, 1.0)])], &mut value).unwrap();
    let wrong = case.data.train.targets.labels().unwrap().iter().filter(|&&label| label != 0).count();
    assert_eq!(value[0].error, Some(wrong as f64 / 50.0));
    assert!((value[0].loss - 4f64.ln()).abs() < tolerance::sum_f32(1));
}

#[test]
fn what_is_not_finite_is_seen() {
    let case = Case::new(&[6, 5, 4], 8, 50);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        // In each parameter: first weights, a hidden bias, the last weights and biases, also of class 0.
        for at in [0, 30, 35, 40, 55, 58] {
            let mut theta = case.theta(0);
            theta[at] = bad;
            let mut cpu = case.cpu(1);
            cpu.put(0, &theta).unwrap();
            let point = mix(&[(0, 1.0)]);
            let mut value = [Value::default()];
            cpu.values(&[Split::Train], None, std::slice::from_ref(&point), &mut value).unwrap();
            let mut expected = [Value::default()];
            let finite = case.reference(1, |reference| {
                reference.put(0, &theta).unwrap();
                reference.values(&[Split::Train], None, std::slice::from_ref(&point), &mut expected).unwrap();
                expected[0].loss.is_finite()
            });
            assert_eq!(value[0].loss.is_finite(), finite, "{bad} at {at}");
            if bad.is_nan() {
                assert!(value[0].loss.is_nan());
                assert_eq!(value[0].error, Some(1.0), "{bad} at {at}");
                let mut loss = [0.0];
                cpu.advance(&course(0, 0), &[Step { mix: point, rate: 0.1, batch: 6 }], &mut loss).unwrap();
                assert!(loss[0].is_nan(), "{bad} at {at}");
            }
        }
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let case = Case::new(&[6, 5, 4], 8, 50);
    let make = |layers: &[Layer], data: &Dataset, batch| {
        let network = Network { input: case.input, layers };
        CpuEngine::new(&network, Arc::new(data.clone()), batch, 2, None).map(|_| ())
    };
    let (layers, data) = (&case.layers[..], &*case.data);
    assert_eq!(make(layers, data, 8), Ok(()));
    assert!(matches!(make(layers, data, 0), Err(Error::Range { .. })));
    assert!(matches!(make(layers, &Dataset::default(), 8), Err(Error::Range { .. })));
    assert!(matches!(make(&[], data, 8), Err(Error::Range { .. })));
    // Another number of outputs than there are classes.
    assert!(matches!(make(&[Layer::Linear { outputs: 3 }], data, 8), Err(Error::Label { .. })));
    let mut bad = data.clone();
    let Targets::Labels(labels) = &mut bad.test.targets else { unreachable!() };
    labels[3] = 4;
    assert_eq!(make(layers, &bad, 8), Err(Error::Label { sample: 3, label: 4, classes: 4 }));
    bad.train.inputs.pop();
    assert!(matches!(make(layers, &bad, 8), Err(Error::Length { needed: 300, given: 299, .. })));

    let mut cpu = case.cpu(2);
    let theta = case.theta(0);
    assert!(matches!(cpu.put(2, &theta), Err(Error::Range { most: 1, given: 2, .. })));
    assert!(matches!(cpu.put(1, &theta[1..]), Err(Error::Length { .. })));
    let step = Step { mix: mix(&[(0, 1.0)]), rate: 0.1, batch: 0 };
    let mut loss = [0.0];
    let late = Step { batch: 7, ..step.clone() };
    assert!(matches!(
        cpu.advance(&course(0, 0), &[late], &mut loss),
        Err(Error::Range { most: 6, given: 7, .. })
    ));
    let unknown = mix(&[(2, 1.0)]);
    let step_unknown = Step { mix: unknown.clone(), ..step.clone() };
    assert!(matches!(cpu.advance(&course(0, 0), &[step_unknown], &mut loss), Err(Error::Range { .. })));
    assert!(matches!(cpu.advance(&course(0, 0), &[step], &mut []), Err(Error::Length { .. })));
    let mut value = [Value::default()];
    assert!(matches!(cpu.values(&[Split::Train], None, &[unknown], &mut value), Err(Error::Range { .. })));
    let nobody = Some(Subset { key: Key::new(0, 0), len: 0 });
    let point = [mix(&[(0, 1.0)])];
    assert!(matches!(cpu.values(&[Split::Train], nobody, &point, &mut value), Err(Error::Range { .. })));
    // Nothing has moved.
    assert_eq!(centre(&mut cpu, 0), theta);
}

#[test]
fn runs_on_another_thread() {
    fn sendable<T: Send>(_: &T) {}
    let case = Case::new(&[6, 5, 4], 8, 50);
    let mut cpu = case.cpu(3);
    sendable(&cpu);
    let here = train(&mut case.cpu(3), 0.05);
    let there = std::thread::spawn(move || train(&mut cpu, 0.05)).join().unwrap();
    assert_eq!(here, there);
}

//! Networks on a GPU against the reference kernels, f32 and f64, of core.

use std::sync::{Arc, LazyLock};
use std::time::Duration;
use valleys::data::Dataset;
use valleys_core::engine::{Engine, Split, Step, StepParams, Subset, Value};
use valleys_core::error::Error as Wrong;
use valleys_core::network::{CropFlip, Layer, Network, zoo};
use valleys_core::rng::Key;
use valleys_gpu::test_hooks::{lose_device_after, read_back_after, submit_each_batch};
use valleys_gpu::{DeviceOptions, DeviceProvider, Error, GpuDataset, GpuEngine};
use valleys_tests::engines::{
    assert_resumes, assert_values, batches, centre, course, exact_gradient, exact_value, gradient_at, mix,
    mixed, train, widen,
};
use valleys_tests::tolerance;
use valleys_tests::trained::{Case, assert_gradient, convolution, difference, networks, shape};

/// The device of this run, with all checks; none where there is no adapter.
fn provider() -> Option<Arc<DeviceProvider>> {
    static OPENER: LazyLock<Option<Arc<DeviceProvider>>> = LazyLock::new(|| valleys_tests::gpu(true));
    OPENER.clone()
}

fn gpu(case: &Arc<Case>, slots: u32, augment: Option<CropFlip<Vec<f32>>>) -> Option<GpuEngine> {
    Some(case.gpu(provider()?, case.input.channels, slots, augment))
}

/// All networks of the tests, those of linear layers and others with what only the reference had kernels for.
fn cases() -> Vec<Arc<Case>> {
    use Layer::{Add, BatchNorm, Branch, GlobalAveragePool, Linear, MaxPool};
    let mut all = networks();
    let linear = |outputs| Linear { outputs };
    all.push((zoo::LENET5_INPUT, zoo::LENET5.map(|(_, layer)| layer).to_vec()));
    all.push((shape(13, 1, 1), vec![linear(9), Layer::RELU, linear(6), Layer::RELU, linear(4)]));
    // Windows that overlap, what several read, a sum of a row with itself, a batch norm in front.
    all.push((
        shape(2, 9, 8),
        vec![
            BatchNorm,
            convolution(2, 3, 1, 1, false),
            Add { back: 2 },
            Branch { back: 1 },
            Add { back: 2 },
            MaxPool { kernel: 3, stride: 2, padding: 0 },
            Layer::RELU,
            Branch { back: 2 },
            convolution(2, 3, 1, 1, true),
            BatchNorm,
            Add { back: 4 },
            MaxPool { kernel: 2, stride: 2, padding: 0 },
            GlobalAveragePool,
            linear(3),
        ],
    ));
    let sizes = [[3, 7], [17, 31], [15, 40], [16, 40], [5, 12], [5, 12], [5, 12], [4, 9], [9, 20], [4, 11]];
    assert_eq!(all.len(), sizes.len());
    all.into_iter().zip(sizes).map(|(network, size)| Arc::new(Case::new(network, size))).collect()
}

#[test]
fn gradient_is_that_of_f64() {
    for case in cases() {
        let (network, theta) = (case.network(), case.theta(0));
        let Some(mut gpu) = gpu(&case, 2, None) else { return };
        for (batch, chosen) in (0..).zip(batches(&case.data, case.batch)) {
            let (loss, gradient) = gradient_at(&mut gpu, &theta, batch);
            let (expected_loss, expected) =
                exact_gradient(&network, &theta, &case.data.train, &chosen, batch);
            let tolerance = tolerance::sum_f32(case.terms());
            assert!(difference(&[loss], &[expected_loss]) < tolerance, "{loss} {expected_loss} {network}");
            assert_gradient(&network, &gradient, &expected, tolerance);
        }
    }
}

#[test]
fn trajectory_is_the_reference_s() {
    for case in cases() {
        let Some(mut gpu) = gpu(&case, 3, None) else { return };
        let (theta, losses) = train(&mut gpu, 0.01);
        let (expected, expected_losses) = case.reference(3, None, |reference| train(reference, 0.01));
        let tolerance = tolerance::trajectory_f32(case.network().flops());
        assert!(difference(&theta, &widen(&expected)) < tolerance, "{}", case.network());
        assert!(difference(&losses, &widen(&expected_losses)) < tolerance, "{}", case.network());
    }
}

#[test]
fn augmented_and_projected_steps_are_the_reference_s() {
    let case = cases().swap_remove(3);
    let augment = CropFlip { shape: case.input, padding: 4, border: vec![0.5, -0.25] };
    let Some(mut gpu) = gpu(&case, 4, Some(augment.clone())) else { return };
    // Two trainable control points, one of which is not in every mix; steps across the simplex.
    fn steps<L: Engine<Error: std::fmt::Debug> + ?Sized>(engine: &mut L) -> [Vec<f32>; 3] {
        let mut losses = vec![0.0; 3];
        let step = |terms: &[(u32, f32)], batch| Step { mix: mix(terms), rate: 0.01, batch };
        let steps = [
            step(&[(0, 0.25), (2, 0.5), (3, 0.25)], 0),
            step(&[(1, 0.5), (3, 0.5)], 2),
            step(&[(2, 1.0)], 1),
        ];
        engine.advance(&StepParams { tangent_removal: 0.75, ..course(2, 1) }, &steps, &mut losses).unwrap();
        [centre(engine, 2), centre(engine, 3), losses]
    }
    let found = steps(&mut gpu);
    let expected = case.reference(4, Some(augment), |reference| steps(reference));
    let tolerance = tolerance::trajectory_f32(case.network().flops());
    for (found, expected) in found.iter().zip(&expected) {
        assert!(difference(found, &widen(expected)) < tolerance);
    }
}

#[test]
fn values_are_those_of_f64() {
    for case in cases() {
        let network = case.network();
        let Some(mut gpu) = gpu(&case, 2, None) else { return };
        let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.25), (1, 0.75)])];
        for (split, samples) in [(Split::Train, &case.data.train), (Split::Test, &case.data.test)] {
            let mut values = [Value::default(); 2];
            gpu.values(&[split], None, &points, &mut values).unwrap();
            let expected = points.each_ref().map(|point| {
                let theta = mixed(point, |slot| case.theta(slot));
                exact_value(&network, &theta, &case.statistics(&theta), samples)
            });
            assert_values(&values, &expected, tolerance::sum_f32(case.terms()), &network);
        }
    }
}

#[test]
fn drawn_samples_are_the_reference_s() {
    let case = Arc::new(Case::new(networks().swap_remove(3), [16, 90]));
    let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.5), (1, 0.5)])];
    let Some(mut gpu) = gpu(&case, 2, None) else { return };
    for len in [1, 31, 90, 1000] {
        let (splits, subset) = ([Split::Train, Split::Test], Some(Subset { key: Key::new(5, 6), len }));
        let mut values = [Value::default(); 4];
        gpu.values(&splits, subset, &points, &mut values).unwrap();
        let mut expected = [Value::default(); 4];
        case.reference(2, None, |reference| reference.values(&splits, subset, &points, &mut expected))
            .unwrap();
        let tolerance = tolerance::sum_f32(case.network().activation_len());
        assert_values(&values, &expected, tolerance, &format!("{len} samples"));
    }
}

/// Results of an engine: control points and losses of two epochs, then the loss of a mix.
fn everything(gpu: &mut GpuEngine) -> (Vec<f32>, Vec<f32>, Value) {
    let (theta, losses) = train(gpu, 0.01);
    let mut value = [Value::default()];
    gpu.values(&[Split::Test], None, &[mix(&[(1, 0.5), (2, 0.5)])], &mut value).unwrap();
    (theta, losses, value[0])
}

#[test]
fn repeats_are_identical_and_lost_devices_lose_nothing() {
    let case = Arc::new(Case::new(networks().swap_remove(3), [5, 27]));
    let Some(mut first) = gpu(&case, 3, None) else { return };
    let expected = everything(&mut first);
    let mut again = gpu(&case, 3, None).unwrap();
    assert_eq!(everything(&mut again), expected);
    // The unchecked programs that runs use, on a device of their own, which may be lost.
    let provider = valleys_tests::gpu(false).unwrap();
    for lost_at in 0..20 {
        let mut gpu = case.gpu(provider.clone(), case.input.channels, 3, None);
        submit_each_batch(&gpu);
        lose_device_after(&gpu, lost_at);
        assert_eq!(everything(&mut gpu), expected, "lost at submission {lost_at}");
        assert_eq!(gpu.counts().recoveries, 1, "lost at submission {lost_at}");
    }
}

/// Many calls of one step each, with reads, measurements and a new control point between them; then the whole state.
fn many_calls(gpu: &mut GpuEngine, case: &Case) -> Vec<f32> {
    let mut found = Vec::new();
    let step = |gpu: &mut GpuEngine, first_trainable, epoch, batch| {
        let step = Step { mix: mix(&[(batch % 2, 0.5), (2, 0.5)]), rate: 0.01, batch };
        let mut loss = [0.0];
        gpu.advance(&course(first_trainable, epoch), &[step], &mut loss).unwrap();
        loss[0]
    };
    for (first_trainable, epoch) in [(2, 0), (1, 1)] {
        for batch in 0..gpu.batches() {
            found.push(step(gpu, first_trainable, epoch, batch));
        }
        found.extend(centre(gpu, 2));
        let mut value = [Value::default()];
        gpu.values(&[Split::Test], None, &[mix(&[(1, 0.5), (2, 0.5)])], &mut value).unwrap();
        found.push(value[0].loss as f32);
    }
    gpu.put(1, &case.theta(7)).unwrap();
    found.push(step(gpu, 1, 2, 0));
    let mut state = vec![0.0; gpu.state_len()];
    gpu.save(&mut state).unwrap();
    [found, state].concat()
}

#[test]
fn steps_since_a_read_back_are_repeated_after_a_loss() {
    let case = Arc::new(Case::new(networks().swap_remove(3), [5, 27]));
    let Some(mut first) = gpu(&case, 3, None) else { return };
    let expected = many_calls(&mut first, &case);
    let provider = valleys_tests::gpu(false).unwrap();
    // Twelve steps, a put, one step, a save: read back for the last two alone, after every fifth step, after each.
    for (steps, read_backs) in [(usize::MAX, 2), (5, 4), (1, 13)] {
        for lost_at in (0..20).step_by(if steps == 5 { 1 } else { 3 }) {
            let mut gpu = case.gpu(provider.clone(), case.input.channels, 3, None);
            read_back_after(&mut gpu, Duration::MAX, steps);
            submit_each_batch(&gpu);
            lose_device_after(&gpu, lost_at);
            assert_eq!(many_calls(&mut gpu, &case), expected, "lost at submission {lost_at}, {steps}");
            let counts = gpu.counts();
            assert_eq!((counts.recoveries, counts.read_backs), (1, read_backs), "{lost_at}, {steps}");
        }
    }
}

#[test]
fn models_side_by_side_have_the_bits_of_one_alone() {
    const MODELS: u32 = 3;
    let work = |gpu: &mut GpuEngine, case: &Case, model: u32| {
        (0..3).for_each(|slot| gpu.put(slot, &case.theta(model + slot)).unwrap());
        let trained = train(gpu, 0.01);
        let tangent_removal =
            StepParams { tangent_removal: 0.5, key: Key::new(7, model.into()), ..course(1, 0) };
        // Mixes of other slots than those of the models beside it.
        let step =
            Step { mix: mix(&[(0, 0.5), (1 + model % 2, 0.5)]), rate: 0.01, batch: model % gpu.batches() };
        let mut losses = vec![0.0; 1 + model as usize];
        gpu.advance(&tangent_removal, &vec![step; losses.len()], &mut losses).unwrap();
        let points = [0.0, 0.25, 0.5, 1.0].map(|t| mix(&[(0, 1.0 - t), (2, t)]));
        let mut values = [Value::default(); 4];
        gpu.values(&[Split::Train], None, &points, &mut values).unwrap();
        (trained, losses, [1, 2].map(|slot| centre(gpu, slot)), values)
    };
    // The large ones take no other kernels.
    for case in cases().into_iter().filter(|case| case.network().flops() < 1_000_000) {
        let Some(provider) = provider() else { return };
        let alone = (0..MODELS).map(|model| {
            let mut gpu = gpu(&case, 3, None).unwrap();
            work(&mut gpu, &case, model)
        });
        let alone: Vec<_> = alone.collect();
        let shared =
            GpuDataset::new(provider, case.clone(), case.input.channels).with_models(MODELS as usize);
        let shared = Arc::new(shared);
        let mut gpus: Vec<GpuEngine> = (0..MODELS)
            .map(|_| GpuEngine::new(&case.network(), shared.clone(), case.batch, 3, None).unwrap())
            .collect();
        // Whether calls meet is a matter of time: they do sooner or later.
        for _ in 0..100 {
            let together: Vec<_> = std::thread::scope(|scope| {
                let threads = gpus.iter_mut().zip(0..).map(|(gpu, model)| {
                    let case = &case;
                    scope.spawn(move || work(gpu, case, model))
                });
                let threads: Vec<_> = threads.collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(together, alone, "{}", case.network());
            if gpus.iter().all(|gpu| gpu.counts().batched > 0) {
                break;
            }
        }
        assert!(gpus.iter().all(|gpu| gpu.counts().batched > 0));
    }
}

#[test]
fn a_lost_device_loses_nothing_of_models_side_by_side() {
    let case = Arc::new(Case::new(networks().swap_remove(3), [5, 27]));
    let Some(mut first) = gpu(&case, 3, None) else { return };
    let expected = everything(&mut first);
    for lost_at in 0..5 {
        let provider = valleys_tests::gpu(false).unwrap();
        let shared = GpuDataset::new(provider, case.clone(), case.input.channels).with_models(2);
        let shared = Arc::new(shared);
        let mut gpus = [0, 1].map(|_| {
            let mut gpu = GpuEngine::new(&case.network(), shared.clone(), case.batch, 3, None).unwrap();
            (0..3).for_each(|slot| gpu.put(slot, &case.theta(slot)).unwrap());
            gpu
        });
        submit_each_batch(&gpus[0]);
        lose_device_after(&gpus[1], lost_at);
        let found = std::thread::scope(|scope| {
            gpus.each_mut().map(|gpu| scope.spawn(|| everything(gpu))).map(|thread| thread.join().unwrap())
        });
        assert_eq!(found, [expected.clone(), expected.clone()], "lost at submission {lost_at}");
        assert!(gpus.iter().all(|gpu| gpu.counts().recoveries == 1), "lost at submission {lost_at}");
    }
}

/// Images have few different numbers, which the device then holds as bytes.
#[test]
fn bytes_give_the_bits_of_numbers() {
    let Some(provider) = provider() else { return };
    let mut case = Case::new(networks().swap_remove(2), [7, 23]);
    let mut data = Dataset { train: case.data.train.clone(), test: case.data.test.clone() };
    for samples in [&mut data.train, &mut data.test] {
        samples.inputs.iter_mut().for_each(|x| *x = (*x * 30.0).round() / 30.0);
    }
    case.data = Arc::new(data);
    let case = Arc::new(case);
    let border = vec![0.5; case.input.channels];
    let augment = CropFlip { shape: case.input, padding: 2, border };
    // Numbers that do not fall into so many planes stay numbers.
    let [bytes, numbers] = [case.input.channels, case.input.len() + 1]
        .map(|planes| everything(&mut case.gpu(provider.clone(), planes, 3, Some(augment.clone()))));
    assert_eq!(bytes, numbers);
}

#[test]
fn what_is_not_finite_is_seen() {
    let case = Arc::new(Case::new(networks().swap_remove(0), [8, 20]));
    let Some(mut gpu) = gpu(&case, 1, None) else { return };
    for at in [0, 100, 155, 160, case.network().parameter_len() - 1] {
        let mut theta = case.theta(0);
        theta[at] = f32::NAN;
        gpu.put(0, &theta).unwrap();
        let mut value = [Value::default()];
        gpu.values(&[Split::Train], None, &[mix(&[(0, 1.0)])], &mut value).unwrap();
        assert!(value[0].loss.is_nan(), "{at}");
        assert_eq!(value[0].error, Some(1.0));
    }
}

#[test]
fn a_step_is_so_many_dispatches_in_few_submissions() {
    // ResNet-8: 9 convolutions of which two are projections, 9 batch norms, a linear layer.
    let case = cases().swap_remove(5);
    let Some(mut gpu) = gpu(&case, 3, None) else { return };
    let dispatches = |gpu: &mut GpuEngine, steps: usize| {
        let before = gpu.counts();
        let steps: Vec<Step> = (0..steps)
            .map(|i| Step { mix: mix(&[(0, 0.5), (2, 0.5)]), rate: 0.01, batch: i as u32 % gpu.batches() })
            .collect();
        gpu.advance(&course(2, 0), &steps, &mut vec![0.0; steps.len()]).unwrap();
        let after = gpu.counts();
        [after.dispatches - before.dispatches, after.submissions - before.submissions]
    };
    // Mix, pack, gather; forward 9 + 1 products, which leave moments, 9 · 2 of batch norms, a pool; losses 2; backward
    // 9 + 1 products for weights with 1 sum each, 9 of them for inputs, 2 of a bias, 9 · 3 of batch norms, a pool; the step.
    assert_eq!(dispatches(&mut gpu, 1), [3 + 10 + 18 + 1 + 2 + 20 + 9 + 2 + 27 + 1 + 1, 1]);
    let [twelve, submissions] = dispatches(&mut gpu, 12);
    assert_eq!(twelve, 12 * 94);
    assert!(submissions < 12, "{submissions}");
}

#[test]
fn refuses_what_does_not_fit() {
    let case = Arc::new(Case::new(networks().swap_remove(3), [8, 20]));
    let Some(provider) = provider() else { return };
    let make = |layers: &[Layer], batch| {
        let shared = Arc::new(GpuDataset::new(provider.clone(), case.clone(), case.input.channels));
        GpuEngine::new(&Network { input: case.input, layers }, shared, batch, 2, None).map(|_| ())
    };
    assert_eq!(make(&case.layers, 8), Ok(()));
    assert!(matches!(make(&case.layers, 0), Err(Error::Call(Wrong::Range { .. }))));
    assert!(matches!(make(&[], 8), Err(Error::Call(Wrong::Range { .. }))));
    let mut gpu = gpu(&case, 2, None).unwrap();
    let theta = case.theta(0);
    assert!(matches!(gpu.put(2, &theta), Err(Error::Call(Wrong::Range { .. }))));
    assert!(matches!(gpu.put(0, &theta[1..]), Err(Error::Call(Wrong::Length { .. }))));
    let late = Step { mix: mix(&[(0, 1.0)]), rate: 0.1, batch: 3 };
    assert!(matches!(gpu.advance(&course(0, 0), &[late], &mut [0.0]), Err(Error::Call(Wrong::Range { .. }))));
    assert_eq!(centre(&mut gpu, 0), theta);
    let options = DeviceOptions { device: Some("no such adapter".to_owned()), ..DeviceOptions::default() };
    assert!(matches!(valleys_gpu::Device::open(&options), Err(Error::NoDevice { .. })));
}

#[test]
fn a_buffer_above_the_limit_is_refused_with_the_number() {
    let Some(_) = provider() else { return };
    let layers = [Layer::Linear { outputs: 2 }];
    let case = Arc::new(Case::new((shape(2, 1, 1), layers.to_vec()), [2, 4]));
    // A layer of images so large that a batch of them is above any adapter's limit.
    let huge = [Layer::Convolution {
        outputs: 1 << 24,
        kernel: 1,
        stride: 1,
        padding: 0,
        bias: false,
        groups: 1,
        dilation: 1,
    }];
    let shared = Arc::new(GpuDataset::new(provider().unwrap(), case.clone(), case.input.channels));
    let made = GpuEngine::new(&Network { input: case.input, layers: &huge }, shared, 4, 0, None);
    let Err(Error::TooLarge { needed, limit, .. }) = made else { panic!("{made:?}") };
    assert!(needed > limit && needed >= 4 << 24);
}

#[test]
fn a_saved_state_goes_on_with_the_same_bits() {
    let case = cases().swap_remove(3);
    let Some(mut trained) = gpu(&case, 3, None) else { return };
    let Some(mut other) = gpu(&case, 3, None) else { return };
    assert_resumes(&mut trained, &mut other);
}

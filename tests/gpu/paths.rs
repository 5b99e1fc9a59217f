//! Faster paths of a GPU against its plain ones, and each against itself.

use std::sync::Arc;
use valleys_core::engine::{Engine, Split, Step, Value};
use valleys_gpu::Winograd;
use valleys_gpu::{DeviceOptions, DeviceProvider, Error, GpuDataset, GpuEngine, Paths};
use valleys_tests::engines::{
    assert_values, batches, course, exact_gradient, gradient_at, mix, train, widen,
};
use valleys_tests::tolerance;
use valleys_tests::trained::{Case, assert_gradient, difference, networks};

/// A ResNet-8 on a device that takes these paths, with three slots; none where there is no adapter.
fn gpu(case: &Arc<Case>, paths: Paths, checked: bool) -> Option<GpuEngine> {
    valleys_tests::gpu(checked)?;
    let options = DeviceOptions { paths, checked, ..DeviceOptions::from_environment() };
    Some(case.gpu(Arc::new(DeviceProvider::new(options)), case.input.channels, 3, None))
}

/// Two epochs of two batches of five and one of two; then the loss between two points.
fn everything(gpu: &mut GpuEngine) -> (Vec<f32>, Vec<f32>, Value) {
    let (theta, losses) = train(gpu, 0.1);
    let mut value = [Value::default()];
    gpu.values(&[Split::Test], None, &[mix(&[(1, 0.5), (2, 0.5)])], &mut value).unwrap();
    (theta, losses, value[0])
}

fn filtered_by(winograd: Winograd) -> Paths {
    Paths { winograd: Some(winograd), ..Paths::default() }
}

fn resnet8() -> Arc<Case> {
    Arc::new(Case::new(networks().swap_remove(5), [5, 12]))
}

#[test]
fn minimal_filtering_trains_as_the_plain_path() {
    let case = resnet8();
    let Some(mut plain) = gpu(&case, Paths::default(), true) else { return };
    let dispatches = |gpu: &mut GpuEngine| {
        let before = gpu.counts().dispatches;
        let step = Step { mix: mix(&[(0, 1.0)]), rate: 0.0, batch: 0 };
        gpu.advance(&course(2, 0), &[step], &mut [0.0]).unwrap();
        gpu.counts().dispatches - before
    };
    let expected = everything(&mut plain);
    let (of_plain, start) = (dispatches(&mut plain), case.theta(2));
    for winograd in [Winograd::F2, Winograd::F4] {
        let paths = filtered_by(winograd);
        let mut filtered = gpu(&case, paths, true).unwrap();
        let found = everything(&mut filtered);
        // How far θ went, not where it is: its start, some fifty times as long, would hide a difference.
        let way = |theta: &[f32]| -> Vec<f32> { theta.iter().zip(&start).map(|(a, b)| a - b).collect() };
        let apart = difference(&way(&found.0), &widen(&way(&expected.0)));
        let tolerance = winograd.amplification() * tolerance::trajectory_f32(case.terms());
        assert!(apart > 0.0 && apart < tolerance, "{winograd:?}: {apart:.1e}, {tolerance:.1e}");
        let tolerance = winograd.amplification() * tolerance::sum_f32(case.terms());
        assert!(difference(&found.1, &widen(&expected.1)) < tolerance, "{winograd:?}");
        assert_values(&[found.2], &[expected.2], tolerance, &case.network());
        // Three dispatches for one, forward and backward, and one for moments; and one for all weights.
        assert_eq!(dispatches(&mut filtered), of_plain + 1 + (2 * 2 + 1) * FILTERED);
        // Again, without checks of indices and on a device of its own: the same bits.
        let mut again = gpu(&case, paths, false).unwrap();
        assert_eq!(everything(&mut again), found, "{winograd:?}");
    }
}

/// Convolutions of a ResNet-8 of 3 × 3 taps, one apart, from 16 channels or more: two of the first stage, the second of
/// each other.
const FILTERED: u64 = 4;

#[test]
fn its_gradient_is_that_of_f64() {
    let case = resnet8();
    let (network, theta) = (case.network(), case.theta(0));
    for winograd in [Winograd::F2, Winograd::F4] {
        let Some(mut gpu) = gpu(&case, filtered_by(winograd), true) else { return };
        let chosen = batches(&case.data, case.batch);
        let (loss, gradient) = gradient_at(&mut gpu, &theta, 0);
        let (expected_loss, expected) = exact_gradient(&network, &theta, &case.data.train, &chosen[0], 0);
        let tolerance = winograd.amplification() * tolerance::sum_f32(case.terms());
        assert!(difference(&[loss], &[expected_loss]) < tolerance, "{loss} {expected_loss}");
        assert_gradient(&network, &gradient, &expected, tolerance);
    }
}

#[test]
fn halves_stay_near() {
    let paths = Paths { f16: true, ..Paths::default() };
    for network in networks() {
        let case = Arc::new(Case::new(network, [5, 12]));
        let (network, theta) = (case.network(), case.theta(0));
        let Some(mut gpu) = gpu(&case, paths, true) else { return };
        let chosen = batches(&case.data, case.batch);
        let (loss, gradient) = gradient_at(&mut gpu, &theta, 0);
        let (expected_loss, expected) = exact_gradient(&network, &theta, &case.data.train, &chosen[0], 0);
        let apart = [difference(&[loss], &[expected_loss]), difference(&gradient, &expected)];
        println!("{} parameters: loss {:.1e}, gradient {:.1e}", theta.len(), apart[0], apart[1]);
        assert!(apart[0] > 0.0 && apart[0] < tolerance::F16, "{apart:?} {network}");
        assert!(apart[1] > 0.0 && apart[1] < tolerance::F16_GRADIENT, "{apart:?} {network}");
    }
    let case = resnet8();
    let Some(mut plain) = gpu(&case, Paths::default(), true) else { return };
    let (mut f16, mut again) = (gpu(&case, paths, true).unwrap(), gpu(&case, paths, false).unwrap());
    let (expected, found) = (everything(&mut plain), everything(&mut f16));
    assert!(difference(&found.1, &widen(&expected.1)) < tolerance::F16_GRADIENT);
    assert_eq!(everything(&mut again), found);
}

#[test]
fn models_side_by_side_have_the_bits_of_one_alone_on_all_paths() {
    let case = resnet8();
    let Some(_) = valleys_tests::gpu(true) else { return };
    for paths in ["winograd4,f16", "no-subgroups"] {
        let options = DeviceOptions {
            paths: paths.parse().unwrap(),
            checked: true,
            ..DeviceOptions::from_environment()
        };
        let provider = Arc::new(DeviceProvider::new(options));
        let shared = |models| {
            let shared = GpuDataset::new(provider.clone(), case.clone(), case.input.channels);
            Arc::new(shared.with_models(models))
        };
        let train = |shared: &Arc<GpuDataset>| {
            let mut gpu = GpuEngine::new(&case.network(), shared.clone(), case.batch, 3, None).unwrap();
            (0..3).for_each(|slot| gpu.put(slot, &case.theta(slot)).unwrap());
            everything(&mut gpu)
        };
        let (expected, shared) = (train(&shared(1)), shared(3));
        std::thread::scope(|scope| {
            let threads = [0; 3].map(|_| scope.spawn(|| train(&shared)));
            threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), expected, "{paths}"));
        });
    }
}

#[test]
fn paths_have_names() {
    let parse = |names: &str| names.parse::<Paths>();
    for (name, winograd) in [("winograd2", Winograd::F2), (" winograd4,", Winograd::F4)] {
        assert_eq!(parse(name), Ok(filtered_by(winograd)));
    }
    assert!(Paths::NAMES.iter().all(|name| parse(name).is_ok()));
    assert_eq!(parse(" , "), Ok(Paths::default()));
    let wrong = parse("winograd2,winograd").unwrap_err();
    assert!(matches!(&wrong, Error::NoPath { given, .. } if given == "winograd"));
    assert!(Paths::NAMES.iter().all(|name| wrong.to_string().contains(name)), "{wrong}");
}

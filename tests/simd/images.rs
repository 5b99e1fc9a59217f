//! The fast kernels of convolutional networks against the reference kernels, f32 and f64, of core.

use std::sync::Arc;
use valleys::data::{Dataset, Targets};
use valleys_core::engine::{Engine, Split, Step, Subset, Value};
use valleys_core::error::Error;
use valleys_core::network::{self, CropFlip, Layer, Network, scores, zoo};
use valleys_core::rng::Key;
use valleys_simd::engine::CpuEngine;
use valleys_tests::engines::{
    assert_resumes, assert_values, batches, centre, course, exact_gradient, exact_value, gradient_at, mix,
    mixed, train, widen,
};
use valleys_tests::tolerance;
use valleys_tests::trained::{Case, assert_gradient, difference, networks};

#[test]
fn gradient_is_that_of_f64() {
    for case in Case::all() {
        let (network, theta) = (case.network(), case.theta(0));
        let mut images = case.images(2, None);
        for (batch, chosen) in (0..).zip(batches(&case.data, case.batch)) {
            let (loss, gradient) = gradient_at(&mut images, &theta, batch);
            let (expected_loss, expected) =
                exact_gradient(&network, &theta, &case.data.train, &chosen, batch);
            let mut tolerance = tolerance::sum_f32(case.terms());
            assert!(difference(&[loss], &[expected_loss]) < tolerance, "{network}");
            if case.input == zoo::RESNET_INPUT {
                tolerance += tolerance::KINKS;
            }
            assert_gradient(&network, &gradient, &expected, tolerance);
        }
    }
}

#[test]
fn trajectory_is_the_reference_s() {
    for case in Case::all().filter(|case| case.batch > 1) {
        let (theta, losses) = train(&mut case.images(3, None), 0.01);
        let (expected, expected_losses) = case.reference(3, None, |reference| train(reference, 0.01));
        let tolerance = tolerance::trajectory_f32(case.network().flops());
        assert!(difference(&theta, &widen(&expected)) < tolerance, "{}", case.network());
        assert!(difference(&losses, &widen(&expected_losses)) < tolerance, "{}", case.network());
    }
}

#[test]
fn augmented_samples_are_the_reference_s() {
    let case = Case::new(networks().swap_remove(3), [17, 40]);
    let augment = Some(CropFlip { shape: case.input, padding: 4, border: vec![0.5, -0.25] });
    let (theta, losses) = train(&mut case.images(3, augment.clone()), 0.01);
    let (expected, expected_losses) = case.reference(3, augment, |reference| train(reference, 0.01));
    let tolerance = tolerance::trajectory_f32(case.network().flops());
    assert!(difference(&theta, &widen(&expected)) < tolerance);
    assert!(difference(&losses, &widen(&expected_losses)) < tolerance);
    // It is seen at all.
    let (_, plain) = train(&mut case.images(3, None), 0.01);
    assert!(difference(&plain, &widen(&expected_losses)) > 10.0 * tolerance::sum_f32(case.terms()));
}

#[test]
fn values_are_those_of_f64() {
    for case in Case::all() {
        let network = case.network();
        let mut images = case.images(2, None);
        // A step before changes nothing: statistics are those of the point.
        let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.25), (1, 0.75)])];
        for (split, samples) in [(Split::Train, &case.data.train), (Split::Test, &case.data.test)] {
            let mut values = [Value::default(); 2];
            images.values(&[split], None, &points, &mut values).unwrap();
            let expected = points.each_ref().map(|point| {
                let theta = mixed(point, |slot| case.theta(slot));
                exact_value(&network, &theta, &case.statistics(&theta), samples)
            });
            assert_values(&values, &expected, tolerance::sum_f32(case.terms()), &network);
        }
    }
}

#[test]
fn statistics_and_totals_are_the_reference_s() {
    for case in Case::all().filter(|case| case.network().statistics_len() > 0) {
        let (network, theta) = (case.network(), case.theta(0));
        let mut images = case.images(1, None);
        let statistics = images.statistics(&theta).unwrap();
        let expected = case.statistics(&widen(&theta));
        let tolerance = tolerance::sum_f32(case.terms());
        assert!(difference(&statistics, &expected) < tolerance, "{network}");
        let test = &case.data.test;
        let found = images.scores(Split::Test, &theta, &statistics).unwrap();
        let expected = scores(
            &network,
            &widen(&theta),
            &expected,
            network::Samples::labelled(&widen(&test.inputs), test.targets.labels().unwrap()),
            &network::Criterion::PLAIN,
            &mut vec![0.0; network.activation_len() * test.len()],
        )
        .unwrap();
        assert!((found.loss - expected.loss).abs() <= tolerance * expected.loss, "{network}");
        assert_eq!(found.error, expected.error);
    }
}

#[test]
fn drawn_samples_are_the_reference_s() {
    let case = Case::new(networks().swap_remove(3), [16, 90]);
    let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.5), (1, 0.5)])];
    for len in [1, 31, 33, 90, 1000] {
        let (splits, subset) = ([Split::Train, Split::Test], Some(Subset { key: Key::new(5, 6), len }));
        let mut values = [Value::default(); 4];
        case.images(2, None).values(&splits, subset, &points, &mut values).unwrap();
        let mut expected = [Value::default(); 4];
        case.reference(2, None, |reference| reference.values(&splits, subset, &points, &mut expected))
            .unwrap();
        let tolerance = tolerance::sum_f32(case.network().activation_len());
        assert_values(&values, &expected, tolerance, &format!("{len} samples"));
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for case in [3, 4, 5, 6].map(|i| Case::new(networks().swap_remove(i), [100, 130])) {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut images = case.images(3, None);
                let trained = train(&mut images, 0.01);
                let mut values = [Value::default(); 2];
                images.values(&[Split::Train], None, &[mix(&[(2, 1.0)])], &mut values[..1]).unwrap();
                images.values(&[Split::Test], None, &[mix(&[(1, 0.5), (2, 0.5)])], &mut values[1..]).unwrap();
                (trained, values)
            })
        };
        let one = run(1);
        assert_eq!(one, run(2), "{}", case.network());
        assert_eq!(one, run(3), "{}", case.network());
    }
}

#[test]
fn a_saved_state_goes_on_with_the_same_bits() {
    for case in [1, 3, 4].map(|i| Case::new(networks().swap_remove(i), [33, 67])) {
        assert_resumes(&mut case.images(3, None), &mut case.images(3, None));
    }
}

#[test]
fn what_is_not_finite_is_seen() {
    let case = Case::new(networks().swap_remove(0), [8, 20]);
    for at in [0, 100, 155, 160, case.network().parameter_len() - 1] {
        let mut theta = case.theta(0);
        theta[at] = f32::NAN;
        let mut images = case.images(1, None);
        images.put(0, &theta).unwrap();
        let mut value = [Value::default()];
        images.values(&[Split::Train], None, &[mix(&[(0, 1.0)])], &mut value).unwrap();
        assert!(value[0].loss.is_nan(), "{at}");
        assert_eq!(value[0].error, Some(1.0));
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let case = Case::new(networks().swap_remove(3), [8, 20]);
    let make = |layers: &[Layer], data: &Dataset, batch| {
        CpuEngine::new(&Network { input: case.input, layers }, Arc::new(data.clone()), batch, 2, None)
            .map(|_| ())
    };
    let (layers, data) = (&case.layers[..], &*case.data);
    assert_eq!(make(layers, data, 8), Ok(()));
    assert!(matches!(make(layers, data, 0), Err(Error::Range { .. })));
    assert!(matches!(make(layers, &Dataset::default(), 8), Err(Error::Range { .. })));
    let mut bad = data.clone();
    let Targets::Labels(labels) = &mut bad.train.targets else { unreachable!() };
    labels[3] = 3;
    assert_eq!(make(layers, &bad, 8), Err(Error::Label { sample: 3, label: 3, classes: 3 }));
    let black = Some(CropFlip { shape: case.input, padding: 4, border: vec![0.0] });
    let made = CpuEngine::new(&case.network(), case.data.clone(), 8, 2, black);
    assert!(matches!(made, Err(Error::Length { needed: 2, given: 1, .. })));
    let mut images = case.images(2, None);
    let theta = case.theta(0);
    assert!(matches!(images.put(2, &theta), Err(Error::Range { .. })));
    assert!(matches!(images.statistics(&theta[1..]), Err(Error::Length { .. })));
    assert!(matches!(images.scores(Split::Test, &theta, &[]), Err(Error::Length { .. })));
    let late = Step { mix: mix(&[(0, 1.0)]), rate: 0.1, batch: 3 };
    assert!(matches!(images.advance(&course(0, 0), &[late], &mut [0.0]), Err(Error::Range { .. })));
    assert_eq!(centre(&mut images, 0), theta);
}

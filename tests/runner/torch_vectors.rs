//! What PyTorch recorded of the networks (`tests/torch/record.py`), computed again in f64 and in f32.

use nalgebra::{RealField, convert};
use serde_json::Value;
use valleys::data::{LoadOptions, Subset, Targets, load};
use valleys::model::{Io, Model, NamedTensor, NetworkSpec};
use valleys::reference;
use valleys_core::network::{
    Criterion, Layer, Network, Samples, Shape, accumulate, gradient, outputs, scores, scratch_len,
};
use valleys_tests::{official_data, tolerance};

const RECORDED: &str = include_str!("../torch/vectors.json");
const FAMILIES: &str = include_str!("../torch/families.json");
const ON_IMAGES: &str = include_str!("../torch/images.json");

/// The formulas of `record.py`.
fn unit(seed: u32, i: u32) -> f64 {
    let mut x = i.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
    x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
    f64::from((x ^ (x >> 16)) >> 8) / f64::from(1 << 24)
}

fn sequence(seed: u32, len: usize) -> impl Iterator<Item = f64> {
    (0..len as u32).map(move |i| 2.0 * unit(seed, i) - 1.0)
}

fn parameters(state: &[NamedTensor]) -> Vec<f64> {
    let piece = |(seed, tensor): (usize, &NamedTensor)| {
        let fan_in: usize = tensor.shape[1..].iter().product();
        let (scale, offset) = match (tensor.shape.len(), tensor.name.ends_with("weight")) {
            (2.., _) => ((6.0 / fan_in as f64).sqrt(), 0.0),
            (_, true) => (0.5, 1.0),
            (_, false) => (0.5, 0.0),
        };
        sequence(seed as u32, tensor.range.len()).map(move |x| scale * x + offset).collect::<Vec<_>>()
    };
    state.iter().enumerate().flat_map(piece).collect()
}

/// A tensor has the recorded sum, norm and elements: to `tolerance` times its norm, or times `least` if that is larger.
fn same(values: &[f64], recorded: &Value, tolerance: f64, least: f64, what: &str) {
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let size = norm.max(least);
    let near = |ours: f64, theirs: &Value, what: &str| {
        let theirs = theirs.as_f64().unwrap();
        assert!((ours - theirs).abs() <= tolerance * size, "{what}: {ours} {theirs}");
    };
    near(norm, &recorded["norm"], &format!("norm of {what}"));
    near(values.iter().sum(), &recorded["sum"], &format!("sum of {what}"));
    for pair in recorded["elements"].as_array().unwrap() {
        let place = pair[0].as_u64().unwrap() as usize;
        near(values[place], &pair[1], &format!("element {place} of {what}"));
    }
}

/// Everything recorded of a network, in the precision of T.
fn compare<T: RealField + Copy>(case: &Value, tolerance: impl Fn(&Network) -> f64) {
    let name = case["network"].as_str().unwrap();
    let number = |key: &str| case[key].as_u64().unwrap() as usize;
    let number_of = |value: &Value| value.as_u64().unwrap() as usize;
    let shape: Vec<usize> = case["input"].as_array().unwrap().iter().map(number_of).collect();
    let input = Shape { channels: shape[0], height: shape[1], width: shape[2] };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/torch/every-layer.toml");
    let spec = NetworkSpec::from_text(if name == "every-layer" { file } else { name }).unwrap();
    let mut model = spec.model(Io { input, outputs: 10 }).unwrap();
    // Masks are no numbers of PyTorch.
    for layer in &mut model.layers {
        if let Layer::Dropout { probability } = layer {
            *probability = 0.0;
        }
    }
    let network = model.network();
    let tolerance = tolerance(&network);
    let state = model.state();

    // The same names and shapes, in the same order.
    let recorded: Vec<(String, Vec<usize>)> = serde_json::from_value(case["state_dict"].clone()).unwrap();
    let mut recorded: Vec<_> =
        recorded.into_iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")).collect();
    let is_statistic = |name: &str| name.contains("running");
    recorded.sort_by_key(|(name, _)| is_statistic(name));
    let ours = state.parameters.iter().chain(&state.statistics);
    assert_eq!(ours.map(|t| (t.name.clone(), t.shape.clone())).collect::<Vec<_>>(), recorded);

    let real = |x: f64| convert::<f64, T>(x);
    let wide = |x: &T| nalgebra::try_convert::<T, f64>(*x).unwrap();
    let theta: Vec<T> = parameters(&state.parameters).into_iter().map(real).collect();
    let (samples, batch, len) = (number("samples"), number("batch"), network.input.len());
    let inputs: Vec<T> = sequence(1000, samples * len).map(real).collect();
    let labels: Vec<u8> = (0..samples as u32).map(|i| (10.0 * unit(2000, i)) as u8).collect();

    // While fitting: the batch's own statistics.
    let mut scratch = vec![T::zero(); scratch_len(&network, samples)];
    let mut slope = vec![T::zero(); theta.len()];
    let first = Samples::labelled(&inputs[..batch * len], &labels[..batch]);
    let loss = gradient(
        &network,
        &theta,
        first,
        &Criterion::PLAIN,
        [0; 2],
        &mut scratch[..scratch_len(&network, batch)],
        &mut slope,
    )
    .unwrap();
    let expected = case["batch_loss"].as_f64().unwrap();
    assert!((wide(&loss) - expected).abs() <= tolerance * expected, "{name}: {loss} {expected}");
    // The gradient of a bias before a batch norm is 0 but for rounding.
    let least = 1e-3 * slope.iter().map(wide).map(|x| x * x).sum::<f64>().sqrt();
    for tensor in &state.parameters {
        let values: Vec<f64> = slope[tensor.range.clone()].iter().map(wide).collect();
        let what = format!("the gradient of {name} {}", tensor.name);
        same(&values, &case["gradients"][&tensor.name], tolerance, least, &what);
    }

    // For evaluation: statistics recomputed.
    let mut statistics = vec![T::zero(); network.statistics_len()];
    for part in inputs.chunks(batch * len) {
        let count = part.len() / len;
        let share = real(count as f64 / samples as f64);
        let scratch = &mut scratch[..network.activation_len() * count];
        accumulate(&network, &theta, part, count, share, scratch, &mut statistics).unwrap();
    }
    for tensor in &state.statistics {
        let values: Vec<f64> = statistics[tensor.range.clone()].iter().map(wide).collect();
        same(&values, &case["running"][&tensor.name], tolerance, 0.0, &format!("{name} {}", tensor.name));
    }
    let scratch = &mut scratch[..network.activation_len() * samples];
    let z = outputs(&network, &theta, &statistics, &inputs, samples, scratch).unwrap();
    let expected: Vec<f64> = serde_json::from_value(case["logits"].clone()).unwrap();
    let size = expected.iter().fold(0.0, |m: f64, z| m.max(z.abs()));
    for (z, expected) in z.iter().map(wide).zip(&expected) {
        assert!((z - expected).abs() <= tolerance * size, "{name}: logit {z} {expected}");
    }
    let all = Samples::labelled(&inputs, &labels);
    let sum = scores(&network, &theta, &statistics, all, &Criterion::PLAIN, scratch).unwrap();
    let expected = case["loss"].as_f64().unwrap();
    assert!((sum.loss / samples as f64 - expected).abs() <= tolerance * expected, "{name}");
    assert_eq!(sum.error, number("wrong") as f64, "{name}");
}

fn cases(recorded: &str) -> Vec<Value> {
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    recorded["cases"].as_array().unwrap().clone()
}

#[test]
fn f64_is_as_pytorch_s() {
    cases(RECORDED).iter().for_each(|case| compare::<f64>(case, |_| tolerance::TORCH_F64));
}

#[test]
fn f32_is_near() {
    // Rounding grows from layer to layer: batch norms divide by deviations of few numbers.
    let depth = |network: &Network| {
        network.layers.iter().filter(|layer| matches!(layer, Layer::Convolution { .. })).count()
    };
    cases(RECORDED)
        .iter()
        .for_each(|case| compare::<f32>(case, |network| tolerance::torch_f32(depth(network))));
}

/// VGG, ConvFC, ResNets with batch norm first, ResNet-9, and a list of layers with each kind of them.
#[test]
fn other_families_are_as_pytorch_s() {
    let cases = cases(FAMILIES);
    let each = |case: &Value| compare::<f64>(case, |_| tolerance::TORCH_F64);
    std::thread::scope(|scope| cases.iter().for_each(|case| _ = scope.spawn(move || each(case))));
}

/// Logits in f32 on the first images of the official files, where those are.
#[test]
fn real_images() {
    let Some(dir) = official_data() else { return };
    for case in cases(ON_IMAGES) {
        let text = |key: &str| case[key].as_str().unwrap();
        let number = |key: &str| case[key].as_u64().unwrap() as usize;
        let wanted = LoadOptions {
            dir: Some(&dir),
            train: Subset::First(number("train")),
            test: Subset::First(number("test")),
            ..LoadOptions::default()
        };
        let data = load(text("dataset"), &wanted).unwrap().data;
        let labels: Vec<u8> = serde_json::from_value(case["labels"].clone()).unwrap();
        assert_eq!(data.test.targets, Targets::Labels(labels.clone()));
        let model = Model::by_name(text("network")).unwrap();
        let network = model.network();
        let theta: Vec<f32> = parameters(&model.state().parameters).into_iter().map(|x| x as f32).collect();
        let statistics = reference::statistics(&network, &theta, &data.train, number("batch")).unwrap();
        let mut scratch = vec![0.0; network.activation_len() * labels.len()];
        let z =
            outputs(&network, &theta, &statistics, &data.test.inputs, labels.len(), &mut scratch).unwrap();
        let expected: Vec<f64> = serde_json::from_value(case["logits"].clone()).unwrap();
        let size = expected.iter().fold(0.0, |m: f64, z| m.max(z.abs()));
        let worst = z.iter().zip(&expected).fold(0.0, |m: f64, (z, e)| m.max((f64::from(*z) - e).abs()));
        println!("{}: logits up to {size:.3}, difference at most {worst:.1e}", text("network"));
        assert!(worst < tolerance::LOGITS * size, "{}: {worst}", text("network"));
        let sum = reference::total(&network, &theta, &statistics, &data.test, &Criterion::PLAIN).unwrap();
        let loss = case["loss"].as_f64().unwrap();
        assert!((sum.loss / labels.len() as f64 - loss).abs() < tolerance::LOGITS * size);
    }
}

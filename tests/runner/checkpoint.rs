//! Checkpoints: to files and back, the names of PyTorch and of its wrappers, everything that does not fit by name.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;
use valleys::checkpoint::{Checkpoint, decode, encode};
use valleys::model::Model;
use valleys_core::rng::{Key, Purpose, Stream};

struct Case {
    model: Model,
    theta: Vec<f32>,
    statistics: Vec<f32>,
}

fn case(name: &str) -> Case {
    let model = Model::by_name(name).unwrap();
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Init, 0, 0);
    let mut draw = |len: usize| (0..len).map(|_| stream.normal() as f32).collect();
    let (theta, statistics) = (draw(model.network().parameter_len()), draw(model.network().statistics_len()));
    Case { model, theta, statistics }
}

type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

/// The tensors of a file.
fn tensors(bytes: &[u8]) -> Tensors {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let all = file.tensors().into_iter();
    all.map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())).collect()
}

fn file(tensors: &Tensors) -> Vec<u8> {
    let views = tensors.iter().map(|(name, kind, shape, bytes)| {
        (name.clone(), TensorView::new(*kind, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        encode(&self.model.state(), &self.theta, &self.statistics, 7)
    }

    fn read(&self, bytes: &[u8], by_order: bool) -> Result<Checkpoint, String> {
        decode(Path::new("w.safetensors"), bytes, &self.model.state(), by_order).map_err(|f| f.message)
    }

    /// The sentence; a failing test does not print the numbers.
    fn refused(&self, bytes: &[u8], by_order: bool) -> String {
        self.read(bytes, by_order).map(|_| ()).unwrap_err()
    }

    fn is(&self, read: &Checkpoint) -> bool {
        read.theta == self.theta && read.statistics.as_ref() == Some(&self.statistics)
    }
}

#[test]
fn there_and_back() {
    for name in ["mlp:4-3-2", "lenet5", "resnet8", "resnet14-ns", "wrn8-2"] {
        let case = case(name);
        assert!(case.is(&case.read(&case.bytes(), false).unwrap()), "{name}");
    }
    // As PyTorch's state_dict has it, counters too.
    let all = tensors(&case("resnet8").bytes());
    let names: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
    for name in ["conv1.weight", "bn1.running_var", "layer2.0.shortcut.1.num_batches_tracked", "linear.bias"]
    {
        assert!(names.contains(&name), "{name}");
    }
    let (_, kind, shape, count) = all.iter().find(|(name, ..)| name == "bn1.num_batches_tracked").unwrap();
    assert_eq!((*kind, shape.as_slice(), count.as_slice()), (Dtype::I64, &[][..], &7u64.to_le_bytes()[..]));
    assert!(!names.contains(&"layer1.0.shortcut.0.weight"));
}

#[test]
fn prefixes_of_wrappers() {
    let case = case("resnet8");
    for prefix in ["module.", "model.", "_orig_mod.", "_orig_mod.module."] {
        let mut all = tensors(&case.bytes());
        all.iter_mut().for_each(|(name, ..)| *name = format!("{prefix}{name}"));
        assert!(case.is(&case.read(&file(&all), false).unwrap()), "{prefix}");
        // Not common to all names: no prefix.
        let one = all.iter_mut().find(|(name, ..)| name.ends_with("linear.bias")).unwrap();
        one.0 = one.0[prefix.len()..].to_owned();
        assert!(case.refused(&file(&all), false).contains("is missing"), "{prefix}");
    }
}

#[test]
fn statistics_and_counters_may_be_missing() {
    let case = case("resnet8");
    let mut all = tensors(&case.bytes());
    all.retain(|(name, ..)| !name.ends_with("num_batches_tracked"));
    assert!(case.is(&case.read(&file(&all), false).unwrap()));
    all.retain(|(name, ..)| !name.contains("running"));
    let read = case.read(&file(&all), false).unwrap();
    assert_eq!((read.theta == case.theta, read.statistics), (true, None));
    // But not one of them alone.
    let mut all = tensors(&case.bytes());
    all.retain(|(name, ..)| name != "bn1.running_mean");
    assert!(case.refused(&file(&all), false).contains("tensor bn1.running_mean is missing"));
}

#[test]
fn what_does_not_fit_is_named() {
    let case = case("lenet5");
    let change = |change: &dyn Fn(&mut Tensors)| {
        let mut all = tensors(&case.bytes());
        change(&mut all);
        case.refused(&file(&all), false)
    };
    let rename = |all: &mut Tensors, from: &str, to: &str| {
        all.iter_mut().filter(|(name, ..)| name == from).for_each(|(name, ..)| *name = to.to_owned());
    };
    let message = change(&|all| rename(all, "conv1.weight", "conv_1.weight"));
    let expected = "w.safetensors: tensor conv1.weight is missing; did you mean \"conv_1.weight\"?; \
                    tensor conv_1.weight is unexpected; did you mean \"conv1.weight\"?";
    assert_eq!(message, expected);
    let message = change(&|all| {
        rename(all, "fc1.bias", "zzz");
        all.iter_mut().filter(|t| t.0 == "fc2.weight").for_each(|t| t.2 = vec![120, 84]);
    });
    for words in
        ["fc1.bias is missing", "zzz is unexpected", "fc2.weight has shape [120, 84], expected [84, 120]"]
    {
        assert!(message.contains(words), "{message}");
    }
    let message = change(&|all| {
        all.iter_mut().filter(|t| t.0 == "fc3.bias").for_each(|t| t.1 = Dtype::I32);
    });
    assert!(message.contains("tensor fc3.bias holds I32, expected floats"), "{message}");
    let message = change(&|all| {
        all.iter_mut().filter(|t| t.0 == "fc3.bias").for_each(|t| {
            t.3[12..16].copy_from_slice(&f32::NAN.to_le_bytes());
        });
    });
    assert!(message.contains("tensor fc3.bias: element 3 is NaN, but must be finite"), "{message}");
    assert!(case.refused(b"PK\x03\x04 a zip file", false).contains("not a safetensors file"));
}

/// Sequential modules: 0, 3, 7, 10, 12. By name 10 comes before 3, by order after.
#[test]
fn other_names_by_order() {
    let case = case("lenet5");
    let mut all = tensors(&case.bytes());
    for (name, ..) in &mut all {
        for (from, to) in [("conv1", "0"), ("conv2", "3"), ("fc1", "7"), ("fc2", "10"), ("fc3", "12")] {
            *name = name.replace(from, &format!("net.{to}"));
        }
    }
    assert!(case.refused(&file(&all), false).contains("conv1.weight is missing"));
    assert!(case.is(&case.read(&file(&all), true).unwrap()));
    // Own names are taken as they are.
    assert!(case.is(&case.read(&case.bytes(), true).unwrap()));
    let message = case.refused(&file(&all[1..].to_vec()), true);
    assert!(message.contains("by order"), "{message}");

    // Ten equal layers, which only the numbers tell apart.
    let case = self::case("mlp:3-3-3-3-3-3-3-3-3-3-3-3-3");
    let mut all = tensors(&case.bytes());
    all.iter_mut().for_each(|(name, ..)| *name = name.replace("fc", "layers."));
    assert!(case.is(&case.read(&file(&all), true).unwrap()));
}

/// VALLEYS_MUTATIONS=10000 for more.
#[test]
fn mutated_files_do_not_panic() {
    let rounds: u32 = std::env::var("VALLEYS_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let case = case("mlp:4-3-2");
    let whole = case.bytes();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut refused = 0;
    for round in 0..rounds {
        let mut stream = Stream::new(Key::new(78, round.into()), Purpose::Split, 0, 0);
        let mut bytes = whole.clone();
        for _ in 0..=stream.below(4) {
            let most = if stream.below(2) == 0 { header } else { bytes.len() };
            let at = stream.below(most.max(1) as u32) as usize;
            match stream.below(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.extend_from_within(at.min(bytes.len())..),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = stream.bits() as u8),
            }
        }
        refused += u32::from(case.read(&bytes, round % 2 == 0).is_err());
    }
    println!("{refused} of {rounds} refused");
    assert!(refused > rounds / 2);
}

//! Checkpoints: to files and back, the names of PyTorch and of its wrappers, everything that does not fit by name.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;
use valleys::checkpoint::{self, Checkpoint, decode, encode};
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

/// A file whose header has the tensors in this order.
fn in_order(tensors: &Tensors) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, kind, shape, bytes) in tensors {
        let (from, to) = (data.len(), data.len() + bytes.len());
        entries
            .push(format!(r#""{name}":{{"dtype":"{kind}","shape":{shape:?},"data_offsets":[{from},{to}]}}"#));
        data.extend(bytes);
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn rename(all: &mut Tensors, names: &[(&str, &str)]) {
    for (name, ..) in all {
        if let Some((from, to)) = names.iter().find(|(from, _)| name.starts_with(&format!("{from}."))) {
            *name = name.replacen(from, to, 1);
        }
    }
}

/// Modules of equal shapes: only an order of the file itself, or numbers, say which comes first.
#[test]
fn two_orders_that_fit_are_refused() {
    let case = case("mlp:4-4-4-3");
    let mut all = tensors(&case.bytes());
    all.sort_by_key(|t| t.0.clone());
    rename(&mut all, &[("fc1", "encoder"), ("fc2", "decoder"), ("fc3", "head")]);
    // Sorted by the writer: `decoder` comes first, and says nothing.
    let message = case.refused(&file(&all), true);
    for words in ["encoder", "decoder", "two modules have the same shapes", "rename them", "fc1 and fc2"] {
        assert!(message.contains(words), "{message}");
    }
    // In the order of the model, and told.
    let read = case.read(&in_order(&all), true).unwrap();
    assert!(case.is(&Checkpoint { statistics: Some(Vec::new()), ..read.clone() }));
    let mapping: Vec<String> =
        read.mapping.unwrap().iter().map(|pair| format!("{}={}", pair.network, pair.file)).collect();
    assert_eq!(
        mapping[..3],
        ["fc1.weight=encoder.weight", "fc1.bias=encoder.bias", "fc2.weight=decoder.weight"]
    );
    // Shapes that are all different need no order, whatever the names.
    let case = self::case("mlp:4-6-5-3");
    let mut all = tensors(&case.bytes());
    rename(&mut all, &[("fc1", "input"), ("fc2", "hidden"), ("fc3", "a.output")]);
    let read = case.read(&file(&all), true).unwrap();
    assert_eq!((read.theta == case.theta, read.mapping.map(|pairs| pairs.len())), (true, Some(6)));
    // A weight of one module and a bias of another are no module.
    rename(&mut all, &[("input", "x")]);
    all.iter_mut().filter(|t| t.0 == "x.bias").for_each(|t| t.0 = "y.bias".to_owned());
    assert!(case.refused(&file(&all), true).contains("by order"));
}

/// The names of torchvision and timm for the projections of a residual network, with statistics.
#[test]
fn residual_networks_by_order() {
    let case = case("resnet14");
    let mut all = tensors(&case.bytes());
    for (name, ..) in &mut all {
        *name = name.replace("shortcut", "downsample").replace("linear", "fc");
    }
    assert!(case.is(&case.read(&file(&all), true).unwrap()));
    // Two batch norms of equal shape with names of their own.
    for (name, ..) in &mut all {
        *name = name.replace("layer1.0.bn1.", "layer1.0.first.").replace("layer1.0.bn2.", "layer1.0.second.");
    }
    let message = case.refused(&file(&all), true);
    assert!(message.contains("bn1 and layer1.0.first"), "{message}");
}

/// f16, bf16, f64 and 8 bits are converted, and it is said; a number too large for f32 is an error.
#[test]
fn other_types_are_converted() {
    let case = case("mlp:2-2");
    let mut all = tensors(&case.bytes());
    all.sort_by_key(|t| t.0.clone());
    let with = |weight: (Dtype, Vec<u8>), bias: (Dtype, Vec<u8>)| {
        let mut all = all.clone();
        (all[0].1, all[0].3) = bias;
        (all[1].1, all[1].3) = weight;
        case.read(&file(&all), false)
    };
    // 1.5, -2, 0.25, 0 as bf16 and as E4M3; 3, -0.5 as f64 and f16.
    let halves = [0x3fc0u16, 0xc000, 0x3e80, 0].iter().flat_map(|b| b.to_le_bytes()).collect();
    let doubles = [3.0f64, -0.5].iter().flat_map(|x| x.to_le_bytes()).collect();
    let read = with((Dtype::BF16, halves), (Dtype::F64, doubles)).unwrap();
    assert_eq!(read.theta, [1.5, -2.0, 0.25, 0.0, 3.0, -0.5]);
    assert_eq!(read.notes, ["w.safetensors: numbers of type BF16, F64 were converted to f32"]);
    let sixteen = [0x4200u16, 0xb800].iter().flat_map(|b| b.to_le_bytes()).collect();
    let read = with((Dtype::F8_E4M3, vec![0x3c, 0xc0, 0x28, 0]), (Dtype::F16, sixteen)).unwrap();
    assert_eq!(read.theta, [1.5, -2.0, 0.25, 0.0, 3.0, -0.5]);
    let large = [1e300f64, 0.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let message = with((Dtype::F8_E4M3, vec![0; 4]), (Dtype::F64, large)).unwrap_err();
    assert!(message.contains("fc1.bias: element 0 is inf"), "{message}");
}

/// Wrappers in any order, beside the counter of an averaged model.
#[test]
fn wrappers_in_any_order() {
    let case = case("mlp:4-3-2");
    for prefix in ["module._orig_mod.model.", "model.module.", "_orig_mod.model.module."] {
        let mut all = tensors(&case.bytes());
        all.iter_mut().for_each(|(name, ..)| *name = format!("{prefix}{name}"));
        all.push(("n_averaged".to_owned(), Dtype::I64, vec![], vec![1; 8]));
        assert_eq!(case.read(&file(&all), false).unwrap().theta, case.theta, "{prefix}");
    }
}

/// Shards by an index and by their folder; what is missing is named.
#[test]
fn shards_are_one_model() {
    let case = case("mlp:4-3-2");
    let mut all = tensors(&case.bytes());
    all.sort_by_key(|t| t.0.clone());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let shard = |i: usize| format!("model-{i:05}-of-00002.safetensors");
    std::fs::write(at(&shard(1)), file(&all[..2].to_vec())).unwrap();
    std::fs::write(at(&shard(2)), file(&all[2..].to_vec())).unwrap();
    let index = |of: &dyn Fn(usize) -> String| {
        let entries: Vec<String> =
            all.iter().enumerate().map(|(i, t)| format!("{:?}: {:?}", t.0, of(i))).collect();
        let text = format!("{{\"metadata\": {{}}, \"weight_map\": {{{}}}}}", entries.join(", "));
        std::fs::write(at("model.safetensors.index.json"), text).unwrap();
    };
    let read = |name: &str| {
        let read = checkpoint::read(&at(name), &case.model.state(), false);
        read.map(|read| read.theta).map_err(|error| error.message)
    };
    // By their names alone.
    assert_eq!(read("").unwrap(), case.theta);
    assert!(read(&shard(1)).unwrap_err().contains(&format!("{} is missing", at(&shard(2)).display())));
    index(&|i| shard(1 + i / 2));
    for name in ["", "model.safetensors.index.json"] {
        assert_eq!(read(name).unwrap(), case.theta);
    }
    // The index says otherwise.
    index(&|i| shard(1 + i % 2));
    assert!(read("").unwrap_err().contains("fc1.weight is in model-00001-of-00002"), "{:?}", read(""));
    index(&|_| "../elsewhere.safetensors".to_owned());
    assert!(read("").unwrap_err().contains("no file beside the index"));
    index(&|i| shard(1 + i / 2));
    std::fs::remove_file(at(&shard(2))).unwrap();
    let message = read("").unwrap_err();
    assert!(
        message.contains("the shard model-00002-of-00002.safetensors is missing, which holds 2 of 4"),
        "{message}"
    );
    std::fs::remove_file(at("model.safetensors.index.json")).unwrap();
    assert!(read("").unwrap_err().contains("one of 2 shards"));
    // A tensor in both.
    std::fs::write(at(&shard(2)), file(&all[1..].to_vec())).unwrap();
    assert!(read("").unwrap_err().contains("fc1.weight is in two shards"), "{:?}", read(""));
}

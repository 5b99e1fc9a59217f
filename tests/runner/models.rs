//! Networks by name and as lists of layers: sizes, what fits no data set, what is no network.

use valleys::config::Config;
use valleys::model::{Io, Model, NetworkSpec};
use valleys_core::network::Shape;
use valleys_simd::engine::CpuEngine;

const CIFAR: Io = Io { input: Shape { channels: 3, height: 32, width: 32 }, outputs: 10 };

/// Parameters of the families in PyTorch (`tests/torch/nets.py`).
const PARAMETERS: [(&str, usize); 16] = [
    ("vgg11", 9_750_922),
    ("vgg11-bn", 9_756_426),
    ("vgg13-bn", 9_941_322),
    ("vgg16-bn", 15_253_578),
    ("vgg19-bn", 20_565_834),
    ("convfc", 2_422_634),
    ("preresnet20", 272_282),
    ("preresnet56", 590_426),
    ("preresnet110", 1_146_842),
    ("resnet9", 6_575_370),
    ("resnet20", 272_474),
    ("resnet20-ns", 269_722),
    ("wrn56-2", 3_412_394),
    ("lenet5", 83_126),
    ("mlp:*-64-32-*", 3072 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10),
    ("mlp:*-*", 3072 * 10 + 10),
];

#[test]
fn parameters_are_those_of_pytorch() {
    for (name, parameters) in PARAMETERS {
        let model = Model::for_data(name, CIFAR).unwrap();
        assert_eq!(model.network().parameter_len(), parameters, "{name}");
        assert_eq!(model.network().outputs(), 10, "{name}");
        let named: usize = model.state().parameters.iter().map(|tensor| tensor.range.len()).sum();
        assert_eq!(named, parameters, "{name}");
        CpuEngine::supports(&model.network()).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn families_take_other_inputs_and_outputs() {
    let other = Io { input: Shape { channels: 2, height: 40, width: 36 }, outputs: 7 };
    for (name, _) in PARAMETERS {
        let model = Model::for_data(name, other).unwrap();
        let network = model.network();
        network.check().unwrap();
        let input = if name.starts_with("mlp") { Shape::flat(2 * 40 * 36) } else { other.input };
        assert_eq!((network.input, network.outputs()), (input, 7), "{name}");
    }
    let named = |name: &str| Model::for_data(name, other).unwrap_err().message;
    assert!(named("vgg12").contains("vgg11, vgg13, vgg16 or vgg19"));
    assert!(named("preresnet21").contains("6n + 2 below 44"));
    assert!(named("preresnet50").contains("9n + 2 above"));
    assert!(named("mlp:3-*-4").contains("the first and the last may be *"));
    assert!(named("vgg").contains("vgg11"));
    assert!(named("resnet9x").contains("unknown network"));
    let small = Io { input: Shape { channels: 1, height: 8, width: 8 }, outputs: 3 };
    for name in ["vgg11", "lenet5", "convfc", "resnet9"] {
        let error = Model::for_data(name, small).unwrap_err().message;
        assert!(error.starts_with(&format!("network {name:?}: ")) && error.contains("arrives"), "{error}");
    }
    let flat = Io { input: Shape::flat(30), outputs: 3 };
    let error = Model::for_data("lenet5", flat).unwrap_err().message;
    assert!(error.contains("it needs a window"), "{error}");
}

/// A list of layers as a table of TOML, for inputs of 3 x 8 x 8 and 4 outputs, and what its error says.
const REFUSED: &[(&str, &str)] = &[
    ("layers = []", "it has no layers"),
    ("", "missing field `layers`"),
    ("layers = 3", "network.layers: invalid type: integer"),
    ("layer = []", "unknown key \"layer\"; did you mean \"layers\"?"),
    ("name = 3\nlayers = [{ type = \"relu\" }]", "network.name: invalid type"),
    ("name = \"a/b\"\nlayers = [{ type = \"relu\" }]", "name is \"a/b\", but must be a word without a slash"),
    ("layers = [{ outputs = 3 }]", "network.layers[0]: missing field `type`"),
    (
        "layers = [{ type = \"lineal\", outputs = 3 }]",
        "layers[0]: unknown type \"lineal\"; did you mean \"linear\"?",
    ),
    (
        "layers = [{ type = \"relu\" }, { type = \"softmax\" }]",
        "layers[1]: unknown type \"softmax\"; there are linear, convolution, ",
    ),
    (
        "layers = [{ type = \"Conv2d\", outputs = 3 }]",
        "layers[0]: unknown type \"Conv2d\"; there are linear, convolution, batch-norm",
    ),
    ("layers = [{ type = \"linear\", output = 3 }]", "network.layers[0]: unknown field `output`"),
    ("layers = [{ type = \"linear\", outputs = -1 }]", "network.layers[0]: "),
    ("layers = [{ type = \"linear\", outputs = 2.5 }]", "network.layers[0]: "),
    (
        "layers = [{ type = \"linear\", outputs = 0 }]",
        "layers[0] (linear): it needs outputs, but 3x8x8 arrives",
    ),
    ("layers = [{ type = \"linear\", outputs = 5 }]", "its last layer has 5 outputs (5), but 4 are needed"),
    ("layers = [{ type = \"linear\" }, { type = \"linear\" }]", "layers[0] (linear): `outputs` is missing"),
    ("layers = [{ type = \"linear\", outputs = 9000000000000000000 }]", "layers[0] (linear): numbers up to"),
    ("layers = [{ type = \"linear\", outputs = 100000000 }]", "layers[0] (linear): numbers up to"),
    ("layers = [{ type = \"convolution\", outputs = 4 }]", "missing field `kernel`"),
    (
        "layers = [{ type = \"convolution\", outputs = 4, kernel = 9 }]",
        "layers[0] (convolution): it needs a window of a stride that fits into its input, but 3x8x8 arrives",
    ),
    ("layers = [{ type = \"convolution\", outputs = 4, kernel = 0 }]", "it needs a window"),
    ("layers = [{ type = \"convolution\", outputs = 4, kernel = 3, stride = 0 }]", "it needs a window"),
    ("layers = [{ type = \"convolution\", outputs = 4, kernel = 3, dilation = 0 }]", "it needs a window"),
    ("layers = [{ type = \"convolution\", outputs = 4, kernel = 3, dilation = 4 }]", "it needs a window"),
    (
        "layers = [{ type = \"convolution\", outputs = 4, kernel = 3, groups = 0 }]",
        "a multiple of its groups",
    ),
    (
        "layers = [{ type = \"convolution\", outputs = 4, kernel = 3, groups = 2 }]",
        "a multiple of its groups",
    ),
    (
        "layers = [{ type = \"convolution\", outputs = 4, kernel = 3, padding = \"same\" }]",
        "network.layers[0]: ",
    ),
    (
        "layers = [{ type = \"convolution\", outputs = 4, kernel = 3, padding = 9223372036854775807 }]",
        "layers[0] (convolution): numbers up to",
    ),
    (
        "layers = [{ type = \"convolution\", outputs = 4, kernel = 9223372036854775807 }]",
        "layers[0] (convolution): numbers up to",
    ),
    ("layers = [{ type = \"max-pool\", kernel = 3, padding = 2 }]", "padding of at most half of its kernel"),
    ("layers = [{ type = \"max-pool\", kernel = 9 }]", "layers[0] (max-pool): it needs a window"),
    (
        "layers = [{ type = \"average-pool\", kernel = 2, stride = 0 }]",
        "layers[0] (average-pool): it needs a window",
    ),
    ("layers = [{ type = \"dropout\", probability = 1.0 }]", "a probability from 0 to below 1"),
    ("layers = [{ type = \"dropout\", probability = nan }]", "a probability from 0 to below 1"),
    ("layers = [{ type = \"leaky-relu\", slope = -0.1 }]", "a slope of 0 or above"),
    ("layers = [{ type = \"leaky-relu\", slope = inf }]", "a slope of 0 or above"),
    (
        "layers = [{ type = \"flatten\" }, { type = \"batch-norm\" }]",
        "layers[1] (batch-norm): behind `flatten` a linear layer is expected, but 3x8x8 arrives",
    ),
    (
        "layers = [{ type = \"residual\", layers = [{ type = \"relu\" }] }, { type = \"linear\" }]",
        "layers[0] (residual): a block cannot be the first layer",
    ),
    (
        "layers = [{ type = \"relu\" }, { type = \"residual\", layers = [] }]",
        "layers[1] (residual): `layers` is empty",
    ),
    (
        "layers = [{ type = \"relu\" }, { type = \"residual\", layers = [{ type = \"flatten\" }] }]",
        "layers[1] (residual): `layers` has nothing but `flatten`",
    ),
    (
        "layers = [{ type = \"relu\" }, { type = \"residual\", layers = [{ type = \"linear\", outputs = 9 }] }]",
        "layers[1] (residual): its branches end with the shapes 3x8x8 and 9, which must be equal",
    ),
    (
        "layers = [{ type = \"relu\" }, { type = \"residual\", layers = [{ type = \"linear\" }] }]",
        "layers[1].layers[0] (linear): `outputs` is missing",
    ),
    (
        "layers = [{ type = \"relu\" }, { type = \"residual\", layers = [{ type = \"max-pool\", kernel = 2 }], \
         shortcut = [{ type = \"average-pool\", kernel = 9 }] }]",
        "layers[1].shortcut[0] (average-pool): it needs a window",
    ),
    (
        "layers = [{ type = \"linear\", outputs = 4, name = \"a\" }, { type = \"linear\", name = \"a\" }]",
        "layers[1] (linear): the name \"a\" is that of another layer, too",
    ),
    ("layers = [{ type = \"linear\", name = \"a b\" }]", "layers[0] (linear): the name \"a b\" has blanks"),
    (
        "layers = [{ type = \"relu\", name = \"a\" }, { type = \"linear\" }]",
        "network.layers[0]: unknown field `name`",
    ),
];

fn refusal(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.toml");
    std::fs::write(&path, text).unwrap();
    let io = Io { input: Shape { channels: 3, height: 8, width: 8 }, outputs: 4 };
    let result = NetworkSpec::from_text(path.to_str().unwrap()).and_then(|spec| spec.model(io));
    let error = result.expect_err(text);
    assert_eq!(error.code(), 3, "{text}");
    error.message
}

#[test]
fn lists_that_are_no_network_are_refused() {
    let mut wrong = Vec::new();
    for (text, expected) in REFUSED {
        let message = refusal(text);
        // In a file the key `network` is left out.
        let says = message.contains(expected.trim_start_matches("network."));
        if !says || !message.contains("net") || message.contains('\n') {
            wrong.push(format!("{text}\n    {message}\n    {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refusal("layers = [").contains("net.toml, line 1: "));
    assert!(refusal("layers = []\nlayers = []").contains("net.toml, line 2: "));
    let nested = (0..20).fold("{ type = \"relu\" }".to_owned(), |inner, _| {
        format!("{{ type = \"residual\", layers = [{inner}] }}")
    });
    let message = refusal(&format!("layers = [{{ type = \"relu\" }}, {nested}]"));
    assert!(message.contains("more than 16 blocks are inside of each other"), "{message}");
    let many = "{ type = \"relu\" },".repeat(10_001);
    assert!(refusal(&format!("layers = [{many}]")).contains("more than 10000 layers"));
    let missing = NetworkSpec::from_text("no/such/net.toml").unwrap_err();
    assert!(missing.code() == 3 && missing.message.contains("cannot read no/such/net.toml"), "{missing}");
}

/// A configuration has the layers of a file, whatever becomes of the file, and reads back equal.
#[test]
fn a_configuration_has_the_layers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/torch/every-layer.toml");
    let config = Config::load(None, None, &[format!("network={path}")]).unwrap();
    assert_eq!(config.network.name(), "every-layer");
    let text = config.to_toml();
    assert!(!text.contains("torch"), "{text}");
    let again = Config::parse("config.toml".as_ref(), &text).unwrap();
    assert_eq!(again, config);
    // In a list beside a name.
    let list = format!("network = [\"mlp:*-3-*\", {path:?}]\ndataset = \"digits\"");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.toml");
    std::fs::write(&file, list).unwrap();
    let all = Config::load_all(Some(&file), None, &[]).unwrap();
    assert_eq!(
        all.iter().map(|config| config.network.name()).collect::<Vec<_>>(),
        ["mlp:*-3-*", "every-layer"]
    );
    std::fs::write(&file, Config::all_to_toml(&all)).unwrap();
    assert_eq!(Config::load_all(Some(&file), None, &[]).unwrap(), all);
}

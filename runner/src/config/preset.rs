//! Presets: configurations by name. A preset sets only the keys that differ from the defaults.

use super::keys::{KEYS, merge};
use crate::error::{CliError, ErrorKind, Result};
use crate::wording::nearest;
use toml::{Table, Value};

/// Maximum width of a line of comments.
const COMMENT_WIDTH: usize = 100;

/// The default of every key: the training recipe of the preset `digits`.
const DEFAULTS: &str = r#"
network = "mlp:64-32-32-10"
backend = "cpu"
scale = "full"
seed = 1
index = 1
gpu = { paths = [] }
data = { limit = 0, take = "stratified" }
minima = { count = 4, epochs = 50, group = 0, files = [] }
curves = { epochs = 50, learning_rate = 0.0, schedule = "same", paths = "direct" }
triangles = { epochs = 50, learning_rate = 0.0, schedule = "same", centres = "fixed" }
loss = { kind = "default", class_weights = [], label_smoothing = 0.0, delta = 1.0 }
train = { batch = 32, learning_rate = 0.05, schedule = "linear", optimizer = "sgd", momentum = 0.9, nesterov = false, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 1e-3, max_gradient_norm = 0.0, augment = "none" }
lattice = { n = 60, curves = 0, triangles = 0, simplices = 0 }
peaks = { search = true }
measure = { samples = 0 }
fit = { sampling = "uniform", depth = 1, start = "mean", tangent_removal = 0.0, perturbation = 0.0 }
second_fit = { depth = 0, epoch_multiplier = 4 }
convergence = { depth = 0, epoch_multipliers = [], samplings = ["uniform", "peak"], centres = ["fixed"] }
study = { sizes = [], seeds = 5, early = 4, initial = "shared", equal_steps = false, shuffle_labels = false }
"#;

/// A configuration by name.
struct Preset {
    name: &'static str,
    /// What it shows, in one phrase.
    summary: &'static str,
    /// The preset whose keys it starts from; the defaults if there is none.
    like: Option<&'static str>,
    /// The keys that differ from those, as TOML.
    toml: &'static str,
}

const fn preset(name: &'static str, summary: &'static str, toml: &'static str) -> Preset {
    Preset { name, summary, like: None, toml }
}

const fn preset_like(
    like: &'static str,
    name: &'static str,
    summary: &'static str,
    toml: &'static str,
) -> Preset {
    Preset { name, summary, like: Some(like), toml }
}

const PRESETS: &[Preset] = &[
    preset(
        "digits",
        "a small network on the embedded UCI digits: seconds on two cores",
        "dataset = \"digits\"\nsecond_fit = { depth = 2 }",
    ),
    preset(
        "himmelblau",
        "four minima with loss 0; saddles 13.31, 67.72, 104.02, 178.34; maximum 181.62",
        r#"
network = "himmelblau"
curves = { epochs = 100 }
triangles = { epochs = 100 }
train = { learning_rate = 5e-5, weight_decay = 0.0, max_gradient_norm = 5.0 }
lattice = { n = 120 }
fit = { start = "straight", tangent_removal = 1.0 }
second_fit = { depth = 3 }
"#,
    ),
    preset_like(
        "himmelblau",
        "himmelblau-any",
        "the same with curves that may go through a third minimum: no index-1 bar is left",
        r#"
curves = { paths = "any" }
fit = { start = "lowest" }
"#,
    ),
    preset(
        "muller-brown",
        "three minima; saddles -72.25 and -40.66",
        r#"
network = "muller-brown"
minima = { count = 3 }
curves = { epochs = 100 }
triangles = { epochs = 100 }
train = { learning_rate = 5e-5, weight_decay = 0.0, max_gradient_norm = 20.0 }
fit = { start = "straight", tangent_removal = 1.0 }
second_fit = { depth = 3 }
"#,
    ),
    preset(
        "three-well-ring",
        "three minima around a maximum: the true segment is [0.19, 1]",
        r#"
network = "three-well-ring:5"
minima = { count = 3, epochs = 20 }
curves = { epochs = 90 }
triangles = { epochs = 90 }
train = { learning_rate = 0.01, weight_decay = 0.0 }
fit = { start = "straight", tangent_removal = 1.0 }
second_fit = { depth = 3, epoch_multiplier = 1 }
"#,
    ),
    preset_like(
        "three-well-ring",
        "unequal-ring",
        "a ring with saddles 0.15 (twice) and 0.2775: the true segment is [0.2775, 1]",
        r#"
network = "unequal-ring:5"
"#,
    ),
    preset_like(
        "three-well-ring",
        "sphere",
        "four minima on a sphere around a hill: the true bar of index 2 is [0.19, 1]",
        r#"
network = "sphere:5"
index = 2
minima = { count = 4 }
lattice = { n = 24 }
second_fit = { depth = 3, epoch_multiplier = 2 }
"#,
    ),
    preset_like(
        "three-well-ring",
        "liftable-ring",
        "the same ring with a disc that avoids the maximum: the death is well below 1",
        r#"
network = "liftable-ring:5"
fit = { perturbation = 0.1 }
"#,
    ),
    preset(
        "converge-digits",
        "how births and deaths depend on the training budget: eight triples, uniform and peak sampling, depths 1 to 3",
        r#"
dataset = "digits"
minima = { count = 24, group = 3 }
lattice = { n = 24 }
convergence = { depth = 3, epoch_multipliers = [1, 4, 16] }
"#,
    ),
    preset(
        "converge-ring",
        "the same comparison on the three-well ring, where the true segment is [0.19, 1]",
        r#"
network = "three-well-ring:5"
minima = { count = 24, epochs = 20, group = 3 }
curves = { epochs = 90 }
triangles = { epochs = 90 }
train = { learning_rate = 0.01, weight_decay = 0.0 }
fit = { start = "straight", tangent_removal = 1.0 }
convergence = { depth = 3, epoch_multipliers = [1, 4] }
"#,
    ),
    preset(
        "weights-digits",
        "topology of the weights of 35 networks on the digits: training-set sizes, seeds, epochs, correlations with accuracy",
        r#"
network = "mlp:64-64-64-64-10"
dataset = "digits"
minima = { epochs = 60 }
train = { weight_decay = 0.0 }
study = { sizes = [20, 40, 80, 160, 320, 640, 1437] }
"#,
    ),
    preset(
        "weights-breast-cancer",
        "the same study on breast-cancer, 569 patients",
        r#"
network = "mlp:30-64-64-64-2"
dataset = "breast-cancer"
minima = { epochs = 60 }
train = { weight_decay = 0.0 }
study = { sizes = [10, 20, 40, 80, 160, 320, 455] }
"#,
    ),
    preset(
        "weights-fashion",
        "the same study on FashionMNIST, with its files in --data DIR: four minutes on two cores",
        r#"
network = "mlp:784-512-512-512-10"
dataset = "fashion-mnist"
minima = { epochs = 20 }
train = { weight_decay = 0.0, learning_rate = 0.02 }
study = { sizes = [1000, 3000, 10000, 30000], seeds = 3 }
"#,
    ),
    preset(
        "weights-cifar",
        "the same study on CIFAR-10, with its files in --data DIR",
        r#"
network = "mlp:3072-512-512-512-10"
dataset = "cifar-10"
minima = { epochs = 15 }
train = { weight_decay = 0.0, learning_rate = 0.01 }
study = { sizes = [1000, 3000, 10000], seeds = 3 }
"#,
    ),
    preset(
        "weights-mnist",
        "the second paper's study of MNIST, with its files in --data DIR: four hidden layers of 512 with dropout, Adam, hours",
        r#"
network = { name = "mlp:784-512-512-512-512-10 with dropout", layers = [
    { type = "linear", outputs = 512, name = "fc1" }, { type = "relu" }, { type = "dropout", probability = 0.2 },
    { type = "linear", outputs = 512, name = "fc2" }, { type = "relu" }, { type = "dropout", probability = 0.2 },
    { type = "linear", outputs = 512, name = "fc3" }, { type = "relu" }, { type = "dropout", probability = 0.2 },
    { type = "linear", outputs = 512, name = "fc4" }, { type = "relu" }, { type = "dropout", probability = 0.2 },
    { type = "linear", name = "fc5" },
] }
dataset = "mnist"
minima = { epochs = 50 }
train = { optimizer = "adam", learning_rate = 1e-5, batch = 4, weight_decay = 0.0 }
study = { sizes = [1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000, 60000] }
"#,
    ),
    preset(
        "weights-bike",
        "the second paper's study of a regression: hour.csv of the UCI bike sharing data in the current directory, Adam",
        r#"
network = "mlp:*-400-400-400-*"
dataset = "hour.csv"
data = { label = "cnt", task = "regression", ignore = ["instant", "dteday", "casual", "registered"], normalise = "min-max" }
minima = { epochs = 30 }
train = { optimizer = "adam", learning_rate = 1e-5, batch = 64, weight_decay = 0.0 }
study = { sizes = [1000, 2000, 3000, 4000, 5000, 10000, 13903] }
"#,
    ),
    preset(
        "lenet5",
        "Figure 1 of the first paper: a triangle with edge control points fixed and trainable, after 10 and 50 epochs",
        r#"
network = "lenet5"
dataset = "fashion-mnist"
minima = { count = 3, epochs = 50 }
curves = { epochs = 10 }
triangles = { epochs = 10 }
train = { batch = 128, learning_rate = 0.01 }
lattice = { n = 24 }
measure = { samples = 10000 }
convergence = { depth = 1, epoch_multipliers = [1, 5], samplings = ["uniform"], centres = ["fixed", "trainable"] }
"#,
    ),
    preset(
        "table1",
        "Table 1 and Figures 2 to 4 of the first paper: eight residual networks on CIFAR-10, three triples of minima each",
        r#"
network = ["resnet20", "resnet20-ns", "resnet56", "resnet56-ns", "resnet110", "resnet110-ns", "wrn56-2", "wrn56-2-ns"]
dataset = "cifar-10"
minima = { count = 9, epochs = 300, group = 3 }
curves = { epochs = 300 }
triangles = { epochs = 300 }
train = { batch = 128, learning_rate = 0.1, schedule = "step", nesterov = true, weight_decay = 5e-4, augment = "crop-flip" }
measure = { samples = 4000 }
second_fit = { depth = 2, epoch_multiplier = 1 }
"#,
    ),
    preset_like(
        "table1",
        "table1-low-rate",
        "the same with 0.3 of the learning rate for curves and triangles, as Garipov et al. have it",
        r#"
curves = { learning_rate = 0.03 }
triangles = { learning_rate = 0.03 }
"#,
    ),
    preset_like("table1", "resnet20", "one network of table1", "network = \"resnet20\""),
    preset_like("table1", "resnet20-ns", "one network of table1", "network = \"resnet20-ns\""),
    preset_like("table1", "resnet56", "one network of table1", "network = \"resnet56\""),
    preset_like("table1", "resnet56-ns", "one network of table1", "network = \"resnet56-ns\""),
    preset_like("table1", "resnet110", "one network of table1", "network = \"resnet110\""),
    preset_like("table1", "resnet110-ns", "one network of table1", "network = \"resnet110-ns\""),
    preset_like("table1", "wrn56-2", "one network of table1", "network = \"wrn56-2\""),
    preset_like("table1", "wrn56-2-ns", "one network of table1", "network = \"wrn56-2-ns\""),
    preset(
        "quadratic",
        "a convex function: every segment has length 0",
        r#"
network = "quadratic:10"
train = { learning_rate = 0.01, weight_decay = 0.0 }
"#,
    ),
];

/// Name and summary of every preset.
pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().map(|preset| (preset.name, preset.summary))
}

/// The default of every key.
pub(super) fn defaults() -> Table {
    DEFAULTS.parse().expect("the defaults are TOML")
}

/// The keys that a preset sets.
pub(super) fn table(name: &str) -> Result<Table> {
    let preset = find(name)?;
    let own = preset.toml.parse().expect("a preset is TOML");
    let Some(like) = preset.like else { return Ok(own) };
    let mut all = table(like)?;
    merge(&mut all, own);
    Ok(all)
}

fn find(name: &str) -> Result<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let names = || PRESETS.iter().map(|preset| preset.name);
        let mut hint = nearest(&name.to_lowercase(), names());
        if hint.is_empty() {
            hint = format!("; there are {}", names().collect::<Vec<_>>().join(", "));
        }
        CliError::new(ErrorKind::Configuration, format!("unknown preset {name:?}{hint}"))
    })
}

/// The complete configuration of a preset as TOML, with the help text of every key.
///
/// # Errors
/// The preset is unknown, with the nearest known one.
pub fn commented(name: &str) -> Result<String> {
    let preset = find(name)?;
    let mut all = defaults();
    merge(&mut all, table(name)?);
    let mut text = comment(&format!("Preset {name}: {}.", preset.summary));
    let mut section = "";
    for (key, help) in KEYS {
        let (key_section, name) = key.split_once('.').unwrap_or(("", key));
        if key_section != section {
            text += &format!("\n[{key_section}]\n");
            section = key_section;
        }
        let keys = if section.is_empty() { Some(&all) } else { all.get(section).and_then(Value::as_table) };
        text += &comment(help);
        text += &match keys.and_then(|keys| keys.get(name)) {
            Some(value) => format!("{name} = {value}\n"),
            None => format!("# {name} = (not set)\n"),
        };
    }
    Ok(text)
}

/// A text as lines of comments.
fn comment(text: &str) -> String {
    let mut lines = String::from("#");
    let mut width = 1;
    for word in text.split(' ') {
        let len = word.chars().count() + 1;
        if width + len > COMMENT_WIDTH {
            lines += "\n#";
            width = 1;
        }
        lines += " ";
        lines += word;
        width += len;
    }
    lines + "\n"
}

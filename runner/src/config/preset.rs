//! Presets: experiments by name. Each says only what differs from the defaults.

use super::keys::{KEYS, merge, nearest};
use crate::error::{CliError, ErrorKind, Result};
use toml::{Table, Value};

/// The recipe of the digits, which is also what a configuration file leaves unsaid.
const DEFAULTS: &str = r#"
network = "mlp:64-32-32-10"
backend = "cpu"
seed = 1
index = 1
gpu = { paths = [] }
data = { limit = 0, take = "stratified" }
minima = { count = 4, epochs = 50, group = 0, files = [] }
curves = { epochs = 50 }
triangles = { epochs = 50, centres = "fixed" }
train = { batch = 32, learning_rate = 0.05, momentum = 0.9, weight_decay = 1e-3, augment = "none" }
lattice = { n = 60 }
fit = { sampling = "uniform", depth = 1, tangent_removal = 0.0, perturbation = 0.0 }
second_fit = { depth = 0, epoch_multiplier = 4 }
convergence = { depth = 0, epoch_multipliers = [] }
study = { sizes = [], seeds = 5, early = 4 }
"#;

/// Name, what it shows, what differs from the defaults.
const PRESETS: &[(&str, &str, &str)] = &[
    (
        "digits",
        "a small network on the embedded UCI digits: seconds on two cores",
        "dataset = \"digits\"\nsecond_fit = { depth = 2 }",
    ),
    (
        "himmelblau",
        "four minima at 0; saddles 13.31, 67.72, 104.02, 178.34; maximum 181.62",
        r#"
network = "himmelblau"
train = { learning_rate = 1e-3, weight_decay = 0.0 }
"#,
    ),
    (
        "muller-brown",
        "three minima; saddles -72.25 and -40.66",
        r#"
network = "muller-brown"
minima = { count = 3 }
train = { learning_rate = 5e-5, weight_decay = 0.0 }
"#,
    ),
    (
        "three-well-ring",
        "three wells around a hill: the true segment is [0.19, 1]",
        r#"
network = "three-well-ring:5"
minima = { count = 3, epochs = 20 }
curves = { epochs = 90 }
triangles = { epochs = 90 }
train = { learning_rate = 0.01, weight_decay = 0.0 }
fit = { tangent_removal = 1.0 }
second_fit = { depth = 3, epoch_multiplier = 1 }
"#,
    ),
    (
        "liftable-ring",
        "the same ring, but a disc can be lifted over the hill: death well below 1",
        r#"
network = "liftable-ring:5"
minima = { count = 3, epochs = 20 }
curves = { epochs = 90 }
triangles = { epochs = 90 }
train = { learning_rate = 0.01, weight_decay = 0.0 }
fit = { perturbation = 0.1, tangent_removal = 1.0 }
second_fit = { depth = 3, epoch_multiplier = 1 }
"#,
    ),
    (
        "converge-digits",
        "what of births and deaths is an artefact of the budget: eight triples, uniform and peak sampling, depths 1 to 3",
        r#"
dataset = "digits"
minima = { count = 24, group = 3 }
lattice = { n = 24 }
convergence = { depth = 3, epoch_multipliers = [1, 4, 16] }
"#,
    ),
    (
        "converge-ring",
        "the same on the three-well ring, where the true segment is [0.19, 1]",
        r#"
network = "three-well-ring:5"
minima = { count = 24, epochs = 20, group = 3 }
curves = { epochs = 90 }
triangles = { epochs = 90 }
train = { learning_rate = 0.01, weight_decay = 0.0 }
fit = { tangent_removal = 1.0 }
convergence = { depth = 3, epoch_multipliers = [1, 4] }
"#,
    ),
    (
        "weights-digits",
        "topology of weights on the digits: 35 networks, sizes x seeds x epochs, correlations with accuracy",
        r#"
network = "mlp:64-64-64-64-10"
dataset = "digits"
minima = { epochs = 60 }
train = { weight_decay = 0.0 }
study = { sizes = [20, 40, 80, 160, 320, 640, 1437] }
"#,
    ),
    (
        "weights-breast-cancer",
        "the same on 569 patients",
        r#"
network = "mlp:30-64-64-64-2"
dataset = "breast-cancer"
minima = { epochs = 60 }
train = { weight_decay = 0.0 }
study = { sizes = [10, 20, 40, 80, 160, 320, 455] }
"#,
    ),
    (
        "weights-fashion",
        "the same on FashionMNIST, whose files are in --data DIR; four minutes on two cores",
        r#"
network = "mlp:784-512-512-512-10"
dataset = "fashion-mnist"
minima = { epochs = 20 }
train = { weight_decay = 0.0, learning_rate = 0.02 }
study = { sizes = [1000, 3000, 10000, 30000], seeds = 3 }
"#,
    ),
    (
        "weights-cifar",
        "the same on CIFAR-10, whose files are in --data DIR",
        r#"
network = "mlp:3072-512-512-512-10"
dataset = "cifar-10"
minima = { epochs = 15 }
train = { weight_decay = 0.0, learning_rate = 0.01 }
study = { sizes = [1000, 3000, 10000], seeds = 3 }
"#,
    ),
    (
        "quadratic",
        "a convex bowl: every segment has length 0",
        r#"
network = "quadratic:10"
train = { learning_rate = 0.01, weight_decay = 0.0 }
"#,
    ),
];

/// Every preset with what it shows.
pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().map(|(name, shows, _)| (*name, *shows))
}

/// The values that hold where nothing else is said.
pub(super) fn defaults() -> Table {
    DEFAULTS.parse().expect("the defaults are TOML")
}

/// What a preset sets.
pub(super) fn table(name: &str) -> Result<Table> {
    match PRESETS.iter().find(|p| p.0 == name) {
        Some((_, _, text)) => Ok(text.parse().expect("a preset is TOML")),
        None => {
            let mut hint = nearest(name, PRESETS.iter().map(|p| p.0));
            if hint.is_empty() {
                hint = format!("; there are {}", list().map(|p| p.0).collect::<Vec<_>>().join(", "));
            }
            Err(CliError::new(ErrorKind::Configuration, format!("unknown preset {name:?}{hint}")))
        }
    }
}

/// The complete configuration of a preset with a comment at every key.
pub fn commented(name: &str) -> Result<String> {
    let mut all = defaults();
    merge(&mut all, table(name)?);
    let mut text = format!("# Preset {name}: {}.\n", list().find(|p| p.0 == name).map_or("", |p| p.1));
    let mut section = "";
    for (key, meaning) in KEYS {
        let (path, name) = key.split_once('.').unwrap_or(("", key));
        let place = if path.is_empty() { Some(&all) } else { all.get(path).and_then(Value::as_table) };
        if path != section {
            text.push_str(&format!("\n[{path}]\n"));
            section = path;
        }
        if let Some(value) = place.and_then(|p| p.get(name)) {
            text.push_str(&format!("# {meaning}\n{name} = {value}\n"));
        }
    }
    Ok(text)
}

//! The keys of a configuration: what each means, overrides, "did you mean".

use crate::error::{CliError, ErrorKind, Result};
use crate::stderr;
use toml::{Table, Value};

/// Keys of the version before and their names now.
const RENAMED: &[(&str, &str)] = &[
    ("fit.across", "fit.tangent_removal"),
    ("tight.depth", "second_fit.depth"),
    ("tight.effort", "second_fit.epoch_multiplier"),
    ("converge.depth", "convergence.depth"),
    ("converge.efforts", "convergence.epoch_multipliers"),
];

/// Every key with its meaning, in the order of a file.
pub const KEYS: &[(&str, &str)] = &[
    (
        "network",
        "mlp:64-32-32-10 (any widths, ReLU), lenet5, resnet20 (any 6n + 2), wrn56-2 (times 2 channels), either with -ns for no shortcuts; or an objective with known answers: himmelblau, muller-brown, three-well-ring, liftable-ring, quadratic, each with :DIM for more variables",
    ),
    (
        "dataset",
        "digits, breast-cancer (embedded), fashion-mnist, cifar-10 (official files in data.dir); none for an objective with known answers",
    ),
    ("backend", "what trains and measures networks: \"cpu\" or \"gpu\"; run --backend sets it"),
    ("seed", "of all random numbers"),
    ("index", "highest index of the barcode: 1 needs triangles, r needs simplices of r + 2 minima"),
    (
        "gpu.paths",
        "other ways of a GPU to the same numbers, up to rounding: \"winograd2\", \"winograd4\", \"halves\" (activations of 16 bits), \"no-subgroups\"; [] for the plain one",
    ),
    ("data.dir", "directory of the files of fashion-mnist or cifar-10, .gz or not"),
    ("data.limit", "training samples; 0 for all"),
    (
        "data.take",
        "which, where there is a limit: \"stratified\", of every class the same share by seed, or the \"first\"",
    ),
    ("data.mean", "of each channel, or one for all, in the place of the usual ones"),
    ("data.std", "likewise the standard deviations"),
    ("minima.count", "networks to train, 1 to 64"),
    ("minima.epochs", "passes over the training data for each minimum"),
    (
        "minima.group",
        "connect only minima of the same group of so many: replicates in one run; 0 connects all",
    ),
    ("minima.files", "checkpoints (safetensors) in the place of training, one for each minimum; [] to train"),
    ("curves.epochs", "for each curve; 0 leaves the straight segment"),
    ("triangles.epochs", "for each triangle and each higher simplex; 0 leaves the initial centre"),
    (
        "triangles.centres",
        "\"fixed\": only the inside moves; \"trainable\": the edges' control points move too, as private copies",
    ),
    ("train.batch", "samples of a step"),
    ("train.learning_rate", "base rate; constant for half of the epochs, then falling to a hundredth"),
    ("train.momentum", "of stochastic gradient descent"),
    ("train.weight_decay", "added to the gradient at the mixed point, never to the reported loss"),
    (
        "train.augment",
        "of images in training only: \"crop-flip\" shifts by up to 4 pixels and mirrors; \"none\"",
    ),
    (
        "lattice.n",
        "intervals on an edge of the lattice where losses are measured; a multiple of 6 has all control points",
    ),
    ("fit.sampling", "\"uniform\": the paper; \"peak\": t is drawn more often where the loss is high"),
    ("fit.depth", "of the maps: 1 (the paper) has one bend in a curve, 2 three, 3 seven"),
    (
        "fit.tangent_removal",
        "share of the gradient along the simplex that peak sampling leaves out: 1 keeps control points from sliding off a ridge, 0 is plain",
    ),
    (
        "fit.perturbation",
        "standard deviation of a seeded displacement of new centres, for objectives whose straight start is stationary",
    ),
    (
        "second_fit.depth",
        "a second fit beside the main one, with peak sampling and maps of this depth; 0 for none",
    ),
    ("second_fit.epoch_multiplier", "how many times the epochs of the main fit it takes"),
    ("convergence.depth", "compares uniform and peak sampling at depths 1 to this; 0 for no comparison"),
    ("convergence.epoch_multipliers", "at so many times the epochs of the main fit"),
    (
        "study.sizes",
        "a study of weights in the place of all the above: networks with so many training samples, minima.epochs at a constant rate; [] for none",
    ),
    ("study.seeds", "networks of each size: other samples, initial weights, order"),
    ("study.early", "measurements inside the first epoch; then one after every epoch"),
];

/// Sets `key=value` in a table; the value is TOML, or a word.
pub fn set_override(table: &mut Table, text: &str) -> Result<()> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(CliError::new(ErrorKind::Usage, format!("--set {text}: key=value expected")));
    };
    let (key, value) = (current_name(key.trim()), value.trim());
    check_known(key)?;
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    insert_value(table, key, value);
    Ok(())
}

/// Sets a key, `section.name` or `name`, in a table.
fn insert_value(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => _ = table.insert(key.to_owned(), value),
        Some((section, name)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(name.to_owned(), value);
            }
        }
    }
}

/// The current name of a key; an old name is accepted with a warning.
fn current_name(key: &str) -> &str {
    let Some((old, new)) = RENAMED.iter().find(|(old, _)| *old == key) else { return key };
    stderr::print_line(format_args!(
        "warning: the key {old} is now {new}; the old name will be removed in the next version"
    ));
    new
}

/// Moves the values of old keys to their current names, with a warning for each.
///
/// # Errors
/// Both names of a key are there.
pub fn rename_old_keys(table: &mut Table) -> Result<()> {
    for (old, new) in RENAMED {
        let (section, name) = old.split_once('.').expect("every renamed key has a section");
        let Some(of_section) = table.get_mut(section).and_then(Value::as_table_mut) else { continue };
        let Some(value) = of_section.remove(name) else { continue };
        if of_section.is_empty() {
            table.remove(section);
        }
        let (section, name) = new.split_once('.').expect("every key it is renamed to has a section");
        if table.get(section).and_then(Value::as_table).is_some_and(|there| there.contains_key(name)) {
            let message = format!("{old} and {new} are the same key; remove {old}");
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        insert_value(table, current_name(old), value);
    }
    Ok(())
}

/// Every key of a table is a known one.
pub fn check_names(table: &Table) -> Result<()> {
    for (name, value) in table {
        match value {
            Value::Table(section) => section.keys().try_for_each(|key| check_known(&format!("{name}.{key}")))?,
            _ => check_known(name)?,
        }
    }
    Ok(())
}

/// As many minima as there are files of them, unless their number is given.
pub fn default_minima_count(table: &mut Table) {
    if let Some(minima) = table.get_mut("minima").and_then(Value::as_table_mut) {
        let files = minima.get("files").and_then(Value::as_array).map_or(0, Vec::len);
        if files > 0 && !minima.contains_key("count") {
            minima.insert("count".to_owned(), Value::Integer(files as i64));
        }
    }
}

/// Puts the values of `over` in the place of those of `table`.
pub fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => _ = table.insert(key, value),
        }
    }
}

fn check_known(key: &str) -> Result<()> {
    if KEYS.iter().any(|(name, _)| *name == key) {
        return Ok(());
    }
    let hint = nearest(key, KEYS.iter().map(|(name, _)| *name));
    Err(CliError::new(ErrorKind::Configuration, format!("unknown key {key:?}{hint}")))
}

/// "; did you mean …?" with the most similar candidate, empty when nothing is similar.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    candidates
        .map(|c| (strsim::jaro_winkler(word, c), c))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(String::new(), |(_, c)| format!("; did you mean {c:?}?"))
}

/// A message of the deserialiser without the names of Rust's types.
pub fn without_rust_types(message: &str) -> String {
    let words = message.split(' ').map(|word| match word.trim_end() {
        "usize" | "u32" | "u64" => "a whole number, 0 or above",
        "f32" | "f64" => "a number",
        "sequence" => "list in brackets",
        other => other,
    });
    words.collect::<Vec<_>>().join(" ")
}

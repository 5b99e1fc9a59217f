//! The keys of a configuration: help texts, overrides, names of the previous version, "did you mean".

use crate::error::{CliError, ErrorKind, Result};
use crate::stderr;
use crate::wording::nearest;
use toml::{Table, Value};

/// Keys of the previous version with their current names.
const RENAMED: &[(&str, &str)] = &[
    ("fit.across", "fit.tangent_removal"),
    ("tight.depth", "second_fit.depth"),
    ("tight.effort", "second_fit.epoch_multiplier"),
    ("converge.depth", "convergence.depth"),
    ("converge.efforts", "convergence.epoch_multipliers"),
];

/// Every key with its help text, in the order of a file.
pub const KEYS: &[(&str, &str)] = &[
    (
        "network",
        "Network to train: mlp:64-32-10 (layer widths, with ReLU; a first or last width of * is that of the data), lenet5, \
         resnet20 (any depth 6n + 2) or wrn56-2 (2 times as wide), these two also with -ns (no shortcuts), preresnet20 (6n \
         + 2; 9n + 2 from 47 on), resnet9, vgg11, vgg13, vgg16 or vgg19 (also with -bn), convfc. Or a file NAME.toml with a \
         list of layers, or that list here as [[network.layers]]. Or a function with known critical values: himmelblau, \
         muller-brown, three-well-ring, unequal-ring, liftable-ring, sphere, quadratic, each also with :DIM (number of variables). \
         A list of networks makes a run of each in one run directory, and compares them.",
    ),
    (
        "dataset",
        "Data set of the network: digits or breast-cancer (embedded), mnist, fashion-mnist, cifar-10 or cifar-100 (official \
         files in data.dir), or a path of data of one's own: a table (CSV), arrays (.npy, .npz, IDX), a folder of images \
         by class. Not for a function.",
    ),
    (
        "backend",
        "What trains and evaluates networks: \"cpu\", \"gpu\", or \"reference\" (plain kernels on the CPU, slow). run \
         --backend overrides it.",
    ),
    (
        "scale",
        "Reduces a preset: \"tenth\" (a tenth of samples and epochs, lattice.n at most 12), \"hundredth\" (lattice.n at \
         most 6), or \"full\". Keys that are set beside it are not reduced. Titles name it.",
    ),
    ("seed", "Seed of all random numbers, 0 or above."),
    (
        "index",
        "Highest index of the barcode, 0 to 6: 0 needs curves, 1 needs triangles, r needs simplices of r + 2 minima.",
    ),
    (
        "gpu.paths",
        "GPU algorithms whose results differ by rounding: \"winograd2\" or \"winograd4\" (Winograd convolution), \
         \"f16\" (activations stored as f16), \"no-subgroups\"; [] for none.",
    ),
    (
        "data.dir",
        "Directory of the files of mnist, fashion-mnist, cifar-10 or cifar-100, compressed with gzip or not, or the \
         directory above, such as the root of torchvision. run --data overrides it.",
    ),
    (
        "data.label",
        "The target: the column of a table by its name, or by its number from 0 (-1 is the last), a list for a regression \
         of several targets; the array of an .npz; \"fine\" or \"coarse\" of cifar-100.",
    ),
    ("data.labels", "File of the target (.npy or IDX), where the samples are in a file of their own."),
    (
        "data.task",
        "What the target is: \"classification\" or \"regression\"; by default texts and at most 20 different whole numbers \
         are classes, and it is told.",
    ),
    (
        "data.missing",
        "What is done with missing values: \"error\", \"drop\" (leave out the row), or \"mean\" (that of the training \
         part, or its most frequent category); by default \"error\".",
    ),
    ("data.ignore", "Columns that are left out, such as identifiers: a name or a number from 0, or a list."),
    (
        "data.categories",
        "Columns of numbers that are categories, as texts are: a name or a number from 0, or a list.",
    ),
    (
        "data.size",
        "[height, width] to which images of a folder are resized (bilinear with antialiasing, as Pillow does).",
    ),
    (
        "data.normalise",
        "Normalisation of data of one's own by the training part: \"z-score\", \"min-max\" (0 to 1), or \"none\"; columns \
         of a table each for itself, images by channel; by default \"z-score\".",
    ),
    (
        "data.normalise_target",
        "Normalisation of the target of a regression by the training part: \"z-score\" or \"none\"; by default \"z-score\".",
    ),
    (
        "data.split",
        "The test part of data of one's own: a fraction (of every class the same), a column with the values train and test, \
         or the file of the test part; by default 0.2, or as the files say.",
    ),
    ("data.split_seed", "Seed of the split by a fraction; by default 0."),
    (
        "data.header",
        "Whether the first line of a table names the columns: true or false; by default detected.",
    ),
    (
        "data.delimiter",
        "What separates the columns of a table: \"comma\", \"semicolon\", \"tab\", \"pipe\" or \"space\"; by default detected.",
    ),
    ("data.decimal", "The decimal mark of a table: \".\" or \",\"; by default detected."),
    ("data.limit", "Number of training samples; 0 for all."),
    (
        "data.take",
        "Which samples data.limit selects: \"stratified\" (the same share of every class, drawn with the seed) or \
         \"first\" (in file order).",
    ),
    (
        "data.mean",
        "Mean of the normalisation, a list of one number or of one for each channel; by default that of the data set. Of a table: of one for each feature, or of one \
         for all that are no categories.",
    ),
    (
        "data.std",
        "Standard deviation of the normalisation, above 0, a list like data.mean; by default that of the data set.",
    ),
    ("minima.count", "Number of minima to train, 1 to 64."),
    ("minima.epochs", "Epochs (passes over the training samples) of each minimum, at least 1."),
    (
        "minima.group",
        "Connect only minima of the same group of this size: 3 connects 0-1-2, 3-4-5, and so on; 0 connects all.",
    ),
    (
        "minima.files",
        "Checkpoints to use as minima, one for each (safetensors files, indexes of shards, folders); [] trains the minima.",
    ),
    ("curves.epochs", "Epochs of each curve; 0 leaves the straight segment."),
    ("curves.learning_rate", "Base learning rate of curves, 0 or above; 0 for train.learning_rate."),
    ("curves.schedule", "Schedule of the learning rate of curves, as train.schedule; \"same\" for that."),
    (
        "curves.paths",
        "\"direct\": every pair of minima has its own curve (Algorithm 2 of the paper). \"any\": the curves of a fit with \
         peak sampling start their last depth on the chain of two curves through a third minimum where that is lower.",
    ),
    (
        "triangles.epochs",
        "Epochs of each triangle and of each simplex of higher rank; 0 leaves the initial control point.",
    ),
    (
        "triangles.learning_rate",
        "Base learning rate of triangles and higher simplices, 0 or above; 0 for train.learning_rate.",
    ),
    (
        "triangles.schedule",
        "Schedule of the learning rate of triangles and higher simplices, as train.schedule; \"same\" for that.",
    ),
    (
        "triangles.centres",
        "Which control points a triangle trains: \"fixed\", only the interior ones; \"trainable\", also private copies \
         of those of its edges.",
    ),
    (
        "loss.kind",
        "Loss of a network: \"cross-entropy\" of classes, \"mse\" (mean squared error) or \"huber\" of numbers; \"default\" for \
         cross-entropy or mse, as the data set is.",
    ),
    (
        "loss.class_weights",
        "Weights of the classes in a cross-entropy: a list in the order of the classes, 0 or above; \"balanced\" for weights \
         that give every class the same total; [] for none. Means divide by the sum of the weights of their samples.",
    ),
    ("loss.label_smoothing", "Label smoothing of a cross-entropy, 0 to below 1."),
    (
        "loss.delta",
        "Deviation from which on Huber's loss grows linearly, above 0, in units of the normalised target.",
    ),
    ("train.batch", "Samples of a step, 1 to 1048576."),
    ("train.learning_rate", "Base learning rate, above 0."),
    (
        "train.schedule",
        "How the learning rate changes over the epochs: \"linear\" (constant for half of them, then decreasing linearly to a \
         hundredth), \"step\" (a tenth after 1/2, 3/4 and 11/12 of them), \"cosine\" (half a period, to 0) or \"constant\". \
         A study of weights always has a constant rate.",
    ),
    (
        "train.optimizer",
        "Optimiser: \"sgd\" (stochastic gradient descent with momentum), \"adam\", or \"adamw\" (Adam with decoupled weight \
         decay).",
    ),
    ("train.beta1", "Adam's rate of the mean of the gradients, 0 to below 1."),
    ("train.beta2", "Adam's rate of the mean of the squared gradients, 0 to below 1."),
    ("train.epsilon", "Adam's constant in the denominator, above 0."),
    ("train.momentum", "Momentum of stochastic gradient descent, 0 to below 1."),
    ("train.nesterov", "Whether the momentum is Nesterov's: true or false."),
    (
        "train.weight_decay",
        "Weight decay, 0 or above, at the point where the gradient is evaluated; never part of a reported loss.",
    ),
    (
        "train.max_gradient_norm",
        "Largest norm of the gradient of a step, with weight decay and without what fit.tangent_removal removes; a longer \
         one is scaled down to it. For steep functions; 0 for no limit.",
    ),
    (
        "train.augment",
        "Augmentation of training images: \"crop-flip\" shifts by up to 4 pixels and flips horizontally; \"none\".",
    ),
    (
        "lattice.n",
        "Intervals on an edge of the lattice where losses are evaluated, 1 to 10000. It has all control points of depth d \
         if n is a multiple of 2^d for curves, 6^d for triangles, 12^d for tetrahedra.",
    ),
    ("lattice.curves", "The same for curves; 0 for lattice.n."),
    ("lattice.triangles", "The same for triangles; 0 for lattice.n."),
    ("lattice.simplices", "The same for simplices of a higher rank; 0 for lattice.n."),
    (
        "peaks.search",
        "Whether the value of a simplex is the largest loss found on it, by the lattice and a search between its points; \
         false for the lattice alone (Algorithm 2 of the paper).",
    ),
    (
        "measure.samples",
        "Samples of each split on which lattices and searches are measured, drawn once with the seed, also for the \
         statistics of batch norms; 0 for all. The largest losses are then measured again on all training samples, and \
         minima always are.",
    ),
    (
        "fit.sampling",
        "How the point t of a step is drawn: \"uniform\" (the paper) or \"peak\" (more often where the loss is large).",
    ),
    (
        "fit.depth",
        "Depth of the maps, 1 to 3: a curve of depth 1 (the paper) has one bend, of depth 2 three, of depth 3 seven.",
    ),
    (
        "fit.start",
        "Where the interior of triangles and higher simplices starts with peak sampling: \"straight\" (as with uniform \
         sampling), \"mean\" (of the control points of the faces), or \"lowest\", at each depth the lowest of: straight, \
         each vertex, mean, the map so far, the chains through each vertex.",
    ),
    (
        "fit.tangent_removal",
        "Share of the gradient along the simplex that peak sampling removes, 0 to 1: with 1, control points do not slide \
         off a ridge. Nothing is removed where the simplex fills the space, as a triangle in two variables.",
    ),
    (
        "fit.perturbation",
        "Standard deviation of a random displacement of new control points, 0 or above, for losses where the straight \
         simplex is a stationary point.",
    ),
    (
        "second_fit.depth",
        "Depth of a second fit with peak sampling, beside the main fit, 1 to 3; 0 for no second fit.",
    ),
    (
        "second_fit.epoch_multiplier",
        "Epochs of the second fit, as a multiple of those of the main fit, 1 to 1000.",
    ),
    ("convergence.depth", "Compare fits of depths 1 to this depth, at most 3; 0 for no comparison."),
    (
        "convergence.epoch_multipliers",
        "Epochs of the compared fits, a list of multiples of those of the main fit, each 1 to 1000.",
    ),
    ("convergence.samplings", "How the compared fits draw the point t, a list: \"uniform\", \"peak\"."),
    (
        "convergence.centres",
        "Which control points the triangles of the compared fits train, a list like triangles.centres. They share curves.",
    ),
    (
        "study.sizes",
        "A study of weights instead of minima, curves and triangles: train networks on these numbers of samples for \
         minima.epochs epochs at a constant learning rate; [] for no study.",
    ),
    (
        "study.seeds",
        "Networks of each size, 1 to 1000, with different samples, initial weights and sample orders.",
    ),
    (
        "study.early",
        "Measurements of a network in its first epoch, 1 to 1000; then it is measured after every epoch.",
    ),
    (
        "study.initial",
        "Initial weights of the networks of a replicate: \"shared\" by all sizes, or \"own\" for each.",
    ),
    (
        "study.equal_steps",
        "Whether every network takes as many steps as that with the most samples (true), or minima.epochs passes over its \
         own samples (false). A control: size without steps.",
    ),
    (
        "study.shuffle_labels",
        "Whether the training labels are permuted at random. A control: weights without the structure of the data.",
    ),
];

/// Sets `key=value` in a table. The value is TOML, or else a string.
///
/// # Errors
/// There is no `=`, or the key is unknown.
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

/// The current name of a key. Prints a warning if the key has the name of the previous version.
fn current_name(key: &str) -> &str {
    let Some((old, new)) = RENAMED.iter().find(|(old, _)| *old == key) else { return key };
    stderr::print_line(format_args!(
        "warning: the key {old} is now {new}; the old name will be removed in the next version"
    ));
    new
}

/// The current name of a GPU algorithm. Prints a warning if it is the name of the previous version.
pub fn current_path_name(name: &str) -> &str {
    if name != "halves" {
        return name;
    }
    stderr::print_line(format_args!(
        "warning: the path halves is now f16; the old name will be removed in the next version"
    ));
    "f16"
}

/// Moves the values of keys of the previous version to their current names, with a warning for each.
///
/// # Errors
/// Both names of a key are present.
pub fn rename_old_keys(table: &mut Table) -> Result<()> {
    for (old, new) in RENAMED {
        let (section, name) = old.split_once('.').expect("every renamed key has a section");
        let Some(old_section) = table.get_mut(section).and_then(Value::as_table_mut) else { continue };
        let Some(value) = old_section.remove(name) else { continue };
        if old_section.is_empty() {
            table.remove(section);
        }
        let (section, name) = new.split_once('.').expect("the new name has a section");
        if table.get(section).and_then(Value::as_table).is_some_and(|keys| keys.contains_key(name)) {
            let message = format!("{old} and {new} are the same key; remove {old}");
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        insert_value(table, current_name(old), value);
    }
    let paths = table.get_mut("gpu").and_then(|gpu| gpu.get_mut("paths")).and_then(Value::as_array_mut);
    for path in paths.into_iter().flatten() {
        if let Value::String(name) = path {
            *name = current_path_name(name).to_owned();
        }
    }
    Ok(())
}

/// Checks that every key of a table is known.
///
/// # Errors
/// A key is not, with the nearest known one.
pub fn check_names(table: &Table) -> Result<()> {
    for (name, value) in table {
        match value {
            // A network is checked by itself.
            Value::Table(_) if name == "network" => {}
            Value::Table(section) => {
                section.keys().try_for_each(|key| check_known(&format!("{name}.{key}")))?;
            }
            _ => check_known(name)?,
        }
    }
    Ok(())
}

/// Sets `minima.count` to the number of `minima.files`, unless it is present.
pub fn default_minima_count(table: &mut Table) {
    if let Some(minima) = table.get_mut("minima").and_then(Value::as_table_mut) {
        let files = minima.get("files").and_then(Value::as_array).map_or(0, Vec::len);
        if files > 0 && !minima.contains_key("count") {
            minima.insert("count".to_owned(), Value::Integer(files as i64));
        }
    }
}

/// Overwrites the values of `table` by those of `overrides`, key by key.
pub fn merge(table: &mut Table, overrides: Table) {
    for (key, value) in overrides {
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

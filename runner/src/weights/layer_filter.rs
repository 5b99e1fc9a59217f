//! Which tensors of a model are layers of neurons, and why the others are not.
//!
//! A layer is a tensor of floating point with at least two axes that multiplies the inputs of its module. What has such a
//! shape and is none is told apart by its name, its siblings, and its numbers; `--include` takes it all the same.

use super::tensor_name::{Siblings, TensorName};
use crate::tensors::Tensor;
use crate::tensors::model_files::{is_adapter, is_optimiser_state};
use crate::tensors::numbers::is_float;
use safetensors::Dtype;

/// Names of the companions of quantised weights.
const QUANTISATION: [&str; 18] = [
    "scales",
    "zeros",
    "qzeros",
    "qweight",
    "g_idx",
    "input_scale",
    "scale_input",
    "scale_weight",
    "weight_global_scale",
    "SCB",
    "absmax",
    "nested_absmax",
    "quant_map",
    "nested_quant_map",
    "weight_format",
    "zero_point",
    "weight_zero_point",
    "weight_shape",
];

/// Words of tables whose rows are looked up by an index.
const TABLES: [&str; 14] = [
    "embed",
    "embeds",
    "embedder",
    "embedding",
    "embeddings",
    "emb",
    "embs",
    "wte",
    "wpe",
    "tok",
    "token",
    "tokens",
    "shared",
    "vocab",
];

/// Words that follow `embed`: `embed_in` of GPT-NeoX is a table, `embed_out` a layer.
const EMBED: [&str; 4] = ["in", "input", "inputs", "table"];

/// Words of positions.
const POSITIONS: [&str; 6] = ["pos", "position", "positions", "positional", "rel", "relative"];

/// Words of layers that multiply, whatever else is in their name.
const PROJECTIONS: [&str; 12] = [
    "proj",
    "projection",
    "projections",
    "project",
    "linear",
    "dense",
    "fc",
    "conv",
    "mlp",
    "mapping",
    "patch",
    "patches",
];

/// Which tensors are taken.
#[derive(Clone, Debug, Default)]
pub struct LayerFilter {
    /// Patterns of names with `*` and `?`; none takes all.
    pub layers: Vec<String>,
    /// Patterns of names that are taken although they look like no layer.
    pub include: Vec<String>,
    /// Patterns of names that are left out.
    pub exclude: Vec<String>,
    /// Whether tables of embeddings are taken, too.
    pub embeddings: bool,
}

/// What a model is made of as a whole: an adapter that is asked for by name is not skipped for being one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    optimiser_state: bool,
    adapter: bool,
}

impl Whole {
    /// Of all tensors of a model.
    pub fn new(tensors: &[Tensor]) -> Self {
        let floats = || tensors.iter().filter(|t| is_float(t.kind) && !t.shape.is_empty());
        Self {
            optimiser_state: floats().all(|t| is_optimiser_state(&t.name)),
            adapter: floats().all(|t| is_adapter(&t.name)),
        }
    }
}

impl LayerFilter {
    /// Whether there are patterns.
    pub fn is_given(&self) -> bool {
        !self.layers.is_empty()
    }

    /// Whether a tensor is taken whatever it looks like.
    pub fn includes(&self, name: &str) -> bool {
        self.include.iter().any(|pattern| matches(pattern, name))
    }

    /// Why a tensor is no layer; none if it is one.
    pub fn reason(&self, tensor: &Tensor, siblings: &Siblings, whole: Whole) -> Option<String> {
        let Tensor { name, kind, shape, .. } = tensor;
        if self.is_given() && !self.layers.iter().any(|pattern| matches(pattern, name)) {
            return Some("not asked for by --layers".to_owned());
        }
        if self.exclude.iter().any(|pattern| matches(pattern, name)) {
            return Some("left out by --exclude".to_owned());
        }
        let parsed = TensorName::new(name);
        let parameter = parsed.parameter();
        if is_quantisation(parameter) && !self.includes(name) {
            return Some("a scale, zero point or index of quantised weights".to_owned());
        }
        if *kind == Dtype::BOOL {
            return Some("truth values (BOOL): a mask".to_owned());
        }
        if !is_float(*kind) {
            let integer =
                !matches!(kind, Dtype::C64 | Dtype::F4 | Dtype::F6_E2M3 | Dtype::F6_E3M2 | Dtype::F8_E8M0);
            let why = if integer { ": quantised weights, a counter or an index" } else { "" };
            return Some(format!("numbers of type {kind}{why}: only floats of 8 bits or more are weights"));
        }
        let module = name.rsplit_once('.').map_or("", |(module, _)| module);
        let normalised = || siblings.get(&format!("{module}.running_mean")).is_some();
        match shape.len() {
            0 => Some("a single number".to_owned()),
            1 if name.ends_with("running_mean") || name.ends_with("running_var") => {
                Some("a running statistic of batch norm, not a weight".to_owned())
            }
            1 if normalised() => Some("batch norm: one number a channel is no cloud of neurons".to_owned()),
            1 => Some("one dimension (a bias, a norm): one number a neuron is no cloud".to_owned()),
            _ if shape.contains(&0) => Some(format!("no elements (shape {shape:?})")),
            _ if self.includes(name) => None,
            _ => self.role(tensor, siblings, whole),
        }
    }

    /// What a tensor with several axes is, if it is no layer.
    fn role(&self, tensor: &Tensor, siblings: &Siblings, whole: Whole) -> Option<String> {
        let name = TensorName::new(&tensor.name);
        let parameter = name.parameter();
        let told = |what: &str| Some(format!("{what} (--include takes it)"));
        if is_optimiser_state(&tensor.name) && !whole.optimiser_state {
            return told("the state of an optimiser");
        }
        if is_adapter(&tensor.name) && !whole.adapter {
            return told("a factor of a low-rank adapter (LoRA)");
        }
        let module = tensor.name.rsplit_once('.').map_or("", |(module, _)| module);
        let beside = |part: &str| siblings.get(&format!("{module}.{part}")).is_some();
        if parameter == "weight_orig" && beside("weight_u") {
            return told(
                "a weight before its spectral norm; torch.nn.utils.remove_spectral_norm stores the weight itself",
            );
        }
        if tensor.name.contains("parametrizations.") && matches!(parameter, "original" | "base") {
            return told(
                "a part of a parametrisation; torch.nn.utils.parametrize.remove_parametrizations stores the weight itself",
            );
        }
        if tensor.shape.len() == 3 && tensor.name.split('.').any(|part| part == "experts") {
            return told("a stack of experts, (experts, ...): no matrix of neurons");
        }
        if parameter.ends_with("weight_g") || parameter == "original0" {
            return told("the lengths of a weight norm whose directions are missing");
        }
        let words = name.words();
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        if !name.is_weight() {
            if has(&["mask", "masks", "masked"]) && !has(&["token", "tokens", "embed", "embedding"]) {
                return told("a mask");
            }
            if parameter == "bias" {
                return told("a bias of several axes, or the mask of an attention");
            }
            let ends_in_token = words.last().is_some_and(|word| matches!(word.as_str(), "token" | "tokens"));
            if ends_in_token || matches!(parameter, "class_embedding") {
                return told("a class token, mask token or other learned token");
            }
            if tensor.shape.iter().max() == Some(&tensor.elements()) {
                return told("one vector: a parameter of its own, no cloud");
            }
        }
        let projects = parameter.ends_with("kernel") || has(&PROJECTIONS) || siblings.bias(tensor).is_some();
        if projects || self.embeddings && tensor.shape.len() == 2 {
            return None;
        }
        if is_positional(&words) {
            return Some("a table of positions, not neurons (--embeddings or --include takes it)".to_owned());
        }
        let is_table = words.last().is_some_and(|word| TABLES.contains(&word.as_str()))
            || matches!(&words[..], [first, last]
                if first.starts_with("emb") && TABLES.contains(&first.as_str()) && EMBED.contains(&last.as_str()));
        if tensor.shape.len() == 2 && is_table {
            return Some(
                "an embedding: its rows are tokens or places, not neurons (--embeddings takes it)".to_owned(),
            );
        }
        None
    }

    /// All patterns, with their flag.
    pub fn patterns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let include = self.include.iter().map(|pattern| ("--include", pattern.as_str()));
        include.chain(self.exclude.iter().map(|pattern| ("--exclude", pattern.as_str())))
    }
}

fn is_quantisation(parameter: &str) -> bool {
    QUANTISATION.contains(&parameter)
        || parameter.starts_with("weight_scale")
        || parameter.contains("quant_state")
}

/// `pos_embed`, `position_embeddings`, `relative_position_bias_table`, `rel_pos_h`, `wpe`.
fn is_positional(words: &[String]) -> bool {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let positions = words.iter().filter(|word| POSITIONS.contains(&word.as_str())).count();
    let table = has(&TABLES) || has(&["table", "bias", "encoding", "encodings"]);
    words.len() == 1 && has(&["wpe", "pe"]) || positions > 1 || positions == 1 && table
}

/// Whether numbers are those of a mask: 0 and 1, or 0 and −∞, and both occur.
pub fn is_mask<T: Copy + Into<f64>>(numbers: &[T]) -> bool {
    let (mut zeros, mut ones, mut infinite) = (false, false, false);
    for &x in numbers {
        match x.into() {
            0.0 => zeros = true,
            1.0 => ones = true,
            f64::NEG_INFINITY => infinite = true,
            _ => return false,
        }
    }
    zeros && (ones != infinite)
}

/// Whether a name matches a pattern: `*` is any text, `?` any character.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` was, and how much of the name it was tried with.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, tried)) => {
                    star = Some((at, tried + 1));
                    (p, n) = (at + 1, tried + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::{is_mask, matches};

    #[test]
    fn masks() {
        assert!(is_mask(&[0.0, f32::NEG_INFINITY]) && is_mask(&[1.0, 0.0]));
        for numbers in
            [&[0.0, 0.0][..], &[1.0, 1.0], &[0.0, 1.0, f64::NEG_INFINITY], &[0.0, 2.0], &[f64::NAN]]
        {
            assert!(!is_mask(numbers), "{numbers:?}");
        }
    }

    #[test]
    fn patterns() {
        for pattern in ["fc1.weight", "*", "fc?.*", "*.weight", "f*1*t", "**t"] {
            assert!(matches(pattern, "fc1.weight"), "{pattern}");
        }
        for pattern in ["", "fc1", "fc??.weight", "*.bias", "fc1.weight?"] {
            assert!(!matches(pattern, "fc1.weight"), "{pattern}");
        }
    }
}

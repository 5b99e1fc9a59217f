//! Which tensors of a file are layers of neurons, and why the others are not.

use super::safetensors_file::Tensor;
use safetensors::Dtype;

/// Words in the names of tables that are looked up: their rows stand for tokens or places, not for neurons.
const TABLES: [&str; 4] = ["embed", "wte", "wpe", "pos_emb"];

/// Which tensors are taken.
#[derive(Clone, Debug, Default)]
pub struct LayerFilter {
    /// Patterns of names with `*` and `?`; none takes all.
    pub layers: Vec<String>,
    /// Whether tables of embeddings are taken, too.
    pub embeddings: bool,
}

impl LayerFilter {
    /// Whether there are patterns.
    pub fn is_given(&self) -> bool {
        !self.layers.is_empty()
    }

    /// Why a tensor is no layer; none if it is one.
    pub fn reason(&self, tensor: &Tensor, all: &[Tensor]) -> Option<String> {
        let Tensor { name, kind, shape, .. } = tensor;
        if self.is_given() && !self.layers.iter().any(|pattern| matches(pattern, name)) {
            return Some("not asked for by --layers".to_owned());
        }
        if !matches!(kind, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            return Some(format!("numbers of type {kind}: only f16, bf16, f32 and f64 are weights"));
        }
        let module = name.rsplit_once('.').map_or("", |(module, _)| module);
        let normalised = all.iter().any(|t| t.name == format!("{module}.running_mean"));
        match shape.len() {
            0 => Some("a single number".to_owned()),
            1 if name.ends_with("running_mean") || name.ends_with("running_var") => {
                Some("a running statistic of batch norm, not a weight".to_owned())
            }
            1 if normalised => Some("batch norm: one number a channel is no cloud of neurons".to_owned()),
            1 => Some("one dimension (a bias, a norm): one number a neuron is no cloud".to_owned()),
            _ if shape.contains(&0) => Some(format!("no elements (shape {shape:?})")),
            _ if !self.embeddings && is_table(name) => Some(
                "an embedding: its rows are tokens or places, not neurons (--embeddings takes it)".to_owned(),
            ),
            _ => None,
        }
    }
}

fn is_table(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TABLES.iter().any(|word| name.contains(word))
}

/// Whether a tensor is the bias of a layer: `x.bias` of `x.weight`, one number a neuron.
pub fn is_bias_of(tensor: &Tensor, layer: &Tensor) -> bool {
    let Some(at) = layer.name.rfind("weight") else { return false };
    let name = format!("{}bias{}", &layer.name[..at], &layer.name[at + "weight".len()..]);
    tensor.name == name
        && tensor.shape == layer.shape[..1]
        && matches!(tensor.kind, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
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
    use super::matches;

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

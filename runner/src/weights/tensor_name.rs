//! What the name of a tensor says: the parameter, its module, the words of both.

use crate::tensors::Tensor;
use crate::tensors::numbers::is_float;
use std::collections::HashMap;

/// Names of the parameter that multiplies the inputs of its module.
const WEIGHTS: [&str; 6] = ["weight", "weights", "kernel", "w", "W", "embedding"];

/// A name in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorName<'a> {
    /// What `.` or `/` parts.
    components: Vec<&'a str>,
}

impl<'a> TensorName<'a> {
    /// Parts a name. The `:0` that Keras puts behind it is left out.
    pub fn new(name: &'a str) -> Self {
        Self { components: name.strip_suffix(":0").unwrap_or(name).split(['.', '/']).collect() }
    }

    /// The last part: `weight`, `kernel`, `pos_embed`.
    pub fn parameter(&self) -> &'a str {
        self.components.last().copied().unwrap_or_default()
    }

    /// Whether the parameter is called a weight: `weight`, `kernel`, `in_proj_weight`, `weight_ih_l0`.
    pub fn is_weight(&self) -> bool {
        let parameter = self.parameter();
        WEIGHTS.contains(&parameter) || parameter.contains("weight") || parameter.ends_with("kernel")
    }

    /// The module of a weight, without the numbers that a list of modules puts behind it; the name of any other
    /// parameter.
    pub fn subject(&self) -> &'a str {
        if !WEIGHTS.contains(&self.parameter()) {
            return self.parameter();
        }
        let is_name = |part: &&&str| !part.chars().all(|c| c.is_ascii_digit());
        self.components.iter().rev().skip(1).find(is_name).copied().unwrap_or_default()
    }

    /// The words of the subject in lower case, without numbers: `Embed_0` is `embed`, `tokEmbeddings2` is `tok`,
    /// `embeddings`. Flax calls the table itself `embedding`: that is the last word.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut lower = false;
        for c in self.subject().chars() {
            if !c.is_alphabetic() || c.is_uppercase() && lower {
                words.push(String::new());
            }
            if c.is_alphabetic() {
                words.last_mut().expect("never empty").extend(c.to_lowercase());
            }
            lower = c.is_lowercase();
        }
        words.retain(|word| !word.is_empty());
        if self.parameter() == "embedding" {
            words.push("embedding".to_owned());
        }
        words
    }
}

/// The tensors of a model by their names.
pub struct Siblings<'a> {
    names: HashMap<&'a str, &'a Tensor>,
}

impl<'a> Siblings<'a> {
    /// Of all tensors of a model.
    pub fn new(tensors: &'a [Tensor]) -> Self {
        Self { names: tensors.iter().map(|t| (t.name.as_str(), t)).collect() }
    }

    /// A tensor by its name.
    pub fn get(&self, name: &str) -> Option<&'a Tensor> {
        self.names.get(name).copied()
    }

    /// The bias beside a weight: `bias` beside `weight` or `kernel`, `bias_ih_l0` beside `weight_ih_l0`, `biases` beside
    /// `weights`, `b` beside `w`.
    pub fn bias(&self, weight: &Tensor) -> Option<&'a Tensor> {
        let name = &weight.name;
        let (name, ending) = name.strip_suffix(":0").map_or((name.as_str(), ""), |name| (name, ":0"));
        let start = name.rfind(['.', '/']).map_or(0, |at| at + 1);
        let (module, parameter) = name.split_at(start);
        let bias = match parameter {
            "kernel" => "bias".to_owned(),
            "weights" => "biases".to_owned(),
            "w" | "W" => "b".to_owned(),
            other => {
                let at = other.rfind("weight")?;
                format!("{}bias{}", &other[..at], &other[at + "weight".len()..])
            }
        };
        self.get(&format!("{module}{bias}{ending}")).filter(|bias| is_float(bias.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::TensorName;

    #[test]
    fn names_have_words() {
        for (name, words) in [
            ("model.embed_tokens.weight", "embed tokens"),
            ("params.Embed_0.embedding", "embed embedding"),
            ("tokEmbeddings.0.weight", "tok embeddings"),
            ("time_embedding.linear_1.weight", "linear"),
            ("rel_pos_h", "rel pos h"),
            ("dense/kernel:0", "dense"),
            ("weight", ""),
        ] {
            assert_eq!(TensorName::new(name).words().join(" "), words, "{name}");
        }
        assert!(TensorName::new("attn.in_proj_weight").is_weight());
        assert!(!TensorName::new("pos_embed").is_weight());
    }
}

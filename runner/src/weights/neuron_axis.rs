//! Along which axis of a weight its neurons are, and how that is known.

use super::layer_filter::matches;
use super::tensor_name::{Siblings, TensorName};
use crate::error::{CliError, ErrorKind, Result};
use crate::tensors::Tensor;
use std::ops::Range;

/// What the command line says about axes.
#[derive(Clone, Debug, Default)]
pub struct AxisOptions {
    /// Patterns of names whose neurons are along axis 1: (in, out), (in, out, kh, kw).
    pub transpose: Vec<String>,
    /// Patterns of names, and the axis of their neurons.
    pub axes: Vec<(String, usize)>,
    /// All others are (out, in).
    pub as_is: bool,
}

/// The axis of the neurons of a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeuronAxis {
    /// The axes; several where a dense layer of Flax has outputs of several axes.
    pub outputs: Range<usize>,
    /// The evidence.
    pub reason: String,
    /// Whether it is neither said by a flag nor proved by a bias.
    pub is_guess: bool,
}

/// The names of the linear layers that GPT-2 stores as (in, out), and other programs as (out, in).
const CONV1D: [&str; 4] = ["c_attn", "c_fc", "c_proj", "q_attn"];

/// A kernel with three axes under such a name is (in, heads, features).
const HEADS: [&str; 4] = ["query", "key", "value", "qkv"];

impl AxisOptions {
    /// The axis of the neurons of a weight with at least two axes. In this order: a flag; a bias that fits one of the
    /// candidates (the first two axes, of a `kernel` the last two); names; (out, in).
    ///
    /// # Errors
    /// A flag names an axis that the weight does not have.
    pub fn neuron_axis(
        &self,
        tensor: &Tensor,
        siblings: &Siblings,
        conv1d: &Conv1dLayout,
    ) -> Result<NeuronAxis> {
        let (name, axes) = (&tensor.name, tensor.shape.len());
        let said = |axis: usize, flag: &str| NeuronAxis {
            outputs: axis..axis + 1,
            reason: format!("said by {flag}"),
            is_guess: false,
        };
        if let Some((pattern, axis)) = self.axes.iter().find(|(pattern, _)| matches(pattern, name)) {
            if *axis >= axes {
                let what = format!(
                    "--neuron-axis {pattern}={axis}: {name} of shape {:?} has the axes 0 to {}",
                    tensor.shape,
                    axes - 1
                );
                return Err(CliError::new(ErrorKind::Usage, what));
            }
            return Ok(said(*axis, "--neuron-axis"));
        }
        if self.transpose.iter().any(|pattern| matches(pattern, name)) {
            return Ok(said(1, "--transpose"));
        }
        if self.as_is {
            return Ok(said(0, "--as-is"));
        }
        if let Some(proved) = by_bias(tensor, siblings) {
            return Ok(proved);
        }
        let guess = |outputs: Range<usize>, reason: String| NeuronAxis { outputs, reason, is_guess: true };
        let parsed = TensorName::new(name);
        let parameter = parsed.parameter();
        if parameter == "depthwise_kernel" && axes > 2 {
            return Ok(guess(
                axes - 2..axes,
                "`depthwise_kernel` of Keras: (..., in, out of each)".to_owned(),
            ));
        }
        if parameter == "kernel" || parameter.ends_with("_kernel") {
            if axes == 3 && HEADS.contains(&parsed.subject()) {
                return Ok(guess(1..3, "`kernel` of attention in Flax: (in, heads, features)".to_owned()));
            }
            let layout = match axes {
                2 => "(in, out)",
                3 => "(k, in, out)",
                4 => "(kh, kw, in, out)",
                _ => "(..., in, out)",
            };
            return Ok(guess(axes - 1..axes, format!("`kernel` of Flax or Keras: {layout}")));
        }
        if is_conv1d(tensor)
            && let Some((axis, why)) = conv1d.0
        {
            let layout = if axis == 1 { "GPT-2's Conv1D: (in, out)" } else { "linear: (out, in)" };
            return Ok(guess(axis..axis + 1, format!("{layout}, because {why}")));
        }
        let layout = if axes == 2 { "(out, in)" } else { "(out, in, ...)" };
        Ok(guess(0..1, format!("PyTorch {layout}, assumed")))
    }

    /// All patterns, with their flag.
    pub fn patterns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let transpose = self.transpose.iter().map(|pattern| ("--transpose", pattern.as_str()));
        transpose.chain(self.axes.iter().map(|(pattern, _)| ("--neuron-axis", pattern.as_str())))
    }
}

/// A bias has one number for each neuron: where exactly one of the candidates has that length, it is the axis. A bias of
/// several axes, as Flax has them, has the last axes of its kernel.
fn by_bias(tensor: &Tensor, siblings: &Siblings) -> Option<NeuronAxis> {
    let bias = siblings.bias(tensor)?;
    let axes = tensor.shape.len();
    let is_kernel = TensorName::new(&tensor.name).parameter().ends_with("kernel");
    let outputs = if is_kernel && bias.shape.len() > 1 {
        let first = axes.checked_sub(bias.shape.len()).filter(|first| *first > 0)?;
        (tensor.shape[first..] == bias.shape).then_some(first..axes)?
    } else {
        let &[len] = &bias.shape[..] else { return None };
        let candidates = if is_kernel { axes - 2..axes } else { 0..2 };
        let mut fit = candidates.filter(|&axis| tensor.shape[axis] == len);
        let axis = fit.next()?;
        if fit.next().is_some() {
            return None;
        }
        axis..axis + 1
    };
    let reason = format!("proved by the shape {:?} of its bias", bias.shape);
    Some(NeuronAxis { outputs, reason, is_guess: false })
}

/// How a model stores the layers that GPT-2 and others call alike: the axis, and how that is known; none if it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv1dLayout(Option<(usize, &'static str)>);

impl Conv1dLayout {
    /// Of all tensors of a model: first by the layers whose bias proves it, then by `c_fc` and `c_attn`, which have more
    /// outputs than inputs.
    pub fn new(tensors: &[Tensor], siblings: &Siblings) -> Self {
        let layers = || tensors.iter().filter(|t| is_conv1d(t));
        let proved = layers().filter_map(|t| by_bias(t, siblings)).map(|axis| axis.outputs.start);
        let wide = |t: &&Tensor| {
            let module = TensorName::new(&t.name).subject();
            matches!(module, "c_fc" | "c_attn") && t.shape[0] != t.shape[1]
        };
        let wider = layers().filter(wide).map(|t| usize::from(t.shape[0] < t.shape[1]));
        match (agreed(proved), agreed(wider)) {
            (Some(axis), _) => Self(axis.map(|axis| (axis, "the biases of other such layers prove it"))),
            (None, Some(axis)) => {
                Self(axis.map(|axis| (axis, "c_fc and c_attn have more outputs than inputs")))
            }
            (None, None) => Self(None),
        }
    }
}

/// None without a vote; the axis, or none where votes differ.
fn agreed(mut votes: impl Iterator<Item = usize>) -> Option<Option<usize>> {
    let first = votes.next()?;
    Some(votes.all(|vote| vote == first).then_some(first))
}

fn is_conv1d(tensor: &Tensor) -> bool {
    let name = TensorName::new(&tensor.name);
    tensor.shape.len() == 2 && name.parameter() == "weight" && CONV1D.contains(&name.subject())
}

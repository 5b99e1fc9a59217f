//! Topology of weights: the neurons of a layer are points, one for each row of its weight matrix.
//!
//! The tour: [`tensor_name`] (what a name says), [`layer_filter`] (which tensors are layers), [`neuron_axis`] (along
//! which axis their neurons are), [`statistics`] (what is computed of one matrix), `moments`, `spectral_norm` (its
//! largest singular value), [`results_table`] (accuracies of models, joined by name). [`read`] does all of it for a model that [`crate::tensors`] opened, with the memory of its
//! largest layer.

pub mod layer_filter;
mod moments;
pub mod neuron_axis;
pub mod notes;
pub mod results_table;
mod spectral_norm;
pub mod statistics;
pub mod tensor_name;

use crate::error::Result;
use crate::tensors::model_files::ModelFiles;
use crate::tensors::numbers::Numbers;
use crate::tensors::{Contents, Tensor, Tensors, scale_fault};
use layer_filter::{LayerFilter, Whole, is_mask};
use neuron_axis::{AxisOptions, Conv1dLayout, NeuronAxis};
use serde::Serialize;
use statistics::{Baseline, Matrix, Metric, Statistics, StatisticsOptions};
use std::collections::HashMap;
use std::path::Path;
use tensor_name::Siblings;
use valleys_core::topology::Error;
use valleys_simd::spanning_tree::Scalar;

/// What is computed from a file.
#[derive(Clone, Debug, Default)]
pub struct WeightsOptions {
    /// Which tensors.
    pub filter: LayerFilter,
    /// Along which axis their neurons are.
    pub axes: AxisOptions,
    /// Whether a neuron's bias is one more coordinate.
    pub bias: bool,
    /// Distance of two neurons.
    pub metric: Metric,
    /// Matrices whose statistics are computed beside those of the weights.
    pub baselines: Vec<Baseline>,
    /// Seed of the baselines' random numbers.
    pub seed: u64,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Name of its weight tensor.
    pub name: String,
    /// Points: outputs, filters.
    pub neurons: usize,
    /// Coordinates of a point, without the bias.
    pub inputs: usize,
    /// Its shape in the file.
    pub shape: Vec<usize>,
    /// Its number type in the file.
    pub dtype: String,
    /// The axis of `shape` along which its neurons are; the first of them where there are several.
    pub neuron_axis: usize,
    /// All axes of its neurons, where there are several: the outputs of a dense layer of Flax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neuron_axes: Option<Vec<usize>>,
    /// How the axis is known.
    pub neuron_axis_reason: String,
    /// Whether it is neither said by a flag nor proved by a bias.
    #[serde(skip)]
    pub neuron_axis_is_guess: bool,
    /// The tensor that was taken as one more coordinate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    /// Statistics of its weights.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Statistics of the baselines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineStatistics>,
}

/// The statistics of another matrix of the same shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineStatistics {
    /// Which.
    pub kind: Baseline,
    /// Its statistics; none where two neurons have no distance.
    #[serde(flatten)]
    pub statistics: Option<Statistics>,
}

/// A tensor that is no layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Whether it is a layer that cannot be measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// The layers of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weights {
    /// Its file, index or folder.
    pub file: String,
    /// In the order of the model where its files have one of their own, else by name.
    pub layers: Vec<Layer>,
    /// Everything else.
    pub skipped: Vec<Skipped>,
    /// What was guessed or found, each in a sentence.
    pub notes: Vec<String>,
}

impl Weights {
    /// Layers that cannot be measured.
    pub fn failed(&self) -> impl Iterator<Item = &Skipped> {
        self.skipped.iter().filter(|skipped| skipped.failed)
    }
}

/// Measures the layers of a safetensors file, of an index of shards, or of the model of a folder, one after the other.
///
/// # Errors
/// As [`read_model`]; a folder without a model, or with several.
pub fn read(path: &Path, wanted: &WeightsOptions) -> Result<Weights> {
    read_model(&ModelFiles::one(path)?, wanted)
}

/// Measures the layers of a model, one after the other. A layer with a number that is not finite is skipped, and marked
/// as failed.
///
/// # Errors
/// A file is missing or malformed; no tensor matches a pattern, or no layer has a bias that is wanted (exit code 2);
/// distances that overflow; memory.
pub fn read_model(model: &ModelFiles, wanted: &WeightsOptions) -> Result<Weights> {
    let mut source = Tensors::open_model(model)?;
    let name = source.name().to_owned();
    let tensors = source.tensors().to_vec();
    notes::check_patterns(&name, &tensors, wanted)?;
    let siblings = Siblings::new(&tensors);
    let conv1d = Conv1dLayout::new(&tensors, &siblings);
    let whole = Whole::new(&tensors);
    let mut weights = Weights {
        file: name.clone(),
        layers: Vec::new(),
        skipped: Vec::new(),
        notes: source.notes().to_vec(),
    };
    let mut seen: HashMap<blake3::Hash, &str> = HashMap::new();
    for (number, tensor) in (0..).zip(&tensors) {
        let mut skip = |reason: String, failed: bool| {
            weights.skipped.push(Skipped { name: tensor.name.clone(), reason, failed });
        };
        if let Some(reason) = wanted.filter.reason(tensor, &siblings, whole) {
            skip(reason, false);
            continue;
        }
        if let Some(fault) = scale_fault(tensor, &tensors) {
            skip(fault, true);
            continue;
        }
        let axis = wanted.axes.neuron_axis(tensor, &siblings, &conv1d)?;
        let Contents { numbers, not_finite } = source.read_rows(tensor, axis.outputs.clone())?;
        let mask = match &numbers {
            Numbers::F32(x) => is_mask(x),
            Numbers::F64(x) => is_mask(x),
        };
        if mask && !wanted.filter.includes(&tensor.name) {
            skip("only 0 and 1, or 0 and -inf: a mask (--include takes it)".to_owned(), false);
            continue;
        }
        if let Some((element, x)) = not_finite {
            skip(format!("element {element} is {x}, but must be finite"), true);
            continue;
        }
        if let Some(hash) = content_hash(&numbers, tensor) {
            if let Some(first) = seen.get(&hash) {
                skip(format!("the same numbers as {first}: one tensor, tied"), false);
                continue;
            }
            seen.insert(hash, &tensor.name);
        }
        let neurons: usize = tensor.shape[axis.outputs.clone()].iter().product();
        let bias = siblings.bias(tensor).filter(|b| wanted.bias && b.elements() == neurons);
        let bias_numbers = match bias {
            None => None,
            Some(bias) => {
                let Contents { numbers, not_finite } = source.read(bias)?;
                if let Some((element, x)) = not_finite {
                    skip(format!("element {element} of its bias is {x}, but must be finite"), true);
                    continue;
                }
                Some(numbers)
            }
        };
        let layer = match numbers {
            Numbers::F32(rows) => {
                let matrix = Matrix { rows, bias: bias_numbers.map(Numbers::single) };
                measure(&name, tensor, &axis, matrix, wanted, number)
            }
            Numbers::F64(rows) => {
                let matrix = Matrix { rows, bias: bias_numbers.map(Numbers::double) };
                measure(&name, tensor, &axis, matrix, wanted, number)
            }
        };
        match layer? {
            Ok(layer) => weights.layers.push(Layer { bias: bias.map(|b| b.name.clone()), ..layer }),
            Err(reason) => skip(reason, false),
        }
    }
    let part = |part: &crate::tensors::Part| Skipped {
        name: part.name.clone(),
        reason: part.reason.clone(),
        failed: false,
    };
    weights.skipped.extend(source.parts().iter().map(part));
    notes::check_layers(&weights, wanted)?;
    let found = notes::of(&weights, &tensors, wanted);
    weights.notes.extend(found);
    // Neural persistence is relative to the largest weight of all layers.
    let all = weights.layers.iter().map(|l| l.statistics.largest()).fold(0.0, f64::max);
    weights.layers.iter_mut().for_each(|l| l.statistics.relate(all));
    for (place, _) in wanted.baselines.iter().enumerate() {
        let of = |l: &Layer| l.baselines[place].statistics.map_or(0.0, |s| s.largest());
        let all = weights.layers.iter().map(of).fold(0.0, f64::max);
        let baselines = weights.layers.iter_mut().filter_map(|l| l.baselines[place].statistics.as_mut());
        baselines.for_each(|s| s.relate(all));
    }
    Ok(weights)
}

/// A hash of the numbers and the shape; none of a constant tensor: fresh layers of ones are no tied layers.
fn content_hash(numbers: &Numbers, tensor: &Tensor) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    tensor.shape.iter().for_each(|&len| _ = hasher.update(&(len as u64).to_le_bytes()));
    let mut bytes = Vec::new();
    match numbers {
        Numbers::F32(x) => {
            x.iter().find(|y| **y != x[0])?;
            for piece in x.chunks(4096) {
                bytes.clear();
                piece.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
                hasher.update(&bytes);
            }
        }
        Numbers::F64(x) => {
            x.iter().find(|y| **y != x[0])?;
            for piece in x.chunks(4096) {
                bytes.clear();
                piece.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
                hasher.update(&bytes);
            }
        }
    }
    Some(hasher.finalize())
}

/// A layer and its baselines, or why it is none.
fn measure<T: Scalar>(
    file: &str,
    tensor: &Tensor,
    axis: &NeuronAxis,
    mut matrix: Matrix<T>,
    wanted: &WeightsOptions,
    number: u32,
) -> Result<std::result::Result<Layer, String>> {
    let wrong = |e| crate::formats::topology_error(&format!("{file}: tensor {}", tensor.name), e);
    let neurons: usize = tensor.shape[axis.outputs.clone()].iter().product();
    let inputs = tensor.elements() / neurons;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let how = StatisticsOptions { metric: wanted.metric, threads, spectrum: true };
    let statistics = match matrix.statistics(inputs, how) {
        Err(error @ Error::NoDirection { .. }) => return Ok(Err(error.to_string())),
        other => other.map_err(wrong)?,
    };
    let mut baselines = Vec::new();
    for &kind in &wanted.baselines {
        kind.apply(&mut matrix, inputs, statistics.frobenius_norm, wanted.seed, number);
        let statistics = match matrix.statistics(inputs, how) {
            Err(Error::NoDirection { .. }) => None,
            other => Some(other.map_err(wrong)?),
        };
        baselines.push(BaselineStatistics { kind, statistics });
    }
    Ok(Ok(Layer {
        name: tensor.name.clone(),
        neurons,
        inputs,
        shape: tensor.shape.clone(),
        dtype: tensor.kind_name(),
        neuron_axis: axis.outputs.start,
        neuron_axes: (axis.outputs.len() > 1).then(|| axis.outputs.clone().collect()),
        neuron_axis_reason: axis.reason.clone(),
        neuron_axis_is_guess: axis.is_guess,
        bias: None,
        statistics,
        baselines,
    }))
}

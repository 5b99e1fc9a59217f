//! Topology of weights: the neurons of a layer are points, one for each row of its weight matrix.
//!
//! The tour: [`safetensors_file`] (reads a file tensor by tensor), [`layer_filter`] (which tensors are layers),
//! [`statistics`] (what is computed of one matrix), `moments`, `spectral_norm` (its largest singular value). [`read`]
//! does all of it for a file, with the memory of its largest layer.

pub mod layer_filter;
mod moments;
pub mod safetensors_file;
mod spectral_norm;
pub mod statistics;

use crate::error::{CliError, ErrorKind, Result};
use layer_filter::LayerFilter;
use safetensors_file::{Header, Numbers, Tensor};
use serde::Serialize;
use statistics::{Baseline, Matrix, Metric, Statistics, StatisticsOptions};
use std::path::Path;
use valleys_core::topology::Error;
use valleys_simd::spanning_tree::Scalar;

/// What is computed from a file.
#[derive(Clone, Debug, Default)]
pub struct WeightsOptions {
    /// Which tensors.
    pub filter: LayerFilter,
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
}

/// The layers of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weights {
    /// The file.
    pub file: String,
    /// In the order of the model where the file has one of its own, else by name.
    pub layers: Vec<Layer>,
    /// Everything else.
    pub skipped: Vec<Skipped>,
}

/// Measures the layers of a safetensors file, one after the other.
///
/// # Errors
/// The file is malformed; a weight that is not finite, by tensor and element; memory.
pub fn read(path: &Path, wanted: &WeightsOptions) -> Result<Weights> {
    let mut header = Header::open(path)?;
    let name = header.name().to_owned();
    let mut weights = Weights { file: name.clone(), layers: Vec::new(), skipped: Vec::new() };
    let tensors = header.tensors().to_vec();
    for (number, tensor) in (0..).zip(&tensors) {
        if let Some(reason) = wanted.filter.reason(tensor, &tensors) {
            weights.skipped.push(Skipped { name: tensor.name.clone(), reason });
            continue;
        }
        let bias = tensors.iter().find(|other| wanted.bias && layer_filter::is_bias_of(other, tensor));
        let layer = match header.read(tensor)? {
            Numbers::F32(rows) => {
                let bias = bias.map(|b| header.read(b).map(Numbers::single)).transpose()?;
                measure(&name, tensor, Matrix { rows, bias }, wanted, number)
            }
            Numbers::F64(rows) => {
                let bias = bias.map(|b| header.read(b).map(Numbers::double)).transpose()?;
                measure(&name, tensor, Matrix { rows, bias }, wanted, number)
            }
        };
        match layer? {
            Ok(layer) => {
                weights.layers.push(Layer { bias: bias.map(|b| b.name.clone()), ..layer });
            }
            Err(reason) => weights.skipped.push(Skipped { name: tensor.name.clone(), reason }),
        }
    }
    if weights.layers.is_empty() && wanted.filter.is_given() {
        let what = format!("{name}: no layer matches --layers {}", wanted.filter.layers.join(", "));
        return Err(CliError::new(ErrorKind::Usage, what));
    }
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

/// A layer and its baselines, or why it is none.
fn measure<T: Scalar>(
    file: &str,
    tensor: &Tensor,
    mut matrix: Matrix<T>,
    wanted: &WeightsOptions,
    number: u32,
) -> Result<std::result::Result<Layer, String>> {
    let wrong = |e| crate::formats::topology_error(&format!("{file}: tensor {}", tensor.name), e);
    let (neurons, inputs) = (tensor.shape[0], tensor.shape[1..].iter().product::<usize>());
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
        bias: None,
        statistics,
        baselines,
    }))
}

//! What the reader of a result should know: guesses, and flags without effect.

use super::layer_filter::matches;
use super::{Layer, Weights, WeightsOptions};
use crate::error::{CliError, ErrorKind, Result};
use crate::tensors::Tensor;
use crate::tensors::numbers::is_float8;
use std::collections::BTreeMap;

/// Most names in a sentence.
const NAMES: usize = 4;

/// Every pattern matches a tensor.
///
/// # Errors
/// One that does not, by its flag (exit code 2).
pub fn check_patterns(file: &str, tensors: &[Tensor], wanted: &WeightsOptions) -> Result<()> {
    for (flag, pattern) in wanted.filter.patterns().chain(wanted.axes.patterns()) {
        if !tensors.iter().any(|tensor| matches(pattern, &tensor.name)) {
            let what = format!("{file}: no tensor matches {flag} {pattern}");
            return Err(CliError::new(ErrorKind::Usage, what));
        }
    }
    Ok(())
}

/// `--layers` leaves a layer, and `--bias` has an effect.
///
/// # Errors
/// It has not (exit code 2).
pub fn check_layers(weights: &Weights, wanted: &WeightsOptions) -> Result<()> {
    let wrong = |what: String| Err(CliError::new(ErrorKind::Usage, format!("{}: {what}", weights.file)));
    let failed = weights.failed().next().is_some();
    if weights.layers.is_empty() && wanted.filter.is_given() && !failed {
        return wrong(format!("no layer matches --layers {}", wanted.filter.layers.join(", ")));
    }
    if wanted.bias && !weights.layers.is_empty() && weights.layers.iter().all(|layer| layer.bias.is_none()) {
        return wrong("--bias: no layer has a bias beside it, of one number a neuron".to_owned());
    }
    Ok(())
}

/// The sentences.
pub fn of(weights: &Weights, tensors: &[Tensor], wanted: &WeightsOptions) -> Vec<String> {
    let mut notes = Vec::new();
    let mut guesses: BTreeMap<(usize, &str), Vec<&str>> = BTreeMap::new();
    for layer in weights.layers.iter().filter(|layer| layer.neuron_axis_is_guess) {
        let reason = (layer.neuron_axis, layer.neuron_axis_reason.as_str());
        guesses.entry(reason).or_default().push(&layer.name);
    }
    for ((axis, reason), names) in guesses {
        notes.push(format!(
            "neurons along axis {axis} of {}: {reason}; --transpose, --neuron-axis or --as-is insists",
            list(&names, NAMES)
        ));
    }
    let without: Vec<&str> = named(&weights.layers, |layer| wanted.bias && layer.bias.is_none());
    if !without.is_empty() {
        notes.push(format!("--bias: {} without a bias: the weights alone", list(&without, NAMES)));
    }
    let bare: Vec<&str> = named(&weights.layers, |layer| {
        tensors.iter().any(|t| t.name == layer.name && is_float8(t.kind) && t.is_stored())
    });
    if !bare.is_empty() {
        notes.push(format!(
            "8-bit floats without a scale beside them, read as they are: {}",
            list(&bare, NAMES)
        ));
    }
    notes
}

fn named(layers: &[Layer], wanted: impl Fn(&Layer) -> bool) -> Vec<&str> {
    layers.iter().filter(|layer| wanted(layer)).map(|layer| layer.name.as_str()).collect()
}

/// Names, of which so many are shown at most.
pub fn list(names: &[&str], most: usize) -> String {
    let (shown, more) = names.split_at(names.len().min(most));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{more}", shown.join(", "))
}

//! Which tensor of a file is which piece of a network.

use super::{TRACKED, by_order};
use crate::model::{NamedTensor, State};
use crate::tensors::Tensor;
use crate::tensors::numbers::is_float;
use crate::wording::nearest;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Prefixes that wrappers of PyTorch put before all names.
const PREFIXES: [&str; 3] = ["module.", "model.", "_orig_mod."];

/// A counter of `torch.optim.swa_utils.AveragedModel` beside the model.
const AVERAGED: &str = "n_averaged";

/// The tensors of a network in a file.
pub struct Pairing<'n> {
    /// From the name of a piece to the place of its tensor.
    pub tensors: BTreeMap<&'n str, usize>,
    /// Whether they were taken by order, and not by name.
    pub by_order: bool,
}

/// From the names of a network's pieces to the places of the file's tensors. Statistics may all be missing; parameters
/// not. `own_order` says whether the file has an order of its own.
///
/// # Errors
/// Everything that does not fit, in one sentence.
pub fn pair<'n>(
    file: &[Tensor],
    own_order: bool,
    state: &'n State,
    by_order: bool,
) -> Result<Pairing<'n>, String> {
    let counts = |name: &str| name.ends_with(TRACKED) || name == AVERAGED;
    let mut found: Vec<(&str, usize)> =
        (0..).zip(file).filter(|(_, t)| !counts(&t.name)).map(|(i, t)| (t.name.as_str(), i)).collect();
    // A network may have such names of its own.
    let has_all = |found: &[(&str, usize)]| {
        let names: HashSet<&str> = found.iter().map(|(name, _)| *name).collect();
        state.parameters.iter().all(|tensor| names.contains(tensor.name.as_str()))
    };
    let is_common =
        |more: &str, found: &[(&str, usize)]| found.iter().all(|(name, _)| name.starts_with(more));
    while !found.is_empty()
        && !has_all(&found)
        && let Some(more) = PREFIXES.iter().find(|more| is_common(more, &found))
    {
        found.iter_mut().for_each(|(name, _)| *name = &name[more.len()..]);
    }
    let bare = !found.iter().any(|(name, _)| is_statistic(name));
    let optional: &[NamedTensor] = if bare { &[] } else { &state.statistics };
    let expected: Vec<&NamedTensor> = state.parameters.iter().chain(optional).collect();
    let places: HashMap<&str, usize> = found.iter().copied().collect();
    let wanted: HashMap<&str, &NamedTensor> = expected.iter().map(|t| (t.name.as_str(), *t)).collect();
    if by_order && !found.iter().all(|(name, _)| wanted.contains_key(name)) {
        let tensors = by_order::pair(file, &found, own_order, &expected)?;
        return typed(file, Pairing { tensors, by_order: true });
    }
    let mut faults = Vec::new();
    for tensor in &expected {
        match places.get(tensor.name.as_str()).map(|&at| &file[at].shape) {
            None => {
                let others = found.iter().map(|(name, _)| *name).filter(|name| !wanted.contains_key(name));
                faults.push(format!("tensor {} is missing{}", tensor.name, nearest(&tensor.name, others)));
            }
            Some(found) if *found != tensor.shape => faults
                .push(format!("tensor {} has shape {found:?}, expected {:?}", tensor.name, tensor.shape)),
            Some(_) => {}
        }
    }
    for (name, _) in found.iter().filter(|(name, _)| !wanted.contains_key(name)) {
        let missing = expected.iter().map(|t| t.name.as_str()).filter(|name| !places.contains_key(name));
        faults.push(format!("tensor {name} is unexpected{}", nearest(name, missing)));
    }
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let tensors = expected.iter().map(|t| (t.name.as_str(), places[t.name.as_str()])).collect();
    typed(file, Pairing { tensors, by_order: false })
}

/// Whether a name is that of a running statistic of a batch norm.
pub fn is_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

/// All tensors are of floats.
fn typed<'n>(file: &[Tensor], pairs: Pairing<'n>) -> Result<Pairing<'n>, String> {
    match pairs.tensors.values().map(|&at| &file[at]).find(|t| !is_float(t.kind)) {
        Some(tensor) => Err(format!("tensor {} holds {}, expected floats", tensor.name, tensor.kind_name())),
        None => Ok(pairs),
    }
}

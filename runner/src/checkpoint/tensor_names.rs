//! Which tensor of a file is which piece of a network.

use super::TRACKED;
use crate::config::nearest;
use crate::model::{NamedTensor, State};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;

/// Prefixes that wrappers of PyTorch put before all names.
const PREFIXES: [&str; 3] = ["module.", "model.", "_orig_mod."];

/// From the names of a network's pieces to those of the file's tensors. Statistics may all be missing; parameters not.
///
/// # Errors
/// Everything that does not fit, in one sentence.
pub fn pair<'n>(
    file: &SafeTensors,
    state: &'n State,
    by_order: bool,
) -> Result<BTreeMap<&'n str, String>, String> {
    let mut names: Vec<&str> = file.names().into_iter().filter(|name| !name.ends_with(TRACKED)).collect();
    names.sort_by(|a, b| natural(a).cmp(&natural(b)));
    let mut prefix = String::new();
    while let Some(more) =
        PREFIXES.iter().find(|more| !names.is_empty() && names.iter().all(|n| n.starts_with(**more)))
    {
        prefix.push_str(more);
        names.iter_mut().for_each(|name| *name = &name[more.len()..]);
    }
    let is_statistic = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
    let bare = !names.iter().any(|name| is_statistic(name));
    let optional: &[NamedTensor] = if bare { &[] } else { &state.statistics };
    let shape = |name: &str| file.tensor(&format!("{prefix}{name}")).map(|view| view.shape().to_vec());

    let expected: Vec<&NamedTensor> = state.parameters.iter().chain(optional).collect();
    let known = |name: &str| expected.iter().any(|tensor| tensor.name == name);
    if by_order && !names.iter().all(|name| known(name)) {
        // Parameters and statistics are each in the network's order.
        let (statistics, parameters): (Vec<&str>, Vec<&str>) = names.iter().partition(|n| is_statistic(n));
        let found = [parameters, statistics].concat();
        let same = |(name, tensor): (&&str, &&NamedTensor)| shape(name).is_ok_and(|s| s == tensor.shape);
        if found.len() != expected.len() || !found.iter().zip(&expected).all(same) {
            let differs = found.iter().zip(&expected).position(|pair| !same(pair));
            return Err(match differs {
                Some(i) => format!(
                    "by order tensor {} of shape {:?} would be {} of shape {:?}",
                    found[i],
                    shape(found[i]).unwrap_or_default(),
                    expected[i].name,
                    expected[i].shape
                ),
                None => format!("by order {} tensors expected, found {}", expected.len(), found.len()),
            });
        }
        let pairs = expected.iter().zip(found);
        return typed(file, pairs.map(|(t, name)| (t.name.as_str(), format!("{prefix}{name}"))).collect());
    }
    let mut faults = Vec::new();
    for tensor in &expected {
        match shape(&tensor.name) {
            Err(_) => {
                let others = names.iter().copied().filter(|name| !known(name));
                faults.push(format!("tensor {} is missing{}", tensor.name, nearest(&tensor.name, others)));
            }
            Ok(found) if found != tensor.shape => faults
                .push(format!("tensor {} has shape {found:?}, expected {:?}", tensor.name, tensor.shape)),
            Ok(_) => {}
        }
    }
    for name in names.iter().filter(|name| !known(name)) {
        let missing = expected.iter().map(|t| t.name.as_str()).filter(|name| shape(name).is_err());
        faults.push(format!("tensor {name} is unexpected{}", nearest(name, missing)));
    }
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    typed(file, expected.iter().map(|t| (t.name.as_str(), format!("{prefix}{}", t.name))).collect())
}

/// All tensors are of f32.
fn typed<'n>(
    file: &SafeTensors,
    pairs: BTreeMap<&'n str, String>,
) -> Result<BTreeMap<&'n str, String>, String> {
    for name in pairs.values() {
        let kind = file.tensor(name).map_err(|e| e.to_string())?.dtype();
        if kind != Dtype::F32 {
            return Err(format!("tensor {name} holds {kind:?}, expected F32"));
        }
    }
    Ok(pairs)
}

/// Orders names as a network has its modules, `2.weight` before `10.weight`, and within a module as PyTorch has its
/// tensors, `weight` before `bias`: the format itself keeps no order.
fn natural(name: &str) -> (Vec<(&str, u64)>, usize) {
    const WITHIN: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];
    let (module, last) = name.rsplit_once('.').unwrap_or(("", name));
    let within = WITHIN.iter().position(|w| *w == last).unwrap_or(WITHIN.len());
    let parts = module.split('.').map(|part| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        (word, part[word.len()..].parse().unwrap_or(0))
    });
    (parts.collect(), within)
}

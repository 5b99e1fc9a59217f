//! θ and the statistics of batch norms as a safetensors file with the names of a PyTorch `state_dict`.

mod by_order;
mod tensor_names;

use crate::error::{CliError, ErrorKind, Result};
use crate::model::{NamedTensor, State};
use crate::tensors::header::Header;
use crate::tensors::{Contents, Tensors};
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

/// Ending of the names of counters that PyTorch keeps beside the statistics; written, never read.
const TRACKED: &str = "num_batches_tracked";

/// What a checkpoint holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The parameters.
    pub theta: Vec<f32>,
    /// The statistics of batch norms; none where the file lacks them.
    pub statistics: Option<Vec<f32>>,
    /// Which tensor of the file is which of the network, where they were taken by order and not by name.
    pub mapping: Option<Vec<Pair>>,
    /// What was converted or joined, each in a sentence.
    pub notes: Vec<String>,
}

/// A tensor of a network, and the one of the file that it is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Its name in the network.
    pub network: String,
    /// Its name in the file.
    pub file: String,
}

/// The bytes of a file that holds θ and the statistics that were averaged over `batches` batches.
///
/// PyTorch's `load_state_dict(strict=True)` accepts it.
pub fn encode(state: &State, theta: &[f32], statistics: &[f32], batches: u64) -> Vec<u8> {
    let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let (parameters, averages, count) = (bytes(theta), bytes(statistics), batches.to_le_bytes());
    fn view<'b>(kind: Dtype, shape: &[usize], bytes: &'b [u8]) -> TensorView<'b> {
        TensorView::new(kind, shape.to_vec(), bytes).expect("the shape fits the range")
    }
    let pieces = state.parameters.iter().map(|t| (t, &parameters));
    let pieces = pieces.chain(state.statistics.iter().map(|t| (t, &averages)));
    let floats = pieces.map(|(t, bytes)| {
        (t.name.clone(), view(Dtype::F32, &t.shape, &bytes[4 * t.range.start..4 * t.range.end]))
    });
    let means = state.statistics.iter().filter_map(|t| t.name.strip_suffix("running_mean"));
    let counters = means.map(|module| (format!("{module}{TRACKED}"), view(Dtype::I64, &[], &count)));
    let metadata = std::iter::once(("format".to_owned(), "pt".to_owned())).collect();
    safetensors::serialize(floats.chain(counters), Some(metadata)).expect("named tensors can be written")
}

/// θ and statistics from a safetensors file, an index of shards, or a folder that holds one model.
///
/// # Errors
/// It cannot be read; as [`decode`].
pub fn read(path: &Path, state: &State, by_order: bool) -> Result<Checkpoint> {
    take(Tensors::open(path)?, state, by_order)
}

/// θ and statistics from the bytes of a file. Prefixes common to all names are taken away (`module.`, `model.`,
/// `_orig_mod.`, in any order); counters are passed over; numbers of other types than f32 are rounded to it, which the
/// notes say. With `by_order` other names are taken by the shapes of their modules, and modules of equal shapes in order.
///
/// # Errors
/// Not a safetensors file; every tensor that is missing, unexpected, or of another shape, with the nearest name; two
/// orders that both fit; a number that is not finite.
pub fn decode(path: &Path, bytes: &[u8], state: &State, by_order: bool) -> Result<Checkpoint> {
    let header = Header::new(&path.display().to_string(), Cursor::new(bytes), bytes.len() as u64)?;
    take(Tensors::of_file(header), state, by_order)
}

fn take<F: Read + Seek>(mut source: Tensors<F>, state: &State, by_order: bool) -> Result<Checkpoint> {
    let name = source.name().to_owned();
    let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{name}: {what}"));
    let tensors = source.tensors().to_vec();
    let found = tensor_names::pair(&tensors, source.has_own_order(), state, by_order).map_err(wrong)?;
    let has_statistics = state.statistics.iter().all(|t| found.tensors.contains_key(t.name.as_str()));
    let (mut kinds, mut joined) = (BTreeSet::new(), Vec::new());
    let mut read = |wanted: &[NamedTensor]| -> Result<Vec<f32>> {
        let mut values = vec![0.0; wanted.last().map_or(0, |t| t.range.end)];
        for wanted in wanted {
            let tensor = &tensors[found.tensors[wanted.name.as_str()]];
            let Contents { numbers, not_finite } = source.read(tensor)?;
            let numbers = numbers.single();
            // Rounding a large f64 gives an infinity.
            let rounded = || numbers.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(numbers[i])));
            if let Some((i, x)) = not_finite.or_else(rounded) {
                return Err(wrong(format!("tensor {}: element {i} is {x}, but must be finite", tensor.name)));
            }
            values[wanted.range.clone()].copy_from_slice(&numbers);
            if tensor.kind != Dtype::F32 {
                kinds.insert(tensor.kind_name());
            }
            if !tensor.is_stored() {
                joined.push(tensor.name.as_str());
            }
        }
        Ok(values)
    };
    let theta = read(&state.parameters)?;
    let statistics = if has_statistics { Some(read(&state.statistics)?) } else { None };
    let mut notes = source.notes().to_vec();
    if !kinds.is_empty() {
        let kinds: Vec<String> = kinds.into_iter().collect();
        notes.push(format!("{name}: numbers of type {} were converted to f32", kinds.join(", ")));
    }
    if !joined.is_empty() {
        notes.push(format!("{name}: joined from their parts: {}", joined.join(", ")));
    }
    let pairs = |(network, &at): (&&str, &usize)| Pair {
        network: (*network).to_owned(),
        file: tensors[at].name.clone(),
    };
    let mapping = found.by_order.then(|| {
        let all = state.parameters.iter().chain(&state.statistics).map(|t| t.name.as_str());
        all.filter_map(|name| found.tensors.get_key_value(name)).map(pairs).collect()
    });
    Ok(Checkpoint { theta, statistics, mapping, notes })
}

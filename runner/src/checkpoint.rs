//! θ and the statistics of batch norms as a safetensors file with the names of a PyTorch `state_dict`.

mod tensor_names;

use crate::error::{CliError, ErrorKind, Result};
use crate::model::{NamedTensor, State};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;

/// Ending of the names of counters that PyTorch keeps beside the statistics; written, never read.
const TRACKED: &str = "num_batches_tracked";

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The parameters.
    pub theta: Vec<f32>,
    /// The statistics of batch norms; none where the file lacks them.
    pub statistics: Option<Vec<f32>>,
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

/// θ and statistics from a file.
///
/// # Errors
/// It cannot be read; as [`decode`].
pub fn read(path: &Path, state: &State, by_order: bool) -> Result<Checkpoint> {
    let bytes = std::fs::read(path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))?;
    decode(path, &bytes, state, by_order)
}

/// θ and statistics from the bytes of a file. A prefix common to all names is taken away (`module.`, `model.`,
/// `_orig_mod.`); counters are passed over; with `by_order` other names are taken in order, where every shape agrees.
///
/// # Errors
/// Not a safetensors file; every tensor that is missing, unexpected, or of another shape or type, with the nearest name;
/// a number that is not finite.
pub fn decode(path: &Path, bytes: &[u8], state: &State, by_order: bool) -> Result<Checkpoint> {
    let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", path.display()));
    let file = SafeTensors::deserialize(bytes).map_err(|e| wrong(format!("not a safetensors file: {e}")))?;
    let pairs = tensor_names::pair(&file, state, by_order).map_err(wrong)?;
    let has_statistics = state.statistics.iter().all(|t| pairs.contains_key(t.name.as_str()));
    let read = |tensors: &[NamedTensor]| -> Result<Vec<f32>> {
        let mut values = vec![0.0; tensors.last().map_or(0, |t| t.range.end)];
        for tensor in tensors {
            let name = &pairs[tensor.name.as_str()];
            let view = file.tensor(name).map_err(|e| wrong(e.to_string()))?;
            let numbers = view.data().as_chunks::<4>().0;
            for (i, (x, bytes)) in values[tensor.range.clone()].iter_mut().zip(numbers).enumerate() {
                *x = f32::from_le_bytes(*bytes);
                if !x.is_finite() {
                    return Err(wrong(format!("tensor {name}: element {i} is {x}, but must be finite")));
                }
            }
        }
        Ok(values)
    };
    Ok(Checkpoint {
        theta: read(&state.parameters)?,
        statistics: if has_statistics { Some(read(&state.statistics)?) } else { None },
    })
}

//! θ as a safetensors file with the names of a PyTorch `state_dict`.

use crate::failure::{Failure, Kind, Result};
use crate::objective::NamedTensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;

/// The bytes of a file that holds θ.
pub fn encode(tensors: &[NamedTensor], theta: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = theta.iter().flat_map(|x| x.to_le_bytes()).collect();
    let views = tensors.iter().map(|t| {
        let piece = &bytes[4 * t.range.start..4 * t.range.end];
        let view = TensorView::new(Dtype::F32, t.shape.clone(), piece).expect("the shape fits the range");
        (t.name.as_str(), view)
    });
    let metadata = std::iter::once(("format".to_owned(), "pt".to_owned())).collect();
    safetensors::serialize(views, Some(metadata)).expect("named tensors of f32 can be written")
}

/// θ from the bytes of a file.
///
/// # Errors
/// Not a safetensors file; a tensor missing, unexpected, or of another shape or type; each by name.
pub fn decode(path: &Path, bytes: &[u8], tensors: &[NamedTensor]) -> Result<Vec<f32>> {
    let wrong = |what: String| Failure::new(Kind::Data, format!("{}: {what}", path.display()));
    let file = SafeTensors::deserialize(bytes).map_err(|e| wrong(format!("not a safetensors file: {e}")))?;
    let mut theta = vec![0.0; tensors.last().map_or(0, |t| t.range.end)];
    for tensor in tensors {
        let view =
            file.tensor(&tensor.name).map_err(|_| wrong(format!("tensor {} is missing", tensor.name)))?;
        if view.dtype() != Dtype::F32 || view.shape() != tensor.shape {
            let (dtype, shape) = (view.dtype(), view.shape());
            return Err(wrong(format!(
                "tensor {} is {dtype:?} {shape:?}, expected F32 {:?}",
                tensor.name, tensor.shape
            )));
        }
        for (x, bytes) in theta[tensor.range.clone()].iter_mut().zip(view.data().chunks_exact(4)) {
            *x = f32::from_le_bytes(bytes.try_into().expect("four bytes"));
        }
    }
    match file.names().into_iter().find(|name| tensors.iter().all(|t| t.name != *name)) {
        Some(name) => Err(wrong(format!("tensor {name} is unexpected"))),
        None => Ok(theta),
    }
}

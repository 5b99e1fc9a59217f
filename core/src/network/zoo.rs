//! Networks by name.

use super::Layer;
use crate::error::{Error, range};
use heapless::Vec;

/// The layers of a multilayer perceptron: linear layers with ReLU between.
///
/// `widths` are the sizes from input to output; the layers start at `widths[1]`.
///
/// # Errors
/// Fewer than two widths, a width of 0, or more than `N` layers.
///
/// ```
/// use valleys_core::network::{Network, Shape, zoo};
/// let layers = zoo::mlp::<8>(&[64, 32, 32, 10])?;
/// let network = Network { input: Shape::flat(64), layers: &layers };
/// assert_eq!(network.parameter_len(), 3466);
/// # Ok::<(), valleys_core::error::Error>(())
/// ```
pub fn mlp<const N: usize>(widths: &[usize]) -> Result<Vec<Layer, N>, Error> {
    range("widths of a multilayer perceptron", 2, N.div_ceil(2) + 1, widths.len())?;
    let mut layers = Vec::new();
    for (i, &outputs) in widths.iter().enumerate() {
        range("width of a layer", 1, 1 << 24, outputs)?;
        if i > 1 {
            let _ = layers.push(Layer::Relu);
        }
        if i > 0 {
            let _ = layers.push(Layer::Linear { outputs });
        }
    }
    Ok(layers)
}

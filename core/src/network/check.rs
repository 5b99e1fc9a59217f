//! Whether the layers of a network fit together.

use super::layer::ALL_LAYERS;
use super::{Layer, Network, Shape};
use crate::error::{Error, range};
use crate::kernels::activation::Activation;

impl Network<'_> {
    /// Checks that the layers fit together: after this no function of the network panics.
    ///
    /// # Errors
    /// No layers; samples or outputs of no elements; the first row that does not fit those before it, and what it needs.
    pub fn check(&self) -> Result<(), Error> {
        range("layers of a network", 1, usize::MAX, self.layers.len())?;
        range("numbers of a sample", 1, usize::MAX, self.input.len())?;
        for (row, layer) in self.layers.iter().enumerate() {
            // All rows before this one are known to fit.
            if let Some(needed) = self.missing(row, layer) {
                return Err(Error::Layer { row, layer: layer.name(), needed });
            }
        }
        Ok(())
    }

    /// What row `i` needs and does not have.
    fn missing(&self, i: usize, layer: &Layer) -> Option<&'static str> {
        let before = Network { layers: &self.layers[..i], ..*self };
        let input = before.row(i).output;
        match *layer {
            _ if layer.needs_feature() && !ALL_LAYERS => Some("the feature `all-layers`"),
            Layer::Linear { outputs: 0 } | Layer::Convolution { outputs: 0, .. } => Some("outputs"),
            Layer::Convolution { outputs, groups, .. }
                if groups == 0
                    || !outputs.is_multiple_of(groups)
                    || !input.channels.is_multiple_of(groups) =>
            {
                Some("channels that are a multiple of its groups")
            }
            Layer::Convolution { .. } | Layer::MaxPool { .. } | Layer::AveragePool { .. }
                if !layer.window(input).fits() =>
            {
                Some("a window of a stride that fits into its input")
            }
            Layer::MaxPool { kernel, padding, .. } | Layer::AveragePool { kernel, padding, .. } => {
                (2 * padding > kernel).then_some("padding of at most half of its kernel")
            }
            Layer::Activation(Activation::LeakyRelu { slope }) => {
                (!(slope.is_finite() && slope >= 0.0)).then_some("a slope of 0 or above")
            }
            Layer::Dropout { probability } => {
                (!(0.0..1.0).contains(&probability)).then_some("a probability from 0 to below 1")
            }
            Layer::Branch { back } | Layer::Add { back } if back == 0 || back > i => {
                Some("an earlier row to go back to")
            }
            Layer::Add { back } => {
                let other: Shape = before.row(i - back).output;
                (other != input).then_some("two terms of the same shape")
            }
            _ => None,
        }
    }
}

//! Networks by name: their layers, each with the name of its module in PyTorch (empty where it has no parameters).

use super::{Layer, Shape};
use crate::error::{Error, range};
use heapless::Vec;

/// The name of a module, such as `layer3.17.shortcut.0`.
pub type Name = heapless::String<24>;

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
            let _ = layers.push(Layer::RELU);
        }
        if i > 0 {
            let _ = layers.push(Layer::Linear { outputs });
        }
    }
    Ok(layers)
}

/// What [`LENET5`] reads.
pub const LENET5_INPUT: Shape = Shape { channels: 1, height: 28, width: 28 };

/// LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling, for images of 28 × 28: 61,706 parameters.
pub const LENET5: [(&str, Layer); 11] = [
    (
        "conv1",
        Layer::Convolution {
            outputs: 6,
            kernel: 5,
            stride: 1,
            padding: 2,
            bias: true,
            groups: 1,
            dilation: 1,
        },
    ),
    ("", Layer::RELU),
    ("", Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }),
    (
        "conv2",
        Layer::Convolution {
            outputs: 16,
            kernel: 5,
            stride: 1,
            padding: 0,
            bias: true,
            groups: 1,
            dilation: 1,
        },
    ),
    ("", Layer::RELU),
    ("", Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }),
    ("fc1", Layer::Linear { outputs: 120 }),
    ("", Layer::RELU),
    ("fc2", Layer::Linear { outputs: 84 }),
    ("", Layer::RELU),
    ("fc3", Layer::Linear { outputs: 10 }),
];

/// What residual networks read.
pub const RESNET_INPUT: Shape = Shape { channels: 3, height: 32, width: 32 };

/// A residual network of depth 6 · `blocks` + 2 (He et al. 2016, as Li et al. 2018 have it): three stages of `blocks`
/// blocks with 16, 32, 64 times `width` channels; `shortcuts: false` leaves out the shortcuts and their additions.
///
/// `blocks` 3, 9, 18 are ResNet-20, 56, 110.
///
/// ```
/// use valleys_core::network::{Layer, Network, zoo};
/// let layers: Vec<Layer> = zoo::resnet(3, 1, true).map(|(_, layer)| layer).collect();
/// let network = Network { input: zoo::RESNET_INPUT, layers: &layers };
/// assert_eq!(network.parameter_len(), 272_474);
/// ```
pub fn resnet(blocks: usize, width: usize, shortcuts: bool) -> impl Iterator<Item = (Name, Layer)> {
    let stem = [named("conv1", convolution(16 * width, 3, 1)), named("bn1", Layer::BatchNorm), relu()];
    let body = (1..=3).flat_map(move |stage| {
        (0..blocks).flat_map(move |block| basic_block(stage, block, width, shortcuts))
    });
    let head = [("", Layer::GlobalAveragePool), ("linear", Layer::Linear { outputs: 10 })];
    stem.into_iter().chain(body).chain(head.map(|(name, layer)| named(name, layer)))
}

/// Convolution, batch norm, ReLU, convolution, batch norm, addition of the shortcut, ReLU. Where the shape changes the
/// shortcut is a convolution of 1 × 1 and a batch norm.
fn basic_block(stage: usize, block: usize, width: usize, shortcuts: bool) -> Vec<(Name, Layer), 10> {
    let module =
        |part: &str, layer| (heapless::format!("layer{stage}.{block}.{part}").unwrap_or_default(), layer);
    let outputs = (16 * width) << (stage - 1);
    let stride = if stage > 1 && block == 0 { 2 } else { 1 };
    let mut layers = Vec::from_iter([
        module("conv1", convolution(outputs, 3, stride)),
        module("bn1", Layer::BatchNorm),
        relu(),
        module("conv2", convolution(outputs, 3, 1)),
        module("bn2", Layer::BatchNorm),
    ]);
    if shortcuts && stride == 1 {
        layers.extend([named("", Layer::Add { back: 6 })]);
    } else if shortcuts {
        layers.extend([
            named("", Layer::Branch { back: 6 }),
            module("shortcut.0", convolution(outputs, 1, stride)),
            module("shortcut.1", Layer::BatchNorm),
            named("", Layer::Add { back: 4 }),
        ]);
    }
    layers.extend([relu()]);
    layers
}

/// As residual networks have it: the padding keeps the size at stride 1, and a batch norm follows, so there is no bias.
const fn convolution(outputs: usize, kernel: usize, stride: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding: kernel / 2, bias: false, groups: 1, dilation: 1 }
}

fn relu() -> (Name, Layer) {
    named("", Layer::RELU)
}

fn named(name: &str, layer: Layer) -> (Name, Layer) {
    (Name::try_from(name).unwrap_or_default(), layer)
}

//! Networks by name, with the module names of the PyTorch programs that they are known from.

use super::builder::Builder;
use super::{Io, Model};
use valleys_core::kernels::Window;
use valleys_core::network::{Layer, Shape, zoo};

/// A convolution, as the families here have it: stride 1, padding that keeps the size of an odd kernel.
const fn convolution(outputs: usize, kernel: usize, bias: bool) -> Layer {
    Layer::Convolution { outputs, kernel, stride: 1, padding: kernel / 2, bias, groups: 1, dilation: 1 }
}

const fn strided(outputs: usize, kernel: usize, stride: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding: kernel / 2, bias: false, groups: 1, dilation: 1 }
}

const fn pool(kernel: usize, stride: usize) -> Layer {
    Layer::MaxPool { kernel, stride, padding: 0 }
}

/// LeNet-5 (LeCun et al. 1998) with ReLU and max pooling; see [`zoo::LENET5`].
pub fn lenet5(io: Io) -> Result<Model, String> {
    let mut builder = Builder::new(io.input);
    let (last, others) = zoo::LENET5.split_last().expect("it has layers");
    others.iter().try_for_each(|&(module, layer)| builder.push(module, layer))?;
    builder.push(last.0, Layer::Linear { outputs: io.outputs })?;
    Ok(builder.finish())
}

/// A residual network of Li et al. 2018; see [`zoo::resnet`].
pub fn resnet(io: Io, blocks: usize, width: usize, shortcuts: bool) -> Model {
    let (modules, mut layers): (Vec<String>, Vec<Layer>) = zoo::resnet(blocks, width, shortcuts)
        .map(|(module, layer)| (module.as_str().to_owned(), layer))
        .unzip();
    if let Some(last) = layers.last_mut() {
        *last = Layer::Linear { outputs: io.outputs };
    }
    Model { input: io.input, layers, modules }
}

/// Output channels of the convolutions of VGG-11, 13, 16, 19; 0 for a pooling (Simonyan and Zisserman 2015, Table 1).
const VGG: [(&str, &[usize]); 4] = [
    ("11", &[64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0]),
    ("13", &[64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0]),
    ("16", &[64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]),
    ("19", &[64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0]),
];

/// VGG for images of 32 × 32, as the ports to CIFAR-10 have it: hidden linear layers of 512, ReLU and dropout behind each.
/// The names of modules are those of torchvision. `depth` is 11, 13, 16 or 19; none for another.
pub fn vgg(io: Io, depth: &str, has_norms: bool) -> Option<Result<Model, String>> {
    let (_, channels) = VGG.iter().find(|(name, _)| *name == depth)?;
    let build = || {
        let mut builder = Builder::new(io.input);
        let mut number = 0;
        let mut feature = |builder: &mut Builder, layer| {
            number += 1;
            builder.push(format!("features.{}", number - 1), layer)
        };
        for &outputs in *channels {
            if outputs == 0 {
                feature(&mut builder, pool(2, 2))?;
                continue;
            }
            feature(&mut builder, convolution(outputs, 3, true))?;
            if has_norms {
                feature(&mut builder, Layer::BatchNorm)?;
            }
            feature(&mut builder, Layer::RELU)?;
        }
        for module in [0, 3] {
            builder.push(format!("classifier.{module}"), Layer::Linear { outputs: 512 })?;
            builder.push("", Layer::RELU)?;
            builder.push("", Layer::Dropout { probability: 0.5 })?;
        }
        builder.push("classifier.6", Layer::Linear { outputs: io.outputs })?;
        Ok(builder.finish())
    };
    Some(build())
}

/// The convolutional network of Garipov et al. 2018 (`ConvFC`): three convolutions of 5 × 5 with overlapping pooling, two
/// hidden linear layers of 1000.
pub fn convfc(io: Io) -> Result<Model, String> {
    let mut builder = Builder::new(io.input);
    for (number, outputs) in [32, 64, 128].into_iter().enumerate() {
        builder.push(format!("conv_part.{}", 3 * number), convolution(outputs, 5, true))?;
        builder.push("", Layer::RELU)?;
        builder.push("", pool(3, 2))?;
    }
    for module in [0, 2] {
        builder.push(format!("fc_part.{module}"), Layer::Linear { outputs: 1000 })?;
        builder.push("", Layer::RELU)?;
    }
    builder.push("fc_part.4", Layer::Linear { outputs: io.outputs })?;
    Ok(builder.finish())
}

/// A residual network with batch norm and ReLU before each convolution (He et al. 2016, *Identity mappings*), as Garipov et
/// al. 2018 have it: basic blocks up to a depth of 43 (6n + 2), bottlenecks above (9n + 2). None for another depth.
pub fn preresnet(io: Io, depth: usize) -> Option<Result<Model, String>> {
    let is_basic = depth < 44;
    let convolutions = if is_basic { 6 } else { 9 };
    let blocks = depth.checked_sub(2).filter(|rest| rest % convolutions == 0)? / convolutions;
    if !(1..=200).contains(&blocks) {
        return None;
    }
    let expansion = if is_basic { 1 } else { 4 };
    let build = || {
        let mut builder = Builder::new(io.input);
        builder.push("conv1", strided(16, 3, 1))?;
        for stage in 1..=3 {
            let width = 16 << (stage - 1);
            for block in 0..blocks {
                let stride = if stage > 1 && block == 0 { 2 } else { 1 };
                let module = |part: &str| format!("layer{stage}.{block}.{part}");
                let (start, shape) = (builder.len() - 1, builder.shape());
                // (outputs, kernel, stride) of the convolutions.
                let path: &[[usize; 3]] = if is_basic {
                    &[[width, 3, stride], [width, 3, 1]]
                } else {
                    &[[width, 1, 1], [width, 3, stride], [4 * width, 1, 1]]
                };
                for (number, &[outputs, kernel, stride]) in path.iter().enumerate() {
                    builder.push(module(&format!("bn{}", number + 1)), Layer::BatchNorm)?;
                    builder.push("", Layer::RELU)?;
                    builder.push(module(&format!("conv{}", number + 1)), strided(outputs, kernel, stride))?;
                }
                let (end, end_shape) = (builder.len() - 1, builder.shape());
                if stride > 1 || shape.channels != expansion * width {
                    builder.branch(start, shape);
                    builder.push(module("downsample.0"), strided(expansion * width, 1, stride))?;
                    builder.add(end, end_shape)?;
                } else {
                    builder.add(start, shape)?;
                }
            }
        }
        builder.push("bn", Layer::BatchNorm)?;
        builder.push("", Layer::RELU)?;
        builder.push("", Layer::GlobalAveragePool)?;
        builder.push("fc", Layer::Linear { outputs: io.outputs })?;
        Ok(builder.finish())
    };
    Some(build())
}

/// ResNet-9 (D. Page, *How to train your ResNet*, 2018) in its widespread form: convolutions with biases, batch norm and
/// ReLU, two residual blocks, max pooling.
pub fn resnet9(io: Io) -> Result<Model, String> {
    let mut builder = Builder::new(io.input);
    let block = |builder: &mut Builder, module: &str, outputs: usize, pools: bool| {
        builder.push(format!("{module}.0"), convolution(outputs, 3, true))?;
        builder.push(format!("{module}.1"), Layer::BatchNorm)?;
        builder.push("", Layer::RELU)?;
        if pools { builder.push("", pool(2, 2)) } else { Ok(()) }
    };
    let residual = |builder: &mut Builder, module: &str, outputs: usize| {
        let (start, shape) = (builder.len() - 1, builder.shape());
        block(builder, &format!("{module}.0"), outputs, false)?;
        block(builder, &format!("{module}.1"), outputs, false)?;
        builder.add(start, shape)
    };
    block(&mut builder, "conv1", 64, false)?;
    block(&mut builder, "conv2", 128, true)?;
    residual(&mut builder, "res1", 128)?;
    block(&mut builder, "conv3", 256, true)?;
    block(&mut builder, "conv4", 512, true)?;
    residual(&mut builder, "res2", 512)?;
    let Shape { height, width, .. } = builder.shape();
    let window = Window { height, width, kernel: 4, stride: 4, padding: 0, dilation: 1 };
    if !window.fits() {
        return Err(format!("it needs images of at least 32 x 32, but {} arrives", io.input));
    }
    builder.push("", pool(4, 4))?;
    builder.push("classifier.2", Layer::Linear { outputs: io.outputs })?;
    Ok(builder.finish())
}

//! Convolutions at the layer shapes of known networks, matrix products, streams.

use super::{Case, Measurement, Work, layers};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::batch_norm::Normalisation;
use crate::kernels::convolution::{Convolution, Epilogue};
use crate::kernels::fma_throughput::{self, fma_throughput};
use crate::kernels::gemm::Gemm;
use crate::kernels::winograd::WinogradConvolution;
use crate::kernels::{Dispatch, Dispatcher, parameters, tensor_len, whole};
use crate::options::Winograd;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::{Layer, Shape};
use valleys_core::rng::{Key, Purpose, Stream};

/// Convolutions of networks: input and output channels, size of the image, kernel, stride, padding; groups and dilation.
const LAYERS: [(&str, [usize; 6], [usize; 2]); 17] = [
    ("lenet5 conv1", [1, 6, 28, 5, 1, 2], [1, 1]),
    ("lenet5 conv2", [6, 16, 14, 5, 1, 0], [1, 1]),
    ("resnet conv1", [3, 16, 32, 3, 1, 1], [1, 1]),
    ("resnet layer1", [16, 16, 32, 3, 1, 1], [1, 1]),
    ("resnet layer2.0", [16, 32, 32, 3, 2, 1], [1, 1]),
    ("resnet layer2", [32, 32, 16, 3, 1, 1], [1, 1]),
    ("resnet layer2 shortcut", [16, 32, 32, 1, 2, 0], [1, 1]),
    ("resnet layer3.0", [32, 64, 16, 3, 2, 1], [1, 1]),
    ("resnet layer3", [64, 64, 8, 3, 1, 1], [1, 1]),
    ("wrn-2 layer1", [32, 32, 32, 3, 1, 1], [1, 1]),
    ("wrn-2 layer2", [64, 64, 16, 3, 1, 1], [1, 1]),
    ("wrn-2 layer3", [128, 128, 8, 3, 1, 1], [1, 1]),
    ("lenet5 fc1", [400, 120, 1, 1, 1, 0], [1, 1]),
    ("64 to 64", [64, 64, 32, 3, 1, 1], [1, 1]),
    ("resnext layer2 8 groups", [64, 64, 16, 3, 1, 1], [8, 1]),
    ("mobilenet layer2 depthwise", [64, 64, 16, 3, 1, 1], [64, 1]),
    ("resnet layer2 dilated", [32, 32, 16, 3, 1, 2], [1, 2]),
];

/// What is measured of a layer, and with which Winograd convolution.
const DIRECTIONS: [(&str, Option<Winograd>); 7] = [
    ("forward", None),
    ("forward_winograd2", Some(Winograd::F2)),
    ("forward_winograd4", Some(Winograd::F4)),
    ("backward_data", None),
    ("backward_data_winograd2", Some(Winograd::F2)),
    ("backward_data_winograd4", Some(Winograd::F4)),
    ("backward_weights", None),
];

pub(super) fn cases(device: &Device) -> Vec<Case> {
    let is_hardware = device.is_hardware();
    // A software adapter is some thousand times slower.
    let (batch, large) = if is_hardware { (128, 1 << 24) } else { (16, 1 << 22) };
    let mut all: Vec<Case> = vec![("fma_throughput".into(), Box::new(arithmetic))];
    for kernel in ["copy", "relu", "tanh", "gelu", "mix", "step", "adam", "clip"] {
        all.push((
            format!("{kernel} {large}"),
            Box::new(move |dispatcher| stream(dispatcher, kernel, large)),
        ));
    }
    for n in [256, 512, 1024, 2048, 4096].into_iter().filter(|&n| is_hardware || n <= 1024) {
        all.push((format!("gemm {n}"), Box::new(move |dispatcher| product(dispatcher, n))));
    }
    for (layer, sizes, groups_and_dilation) in LAYERS {
        let batch = match layer {
            "64 to 64" => 32,
            layer if layer.starts_with("lenet") => 128,
            _ => batch,
        };
        let conv = convolution(sizes, groups_and_dilation);
        for (kernel, winograd) in DIRECTIONS {
            let winograd_conv = winograd.and_then(|winograd| WinogradConvolution::worthwhile(conv, winograd));
            if winograd_conv.is_some() || winograd.is_none() {
                let shape = format!("{layer} b{batch}");
                let name = format!("{kernel} {shape}");
                let prepare = move |dispatcher: &Dispatcher| {
                    convolve(dispatcher, kernel, &shape, conv, winograd_conv, batch)
                };
                all.push((name, Box::new(prepare)));
            }
        }
    }
    all.extend(layers::cases(batch));
    all
}

/// A buffer of normal random numbers, 4,096 different ones.
pub(super) fn random(dispatcher: &Dispatcher, len: usize) -> Result<wgpu::Buffer> {
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Perturbation, 0, 0);
    let some: Vec<f32> = (0..4096).map(|_| stream.normal() as f32).collect();
    dispatcher.device.buffer_with("elements", &(0..len).map(|i| some[i % some.len()]).collect::<Vec<_>>())
}

fn arithmetic(dispatcher: &Dispatcher) -> Result<Measurement> {
    let threads = 16 * dispatcher.invocations();
    let list = vec![fma_throughput(dispatcher, threads, &dispatcher.device.floats("sums", 4 * threads)?)?];
    Ok(Measurement {
        kernel: "fma_throughput",
        shape: format!("{threads} threads"),
        flops: (threads * fma_throughput::FLOPS) as f64,
        bytes: 0.0,
        work: Work::List(list, 1),
    })
}

fn stream(dispatcher: &Dispatcher, kernel: &'static str, len: usize) -> Result<Measurement> {
    let [a, b, c, d] = [(); 4].map(|()| random(dispatcher, len));
    let [a, b, c, d] = [a?, b?, c?, d?];
    let shape = Shape::flat(4);
    let elementwise = |activation| {
        let op = Normalisation { shape, norm: false, residual: false, activation };
        Ok::<_, Error>((vec![op.forward(dispatcher, &a, &a, None, &b)?], 2))
    };
    let (list, buffers) = match kernel {
        "copy" => elementwise(None)?,
        "relu" => elementwise(Some(Activation::Relu))?,
        "tanh" => elementwise(Some(Activation::Tanh))?,
        "gelu" => elementwise(Some(Activation::Gelu))?,
        "adam" => {
            let second = dispatcher.device.floats("second moment", len)?;
            (vec![parameters::adam(dispatcher, len, [&a, &b, &c, &d, &second])?], 8)
        }
        // The limit is 0: all is scaled.
        "clip" => {
            let partial = dispatcher.device.floats("partial sums", parameters::CLIP_PARTIAL_LEN)?;
            (parameters::clip(dispatcher, len, [&a, &b, &partial])?.to_vec(), 5)
        }
        "mix" => (parameters::mix(dispatcher, len, &a, &[&b, &c, &d])?, 4),
        _ => (vec![parameters::step(dispatcher, len, [&a, &b, &c, &d])?], 6),
    };
    Ok(Measurement {
        kernel,
        shape: format!("{len} numbers"),
        flops: 0.0,
        bytes: (4 * buffers * len) as f64,
        work: Work::List(list, (len / 4) as u32),
    })
}

fn product(dispatcher: &Dispatcher, n: usize) -> Result<Measurement> {
    let [a, b, c] = [random(dispatcher, n * n)?, random(dispatcher, n * n)?, random(dispatcher, n * n)?];
    let gemm = Gemm { rows: n, columns: n, depth: n, transposed: [false; 2], distances: false };
    let list = vec![gemm.dispatch(dispatcher, [&a, &b, &c])?];
    let (flops, bytes) = (2.0 * (n as f64).powi(3), (12 * n * n) as f64);
    Ok(Measurement { kernel: "gemm", shape: format!("{n}"), flops, bytes, work: Work::List(list, 1) })
}

fn convolution(
    [channels, outputs, size, kernel, stride, padding]: [usize; 6],
    [groups, dilation]: [usize; 2],
) -> Convolution {
    let input = Shape { channels, height: size, width: size };
    let output =
        Layer::Convolution { outputs, kernel, stride, padding, bias: false, groups, dilation }.output(input);
    Convolution {
        input,
        output,
        kernel: [kernel; 2],
        stride,
        padding,
        dilation,
        groups,
        bias: false,
        f32_output: false,
    }
}

fn convolve(
    dispatcher: &Dispatcher,
    kernel: &'static str,
    shape: &str,
    conv: Convolution,
    winograd: Option<WinogradConvolution>,
    batch: usize,
) -> Result<Measurement> {
    let Convolution { input, output, .. } = conv;
    let parameters = input.channels / conv.groups * output.channels * conv.taps();
    let [x, y] =
        [random(dispatcher, tensor_len(input) * batch)?, random(dispatcher, tensor_len(output) * batch)?];
    let weights = random(dispatcher, conv.forward_table().len().max(conv.backward_table().len()))?;
    let list = match (kernel, winograd) {
        (_, Some(winograd)) => convolve_winograd(dispatcher, winograd, kernel, [&x, &y], batch)?,
        ("forward", _) => vec![conv.forward(dispatcher, Epilogue::None, &x, whole(&weights), None, &y)?],
        ("backward_data", _) => vec![conv.backward_data(dispatcher, false, &y, whole(&weights), &x)?],
        _ => {
            let partial = dispatcher.device.floats("partial sums", conv.partial_len(dispatcher, batch))?;
            let gradient = dispatcher.device.floats("gradient", parameters)?;
            let place = dispatcher.device.uniform("place", 16)?;
            conv.backward_weights(dispatcher, batch, &x, &y, &partial, &place, &gradient)?.to_vec()
        }
    };
    let flops = (conv.flops() * batch) as f64;
    let bytes = 4.0 * ((input.len() + output.len()) * batch + parameters) as f64;
    let work = Work::List(list, batch as u32);
    Ok(Measurement { kernel, shape: shape.to_owned(), flops, bytes, work })
}

/// A Winograd convolution whose weights are transformed already: in a run they are transformed once for each θ(t).
fn convolve_winograd(
    dispatcher: &Dispatcher,
    winograd: WinogradConvolution,
    kernel: &str,
    [x, y]: [&wgpu::Buffer; 2],
    batch: usize,
) -> Result<Vec<Dispatch>> {
    let is_backward = kernel.starts_with("backward");
    let [inputs, products] = winograd.scratch_len(batch).map(|len| dispatcher.device.floats("scratch", len));
    let scratch = [inputs?, products?];
    let weights = random(dispatcher, winograd.weights_len(is_backward))?;
    let weights = whole(&weights);
    let list = match is_backward {
        false => winograd.forward(dispatcher, None, x, weights, None, &scratch, y)?,
        true => winograd.backward_data(dispatcher, false, y, weights, &scratch, x)?,
    };
    Ok(list.to_vec())
}

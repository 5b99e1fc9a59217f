//! What is measured.

use super::{Measurement, Work};
use crate::dataset::GpuDataset;
use crate::device::{Device, DeviceProvider};
use crate::engine::GpuEngine;
use crate::error::Result;
use crate::kernels::batch_norm::{self, BackwardBuffers, NormBuffers, Normalisation};
use crate::kernels::convolution::{Convolution, Epilogue};
use crate::kernels::gemm::Gemm;
use crate::kernels::winograd::{Winograd, WinogradConvolution};
use crate::kernels::{BatchLayout, Dispatch, KernelContext, fma_throughput, parameters, tensor_len, whole};
use crate::network::Plan;
use std::sync::Arc;
use std::time::Instant;
use valleys_core::engine::{Engine, Mix, Step, StepParams};
use valleys_core::network::{LabelledData, Layer, Network, Samples, Shape, initialise, zoo};
use valleys_core::rng::{Key, Purpose, Stream};

/// A name, and what makes the measurement.
type Case = (String, Make);

type Make = Box<dyn Fn(&KernelContext) -> Result<Measurement>>;

/// Convolutions by their networks: channels before and after, size of the image, kernel, stride, padding.
const LAYERS: [(&str, [usize; 6]); 14] = [
    ("lenet5 conv1", [1, 6, 28, 5, 1, 2]),
    ("lenet5 conv2", [6, 16, 14, 5, 1, 0]),
    ("resnet conv1", [3, 16, 32, 3, 1, 1]),
    ("resnet layer1", [16, 16, 32, 3, 1, 1]),
    ("resnet layer2.0", [16, 32, 32, 3, 2, 1]),
    ("resnet layer2", [32, 32, 16, 3, 1, 1]),
    ("resnet layer2 shortcut", [16, 32, 32, 1, 2, 0]),
    ("resnet layer3.0", [32, 64, 16, 3, 2, 1]),
    ("resnet layer3", [64, 64, 8, 3, 1, 1]),
    ("wrn-2 layer1", [32, 32, 32, 3, 1, 1]),
    ("wrn-2 layer2", [64, 64, 16, 3, 1, 1]),
    ("wrn-2 layer3", [128, 128, 8, 3, 1, 1]),
    ("lenet5 fc1", [400, 120, 1, 1, 1, 0]),
    ("64 to 64", [64, 64, 32, 3, 1, 1]),
];

/// What is measured of a layer, and by which minimal winograd_convolution, where it pays.
const KERNELS: [(&str, Option<Winograd>); 7] = [
    ("forward", None),
    ("forward_winograd2", Some(Winograd::F2)),
    ("forward_winograd4", Some(Winograd::F4)),
    ("backward_data", None),
    ("backward_data_winograd2", Some(Winograd::F2)),
    ("backward_data_winograd4", Some(Winograd::F4)),
    ("backward_weights", None),
];

pub(super) fn all(device: Arc<Device>) -> Vec<Case> {
    let hardware = device.is_hardware();
    // A pipeline that plays a GPU is some thousand times slower.
    let (batch, large) = if hardware { (128, 1 << 24) } else { (16, 1 << 22) };
    let mut all: Vec<Case> = Vec::new();
    let mut add = |name: String, make: Make| all.push((name, make));
    add("fma_throughput".into(), Box::new(peak_sampling));
    for kernel in ["copy", "relu", "mix", "step"] {
        add(format!("{kernel} {large}"), Box::new(move |context| streamed(context, kernel, large)));
    }
    for n in [256, 512, 1024, 2048, 4096].into_iter().filter(|&n| hardware || n <= 1024) {
        add(format!("gemm {n}"), Box::new(move |context| product(context, n)));
    }
    for (layer, sizes) in LAYERS {
        let batch = match layer {
            "64 to 64" => 32,
            layer if layer.contains("lenet") => 128,
            _ => batch,
        };
        let convolution = convolution(sizes);
        for (kernel, winograd) in KERNELS {
            let winograd_convolution =
                winograd.and_then(|winograd| WinogradConvolution::worth(convolution, winograd));
            if winograd_convolution.is_some() || winograd.is_none() {
                let shape = format!("{layer} b{batch}");
                let make = move |context: &KernelContext| {
                    convolved(context, kernel, &shape, convolution, winograd_convolution, batch)
                };
                add(format!("{kernel} {layer} b{batch}"), Box::new(make));
            }
        }
    }
    for kernel in ["batch_norm_forward", "batch_norm_backward"] {
        for sizes in [[16, 32], [32, 16], [64, 8]] {
            let name = format!("{kernel} {sizes:?} b{batch}");
            add(name, Box::new(move |context| normalised(context, kernel, sizes, batch)));
        }
    }
    let several = if hardware { BatchLayout::MAX_MODELS } else { 2 };
    let mut networks = vec![("lenet5", 1), ("lenet5", several), ("resnet20", 1), ("resnet20", several)];
    if hardware {
        networks.extend([("resnet56", 1), ("resnet110", 1), ("wrn56-2", 1)]);
    }
    for (network, models) in networks {
        let batch = if network == "lenet5" { 128 } else { batch };
        let one = if models > 1 { format!(", one of {models}") } else { String::new() };
        let shape = format!("{network} b{batch}{one}");
        let (device, name) = (device.clone(), format!("step {shape}"));
        let make = move |_: &KernelContext| stepped(&device, network, &shape, batch, models);
        add(name, Box::new(make));
    }
    all
}

fn random(context: &KernelContext, len: usize) -> Result<wgpu::Buffer> {
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Perturbation, 0, 0);
    let some: Vec<f32> = (0..4096).map(|_| stream.normal() as f32).collect();
    context.device.buffer_with("numbers", &(0..len).map(|i| some[i % some.len()]).collect::<Vec<_>>())
}

fn peak_sampling(context: &KernelContext) -> Result<Measurement> {
    let threads = 16 * context.threads();
    let list = vec![fma_throughput::chains(context, threads, &context.device.floats("sums", 4 * threads)?)?];
    let flops = (threads * fma_throughput::FLOPS) as f64;
    Ok(Measurement {
        kernel: "fma_throughput",
        shape: format!("{threads} threads"),
        flops,
        bytes: 0.0,
        work: Work::List(list, 1),
    })
}

fn streamed(context: &KernelContext, kernel: &'static str, len: usize) -> Result<Measurement> {
    let [a, b, c, d] = [(); 4].map(|()| random(context, len));
    let [a, b, c, d] = [a?, b?, c?, d?];
    let shape = Shape::flat(4);
    let relu = Normalisation { shape, norm: false, add: false, relu: true };
    let copy = Normalisation { relu: false, ..relu };
    let (list, reads) = match kernel {
        "copy" => (vec![copy.forward(context, &a, &a, None, &b)?], 2),
        "relu" => (vec![relu.forward(context, &a, &a, None, &b)?], 2),
        "mix" => (parameters::mix(context, len, &a, &[&b, &c, &d])?, 4),
        _ => (vec![parameters::step(context, len, [&a, &b, &c, &d])?], 6),
    };
    let shape = format!("{len} numbers");
    let bytes = (4 * reads * len) as f64;
    Ok(Measurement { kernel, shape, flops: 0.0, bytes, work: Work::List(list, (len / 4) as u32) })
}

fn product(context: &KernelContext, n: usize) -> Result<Measurement> {
    let [a, b, c] = [random(context, n * n)?, random(context, n * n)?, random(context, n * n)?];
    let gemm = Gemm { rows: n, columns: n, depth: n, transposed: [false; 2], distances: false };
    let list = vec![gemm.dispatch(context, [&a, &b, &c])?];
    let (flops, bytes) = (2.0 * (n as f64).powi(3), (12 * n * n) as f64);
    Ok(Measurement { kernel: "gemm", shape: format!("{n}"), flops, bytes, work: Work::List(list, 1) })
}

fn convolution([channels, outputs, size, edge, stride, padding]: [usize; 6]) -> Convolution {
    let input = Shape { channels, height: size, width: size };
    let output = Layer::Convolution { outputs, kernel: edge, stride, padding, bias: false }.output(input);
    Convolution { input, output, kernel: [edge; 2], stride, padding, bias: false, logits: false }
}

fn convolved(
    context: &KernelContext,
    kernel: &'static str,
    shape: &str,
    convolution: Convolution,
    winograd_convolution: Option<WinogradConvolution>,
    batch: usize,
) -> Result<Measurement> {
    let Convolution { input, output, .. } = convolution;
    let parameters = input.channels * output.channels * convolution.taps();
    let [x, y] = [random(context, tensor_len(input) * batch)?, random(context, tensor_len(output) * batch)?];
    let weights = random(context, convolution.forward_table().len().max(convolution.backward_table().len()))?;
    let list = match (kernel, winograd_convolution) {
        (_, Some(winograd_convolution)) => filtered(context, winograd_convolution, kernel, [&x, &y], batch)?,
        ("forward", _) => {
            vec![convolution.forward(context, Epilogue::Nothing, &x, whole(&weights), None, &y)?]
        }
        ("backward_data", _) => vec![convolution.backward_data(context, false, &y, whole(&weights), &x)?],
        _ => {
            let part = context.device.floats("part sums", convolution.part_len(context, batch))?;
            let gradient = context.device.floats("gradient", parameters)?;
            let place = context.device.uniform("place", 16)?;
            convolution.backward_weights(context, batch, &x, &y, &part, &place, &gradient)?.to_vec()
        }
    };
    let flops = (convolution.flops() * batch) as f64;
    let bytes = 4.0 * ((input.len() + output.len()) * batch + parameters) as f64;
    let work = Work::List(list, batch as u32);
    Ok(Measurement { kernel, shape: shape.to_owned(), flops, bytes, work })
}

/// A convolution by minimal winograd_convolution, its weights transformed already, as they are once for each θ(t).
fn filtered(
    context: &KernelContext,
    winograd_convolution: WinogradConvolution,
    kernel: &str,
    [x, y]: [&wgpu::Buffer; 2],
    batch: usize,
) -> Result<Vec<Dispatch>> {
    let [v, m] = winograd_convolution.planes_len(batch).map(|len| context.device.floats("planes", len));
    let (planes, back) = ([v?, m?], kernel.starts_with("backward"));
    let weights = random(context, winograd_convolution.weights_len(back))?;
    let weights = whole(&weights);
    let list = match back {
        false => winograd_convolution.forward(context, false, x, weights, None, &planes, y)?,
        true => winograd_convolution.backward_data(context, false, y, weights, &planes, x)?,
    };
    Ok(list.to_vec())
}

fn normalised(
    context: &KernelContext,
    kernel: &'static str,
    [channels, size]: [usize; 2],
    batch: usize,
) -> Result<Measurement> {
    let shape = Shape { channels, height: size, width: size };
    let op = Normalisation { shape, norm: true, add: false, relu: true };
    let all = tensor_len(shape) * batch;
    let [x, z, dz, dx] =
        [random(context, all)?, random(context, all)?, random(context, all)?, random(context, all)?];
    let [act, means] = [random(context, op.norm_len())?, random(context, op.norm_len())?];
    let part = context.device.floats("part sums", batch_norm::part_len(context, shape, batch))?;
    let [theta, gradient] = [random(context, 2 * channels)?, random(context, 2 * channels)?];
    let place = context.device.uniform("place", 16)?;
    let (mut list, sweeps) = (Vec::new(), if kernel == "batch_norm_forward" { 3 } else { 7 });
    if kernel == "batch_norm_forward" {
        let acts = NormBuffers { place: &place, theta: &theta, norm: &act, statistics: None };
        list.extend(op.moments(context, batch, &x, &part, &acts)?);
        list.push(op.forward(context, &x, &act, None, &z)?);
    } else {
        let back = BackwardBuffers {
            dz: &dz,
            x: &x,
            norm: &act,
            means: &means,
            z: &z,
            dx: (&dx, false),
            dother: None,
        };
        list.extend(op.backward_sums(context, batch, &back, &part, &place, &gradient)?);
        list.push(op.backward(context, &back)?);
    }
    let bytes = (4 * sweeps * shape.len() * batch) as f64;
    let work = Work::List(list, batch as u32);
    Ok(Measurement { kernel, shape: format!("{shape} b{batch}"), flops: 0.0, bytes, work })
}

/// Random images.
#[derive(Debug)]
struct Noise {
    inputs: Vec<f32>,
    labels: Vec<u8>,
}

impl LabelledData for Noise {
    fn train(&self) -> Samples<'_, f32> {
        Samples { inputs: &self.inputs, labels: &self.labels }
    }

    fn test(&self) -> Samples<'_, f32> {
        Samples { inputs: &[], labels: &[] }
    }
}

/// Steps of a network; of several, each in a thread, in the same dispatches. Time and work are those of one.
fn stepped(
    device: &Arc<Device>,
    name: &str,
    shape: &str,
    batch: usize,
    models: usize,
) -> Result<Measurement> {
    let (input, layers): (_, Vec<Layer>) = match name {
        "lenet5" => (zoo::LENET5_INPUT, zoo::LENET5.map(|(_, layer)| layer).to_vec()),
        name => {
            let (blocks, width) = match name {
                "resnet20" => (3, 1),
                "resnet56" => (9, 1),
                "resnet110" => (18, 1),
                _ => (9, 2),
            };
            (zoo::RESNET_INPUT, zoo::resnet(blocks, width, true).map(|(_, layer)| layer).collect())
        }
    };
    let network = Network { input, layers: &layers };
    // As many steps as are submitted at once, so that the host's part is seen as in a run.
    let steps = if device.is_hardware() { 32 } else { 2 };
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Perturbation, 0, 0);
    let count = batch * steps;
    let inputs = (0..count * input.len()).map(|_| stream.normal() as f32).collect();
    let labels = (0..count).map(|_| stream.below(10) as u8).collect();
    let provider = Arc::new(DeviceProvider::with(device.clone()));
    let shared = GpuDataset::new(provider, Arc::new(Noise { inputs, labels }), 1).with_models(models);
    let shared = Arc::new(shared);
    let mut gpus = Vec::new();
    for model in 0..models as u32 {
        let mut gpu = GpuEngine::new(&network, shared.clone(), batch, 1, None)?;
        let mut theta = vec![0.0; network.parameter_len()];
        initialise(&network, 1, model, &mut theta);
        gpu.put(0, &theta)?;
        gpus.push(gpu);
    }
    let plan = Plan::new(&network)?;
    let bytes = plan.bytes(batch, device.paths()) as f64;
    let flops = (3 * network.flops() * batch) as f64;
    let params = StepParams {
        key: Key::new(1, 1),
        epoch: 0,
        first_trainable: 0,
        momentum: 0.9,
        weight_decay: 0.0,
        tangent_removal: 0.0,
    };
    let mix = Mix::from_iter([(0, 1.0)]);
    let list: Vec<Step> =
        (0..steps as u32).map(|batch| Step { mix: mix.clone(), rate: 1e-3, batch }).collect();
    let step = move || {
        let start = Instant::now();
        let advance = |gpu: &mut GpuEngine| gpu.advance(&params, &list, &mut vec![0.0; steps]);
        std::thread::scope(|scope| {
            let threads: Vec<_> = gpus.iter_mut().map(|gpu| scope.spawn(|| advance(gpu))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a step does not panic"))
        })?;
        Ok(start.elapsed().as_secs_f64() / (steps * models) as f64)
    };
    let work = Work::Steps(Box::new(step), steps * models);
    Ok(Measurement { kernel: "step", shape: shape.to_owned(), flops, bytes, work })
}

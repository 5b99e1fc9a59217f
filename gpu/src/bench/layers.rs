//! Layers that are no convolutions, and losses, at shapes of known networks.

use super::kernels::random;
use super::{Case, Measurement, Work};
use crate::error::Result;
use crate::kernels::batch_norm::{self, BackwardBuffers, NormBuffers, Normalisation};
use crate::kernels::dropout::Dropout;
use crate::kernels::layer_norm::{LayerNorm, LayerNormBuffers};
use crate::kernels::loss::{self, LossBuffers};
use crate::kernels::pool::{self, Pool};
use crate::kernels::{Dispatch, Dispatcher, tensor_len};
use valleys_core::kernels::Window;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::Shape;

/// Kernels of layers, with how many tensors the size of the input each reads or writes.
const LAYERS: [(&str, f64); 10] = [
    ("batch_norm_forward", 3.0),
    ("batch_norm_backward", 7.0),
    ("layer_norm_forward", 2.0),
    ("layer_norm_backward", 5.0),
    ("dropout_forward", 2.0),
    ("dropout_backward", 2.0),
    ("max_pool_forward", 1.25),
    ("max_pool_backward", 2.25),
    ("average_pool_forward", 1.25),
    ("global_average_pool_forward", 1.0),
];

pub(super) fn cases(batch: usize) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    for (kernel, tensors) in LAYERS {
        for sizes in [[16, 32], [32, 16], [64, 8]] {
            let name = format!("{kernel} {sizes:?} b{batch}");
            let prepare = move |dispatcher: &Dispatcher| measure(dispatcher, kernel, tensors, sizes, batch);
            all.push((name, Box::new(prepare)));
        }
    }
    for kernel in ["cross_entropy", "cross_entropy_smoothed", "squared", "huber"] {
        for outputs in [10, 1000] {
            let name = format!("{kernel} {outputs} b{batch}");
            all.push((name, Box::new(move |dispatcher| losses(dispatcher, kernel, outputs, batch))));
        }
    }
    all
}

fn measure(
    dispatcher: &Dispatcher,
    kernel: &'static str,
    tensors: f64,
    [channels, size]: [usize; 2],
    batch: usize,
) -> Result<Measurement> {
    let shape = Shape { channels, height: size, width: size };
    let list = match kernel {
        "batch_norm_forward" | "batch_norm_backward" => batch_norm(dispatcher, kernel, shape, batch)?,
        "layer_norm_forward" | "layer_norm_backward" => layer_norm(dispatcher, kernel, shape, batch)?,
        _ => elementwise_or_pool(dispatcher, kernel, shape, batch)?,
    };
    let bytes = 4.0 * tensors * (shape.len() * batch) as f64;
    let work = Work::List(list, batch as u32);
    Ok(Measurement { kernel, shape: format!("{shape} b{batch}"), flops: 0.0, bytes, work })
}

fn batch_norm(dispatcher: &Dispatcher, kernel: &str, shape: Shape, batch: usize) -> Result<Vec<Dispatch>> {
    let op = Normalisation { shape, norm: true, residual: false, activation: Some(Activation::Relu) };
    let len = tensor_len(shape) * batch;
    let [x, z] = [random(dispatcher, len)?, random(dispatcher, len)?];
    let [dz, dx] = [random(dispatcher, len)?, random(dispatcher, len)?];
    let [norm, means] = [random(dispatcher, op.norm_len())?, random(dispatcher, op.norm_len())?];
    let partial =
        dispatcher.device.floats("partial sums", batch_norm::partial_len(dispatcher, shape, batch))?;
    let [theta, gradient] =
        [random(dispatcher, 2 * shape.channels)?, random(dispatcher, 2 * shape.channels)?];
    let place = dispatcher.device.uniform("place", 16)?;
    let mut list = Vec::new();
    if kernel == "batch_norm_forward" {
        let buffers = NormBuffers { place: &place, theta: &theta, norm: &norm, statistics: None };
        list.extend(op.moments(dispatcher, batch, &x, &partial, &buffers)?);
        list.push(op.forward(dispatcher, &x, &norm, None, &z)?);
    } else {
        let buffers = BackwardBuffers {
            dz: &dz,
            x: &x,
            norm: &norm,
            means: &means,
            z: &z,
            dx: (&dx, false),
            dresidual: None,
        };
        list.extend(op.backward_sums(dispatcher, batch, &buffers, &partial, &place, &gradient)?);
        list.push(op.backward(dispatcher, &buffers)?);
    }
    Ok(list)
}

fn layer_norm(dispatcher: &Dispatcher, kernel: &str, shape: Shape, batch: usize) -> Result<Vec<Dispatch>> {
    let (op, len) = (LayerNorm(shape), tensor_len(shape) * batch);
    let [x, y] = [random(dispatcher, len)?, random(dispatcher, len)?];
    let [theta, gradient] = [random(dispatcher, 2 * shape.len())?, random(dispatcher, 2 * shape.len())?];
    let moments = random(dispatcher, 2 * batch)?;
    let place = dispatcher.device.uniform("place", 16)?;
    let buffers = LayerNormBuffers { place: &place, theta: &theta, moments: &moments };
    if kernel == "layer_norm_forward" {
        return Ok(vec![op.forward(dispatcher, buffers, &x, &y)?]);
    }
    let partial = dispatcher.device.floats("partial sums", op.partial_len(dispatcher, batch))?;
    let dx = random(dispatcher, len)?;
    let mut list =
        op.backward_parameters(dispatcher, batch, buffers, [&x, &y], &partial, &gradient)?.to_vec();
    list.push(op.backward(dispatcher, buffers, false, [&x, &y, &dx])?);
    Ok(list)
}

fn elementwise_or_pool(
    dispatcher: &Dispatcher,
    kernel: &str,
    shape: Shape,
    batch: usize,
) -> Result<Vec<Dispatch>> {
    let Shape { channels, height, width } = shape;
    let len = tensor_len(shape) * batch;
    let [x, y, dx] = [random(dispatcher, len)?, random(dispatcher, len)?, random(dispatcher, len)?];
    let dropout = Dropout { shape, row: 1, probability: 0.5 };
    let window = Window { height, width, kernel: 3, stride: 2, padding: 1, dilation: 1 };
    Ok(vec![match kernel {
        "dropout_forward" => dropout.forward(dispatcher, &x, &y)?,
        "dropout_backward" => dropout.backward(dispatcher, false, &x, &y)?,
        "max_pool_forward" => Pool::Max.forward(dispatcher, &window, channels, &x, &y)?,
        "max_pool_backward" => Pool::Max.backward(dispatcher, &window, channels, false, [&x, &y, &dx])?,
        "average_pool_forward" => Pool::Average.forward(dispatcher, &window, channels, &x, &y)?,
        _ => pool::global_average_forward(dispatcher, shape, &x, &y)?,
    }])
}

fn losses(
    dispatcher: &Dispatcher,
    kernel: &'static str,
    outputs: usize,
    batch: usize,
) -> Result<Measurement> {
    let (shape, device) = (Shape::flat(outputs), dispatcher.device);
    let len = tensor_len(shape) * batch;
    let [predictions, gradient] = [random(dispatcher, len)?, random(dispatcher, len)?];
    let scores = device.floats("losses", 2 * batch)?;
    let is_entropy = kernel.starts_with("cross_entropy");
    // All labels are 0.
    let targets = if is_entropy { device.floats("labels", batch)? } else { random(dispatcher, len)? };
    let buffers =
        LossBuffers { outputs: &predictions, targets: &targets, scores: &scores, gradient: Some(&gradient) };
    let label_smoothing = if kernel == "cross_entropy_smoothed" { 0.1 } else { 0.0 };
    let factors = loss::factors(&Options { class_weights: &[], label_smoothing }, outputs);
    let factors = factors.map(|factors| device.buffer_with("factors", &factors)).transpose()?;
    let dispatch = match kernel {
        "squared" => loss::regression(dispatcher, shape, Deviation::Squared, &buffers)?,
        "huber" => loss::regression(dispatcher, shape, Deviation::Huber { delta: 1.0 }, &buffers)?,
        _ => loss::cross_entropy(dispatcher, shape, factors.as_ref(), &buffers)?,
    };
    let tensors = if is_entropy { 2 } else { 3 };
    let bytes = (4 * tensors * outputs * batch) as f64;
    let work = Work::List(vec![dispatch], batch as u32);
    Ok(Measurement { kernel, shape: format!("{outputs} b{batch}"), flops: 0.0, bytes, work })
}

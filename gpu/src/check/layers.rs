//! Layers, forward and backward.

use super::{Case, CheckDispatcher, OFFSET, Outcome, difference, images, random, theta};
use crate::error::Result;
use crate::kernels::batch_norm::{self, BackwardBuffers, MomentParts, NormBuffers, Normalisation};
use crate::kernels::convolution::{Convolution, Epilogue};
use crate::kernels::{PassParams, loss, pool, whole};
use valleys_core::kernels::Window;
use valleys_core::kernels::activation::{self, Activation};
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::{
    add, batch_norm as reference_norm, convolution, cross_entropy, global_average_pool, max_pool,
};
use valleys_core::network::Shape;

const fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// Shape of the input, outputs, kernel, stride, padding, bias, images of the batch and of a full one.
type ConvolutionCase = (Shape, usize, usize, usize, usize, bool, [usize; 2]);

const CONVOLUTIONS: [ConvolutionCase; 10] = [
    (shape(1, 8, 7), 6, 5, 1, 2, true, [3, 3]),
    (shape(6, 9, 9), 16, 5, 1, 0, true, [2, 5]),
    (shape(3, 6, 6), 16, 3, 1, 1, false, [4, 4]),
    (shape(16, 5, 8), 16, 3, 1, 1, false, [3, 7]),
    (shape(8, 7, 9), 12, 3, 2, 1, false, [2, 2]),
    (shape(16, 8, 8), 32, 1, 2, 0, false, [3, 3]),
    (shape(5, 4, 3), 7, 2, 1, 1, true, [1, 2]),
    (shape(2, 9, 10), 3, 3, 3, 2, true, [2, 2]),
    (shape(33, 1, 1), 10, 1, 1, 0, true, [9, 9]),
    // More positions than a workgroup has.
    (shape(4, 19, 17), 20, 3, 1, 1, false, [3, 4]),
];

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for case in CONVOLUTIONS {
        let kernels = "pack convolution conv_backward_weights row_sums";
        all.push(Case::new(kernels, case, move |c| convolve(c, case)));
        all.push(Case::new("convolution moments_reduce", case, move |c| convolve_with_moments(c, case)));
    }
    for (i, s) in [shape(16, 5, 5), shape(3, 4, 7), shape(6, 1, 1)].into_iter().enumerate() {
        for (residual, relu) in [(false, false), (false, true), (true, false), (true, true)] {
            let norm = Normalisation { shape: s, norm: true, residual, relu };
            let plain = Normalisation { norm: false, ..norm };
            let count = 3 + 4 * i;
            all.push(Case::new("moments normalise row_sums", norm, move |c| normalise(c, norm, count)));
            if residual || relu {
                all.push(Case::new("normalise", plain, move |c| normalise(c, plain, count)));
            }
        }
    }
    let window =
        |height, width, kernel, stride| Window { height, width, kernel, stride, padding: 0, dilation: 1 };
    for (w, channels) in [(window(6, 6, 2, 2), 16), (window(9, 8, 3, 2), 3), (window(5, 7, 2, 3), 6)] {
        all.push(Case::new("max_pool", (w, channels), move |c| pool_max(c, w, channels)));
    }
    for s in [shape(64, 8, 8), shape(5, 3, 2)] {
        all.push(Case::new("average_pool", s, move |c| pool_average(c, s)));
    }
    for classes in [10, 3, 8] {
        all.push(Case::new("cross_entropy scores", classes, move |c| losses(c, classes)));
    }
    all
}

fn window_of((input, outputs, kernel, stride, padding, bias, _): ConvolutionCase) -> (Window, Convolution) {
    let window = Window { height: input.height, width: input.width, kernel, stride, padding, dilation: 1 };
    let (height, width) = window.output();
    let output = Shape { channels: outputs, height, width };
    let kernel = [kernel; 2];
    (window, Convolution { input, output, kernel, stride, padding, bias, f32_output: false })
}

fn convolve(c: &CheckDispatcher, case: ConvolutionCase) -> Result<Outcome> {
    let (window, conv) = window_of(case);
    let Convolution { input, output, bias, .. } = conv;
    let (_, outputs, kernel, .., [count, batch]) = case;
    let weights_len = outputs * input.channels * kernel * kernel;
    let parameters = random(weights_len + if bias { outputs } else { 0 }, 1);
    let (x, dy) = (random(input.len() * count, 2), random(output.len() * count, 3));

    let mut y = vec![0.0; dy.len()];
    convolution::forward(&window, 1, &parameters, &x, &mut y, count);
    let mut dx = random(x.len(), 4);
    let before = dx.clone();
    convolution::backward_data(&window, 1, &parameters, &dy, &mut dx, count);
    let mut gradient = vec![0.0; parameters.len()];
    convolution::backward_weights(&window, 1, &x, &dy, &mut gradient, count);

    let dispatcher = &c.dispatcher;
    let gpu_theta = c.floats(&theta(&parameters))?;
    let tables = [conv.forward_table(), conv.backward_table(), conv.bias_table()];
    let ([forward, backward, biases], mut list) = c.packed(tables, &gpu_theta)?;
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([input, output], count, [&x, &dy, &before])?;
    let gpu_bias = bias.then(|| whole(&biases));
    list.push(conv.forward(dispatcher, Epilogue::None, gpu_x, whole(&forward), gpu_bias, gpu_y)?);
    list.push(conv.backward_data(dispatcher, true, gpu_dy, whole(&backward), gpu_dx)?);
    let partial_len =
        conv.partial_len(dispatcher, batch).max(batch_norm::partial_len(dispatcher, output, batch));
    let [partial, gpu_gradient] = [c.floats(&vec![0.0; partial_len])?, c.floats(&theta(&gradient))?];
    let place = c.place(0)?;
    list.extend(conv.backward_weights(dispatcher, batch, gpu_x, gpu_dy, &partial, &place, &gpu_gradient)?);
    if bias {
        let place = c.place(weights_len)?;
        let sums = Normalisation { shape: output, norm: false, residual: false, relu: false };
        let buffers = BackwardBuffers {
            dz: gpu_dy,
            x: gpu_x,
            norm: gpu_x,
            means: gpu_x,
            z: gpu_y,
            dx: (gpu_dx, true),
            dresidual: None,
        };
        list.extend(sums.backward_sums(dispatcher, batch, &buffers, &partial, &place, &gpu_gradient)?);
    }
    c.run(images(count), &list)?;
    let error = c.error_of_activations(output, gpu_y, &y)?.max(c.error_of_gradients(input, gpu_dx, &dx)?);
    let error = error.max(c.error(&gpu_gradient, OFFSET, &gradient)?);
    let terms = (count * output.height * output.width).max(input.channels * kernel * kernel);
    Ok(Outcome { error, terms })
}

/// The statistics of a batch norm from the moments that a convolution leaves.
fn convolve_with_moments(c: &CheckDispatcher, case: ConvolutionCase) -> Result<Outcome> {
    let (window, conv) = window_of(case);
    let Convolution { input, output, bias, .. } = conv;
    let (_, outputs, kernel, .., [count, batch]) = case;
    let mut parameters = random(outputs * input.channels * kernel * kernel, 1);
    // Far from 0, as activations of a deep network may be.
    parameters.extend(random(if bias { outputs } else { 0 }, 2).iter().map(|x| x + 30.0));
    let x = random(input.len() * count, 3);
    let mut y = vec![0.0; output.len() * count];
    convolution::forward(&window, 1, &parameters, &x, &mut y, count);
    let mut statistics = vec![0.0; 2 * outputs];
    reference_norm::accumulate(&c.stored(&y), count, 0.5, &mut statistics);

    let dispatcher = &c.dispatcher;
    let gpu_theta = c.floats(&theta(&parameters))?;
    let tables = [conv.forward_table(), conv.bias_table()];
    let ([weights, biases], mut list) = c.packed(tables, &gpu_theta)?;
    let [gpu_x, gpu_y] = [c.activations(input, &x)?, c.output(output, count)?];
    let run = conv.run_len(dispatcher);
    let partial = c.floats(&vec![f64::NAN; batch_norm::moments_len(output, batch, run)])?;
    let gpu_bias = bias.then(|| whole(&biases));
    let epilogue = Epilogue::Moments(&partial);
    list.push(conv.forward(dispatcher, epilogue, &gpu_x, whole(&weights), gpu_bias, &gpu_y)?);
    let op = Normalisation { shape: output, norm: true, residual: false, relu: false };
    let [norm, sums] = [op.norm_len(), op.norm_len() / 2].map(|len| c.floats(&vec![0.0; len]));
    let (norm, sums, place) = (norm?, sums?, c.place(0)?);
    let buffers = NormBuffers { place: &place, theta: &gpu_theta, norm: &norm, statistics: Some(&sums) };
    list.push(op.reduce_moments(dispatcher, MomentParts::Runs(run), &partial, &buffers)?);
    c.run(PassParams { share: 0.5, ..images(count) }, &list)?;
    let len = op.norm_len() / 4;
    let found = c.read(&sums, 2 * len)?;
    let error =
        [0, 1].map(|i| difference(&found[i * len..][..outputs], &statistics[i * outputs..][..outputs]));
    let error = error[0].max(error[1]).max(c.error_of_activations(output, &gpu_y, &y)?);
    let terms = 10 * (count * output.height * output.width).max(input.channels * kernel * kernel);
    Ok(Outcome { error, terms })
}

fn normalise(c: &CheckDispatcher, op: Normalisation, count: usize) -> Result<Outcome> {
    let s = op.shape;
    let (parameters, before) = (random(2 * s.channels, 1), random(s.len() * count, 5));
    // Far from 0, as activations of a deep network may be.
    let x: Vec<f64> = random(s.len() * count, 2).iter().map(|x| f64::from((x + 3.0) as f32)).collect();
    let (residual, dz) = (random(x.len(), 3), random(x.len(), 4));
    let mut y = x.clone();
    if op.norm {
        reference_norm::forward(&parameters, None, &x, &mut y, count);
    }
    let mut sum = y.clone();
    if op.residual {
        add::forward(&y, &residual, &mut sum);
    }
    let mut z = sum.clone();
    if op.relu {
        activation::forward(Activation::Relu, &sum, &mut z);
    }
    let mut g = if op.relu { vec![0.0; z.len()] } else { dz.clone() };
    if op.relu {
        activation::backward(Activation::Relu, &sum, &z, &dz, &mut g);
    }
    let mut dx = before.clone();
    let mut gradient = vec![0.0; 2 * s.channels];
    let mut statistics = vec![0.0; 2 * s.channels];
    if op.norm {
        reference_norm::backward(&parameters, &x, &g, &mut gradient, &mut dx, count);
        reference_norm::accumulate(&x, count, 0.5, &mut statistics);
    } else {
        add::backward(&g, &mut dx);
    }

    let dispatcher = &c.dispatcher;
    let (place, gpu_theta) = (c.place(0)?, c.floats(&theta(&parameters))?);
    let len = op.norm_len() / 2;
    let [norm, means, sums] = [2 * len, len, len].map(|len| c.floats(&vec![0.0; len]));
    let [norm, means, sums] = [norm?, means?, sums?];
    let partial = c.floats(&vec![0.0; batch_norm::partial_len(dispatcher, s, count)])?;
    let gpu_gradient = c.floats(&theta(&gradient))?;
    let [gpu_x, gpu_residual] = [c.activations(s, &x)?, c.activations(s, &residual)?];
    let [gpu_z, gpu_dz] = [c.output(s, count)?, c.gradients(s, &dz)?];
    let [gpu_dx, gpu_dresidual] = [c.gradients(s, &before)?, c.output(s, count)?];
    let mut list = Vec::new();
    if op.norm {
        let buffers = NormBuffers { place: &place, theta: &gpu_theta, norm: &norm, statistics: Some(&sums) };
        list.extend(op.moments(dispatcher, count, &gpu_x, &partial, &buffers)?);
    }
    list.push(op.forward(dispatcher, &gpu_x, &norm, op.residual.then_some(&gpu_residual), &gpu_z)?);
    let buffers = BackwardBuffers {
        dz: &gpu_dz,
        x: &gpu_x,
        norm: &norm,
        means: &means,
        z: &gpu_z,
        dx: (&gpu_dx, true),
        dresidual: op.residual.then_some((&gpu_dresidual, false)),
    };
    if op.norm {
        list.extend(op.backward_sums(dispatcher, count, &buffers, &partial, &place, &gpu_gradient)?);
    }
    list.push(op.backward(dispatcher, &buffers)?);
    if op.norm {
        // Statistics that are given act as those that were found; here they have a share of one half.
        list.push(op.apply_statistics(dispatcher, &place, &gpu_theta, &sums, &norm)?);
    }
    c.run(PassParams { share: 0.5, ..images(count) }, &list)?;
    let mut error = c.error_of_activations(s, &gpu_z, &z)?.max(c.error_of_gradients(s, &gpu_dx, &dx)?);
    if op.residual {
        error = error.max(c.error_of_gradients(s, &gpu_dresidual, &g)?);
    }
    if op.norm {
        error = error.max(c.error(&gpu_gradient, OFFSET, &gradient)?);
        let flat = Shape::flat(s.channels);
        error = error.max(c.error_of_gradients(flat, &sums, &statistics[..s.channels])?);
        let variances = statistics[s.channels..].iter();
        let inverse: Vec<f64> =
            variances.map(|variance| 1.0 / (variance + reference_norm::EPSILON).sqrt()).collect();
        let found = c.read(&norm, len)?;
        let found: Vec<f64> = found[len / 2..][..s.channels].iter().map(|&x| f64::from(x)).collect();
        let relative = found.iter().zip(&inverse).map(|(f, i)| (f / i - 1.0).abs()).fold(0.0, f64::max);
        error = error.max(relative);
    }
    // Sums of squares around a mean of three times their root, and divisions by their deviation.
    Ok(Outcome { error, terms: 10 * count * s.height * s.width })
}

fn pool_max(c: &CheckDispatcher, window: Window, channels: usize) -> Result<Outcome> {
    let count = 3;
    let (rows, columns) = window.output();
    let input = Shape { channels, height: window.height, width: window.width };
    let output = Shape { channels, height: rows, width: columns };
    // Few different elements, so that there are ties.
    let x: Vec<f64> = random(input.len() * count, 1).iter().map(|x| x.round()).collect();
    let (dy, before) = (random(output.len() * count, 2), random(x.len(), 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], before.clone());
    max_pool::forward(&window, &x, &mut y);
    max_pool::backward(&window, &x, &dy, &mut dx);
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([input, output], count, [&x, &dy, &before])?;
    let forward = pool::max_forward(&c.dispatcher, &window, channels, gpu_x, gpu_y)?;
    let backward = pool::max_backward(&c.dispatcher, &window, channels, true, [gpu_x, gpu_dy, gpu_dx])?;
    c.run(images(count), &[forward, backward])?;
    let error = c.error_of_activations(output, gpu_y, &y)?.max(c.error_of_gradients(input, gpu_dx, &dx)?);
    Ok(Outcome { error, terms: window.kernel * window.kernel })
}

fn pool_average(c: &CheckDispatcher, s: Shape) -> Result<Outcome> {
    let count = 3;
    let flat = Shape::flat(s.channels);
    let (x, dy, before) =
        (random(s.len() * count, 1), random(s.channels * count, 2), random(s.len() * count, 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], before.clone());
    global_average_pool::forward(&x, &mut y);
    global_average_pool::backward(&dy, &mut dx);
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([s, flat], count, [&x, &dy, &before])?;
    let forward = pool::average_forward(&c.dispatcher, s, gpu_x, gpu_y)?;
    let backward = pool::average_backward(&c.dispatcher, s, true, gpu_dy, gpu_dx)?;
    c.run(images(count), &[forward, backward])?;
    let error = c.error_of_activations(flat, gpu_y, &y)?.max(c.error_of_gradients(s, gpu_dx, &dx)?);
    Ok(Outcome { error, terms: s.height * s.width })
}

fn losses(c: &CheckDispatcher, classes: usize) -> Result<Outcome> {
    let count = 70;
    let flat = Shape::flat(classes);
    let logits = random(classes * count, 1);
    let labels: Vec<u8> = (0..count).map(|i| (i * i % classes) as u8).collect();
    let losses: Vec<f64> = cross_entropy::losses(Options::default(), &logits, &labels).collect();
    let mut gradient = vec![0.0; logits.len()];
    cross_entropy::backward(Options::default(), 1.0 / count as f64, &logits, &labels, &mut gradient);
    let is_wrong =
        |(logits, label): &(&[f64], &u8)| cross_entropy::arg_max(logits) != Some(usize::from(**label));
    let wrong = logits.chunks(classes).zip(&labels).filter(is_wrong).count();
    let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
    let [gpu_logits, gpu_gradient] = [c.gradients(flat, &logits)?, c.output(flat, count)?];
    let gpu_labels = c.dispatcher.device.buffer_with("labels", &labels)?;
    let [scores, sums] = [c.floats(&vec![0.0; 2 * count])?, c.floats(&[0.0; 8])?];
    let gradient_buffer = Some(&gpu_gradient);
    let entropy =
        loss::cross_entropy(&c.dispatcher, classes, &gpu_logits, &gpu_labels, &scores, gradient_buffer)?;
    let params = PassParams { loss_index: 2, ..images(count) };
    c.run(params, &[entropy, loss::sums(&c.dispatcher, &scores, &sums)?])?;
    let expected = [losses.iter().sum::<f64>(), wrong as f64];
    let error = c.error_of_gradients(flat, &gpu_gradient, &gradient)?.max(c.error(&sums, 4, &expected)?);
    Ok(Outcome { error, terms: count + classes })
}

//! Convolutions in all directions, with groups and dilation, and what they do with their sums.

use super::{Case, CheckDispatcher, OFFSET, Outcome, difference, images, random, shape, theta};
use crate::error::Result;
use crate::kernels::batch_norm::{self, BackwardBuffers, MomentParts, NormBuffers, Normalisation};
use crate::kernels::convolution::{Convolution, Epilogue};
use crate::kernels::{self, PassParams, whole};
use valleys_core::kernels::activation::{self, Activation};
use valleys_core::kernels::{Window, batch_norm as reference_norm, convolution};
use valleys_core::network::Shape;

/// Shape of the input, outputs, kernel, stride, padding, bias, images of the batch and of a full one, groups and dilation.
type ConvolutionCase = (Shape, usize, usize, usize, usize, bool, [usize; 2], [usize; 2]);

const CONVOLUTIONS: [ConvolutionCase; 26] = [
    (shape(1, 8, 7), 6, 5, 1, 2, true, [3, 3], [1, 1]),
    (shape(6, 9, 9), 16, 5, 1, 0, true, [2, 5], [1, 1]),
    (shape(3, 6, 6), 16, 3, 1, 1, false, [4, 4], [1, 1]),
    (shape(16, 5, 8), 16, 3, 1, 1, false, [3, 7], [1, 1]),
    (shape(8, 7, 9), 12, 3, 2, 1, false, [2, 2], [1, 1]),
    (shape(16, 8, 8), 32, 1, 2, 0, false, [3, 3], [1, 1]),
    (shape(5, 4, 3), 7, 2, 1, 1, true, [1, 2], [1, 1]),
    (shape(2, 9, 10), 3, 3, 3, 2, true, [2, 2], [1, 1]),
    (shape(33, 1, 1), 10, 1, 1, 0, true, [9, 9], [1, 1]),
    // More positions than a workgroup has.
    (shape(4, 19, 17), 20, 3, 1, 1, false, [3, 4], [1, 1]),
    // Groups of few channels, of whole blocks, of each channel alone.
    (shape(6, 7, 8), 9, 3, 1, 1, true, [3, 4], [3, 1]),
    (shape(10, 7, 9), 10, 3, 2, 1, false, [2, 2], [10, 1]),
    (shape(5, 6, 6), 10, 3, 1, 0, true, [3, 3], [5, 1]),
    (shape(32, 5, 6), 64, 3, 1, 1, false, [3, 3], [2, 1]),
    (shape(24, 6, 5), 24, 3, 1, 1, true, [2, 5], [3, 1]),
    (shape(2, 6, 7), 4, 2, 1, 1, false, [3, 3], [2, 1]),
    (shape(3, 5, 6), 3, 3, 1, 1, true, [2, 3], [3, 1]),
    (shape(20, 6, 6), 6, 3, 2, 1, false, [3, 3], [2, 1]),
    // A block of a group beside one of another, read from the end.
    (shape(22, 4, 4), 33, 1, 1, 0, true, [2, 2], [11, 1]),
    // Dilation with strides of no common divisor, of one, of all.
    (shape(5, 9, 8), 7, 3, 1, 2, true, [3, 3], [1, 2]),
    (shape(16, 13, 11), 16, 3, 2, 1, false, [2, 3], [1, 2]),
    (shape(6, 13, 12), 8, 3, 2, 3, false, [2, 2], [1, 3]),
    (shape(4, 15, 17), 6, 3, 4, 4, true, [2, 2], [1, 2]),
    (shape(3, 14, 17), 5, 4, 4, 3, false, [2, 2], [1, 6]),
    (shape(4, 12, 13), 4, 2, 3, 5, false, [2, 2], [1, 9]),
    (shape(12, 11, 10), 18, 3, 2, 3, true, [2, 3], [6, 3]),
];

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (i, case) in CONVOLUTIONS.into_iter().enumerate() {
        let kernels = "pack convolution conv_backward_weights row_sums";
        all.push(Case::new(kernels, case, move |c| convolve(c, case, i % 2 == 0)));
        all.push(Case::new("convolution moments_reduce", case, move |c| convolve_with_moments(c, case)));
    }
    for function in super::ACTIVATIONS.into_iter().filter(|function| function.derives_from_output()) {
        let kernels = "convolution activation_backward";
        all.push(Case::new(kernels, function, move |c| convolve_with_activation(c, function)));
    }
    all
}

fn window_of(case: ConvolutionCase) -> (Window, Convolution) {
    let (input, outputs, kernel, stride, padding, bias, _, [groups, dilation]) = case;
    let window = Window { height: input.height, width: input.width, kernel, stride, padding, dilation };
    let (height, width) = window.output();
    let output = Shape { channels: outputs, height, width };
    let kernel = [kernel; 2];
    let f32_output = false;
    (window, Convolution { input, output, kernel, stride, padding, dilation, groups, bias, f32_output })
}

fn convolve(c: &CheckDispatcher, case: ConvolutionCase, accumulate: bool) -> Result<Outcome> {
    let (window, conv) = window_of(case);
    let Convolution { input, output, bias, groups, .. } = conv;
    let (_, outputs, kernel, .., [count, batch], _) = case;
    let weights_len = outputs * input.channels / groups * kernel * kernel;
    let parameters = random(weights_len + if bias { outputs } else { 0 }, 1);
    let (x, dy) = (random(input.len() * count, 2), random(output.len() * count, 3));

    let mut y = vec![0.0; dy.len()];
    convolution::forward(&window, groups, &parameters, &x, &mut y, count);
    let before = random(x.len(), 4);
    let mut dx = if accumulate { before.clone() } else { vec![0.0; x.len()] };
    convolution::backward_data(&window, groups, &parameters, &dy, &mut dx, count);
    let mut gradient = vec![0.0; parameters.len()];
    convolution::backward_weights(&window, groups, &x, &dy, &mut gradient, count);

    let dispatcher = &c.dispatcher;
    let gpu_theta = c.floats(&theta(&parameters))?;
    let tables = [conv.forward_table(), conv.backward_table(), conv.bias_table()];
    let ([forward, backward, biases], mut list) = c.packed(tables, &gpu_theta)?;
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([input, output], count, [&x, &dy, &before])?;
    let gpu_bias = bias.then(|| whole(&biases));
    list.push(conv.forward(dispatcher, Epilogue::None, gpu_x, whole(&forward), gpu_bias, gpu_y)?);
    list.push(conv.backward_data(dispatcher, accumulate, gpu_dy, whole(&backward), gpu_dx)?);
    let partial_len =
        conv.partial_len(dispatcher, batch).max(batch_norm::partial_len(dispatcher, output, batch));
    let [partial, gpu_gradient] = [c.floats(&vec![0.0; partial_len])?, c.floats(&theta(&gradient))?];
    let place = c.place(0)?;
    list.extend(conv.backward_weights(dispatcher, batch, gpu_x, gpu_dy, &partial, &place, &gpu_gradient)?);
    if bias {
        let place = c.place(weights_len)?;
        let sums = Normalisation { shape: output, norm: false, residual: false, activation: None };
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
    let Convolution { input, output, bias, groups, .. } = conv;
    let (_, outputs, kernel, .., [count, batch], _) = case;
    let mut parameters = random(outputs * input.channels / groups * kernel * kernel, 1);
    // Far from 0, as activations of a deep network may be.
    parameters.extend(random(if bias { outputs } else { 0 }, 2).iter().map(|x| x + 30.0));
    let x = random(input.len() * count, 3);
    let mut y = vec![0.0; output.len() * count];
    convolution::forward(&window, groups, &parameters, &x, &mut y, count);
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
    let op = Normalisation { shape: output, norm: true, residual: false, activation: None };
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

/// The activation behind a convolution: of the largest inputs in both directions, too.
fn convolve_with_activation(c: &CheckDispatcher, function: Activation) -> Result<Outcome> {
    let case = (shape(3, 5, 6), 6, 3, 1, 1, true, [4, 4], [1, 1]);
    let (window, conv) = window_of(case);
    let (Convolution { input, output, .. }, count) = (conv, 4);
    let parameters: Vec<f64> = random(6 * 3 * 9 + 6, 1).iter().map(|x| 2.0 * x).collect();
    let (x, dz) = (random(input.len() * count, 2), random(output.len() * count, 3));
    let mut sum = vec![0.0; dz.len()];
    convolution::forward(&window, 1, &parameters, &x, &mut sum, count);
    let mut z = vec![0.0; dz.len()];
    activation::forward(function, &sum, &mut z);
    let mut g = vec![0.0; dz.len()];
    activation::backward(function, &sum, &z, &dz, &mut g);

    let gpu_theta = c.floats(&theta(&parameters))?;
    let ([weights, biases], mut list) = c.packed([conv.forward_table(), conv.bias_table()], &gpu_theta)?;
    let [gpu_x, gpu_z, gpu_dz] =
        [c.activations(input, &x)?, c.output(output, count)?, c.gradients(output, &dz)?];
    let epilogue = Epilogue::Activation(function);
    list.push(conv.forward(
        &c.dispatcher,
        epilogue,
        &gpu_x,
        whole(&weights),
        Some(whole(&biases)),
        &gpu_z,
    )?);
    list.push(kernels::activation::backward(&c.dispatcher, function, output, &gpu_z, &gpu_dz)?);
    c.run(images(count), &list)?;
    let error = c.error_of_activations(output, &gpu_z, &z)?.max(c.error_of_gradients(output, &gpu_dz, &g)?);
    Ok(Outcome { error, terms: 27 })
}

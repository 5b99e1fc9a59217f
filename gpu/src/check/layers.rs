//! Layers, forward and backward.

use super::{Case, CheckContext, OFFSET, Outcome, difference, images, random, theta};
use crate::error::Result;
use crate::kernels::batch_norm::{self, BackwardBuffers, MomentParts, NormBuffers, Normalisation};
use crate::kernels::convolution::{Convolution, Epilogue};
use crate::kernels::{PassParams, loss, pool, whole};
use valleys_core::kernels::Window;
use valleys_core::kernels::{
    add, average_pool, batch_norm as norm, convolution, cross_entropy, max_pool, relu,
};
use valleys_core::network::Shape;

const fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// Shape before, outputs, kernel, stride, padding, bias, images of a batch and of a full one.
type Convolved = (Shape, usize, usize, usize, usize, bool, [usize; 2]);

const CONVOLUTIONS: [Convolved; 10] = [
    (shape(1, 8, 7), 6, 5, 1, 2, true, [3, 3]),
    (shape(6, 9, 9), 16, 5, 1, 0, true, [2, 5]),
    (shape(3, 6, 6), 16, 3, 1, 1, false, [4, 4]),
    (shape(16, 5, 8), 16, 3, 1, 1, false, [3, 7]),
    (shape(8, 7, 9), 12, 3, 2, 1, false, [2, 2]),
    (shape(16, 8, 8), 32, 1, 2, 0, false, [3, 3]),
    (shape(5, 4, 3), 7, 2, 1, 1, true, [1, 2]),
    (shape(2, 9, 10), 3, 3, 3, 2, true, [2, 2]),
    (shape(33, 1, 1), 10, 1, 1, 0, true, [9, 9]),
    // More places than a workgroup has.
    (shape(4, 19, 17), 20, 3, 1, 1, false, [3, 4]),
];

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for case in CONVOLUTIONS {
        all.push(Case::new("pack convolution conv_backward_weights row_sums", case, move |t| {
            convolved(t, case)
        }));
        all.push(Case::new("convolution moments_reduce", case, move |t| left(t, case)));
    }
    for (i, s) in [shape(16, 5, 5), shape(3, 4, 7), shape(6, 1, 1)].into_iter().enumerate() {
        for (add, relu) in [(false, false), (false, true), (true, false), (true, true)] {
            let norm = Normalisation { shape: s, norm: true, add, relu };
            let plain = Normalisation { norm: false, ..norm };
            let count = 3 + 4 * i;
            all.push(Case::new("moments normalise row_sums", norm, move |t| normalised(t, norm, count)));
            if add || relu {
                all.push(Case::new("normalise", plain, move |t| normalised(t, plain, count)));
            }
        }
    }
    let window = |height, width, kernel, stride| Window { height, width, kernel, stride, padding: 0 };
    for (w, channels) in [(window(6, 6, 2, 2), 16), (window(9, 8, 3, 2), 3), (window(5, 7, 2, 3), 6)] {
        all.push(Case::new("max_pool", (w, channels), move |t| pooled(t, w, channels)));
    }
    for s in [shape(64, 8, 8), shape(5, 3, 2)] {
        all.push(Case::new("average_pool", s, move |t| averaged(t, s)));
    }
    for classes in [10, 3, 8] {
        all.push(Case::new("cross_entropy scores", classes, move |t| lost(t, classes)));
    }
    all
}

fn convolution((input, outputs, kernel, stride, padding, bias, _): Convolved) -> (Window, Convolution) {
    let window = Window { height: input.height, width: input.width, kernel, stride, padding };
    let (height, width) = window.output();
    let output = Shape { channels: outputs, height, width };
    (window, Convolution { input, output, kernel: [kernel; 2], stride, padding, bias, logits: false })
}

fn convolved(t: &CheckContext, case: Convolved) -> Result<Outcome> {
    let (window, convolution) = convolution(case);
    let Convolution { input, output, bias, .. } = convolution;
    let (_, outputs, kernel, .., [count, batch]) = case;
    let weights = outputs * input.channels * kernel * kernel;
    let parameters = random(weights + if bias { outputs } else { 0 }, 1);
    let (x, dy) = (random(input.len() * count, 2), random(output.len() * count, 3));

    let mut y = vec![0.0; dy.len()];
    convolution::forward(&window, &parameters, &x, &mut y, count);
    let mut dx = random(x.len(), 4);
    let before = dx.clone();
    convolution::backward_data(&window, &parameters, &dy, &mut dx, count);
    let mut gradient = vec![0.0; parameters.len()];
    convolution::backward_weights(&window, &x, &dy, &mut gradient, count);

    let context = &t.context;
    let all = t.floats(&theta(&parameters))?;
    let tables = [convolution.forward_table(), convolution.backward_table(), convolution.bias_table()];
    let ([forward, backward, biases], mut list) = t.packed(tables, &all)?;
    let [on_x, on_y, on_dy, on_dx] = &t.layer([input, output], count, [&x, &dy, &before])?;
    list.push(convolution.forward(
        context,
        Epilogue::Nothing,
        on_x,
        whole(&forward),
        bias.then(|| whole(&biases)),
        on_y,
    )?);
    list.push(convolution.backward_data(context, true, on_dy, whole(&backward), on_dx)?);
    let part = convolution.part_len(context, batch).max(batch_norm::part_len(context, output, batch));
    let [part, on_gradient] = [t.floats(&vec![0.0; part])?, t.floats(&theta(&gradient))?];
    let place = t.place()?;
    list.extend(convolution.backward_weights(context, batch, on_x, on_dy, &part, &place, &on_gradient)?);
    if bias {
        let place = context.device.uniform("place", 16)?;
        context.device.write(&place, &[(OFFSET + weights) as u32, 0, 0, 0]);
        let plain = Normalisation { shape: output, norm: false, add: false, relu: false };
        let back = BackwardBuffers {
            dz: on_dy,
            x: on_x,
            norm: on_x,
            means: on_x,
            z: on_y,
            dx: (on_dx, true),
            dother: None,
        };
        list.extend(plain.backward_sums(context, batch, &back, &part, &place, &on_gradient)?);
    }
    t.run(images(count), &list)?;
    let error = t.error_of_activations(output, on_y, &y)?.max(t.error(input, on_dx, &dx)?);
    let error = error.max(t.difference(&on_gradient, OFFSET, &gradient)?);
    Ok(Outcome { error, terms: (count * output.height * output.width).max(input.channels * kernel * kernel) })
}

/// What a batch norm learns from the moments that a convolution leaves.
fn left(t: &CheckContext, case: Convolved) -> Result<Outcome> {
    let (window, convolution) = convolution(case);
    let Convolution { input, output, bias, .. } = convolution;
    let (_, outputs, kernel, .., [count, batch]) = case;
    let mut parameters = random(outputs * input.channels * kernel * kernel, 1);
    // Far from 0, as the inputs of a deep network may be.
    parameters.extend(random(if bias { outputs } else { 0 }, 2).iter().map(|x| x + 30.0));
    let x = random(input.len() * count, 3);
    let mut y = vec![0.0; output.len() * count];
    convolution::forward(&window, &parameters, &x, &mut y, count);
    let mut statistics = vec![0.0; 2 * outputs];
    norm::accumulate(&t.stored(&y), count, 0.5, &mut statistics);

    let context = &t.context;
    let all = t.floats(&theta(&parameters))?;
    let tables = [convolution.forward_table(), convolution.bias_table()];
    let ([weights, biases], mut list) = t.packed(tables, &all)?;
    let [on_x, on_y] = [t.activations(input, &x)?, t.room(output, count)?];
    let run = convolution.run_len(context);
    let part = t.floats(&vec![f64::NAN; batch_norm::moments_len(output, batch, run)])?;
    let on_bias = bias.then(|| whole(&biases));
    list.push(convolution.forward(
        context,
        Epilogue::Moments(&part),
        &on_x,
        whole(&weights),
        on_bias,
        &on_y,
    )?);
    let op = Normalisation { shape: output, norm: true, add: false, relu: false };
    let [act, sums] = [op.norm_len(), op.norm_len() / 2].map(|len| t.floats(&vec![0.0; len]));
    let (act, sums, place) = (act?, sums?, t.place()?);
    let acts = NormBuffers { place: &place, theta: &all, norm: &act, statistics: Some(&sums) };
    list.push(op.join(context, MomentParts::Runs(run), &part, &acts)?);
    t.run(PassParams { share: 0.5, ..images(count) }, &list)?;
    let half = op.norm_len() / 4;
    let found = t.read(&sums, 2 * half)?;
    let error =
        [0, 1].map(|i| difference(&found[i * half..][..outputs], &statistics[i * outputs..][..outputs]));
    let error = error[0].max(error[1]).max(t.error_of_activations(output, &on_y, &y)?);
    Ok(Outcome {
        error,
        terms: 10 * (count * output.height * output.width).max(input.channels * kernel * kernel),
    })
}

fn normalised(t: &CheckContext, op: Normalisation, count: usize) -> Result<Outcome> {
    let s = op.shape;
    let (parameters, before) = (random(2 * s.channels, 1), random(s.len() * count, 5));
    // Far from 0, as the inputs of a deep network may be.
    let x: Vec<f64> = random(s.len() * count, 2).iter().map(|x| f64::from((x + 3.0) as f32)).collect();
    let (other, dz) = (random(x.len(), 3), random(x.len(), 4));
    let mut y = x.clone();
    if op.norm {
        norm::forward(&parameters, None, &x, &mut y, count);
    }
    let mut sum = y.clone();
    if op.add {
        add::forward(&y, &other, &mut sum);
    }
    let mut z = sum.clone();
    if op.relu {
        relu::forward(&sum, &mut z);
    }
    let mut g = if op.relu { vec![0.0; z.len()] } else { dz.clone() };
    if op.relu {
        relu::backward(&z, &dz, &mut g);
    }
    let mut dx = before.clone();
    let mut gradient = vec![0.0; 2 * s.channels];
    let mut statistics = vec![0.0; 2 * s.channels];
    if op.norm {
        norm::backward(&parameters, &x, &g, &mut gradient, &mut dx, count);
        norm::accumulate(&x, count, 0.5, &mut statistics);
    } else {
        add::backward(&g, &mut dx);
    }

    let context = &t.context;
    let (place, all) = (t.place()?, t.floats(&theta(&parameters))?);
    let half = op.norm_len() / 2;
    let [act, means, sums] = [2 * half, half, half].map(|len| t.floats(&vec![0.0; len]));
    let [act, means, sums] = [act?, means?, sums?];
    let part = t.floats(&vec![0.0; batch_norm::part_len(context, s, count)])?;
    let on_gradient = t.floats(&theta(&gradient))?;
    let buffers = [t.activations(s, &x)?, t.activations(s, &other)?, t.room(s, count)?, t.gradients(s, &dz)?];
    let [on_x, on_other, on_z, on_dz] = &buffers;
    let [on_dx, on_dother] = [t.gradients(s, &before)?, t.room(s, count)?];
    let mut list = Vec::new();
    if op.norm {
        let acts = NormBuffers { place: &place, theta: &all, norm: &act, statistics: Some(&sums) };
        list.extend(op.moments(context, count, on_x, &part, &acts)?);
    }
    list.push(op.forward(context, on_x, &act, op.add.then_some(on_other), on_z)?);
    let dother = op.add.then_some((&on_dother, false));
    let back = BackwardBuffers {
        dz: on_dz,
        x: on_x,
        norm: &act,
        means: &means,
        z: on_z,
        dx: (&on_dx, true),
        dother,
    };
    if op.norm {
        list.extend(op.backward_sums(context, count, &back, &part, &place, &on_gradient)?);
    }
    list.push(op.backward(context, &back)?);
    if op.norm {
        // Statistics that are given act as those that were found, here from a sum of shares of one half.
        list.push(op.given(context, &place, &all, &sums, &act)?);
    }
    t.run(PassParams { share: 0.5, ..images(count) }, &list)?;
    let mut error = t.error_of_activations(s, on_z, &z)?.max(t.error(s, &on_dx, &dx)?);
    if op.add {
        error = error.max(t.error(s, &on_dother, &g)?);
    }
    if op.norm {
        error = error.max(t.difference(&on_gradient, OFFSET, &gradient)?);
        let of_channels = Shape::flat(s.channels);
        error = error.max(t.error(of_channels, &sums, &statistics[..s.channels])?);
        let inverse: Vec<f64> =
            statistics[s.channels..].iter().map(|variance| 1.0 / (variance + norm::EPSILON).sqrt()).collect();
        let found = t.read(&act, half)?;
        let found: Vec<f64> = found[half / 2..][..s.channels].iter().map(|&x| f64::from(x)).collect();
        let apart = found.iter().zip(&inverse).map(|(f, i)| (f / i - 1.0).abs()).fold(0.0, f64::max);
        error = error.max(apart);
    }
    // Sums of squares around a mean of three times their root, and divisions by their deviation.
    Ok(Outcome { error, terms: 10 * count * s.height * s.width })
}

fn pooled(t: &CheckContext, window: Window, channels: usize) -> Result<Outcome> {
    let count = 3;
    let (rows, columns) = window.output();
    let input = Shape { channels, height: window.height, width: window.width };
    let output = Shape { channels, height: rows, width: columns };
    // Few different numbers: ties.
    let x: Vec<f64> = random(input.len() * count, 1).iter().map(|x| x.round()).collect();
    let (dy, before) = (random(output.len() * count, 2), random(x.len(), 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], before.clone());
    max_pool::forward(&window, &x, &mut y);
    max_pool::backward(&window, &x, &dy, &mut dx);
    let [on_x, on_y, on_dy, on_dx] = &t.layer([input, output], count, [&x, &dy, &before])?;
    let forward = pool::max_forward(&t.context, &window, channels, on_x, on_y)?;
    let backward = pool::max_backward(&t.context, &window, channels, true, [on_x, on_dy, on_dx])?;
    t.run(images(count), &[forward, backward])?;
    let error = t.error_of_activations(output, on_y, &y)?.max(t.error(input, on_dx, &dx)?);
    Ok(Outcome { error, terms: window.kernel * window.kernel })
}

fn averaged(t: &CheckContext, s: Shape) -> Result<Outcome> {
    let count = 3;
    let flat = Shape::flat(s.channels);
    let (x, dy, before) =
        (random(s.len() * count, 1), random(s.channels * count, 2), random(s.len() * count, 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], before.clone());
    average_pool::forward(&x, &mut y);
    average_pool::backward(&dy, &mut dx);
    let [on_x, on_y, on_dy, on_dx] = &t.layer([s, flat], count, [&x, &dy, &before])?;
    let forward = pool::average_forward(&t.context, s, on_x, on_y)?;
    t.run(images(count), &[forward, pool::average_backward(&t.context, s, true, on_dy, on_dx)?])?;
    Ok(Outcome {
        error: t.error_of_activations(flat, on_y, &y)?.max(t.error(s, on_dx, &dx)?),
        terms: s.height * s.width,
    })
}

fn lost(t: &CheckContext, classes: usize) -> Result<Outcome> {
    let count = 70;
    let flat = Shape::flat(classes);
    let z = random(classes * count, 1);
    let labels: Vec<u8> = (0..count).map(|i| (i * i % classes) as u8).collect();
    let losses: Vec<f64> = cross_entropy::losses(&z, &labels).collect();
    let mut gradient = vec![0.0; z.len()];
    cross_entropy::backward(&z, &labels, &mut gradient);
    let right = |(z, label): (&[f64], &u8)| cross_entropy::arg_max(z) == Some(usize::from(*label));
    let wrong = z.chunks(classes).zip(&labels).filter(|pair| !right(*pair)).count();
    let device = t.context.device;
    let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
    let [on_z, on_gradient] = [t.gradients(flat, &z)?, t.room(flat, count)?];
    let [on_labels, scores] = [device.buffer_with("labels", &labels)?, t.floats(&vec![0.0; 2 * count])?];
    let sums = t.floats(&[0.0; 8])?;
    let losses_of = loss::cross_entropy(&t.context, classes, &on_z, &on_labels, &scores, Some(&on_gradient))?;
    let params = PassParams { number: 2, ..images(count) };
    t.run(params, &[losses_of, loss::sums(&t.context, &scores, &sums)?])?;
    let expected = [losses.iter().sum::<f64>(), wrong as f64];
    let error = t.error(flat, &on_gradient, &gradient)?.max(t.difference(&sums, 4, &expected)?);
    Ok(Outcome { error, terms: count + classes })
}

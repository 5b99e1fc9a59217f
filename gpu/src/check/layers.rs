//! Norms, activations, dropout, pooling, forward and backward.

use super::{ACTIVATIONS, Case, CheckDispatcher, OFFSET, Outcome, images, random, shape, theta};
use crate::error::Result;
use crate::kernels::batch_norm::{self, BackwardBuffers, NormBuffers, Normalisation};
use crate::kernels::dropout::Dropout;
use crate::kernels::layer_norm::{LayerNorm, LayerNormBuffers};
use crate::kernels::pool::{self, Pool};
use crate::kernels::{Dispatch, PassParams};
use valleys_core::kernels::dropout::{self, Mask};
use valleys_core::kernels::{
    Window, activation, add, average_pool, batch_norm as reference_norm, global_average_pool, layer_norm,
    max_pool,
};
use valleys_core::network::Shape;

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let functions = || std::iter::once(None).chain(ACTIVATIONS.map(Some));
    for (i, s) in [shape(16, 5, 5), shape(3, 4, 7), shape(6, 1, 1)].into_iter().enumerate() {
        for (residual, activation) in [false, true].into_iter().flat_map(|r| functions().map(move |f| (r, f)))
        {
            let from_output = activation.is_none_or(|function| function.derives_from_output());
            let norm = Normalisation { shape: s, norm: true, residual, activation };
            let plain = Normalisation { norm: false, ..norm };
            let (count, accumulate) = (3 + 4 * i, i != 1);
            if from_output {
                let kernels = "moments normalise row_sums";
                all.push(Case::new(kernels, norm, move |c| normalise(c, norm, count, accumulate)));
            }
            if (residual || activation.is_some()) && (from_output || !residual) {
                all.push(Case::new("normalise", plain, move |c| normalise(c, plain, count, accumulate)));
            }
        }
    }
    for (s, count) in [(shape(5, 3, 4), 9), (shape(64, 1, 1), 30), (shape(7, 1, 1), 1), (shape(3, 11, 9), 5)]
    {
        for accumulate in [false, true] {
            let kernels = "layer_norm layer_norm_sums";
            all.push(Case::new(kernels, (s, accumulate), move |c| normalise_layer(c, s, count, accumulate)));
        }
    }
    for (s, probability) in [(shape(5, 3, 4), 0.3), (shape(9, 1, 1), 0.875), (shape(8, 2, 5), 0.0)] {
        for accumulate in [false, true] {
            let dropout = Dropout { shape: s, row: 7, probability };
            all.push(Case::new("dropout", dropout, move |c| drop_out(c, dropout, accumulate)));
        }
    }
    let window = |height, width, kernel, stride, padding| Window {
        height,
        width,
        kernel,
        stride,
        padding,
        dilation: 1,
    };
    let windows = [
        (window(6, 6, 2, 2, 0), 16),
        (window(9, 8, 3, 2, 0), 3),
        (window(5, 7, 2, 3, 0), 6),
        (window(9, 8, 3, 2, 1), 6),
        (window(7, 6, 5, 3, 2), 5),
        (window(4, 5, 2, 1, 1), 4),
        (window(1, 1, 3, 1, 1), 3),
    ];
    for (w, channels) in windows {
        for accumulate in [false, true] {
            let what = (w, channels, accumulate);
            all.push(Case::new("max_pool", what, move |c| {
                pool_windows(c, Pool::Max, w, channels, accumulate)
            }));
            all.push(Case::new("average_pool", what, move |c| {
                pool_windows(c, Pool::Average, w, channels, accumulate)
            }));
        }
    }
    for s in [shape(64, 8, 8), shape(5, 3, 2)] {
        for accumulate in [false, true] {
            let what = (s, accumulate);
            all.push(Case::new("global_average_pool", what, move |c| pool_all(c, s, accumulate)));
        }
    }
    all
}

fn normalise(c: &CheckDispatcher, op: Normalisation, count: usize, accumulate: bool) -> Result<Outcome> {
    let s = op.shape;
    let (parameters, before) = (random(2 * s.channels, 1), random(s.len() * count, 5));
    // Far from 0 in front of a batch norm, as activations of a deep network may be.
    let [scale, shift] = if op.norm { [1.0, 3.0] } else { [3.0, 0.0] };
    let x: Vec<f64> = random(s.len() * count, 2).iter().map(|x| scale * x + shift).collect();
    let x = c.stored(&x);
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
    let mut g = dz.clone();
    if let Some(function) = op.activation {
        activation::forward(function, &sum, &mut z);
        g.fill(0.0);
        activation::backward(function, &sum, &z, &dz, &mut g);
    }
    let mut dx = if accumulate { before.clone() } else { vec![0.0; x.len()] };
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
        dx: (&gpu_dx, accumulate),
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

fn normalise_layer(c: &CheckDispatcher, s: Shape, count: usize, accumulate: bool) -> Result<Outcome> {
    let parameters = random(2 * s.len(), 1);
    // Far from 0, as activations of a deep network may be.
    let x: Vec<f64> = random(s.len() * count, 2).iter().map(|x| x + 3.0).collect();
    let x = c.stored(&x);
    let (dy, before) = (random(x.len(), 3), random(x.len(), 4));
    let (mut y, mut dx) = (vec![0.0; x.len()], if accumulate { before.clone() } else { vec![0.0; x.len()] });
    layer_norm::forward(&parameters, &x, &mut y);
    let mut gradient = vec![0.0; parameters.len()];
    layer_norm::backward(&parameters, &x, &dy, &mut gradient, &mut dx);

    let (dispatcher, norm) = (&c.dispatcher, LayerNorm(s));
    let (place, gpu_theta) = (c.place(0)?, c.floats(&theta(&parameters))?);
    let moments = c.floats(&vec![7.0; 2 * count])?;
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([s, s], count, [&x, &dy, &before])?;
    let partial = c.floats(&vec![f64::NAN; norm.partial_len(dispatcher, count)])?;
    let gpu_gradient = c.floats(&theta(&gradient))?;
    let buffers = LayerNormBuffers { place: &place, theta: &gpu_theta, moments: &moments };
    let mut list = vec![norm.forward(dispatcher, buffers, gpu_x, gpu_y)?];
    let sums =
        norm.backward_parameters(dispatcher, count, buffers, [gpu_x, gpu_dy], &partial, &gpu_gradient)?;
    list.extend(sums);
    list.push(norm.backward(dispatcher, buffers, accumulate, [gpu_x, gpu_dy, gpu_dx])?);
    c.run(images(count), &list)?;
    let error = c.error_of_activations(s, gpu_y, &y)?.max(c.error_of_gradients(s, gpu_dx, &dx)?);
    let error = error.max(c.error(&gpu_gradient, OFFSET, &gradient)?);
    // As of batch norms.
    Ok(Outcome { error, terms: 10 * s.len().max(count) })
}

fn drop_out(c: &CheckDispatcher, dropout: Dropout, accumulate: bool) -> Result<Outcome> {
    let (count, key, s) = (3, [0x0123_4567, 0x89ab_cdef], dropout.shape);
    let (x, dy, before) =
        (random(s.len() * count, 1), random(s.len() * count, 2), random(s.len() * count, 3));
    let (mut y, mut dx) = (vec![0.0; x.len()], if accumulate { before.clone() } else { vec![0.0; x.len()] });
    let mask = Mask::new(key, dropout.row, dropout.probability);
    dropout::forward(&mask, &x, &mut y);
    dropout::backward(&mask, &dy, &mut dx);
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([s, s], count, [&x, &dy, &before])?;
    let forward = dropout.forward(&c.dispatcher, gpu_x, gpu_y)?;
    let backward = dropout.backward(&c.dispatcher, accumulate, gpu_dy, gpu_dx)?;
    c.run(PassParams { dropout_key: key, ..images(count) }, &[forward, backward])?;
    let error = c.error_of_activations(s, gpu_y, &y)?.max(c.error_of_gradients(s, gpu_dx, &dx)?);
    Ok(Outcome { error, terms: 1 })
}

fn pool_windows(
    c: &CheckDispatcher,
    pool: Pool,
    window: Window,
    channels: usize,
    accumulate: bool,
) -> Result<Outcome> {
    let count = 3;
    let (rows, columns) = window.output();
    let input = Shape { channels, height: window.height, width: window.width };
    let output = Shape { channels, height: rows, width: columns };
    // Few different elements, so that there are ties; all below 0, so that padding of zeros would be the largest.
    let x: Vec<f64> = random(input.len() * count, 1).iter().map(|x| x.round() - 9.0).collect();
    let (dy, before) = (random(output.len() * count, 2), random(x.len(), 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], if accumulate { before.clone() } else { vec![0.0; x.len()] });
    match pool {
        Pool::Max => {
            max_pool::forward(&window, &x, &mut y);
            max_pool::backward(&window, &x, &dy, &mut dx);
        }
        Pool::Average => {
            average_pool::forward(&window, &x, &mut y);
            average_pool::backward(&window, &dy, &mut dx);
        }
    }
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([input, output], count, [&x, &dy, &before])?;
    let forward = pool.forward(&c.dispatcher, &window, channels, gpu_x, gpu_y)?;
    let backward = pool.backward(&c.dispatcher, &window, channels, accumulate, [gpu_x, gpu_dy, gpu_dx])?;
    compare_pools(c, [input, output], [forward, backward], [gpu_y, gpu_dx], [&y, &dx], window.kernel.pow(2))
}

fn pool_all(c: &CheckDispatcher, s: Shape, accumulate: bool) -> Result<Outcome> {
    let (count, flat) = (3, Shape::flat(s.channels));
    let (x, dy, before) =
        (random(s.len() * count, 1), random(s.channels * count, 2), random(s.len() * count, 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], if accumulate { before.clone() } else { vec![0.0; x.len()] });
    global_average_pool::forward(&x, &mut y);
    global_average_pool::backward(&dy, &mut dx);
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([s, flat], count, [&x, &dy, &before])?;
    let forward = pool::global_average_forward(&c.dispatcher, s, gpu_x, gpu_y)?;
    let backward = pool::global_average_backward(&c.dispatcher, s, accumulate, gpu_dy, gpu_dx)?;
    compare_pools(c, [s, flat], [forward, backward], [gpu_y, gpu_dx], [&y, &dx], s.height * s.width)
}

/// Runs both directions of a pool on batches of three images, and compares output and gradient.
fn compare_pools(
    c: &CheckDispatcher,
    [input, output]: [Shape; 2],
    list: [Dispatch; 2],
    [gpu_y, gpu_dx]: [&wgpu::Buffer; 2],
    [y, dx]: [&[f64]; 2],
    terms: usize,
) -> Result<Outcome> {
    c.run(images(3), &list)?;
    let error = c.error_of_activations(output, gpu_y, y)?.max(c.error_of_gradients(input, gpu_dx, dx)?);
    Ok(Outcome { error, terms })
}

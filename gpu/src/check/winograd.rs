//! Minimal winograd_convolution against the reference's convolutions.

use super::{Case, CheckContext, Outcome, images, random, theta};
use crate::error::Result;
use crate::kernels::convolution::Convolution;
use crate::kernels::whole;
use crate::kernels::winograd::{Winograd, WinogradConvolution, transform_weights};
use valleys_core::kernels::{Window, convolution, relu};
use valleys_core::network::Shape;

/// Channels, rows and columns before; channels after; padding; whether there are a bias and a ReLU; images.
type WinogradLayer = ([usize; 3], usize, usize, bool, usize);

const CONVOLUTIONS: [WinogradLayer; 8] = [
    ([16, 32, 32], 16, 1, false, 1),
    ([16, 8, 8], 64, 1, false, 3),
    ([64, 7, 9], 16, 1, true, 2),
    ([64, 1, 1], 64, 1, false, 5),
    ([5, 7, 9], 3, 1, true, 4),
    ([3, 8, 8], 5, 1, false, 7),
    ([16, 5, 6], 24, 0, true, 2),
    ([6, 4, 3], 16, 2, false, 3),
];

pub fn cases() -> Vec<Case> {
    let of = |winograd| {
        CONVOLUTIONS.into_iter().map(move |case| {
            let kernels = "winograd_weights winograd_inputs winograd_products winograd_outputs";
            Case::new(kernels, (winograd, case), move |t| filtered(t, winograd, case))
        })
    };
    of(Winograd::F2).chain(of(Winograd::F4)).collect()
}

fn filtered(t: &CheckContext, winograd: Winograd, case: WinogradLayer) -> Result<Outcome> {
    let ([channels, height, width], outputs, padding, bias, count) = case;
    let input = Shape { channels, height, width };
    let window = Window { height, width, kernel: 3, stride: 1, padding };
    let (rows, columns) = window.output();
    let output = Shape { channels: outputs, height: rows, width: columns };
    let convolution = Convolution { input, output, kernel: [3; 2], stride: 1, padding, bias, logits: false };
    let winograd_convolution = WinogradConvolution::of(convolution, winograd).expect("3 x 3 taps, one apart");
    let parameters = random(outputs * channels * 9 + if bias { outputs } else { 0 }, 1);
    let (x, dy) = (random(input.len() * count, 2), random(output.len() * count, 3));

    let mut y = vec![0.0; dy.len()];
    convolution::forward(&window, &parameters, &x, &mut y, count);
    if bias {
        let sums = y.clone();
        relu::forward(&sums, &mut y);
    }
    let before = random(x.len(), 4);
    let mut dx = before.clone();
    convolution::backward_data(&window, &parameters, &dy, &mut dx, count);

    let context = &t.context;
    let all = t.floats(&theta(&parameters))?;
    // Both directions in one buffer, as a network has them.
    let tables = [convolution.forward_table(), convolution.backward_table()];
    let starts = [0, tables[0].len()];
    let ([weights, biases], mut list) = t.packed([tables.concat(), convolution.bias_table()], &all)?;
    let lens = [false, true].map(|back| winograd_convolution.weights_len(back));
    let at = [0, lens[0].next_multiple_of(64)];
    let mut table = winograd_convolution.weights_table(false, starts[0], at[0]);
    table.extend(winograd_convolution.weights_table(true, starts[1], at[1]));
    let transformed = t.floats(&vec![7.0; at[1] + lens[1]])?;
    let on_device = context.device.buffer_with("table", &table)?;
    list.push(transform_weights(context, winograd, table.len(), &on_device, &weights, &transformed)?);
    let part = |i: usize| wgpu::BufferBinding {
        buffer: &transformed,
        offset: 4 * at[i] as u64,
        size: wgpu::BufferSize::new(4 * lens[i] as u64),
    };
    let [v, m] = winograd_convolution.planes_len(count).map(|len| t.floats(&vec![7.0; len]));
    let planes = [v?, m?];
    let [on_x, on_y, on_dy, on_dx] = &t.layer([input, output], count, [&x, &dy, &before])?;
    let on_bias = bias.then(|| whole(&biases));
    list.extend(winograd_convolution.forward(context, bias, on_x, part(0), on_bias, &planes, on_y)?);
    list.extend(winograd_convolution.backward_data(context, true, on_dy, part(1), &planes, on_dx)?);
    t.run(images(count), &list)?;
    let error = t.error_of_activations(output, on_y, &y)?.max(t.error(input, on_dx, &dx)?);
    // Sums at a point are over channels. Their error grows like the root of the terms: as many more of them as explain
    // its amplification.
    let amplified = winograd.amplification().powi(2).ceil() as usize;
    Ok(Outcome { error, terms: channels.max(outputs) * amplified })
}

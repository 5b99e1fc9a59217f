//! Winograd convolutions against the direct convolutions of the reference.

use super::{Case, CheckDispatcher, Outcome, images, random, theta};
use crate::error::Result;
use crate::kernels::convolution::Convolution;
use crate::kernels::whole;
use crate::kernels::winograd::{WinogradConvolution, transform_weights};
use crate::options::Winograd;
use valleys_core::kernels::activation::{self, Activation};
use valleys_core::kernels::{Window, convolution};
use valleys_core::network::Shape;

/// Channels, rows and columns of the input; outputs; padding; whether there are a bias and an activation; images.
type WinogradCase = ([usize; 3], usize, usize, bool, usize);

const CONVOLUTIONS: [WinogradCase; 8] = [
    ([16, 32, 32], 16, 1, false, 1),
    ([16, 8, 8], 64, 1, false, 3),
    ([64, 7, 9], 16, 1, true, 2),
    ([64, 1, 1], 64, 1, false, 5),
    ([5, 7, 9], 3, 1, true, 4),
    ([3, 8, 8], 5, 1, false, 7),
    ([16, 5, 6], 24, 0, true, 2),
    ([6, 4, 3], 16, 2, false, 3),
];

pub(super) fn cases() -> Vec<Case> {
    let of = |winograd| {
        CONVOLUTIONS.into_iter().map(move |case| {
            let kernels = "winograd_weights winograd_inputs winograd_products winograd_outputs";
            Case::new(kernels, (winograd, case), move |c| convolve(c, winograd, case))
        })
    };
    of(Winograd::F2).chain(of(Winograd::F4)).collect()
}

fn convolve(c: &CheckDispatcher, winograd: Winograd, case: WinogradCase) -> Result<Outcome> {
    let ([channels, height, width], outputs, padding, bias, count) = case;
    let input = Shape { channels, height, width };
    let window = Window { height, width, kernel: 3, stride: 1, padding, dilation: 1 };
    let (rows, columns) = window.output();
    let output = Shape { channels: outputs, height: rows, width: columns };
    let direct = Convolution {
        input,
        output,
        kernel: [3; 2],
        stride: 1,
        padding,
        dilation: 1,
        groups: 1,
        bias,
        f32_output: false,
    };
    let conv = WinogradConvolution::of(direct, winograd).expect("3 x 3 taps with stride 1");
    let parameters = random(outputs * channels * 9 + if bias { outputs } else { 0 }, 1);
    let (x, dy) = (random(input.len() * count, 2), random(output.len() * count, 3));

    let mut y = vec![0.0; dy.len()];
    convolution::forward(&window, 1, &parameters, &x, &mut y, count);
    // One that would not leave padding channels 0, and the usual one.
    let function = if outputs == 3 { Activation::Sigmoid } else { Activation::Relu };
    let function = bias.then_some(function);
    if let Some(function) = function {
        let sums = y.clone();
        activation::forward(function, &sums, &mut y);
    }
    let before = random(x.len(), 4);
    let mut dx = before.clone();
    convolution::backward_data(&window, 1, &parameters, &dy, &mut dx, count);

    let dispatcher = &c.dispatcher;
    let gpu_theta = c.floats(&theta(&parameters))?;
    // Both directions in one buffer, as in a network.
    let tables = [direct.forward_table(), direct.backward_table()];
    let starts = [0, tables[0].len()];
    let ([weights, biases], mut list) = c.packed([tables.concat(), direct.bias_table()], &gpu_theta)?;
    let lens = [false, true].map(|is_backward| conv.weights_len(is_backward));
    let at = [0, lens[0].next_multiple_of(64)];
    let mut table = conv.weights_table(false, starts[0], at[0]);
    table.extend(conv.weights_table(true, starts[1], at[1]));
    let transformed = c.floats(&vec![7.0; at[1] + lens[1]])?;
    let table_buffer = dispatcher.device.buffer_with("table", &table)?;
    let transform =
        transform_weights(dispatcher, winograd, table.len(), &table_buffer, &weights, &transformed)?;
    list.push(transform);
    let part = |i: usize| wgpu::BufferBinding {
        buffer: &transformed,
        offset: 4 * at[i] as u64,
        size: wgpu::BufferSize::new(4 * lens[i] as u64),
    };
    let [inputs, products] = conv.scratch_len(count).map(|len| c.floats(&vec![7.0; len]));
    let scratch = [inputs?, products?];
    let [gpu_x, gpu_y, gpu_dy, gpu_dx] = &c.layer([input, output], count, [&x, &dy, &before])?;
    let gpu_bias = bias.then(|| whole(&biases));
    list.extend(conv.forward(dispatcher, function, gpu_x, part(0), gpu_bias, &scratch, gpu_y)?);
    list.extend(conv.backward_data(dispatcher, true, gpu_dy, part(1), &scratch, gpu_dx)?);
    c.run(images(count), &list)?;
    let error = c.error_of_activations(output, gpu_y, &y)?.max(c.error_of_gradients(input, gpu_dx, &dx)?);
    // A sum at a point is over channels. Errors grow like the root of the number of terms, so the amplification counts
    // with its square.
    let amplification = winograd.amplification().powi(2).ceil() as usize;
    Ok(Outcome { error, terms: channels.max(outputs) * amplification })
}

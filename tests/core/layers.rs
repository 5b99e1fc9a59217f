//! Every layer: its kernels against central differences in f64, and a convolution against its formula.

use valleys_core::kernels::activation::{self, Activation};
use valleys_core::kernels::dropout::{self, Mask};
use valleys_core::kernels::{
    add, average_pool, batch_norm, convolution, global_average_pool, layer_norm, linear, max_pool,
};
use valleys_core::network::{Layer, Shape};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_tests::differences::{difference, near, random};

/// A layer, the shape (C, H, W) of a sample, samples.
type Case = (Layer, [usize; 3], usize);

const fn convolution(outputs: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding, bias, groups: 1, dilation: 1 }
}

const fn grouped(outputs: usize, kernel: usize, groups: usize, padding: usize, dilation: usize) -> Layer {
    Layer::Convolution { outputs, kernel, stride: 1 + kernel % 2, padding, bias: true, groups, dilation }
}

/// The mask of dropout.
fn mask(probability: f32) -> Mask {
    Mask::new([3, 5], 2, probability)
}

const CASES: &[Case] = &[
    (Layer::Linear { outputs: 1 }, [1, 1, 1], 1),
    (Layer::Linear { outputs: 2 }, [3, 1, 1], 1),
    (Layer::Linear { outputs: 5 }, [1, 1, 1], 2),
    (Layer::Linear { outputs: 4 }, [7, 1, 1], 3),
    (Layer::Linear { outputs: 11 }, [2, 1, 2], 5),
    (convolution(1, 1, 1, 0, true), [1, 1, 1], 1),
    (convolution(4, 3, 1, 1, true), [3, 5, 7], 2),
    (convolution(3, 3, 2, 1, false), [2, 6, 5], 1),
    (convolution(3, 1, 2, 0, false), [2, 4, 5], 3),
    (convolution(2, 5, 1, 2, true), [2, 5, 3], 2),
    (convolution(2, 2, 3, 1, true), [1, 7, 6], 1),
    (convolution(2, 4, 1, 0, false), [3, 4, 4], 2),
    (convolution(2, 3, 2, 0, true), [1, 6, 6], 1),
    // Windows that see nothing but padding.
    (convolution(2, 1, 1, 2, false), [2, 3, 2], 1),
    (convolution(1, 2, 3, 3, true), [1, 2, 1], 2),
    (Layer::BatchNorm, [3, 2, 3], 2),
    (Layer::BatchNorm, [2, 1, 5], 1),
    (Layer::BatchNorm, [4, 1, 1], 5),
    // One number a channel: its own mean, and a variance of 0.
    (Layer::BatchNorm, [2, 1, 1], 1),
    (Layer::RELU, [2, 3, 4], 3),
    (Layer::RELU, [50, 1, 1], 1),
    (Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }, [2, 6, 6], 2),
    (Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }, [1, 5, 7], 1),
    (Layer::MaxPool { kernel: 3, stride: 2, padding: 0 }, [1, 5, 5], 1),
    (Layer::MaxPool { kernel: 2, stride: 1, padding: 0 }, [2, 4, 3], 1),
    (Layer::MaxPool { kernel: 1, stride: 3, padding: 0 }, [1, 4, 4], 3),
    (grouped(4, 3, 2, 2, 1), [6, 5, 4], 2),
    (grouped(3, 2, 3, 1, 1), [3, 4, 5], 1),
    (grouped(2, 3, 1, 2, 3), [2, 9, 7], 2),
    (grouped(4, 2, 4, 1, 2), [4, 5, 6], 1),
    (Layer::MaxPool { kernel: 3, stride: 2, padding: 1 }, [2, 6, 5], 2),
    (Layer::MaxPool { kernel: 2, stride: 1, padding: 1 }, [1, 1, 3], 1),
    (Layer::AveragePool { kernel: 2, stride: 2, padding: 0 }, [2, 5, 4], 2),
    (Layer::AveragePool { kernel: 3, stride: 2, padding: 1 }, [1, 4, 6], 1),
    (Layer::LayerNorm, [7, 1, 1], 3),
    (Layer::LayerNorm, [2, 3, 2], 2),
    (Layer::Dropout { probability: 0.0 }, [3, 1, 1], 2),
    (Layer::Dropout { probability: 0.4 }, [3, 4, 2], 3),
    (Layer::Activation(Activation::LeakyRelu { slope: 0.2 }), [9, 1, 1], 2),
    (Layer::Activation(Activation::Tanh), [9, 1, 1], 2),
    (Layer::Activation(Activation::Sigmoid), [9, 1, 1], 2),
    (Layer::Activation(Activation::Silu), [9, 1, 1], 2),
    (Layer::Activation(Activation::Gelu), [9, 1, 1], 2),
    (Layer::GlobalAveragePool, [3, 4, 5], 2),
    (Layer::GlobalAveragePool, [7, 1, 1], 1),
    (Layer::Branch { back: 1 }, [2, 2, 1], 2),
    (Layer::Add { back: 1 }, [2, 3, 1], 3),
];

/// The inputs of a layer for a case: an addition has two.
fn terms(layer: Layer) -> usize {
    if let Layer::Add { .. } = layer { 2 } else { 1 }
}

/// Outputs by the kernel; a batch norm has the batch's statistics.
fn forward(layer: Layer, input: Shape, p: &[f64], x: &[f64], batch: usize) -> Vec<f64> {
    let mut y = vec![f64::NAN; batch * layer.output(input).len()];
    let window = layer.window(input);
    match layer {
        Layer::Linear { .. } => linear::forward(p, x, &mut y, batch),
        Layer::Convolution { groups, .. } => convolution::forward(&window, groups, p, x, &mut y, batch),
        Layer::BatchNorm => batch_norm::forward(p, None, x, &mut y, batch),
        Layer::LayerNorm => layer_norm::forward(p, x, &mut y),
        Layer::Activation(function) => activation::forward(function, x, &mut y),
        Layer::Dropout { probability } => dropout::forward(&mask(probability), x, &mut y),
        Layer::MaxPool { .. } => max_pool::forward(&window, x, &mut y),
        Layer::AveragePool { .. } => average_pool::forward(&window, x, &mut y),
        Layer::GlobalAveragePool => global_average_pool::forward(x, &mut y),
        Layer::Branch { .. } => y.copy_from_slice(x),
        Layer::Add { .. } => add::forward(&x[..x.len() / 2], &x[x.len() / 2..], &mut y),
    }
    y
}

/// Gradients by the kernel; `dp` is overwritten, `dx` is added to.
fn backward(case: &Case, p: &[f64], x: &[f64], dy: &[f64], dp: &mut [f64], dx: &mut [f64]) {
    let &(layer, _, batch) = case;
    let input = shape(case);
    let window = layer.window(input);
    match layer {
        Layer::Linear { .. } => linear::backward(p, x, dy, dp, dx, batch),
        Layer::Convolution { groups, .. } => {
            convolution::backward_weights(&window, groups, x, dy, dp, batch);
            convolution::backward_data(&window, groups, p, dy, dx, batch);
        }
        Layer::BatchNorm => batch_norm::backward(p, x, dy, dp, dx, batch),
        Layer::LayerNorm => layer_norm::backward(p, x, dy, dp, dx),
        Layer::Activation(function) => {
            activation::backward(function, x, &forward(layer, input, p, x, batch), dy, dx);
        }
        Layer::Dropout { probability } => dropout::backward(&mask(probability), dy, dx),
        Layer::MaxPool { .. } => max_pool::backward(&window, x, dy, dx),
        Layer::AveragePool { .. } => average_pool::backward(&window, dy, dx),
        Layer::GlobalAveragePool => global_average_pool::backward(dy, dx),
        // A branch is what it reads: there is no kernel.
        Layer::Branch { .. } => add::backward(dy, dx),
        Layer::Add { .. } => dx.chunks_exact_mut(dy.len()).for_each(|dx| add::backward(dy, dx)),
    }
}

fn shape(case: &Case) -> Shape {
    let [channels, height, width] = case.1;
    Shape { channels, height, width }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn every_layer_has_a_case() {
    for name in Layer::NAMES.into_iter().chain(Activation::NAMES) {
        assert!(
            CASES.iter().any(|(layer, ..)| layer.name() == name),
            "the layer {name} has no case in CASES"
        );
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Init, 0, 0);
    for case in CASES {
        let &(layer, _, batch) = case;
        let input = shape(case);
        let p = random(&mut stream, layer.parameter_len(input));
        let x = random(&mut stream, batch * input.len() * terms(layer));
        let dy = random(&mut stream, batch * layer.output(input).len());
        let (mut dp, mut dx) = (vec![f64::NAN; p.len()], vec![10.0; x.len()]);
        backward(case, &p, &x, &dy, &mut dp, &mut dx);
        let value = |p: &[f64], x: &[f64]| dot(&forward(layer, input, p, x, batch), &dy);
        for (i, &dp) in dp.iter().enumerate() {
            near(dp, difference(&p, i, |p| value(p, &x)), &format!("{case:?}, parameter {i}"));
        }
        for (i, &dx) in dx.iter().enumerate() {
            near(dx - 10.0, difference(&x, i, |x| value(&p, x)), &format!("{case:?}, input {i}"));
        }
        // Without the gradient of the inputs the others are the same.
        let mut alone = vec![f64::NAN; p.len()];
        backward(case, &p, &x, &dy, &mut alone, &mut []);
        assert_eq!(alone, dp, "{case:?}");
    }
}

/// y[n, o, r, c] = b[o] + Σ x[n, i, r·stride + a·dilation − padding, c·stride + b·dilation − padding] · w[o, k, a, b], k the
/// number of input channel i in its group.
#[test]
fn convolution_is_its_formula() {
    let mut stream = Stream::new(Key::new(2, 0), Purpose::Init, 0, 0);
    for case in CASES {
        let &(layer, _, batch) = case;
        let Layer::Convolution { outputs, kernel, stride, padding, bias, groups, dilation } = layer else {
            continue;
        };
        let (input, output) = (shape(case), layer.output(shape(case)));
        let p = random(&mut stream, layer.parameter_len(input));
        let x = random(&mut stream, batch * input.len());
        let y = forward(layer, input, &p, &x, batch);
        let group = input.channels / groups;
        let weights = outputs * group * kernel * kernel;
        for (place, y) in y.iter().enumerate() {
            let (n, place) = (place / output.len(), place % output.len());
            let (o, place) = (place / (output.height * output.width), place % (output.height * output.width));
            let (r, c) = (place / output.width, place % output.width);
            let mut sum = if bias { p[weights + o] } else { 0.0 };
            for k in 0..group {
                let i = o / (outputs / groups) * group + k;
                for (a, b) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                    let row = (r * stride + a * dilation) as isize - padding as isize;
                    let column = (c * stride + b * dilation) as isize - padding as isize;
                    if (0..input.height as isize).contains(&row)
                        && (0..input.width as isize).contains(&column)
                    {
                        let plane = &x[(n * input.channels + i) * input.height * input.width..];
                        let w = p[((o * group + k) * kernel + a) * kernel + b];
                        sum += plane[row as usize * input.width + column as usize] * w;
                    }
                }
            }
            assert!((y - sum).abs() < 1e-12, "{case:?}: {y} {sum}");
        }
    }
}

#[test]
fn batch_norm_normalises() {
    let mut stream = Stream::new(Key::new(3, 0), Purpose::Init, 0, 0);
    let x: Vec<f64> = random(&mut stream, 4 * 2 * 3).iter().map(|x| 5.0 + 3.0 * x).collect();
    let mut y = vec![0.0; x.len()];
    batch_norm::forward(&[1.0, 1.0, 0.0, 0.0], None, &x, &mut y, 4);
    // Samples of 2 channels of 3 numbers: every channel has mean 0 and variance 1.
    for channel in [0, 1] {
        let of = |x: &[f64]| x.chunks(3).skip(channel).step_by(2).flatten().copied().collect::<Vec<_>>();
        let y = of(&y);
        assert!(y.iter().sum::<f64>().abs() < 1e-13);
        assert!((y.iter().map(|y| y * y).sum::<f64>() / 12.0 - 1.0).abs() < 1e-5);
        // With a share of a quarter: mean and unbiased variance of the textbook, four times.
        let mut statistics = [0.0; 4];
        (0..4).for_each(|_| batch_norm::accumulate(&x, 4, 0.25, &mut statistics));
        let x = of(&x);
        let mean = x.iter().sum::<f64>() / 12.0;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 11.0;
        assert!((statistics[channel] - mean).abs() < 1e-13);
        assert!((statistics[2 + channel] - variance).abs() < 1e-13);
        // With statistics given: the formula.
        let mut z = vec![0.0; 24];
        batch_norm::forward(&[2.0, 2.0, 0.5, 0.5], Some(&statistics), &[1.0; 24], &mut z, 4);
        let expected = 2.0 * (1.0 - mean) / (variance + 1e-5).sqrt() + 0.5;
        assert!(of(&z).iter().all(|z| (z - expected).abs() < 1e-13));
    }
}

#[test]
fn ties_and_what_is_no_number() {
    let mut y = [7.0; 4];
    activation::forward(Activation::Relu, &[-0.0, f64::NAN, f64::INFINITY, -1.0], &mut y);
    assert!(y[0] == 0.0 && y[1].is_nan() && y[2] == f64::INFINITY && y[3] == 0.0);

    let layer = Layer::MaxPool { kernel: 2, stride: 2, padding: 0 };
    let window = layer.window(Shape { channels: 1, height: 2, width: 4 });
    let mut y = [0.0; 2];
    max_pool::forward(&window, &[1.0, f64::NAN, 3.0, 3.0, 2.0, 5.0, 3.0, 3.0], &mut y);
    assert!(y[0].is_nan() && y[1] == 3.0);
    let mut dx = [0.0; 8];
    max_pool::backward(&window, &[1.0, 5.0, 3.0, 3.0, 5.0, 5.0, 3.0, 3.0], &[1.0, 2.0], &mut dx);
    assert_eq!(dx, [0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0], "the first of equal ones");
}

/// The share of kept elements is that of the probability, different elements, rows and steps are kept independently, and
/// the mean of the outputs is that of the inputs.
#[test]
fn dropout_is_random() {
    let count = 1 << 16;
    for probability in [0.1_f32, 0.44, 0.9] {
        let keeps = |step: [u32; 2], row: usize| -> Vec<bool> {
            let mask = Mask::new(step, row, probability);
            (0..count).map(|element| mask.keeps(element)).collect()
        };
        let share = |kept: &[bool]| kept.iter().filter(|&&kept| kept).count() as f64 / f64::from(count);
        let p = 1.0 - f64::from(probability);
        // Five standard deviations of a binomial share.
        let near = |share: f64, p: f64| (share - p).abs() < 5.0 * (p * (1.0 - p) / f64::from(count)).sqrt();
        let first = keeps([1, 2], 0);
        assert!(near(share(&first), p), "{probability}: {}", share(&first));
        for other in [keeps([1, 3], 0), keeps([2, 2], 0), keeps([1, 2], 1)] {
            let both: Vec<bool> = first.iter().zip(&other).map(|(a, b)| *a && *b).collect();
            assert!(near(share(&both), p * p), "{probability}: {}", share(&both));
        }
        for lag in [1, 2, 16, 1024] {
            let both: Vec<bool> =
                first.iter().zip(first.iter().cycle().skip(lag)).map(|(a, b)| *a && *b).collect();
            assert!(near(share(&both), p * p), "{probability}, lag {lag}: {}", share(&both));
        }
    }
    let mut y = [0.0; 4];
    dropout::forward(&Mask::new([1, 2], 0, 0.0), &[1.0, -2.0, 3.0, f64::NAN], &mut y);
    assert!(y[..3] == [1.0, -2.0, 3.0] && y[3].is_nan());
}

/// Values of PyTorch 2.15 in f64 at −3, −0.5, 0, 1, 4.
#[test]
fn activations_have_the_values_of_pytorch() {
    let x = [-3.0, -0.5, 0.0, 1.0, 4.0];
    for (function, expected) in PYTORCH {
        for (&x, &expected) in x.iter().zip(*expected) {
            let found: f64 = function.value(x);
            assert!(
                (found - expected).abs() < 1e-15 * (1.0 + expected.abs()),
                "{function:?} at {x}: {found}"
            );
        }
        assert!(function.value(f64::NAN).is_nan(), "{function:?}");
    }
}

const PYTORCH: &[(Activation, &[f64; 5])] = &[
    (Activation::Relu, &[0.0, 0.0, 0.0, 1.0, 4.0]),
    (Activation::LeakyRelu { slope: 0.25 }, &[-0.75, -0.125, 0.0, 1.0, 4.0]),
    (
        Activation::Tanh,
        &[-0.9950547536867305, -0.46211715726000974, 0.0, 0.7615941559557649, 0.999329299739067],
    ),
    (
        Activation::Sigmoid,
        &[0.04742587317756678, 0.3775406687981454, 0.5, 0.7310585786300049, 0.9820137900379085],
    ),
    (
        Activation::Silu,
        &[-0.14227761953270035, -0.1887703343990727, 0.0, 0.7310585786300049, 3.928055160151634],
    ),
    (
        Activation::Gelu,
        &[-0.00404969409489031, -0.15426876936299344, 0.0, 0.841344746068543, 3.9998733150326675],
    ),
];

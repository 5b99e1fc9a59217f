//! Losses.

use super::{Case, CheckDispatcher, Outcome, images, random, shape};
use crate::error::Result;
use crate::kernels::loss::{self, LossBuffers};
use crate::kernels::{PassParams, tensor_len};
use valleys_core::kernels::cross_entropy::{self, Options};
use valleys_core::kernels::regression::{self, Deviation};
use valleys_core::network::Shape;

/// Images of a batch.
const COUNT: usize = 70;

/// What losses and gradients are divided by.
const WEIGHT: f64 = 41.5;

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for s in [Shape::flat(10), Shape::flat(3), Shape::flat(8), shape(5, 3, 2)] {
        for (is_weighted, label_smoothing) in [(false, 0.0), (false, 0.1), (true, 0.0), (true, 0.25)] {
            let what = (s, is_weighted, label_smoothing);
            all.push(Case::new("cross_entropy scores", what, move |c| {
                classify(c, s, is_weighted, label_smoothing)
            }));
        }
    }
    for s in [Shape::flat(1), Shape::flat(6), shape(3, 2, 5)] {
        for deviation in [Deviation::Squared, Deviation::Huber { delta: 0.75 }] {
            all.push(Case::new("regression scores", (s, deviation), move |c| regress(c, s, deviation)));
        }
    }
    all
}

fn classify(c: &CheckDispatcher, s: Shape, is_weighted: bool, label_smoothing: f32) -> Result<Outcome> {
    let classes = s.len();
    let logits = random(classes * COUNT, 1);
    let labels: Vec<u8> = (0..COUNT).map(|i| (i * i % classes) as u8).collect();
    // One class does not count.
    let class_weights: Vec<f32> = (0..classes).map(|class| 0.5 * ((class + 2) % 3) as f32).collect();
    let class_weights = if is_weighted { &class_weights[..] } else { &[] };
    let options = Options { class_weights, label_smoothing };
    let losses: f64 = cross_entropy::losses(options, &logits, &labels).sum();
    let mut gradient = vec![0.0; logits.len()];
    cross_entropy::backward(options, 1.0 / WEIGHT, &logits, &labels, &mut gradient);
    let is_wrong =
        |(logits, label): &(&[f64], &u8)| cross_entropy::arg_max(logits) != Some(usize::from(**label));
    let wrong = logits.chunks(classes).zip(&labels).filter(is_wrong).count();
    let device = c.dispatcher.device;
    let labels =
        device.buffer_with("labels", &labels.iter().map(|&label| label.into()).collect::<Vec<u32>>())?;
    let factors = loss::factors(&options, classes);
    let factors = factors.map(|factors| device.buffer_with("factors", &factors)).transpose()?;
    compare(c, s, &logits, &labels, [losses, wrong as f64], &gradient, |buffers| {
        loss::cross_entropy(&c.dispatcher, s, factors.as_ref(), buffers)
    })
}

fn regress(c: &CheckDispatcher, s: Shape, deviation: Deviation) -> Result<Outcome> {
    let (predictions, targets) = (random(s.len() * COUNT, 1), random(s.len() * COUNT, 2));
    let sum = |deviation| regression::losses(deviation, s.len(), &predictions, &targets).sum();
    let expected = [sum(deviation), sum(Deviation::Squared)];
    let mut gradient = vec![0.0; predictions.len()];
    regression::backward(deviation, s.len(), 1.0 / WEIGHT, &predictions, &targets, &mut gradient);
    let targets = c.gradients(s, &targets)?;
    compare(c, s, &predictions, &targets, expected, &gradient, |buffers| {
        loss::regression(&c.dispatcher, s, deviation, buffers)
    })
}

/// The sums of losses and errors with the gradient, and those without it.
fn compare(
    c: &CheckDispatcher,
    s: Shape,
    outputs: &[f64],
    targets: &wgpu::Buffer,
    expected: [f64; 2],
    gradient: &[f64],
    dispatch: impl Fn(&LossBuffers) -> Result<crate::kernels::Dispatch>,
) -> Result<Outcome> {
    let [gpu_outputs, gpu_gradient] = [c.gradients(s, outputs)?, c.output(s, COUNT)?];
    let mut error = 0.0_f64;
    for gradient in [Some(&gpu_gradient), None] {
        let [scores, sums] = [c.floats(&vec![7.0; 2 * COUNT])?, c.floats(&[0.0; 8])?];
        let buffers = LossBuffers { outputs: &gpu_outputs, targets, scores: &scores, gradient };
        let params = PassParams { loss_index: 2, loss_scale: (1.0 / WEIGHT) as f32, ..images(COUNT) };
        c.run(params, &[dispatch(&buffers)?, loss::sums(&c.dispatcher, &scores, &sums)?])?;
        error = error.max(c.error(&sums, 4, &expected)?);
    }
    error = error.max(c.error_of_gradients(s, &gpu_gradient, gradient)?);
    Ok(Outcome { error, terms: COUNT + tensor_len(s) })
}

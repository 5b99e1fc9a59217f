//! A small multilayer perceptron, trained and measured.

use crate::{Error, Record};
use valleys_core::engine::{Direct, Engine, NetworkLoss, Optimizer, Slots, Split, Step, Value};
use valleys_core::fit::{self, Faces, Fit, OptimizerOptions, Sampling, Schedule};
use valleys_core::network::{Layer, Network, Samples, Shape, initialise};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{ControlPointId, ControlPoints, Mix};

const NETWORK: Network<'_> = Network {
    input: Shape::flat(INPUTS),
    layers: &[Layer::Linear { outputs: 8 }, Layer::RELU, Layer::Linear { outputs: 3 }],
};
const INPUTS: usize = 4;
const DIM: usize = NETWORK.parameter_len();
/// Samples: the first ones to train on, the others to test on.
const TRAIN: usize = 20;
const TEST: usize = 10;
const BATCH: usize = 8;

/// Data, control point with momentum, scratch memory of a pass, steps of a call.
#[derive(Debug)]
pub struct Memory {
    inputs: [f32; (TRAIN + TEST) * INPUTS],
    labels: [u8; TRAIN + TEST],
    theta: [f32; DIM],
    slots: [f32; Slots::memory_len(1, DIM)],
    scratch: [f32; 2 * DIM],
    floats: [f32; NetworkLoss::floats_len(&NETWORK, BATCH)],
    order: [u32; TRAIN],
    batch: [u8; BATCH],
    steps: [Step; 2],
    losses: [f32; 2],
    drawn_cells: [u32; 2],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            inputs: [0.0; (TRAIN + TEST) * INPUTS],
            labels: [0; TRAIN + TEST],
            theta: [0.0; DIM],
            slots: [0.0; Slots::memory_len(1, DIM)],
            scratch: [0.0; 2 * DIM],
            floats: [0.0; NetworkLoss::floats_len(&NETWORK, BATCH)],
            order: [0; TRAIN],
            batch: [0; BATCH],
            steps: [const { Step { mix: Mix::new(), rate: 0.0, batch: 0 } }; 2],
            losses: [0.0; 2],
            drawn_cells: [0; 2],
        }
    }
}

/// Trains for ten epochs of three steps; tells losses, parameters, and what train and test samples say of them.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    draw(&mut memory.inputs, &mut memory.labels);
    let (train_inputs, test_inputs) = memory.inputs.split_at(TRAIN * INPUTS);
    let (train_labels, test_labels) = memory.labels.split_at(TRAIN);
    let loss = NetworkLoss::new(
        NETWORK,
        Samples::labelled(train_inputs, train_labels),
        Samples::labelled(test_inputs, test_labels),
        BATCH,
        &mut memory.floats[..],
        &mut memory.order[..],
        &mut memory.batch[..],
    )?;
    let mut engine = Direct::new(loss, &mut memory.slots[..], &mut memory.scratch[..])?;
    initialise(&NETWORK, 7, 0, &mut memory.theta);
    engine.put(0, &memory.theta)?;

    record.of("training");
    let mut ids = [ControlPointId::default()];
    let frame = ControlPoints::new(1, 1, &mut ids)?;
    let fit = Fit {
        key: Key::new(7, 1),
        faces: Faces::Fixed,
        sampling: Sampling::Uniform,
        optimizer: OptimizerOptions {
            learning_rate: 0.1,
            optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
            weight_decay: 1e-3,
            max_gradient_norm: f32::INFINITY,
        },
        schedule: Schedule::Linear,
        epochs: 0..10,
    };
    let fitting = fit::Memory {
        steps: &mut memory.steps,
        losses: &mut memory.losses,
        cell_points: &mut [],
        drawn_cells: &mut memory.drawn_cells,
        cell_losses: &mut [],
        cumulative: &mut [],
        lowest: &mut [],
        points: &mut [],
        pieces: &mut [],
    };
    fit.run(&mut engine, &frame, fitting, |epoch| {
        record.put("rate", epoch.rate);
        record.put("loss", epoch.loss);
    })?;
    engine.get(0, &mut memory.theta)?;
    memory.theta.iter().for_each(|theta| record.put("theta", *theta));

    for split in [Split::Train, Split::Test] {
        let mut value = [Value::default()];
        engine.values(&[split], None, &[frame.mix(&[1.0])], &mut value)?;
        record.put("mean loss", value[0].loss);
        record.put("error", value[0].error.unwrap_or(f64::NAN));
    }
    Ok(())
}

/// Normal inputs; the label is the largest of the first three.
fn draw(inputs: &mut [f32], labels: &mut [u8]) {
    let mut stream = Stream::new(Key::new(7, 0), Purpose::Split, 0, 0);
    inputs.fill_with(|| stream.normal() as f32);
    for (x, label) in inputs.chunks_exact(INPUTS).zip(labels) {
        *label = (1..3).fold(0, |best, i| if x[i] > x[best as usize] { i as u8 } else { best });
    }
}

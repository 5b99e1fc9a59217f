//! Whole training steps of known networks.

use super::{Case, Measurement, Work};
use crate::dataset::GpuDataset;
use crate::device::{Device, DeviceProvider};
use crate::engine::GpuEngine;
use crate::error::Result;
use crate::kernels::MAX_MODELS;
use crate::memory::step_bytes;
use std::sync::Arc;
use std::time::Instant;
use valleys_core::engine::{Engine, Mix, Optimizer, Step, StepParams};
use valleys_core::network::{LabelledData, Layer, Network, Samples, Shape, initialise, zoo};
use valleys_core::rng::{Key, Purpose, Stream};

pub(super) fn cases(device: &Arc<Device>) -> Vec<Case> {
    let is_hardware = device.is_hardware();
    let several = if is_hardware { MAX_MODELS } else { 2 };
    let mut networks = vec![("lenet5", 1), ("lenet5", several), ("resnet20", 1), ("resnet20", several)];
    if is_hardware {
        networks.extend([("resnet56", 1), ("resnet110", 1), ("wrn56-2", 1)]);
    }
    let case = |(name, models): (&'static str, usize)| -> Case {
        let batch = if is_hardware || name == "lenet5" { 128 } else { 16 };
        let one_of = if models > 1 { format!(", one of {models}") } else { String::new() };
        let shape = format!("{name} b{batch}{one_of}");
        let (case, device) = (format!("step {shape}"), device.clone());
        (case, Box::new(move |_| steps(&device, name, &shape, batch, models)))
    };
    networks.into_iter().map(case).collect()
}

/// Random images.
#[derive(Debug)]
struct Noise {
    inputs: Vec<f32>,
    labels: Vec<u8>,
}

impl LabelledData for Noise {
    fn train(&self) -> Samples<'_, f32> {
        Samples::labelled(&self.inputs, &self.labels)
    }

    fn test(&self) -> Samples<'_, f32> {
        Samples::labelled(&[], &[])
    }
}

fn layers(name: &str) -> (Shape, Vec<Layer>) {
    let (blocks, width) = match name {
        "lenet5" => return (zoo::LENET5_INPUT, zoo::LENET5.map(|(_, layer)| layer).to_vec()),
        "resnet20" => (3, 1),
        "resnet56" => (9, 1),
        "resnet110" => (18, 1),
        _ => (9, 2),
    };
    (zoo::RESNET_INPUT, zoo::resnet(blocks, width, true).map(|(_, layer)| layer).collect())
}

/// Steps of a network; of several, each in a thread of its own, with shared dispatches. Time and work are those of one.
fn steps(device: &Arc<Device>, name: &str, shape: &str, batch: usize, models: usize) -> Result<Measurement> {
    let (input, layers) = layers(name);
    let network = Network { input, layers: &layers };
    // Several steps a call, as in a run.
    let steps = if device.is_hardware() { 32 } else { 2 };
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Perturbation, 0, 0);
    let count = batch * steps;
    let inputs = (0..count * input.len()).map(|_| stream.normal() as f32).collect();
    let labels = (0..count).map(|_| stream.below(10) as u8).collect();
    let provider = Arc::new(DeviceProvider::from(device.clone()));
    let dataset = GpuDataset::new(provider, Arc::new(Noise { inputs, labels }), 1).with_models(models);
    let dataset = Arc::new(dataset);
    let mut engines = Vec::new();
    for model in 0..models as u32 {
        let mut engine = GpuEngine::new(&network, dataset.clone(), batch, 1, None)?;
        let mut theta = vec![0.0; network.parameter_len()];
        initialise(&network, 1, model, &mut theta);
        engine.put(0, &theta)?;
        engines.push(engine);
    }
    let bytes = step_bytes(&network, batch, device.paths())? as f64;
    let flops = (3 * network.flops() * batch) as f64;
    let params = StepParams {
        key: Key::new(1, 1),
        epoch: 0,
        first_trainable: 0,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 0.0,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    };
    let mix = Mix::from_iter([(0, 1.0)]);
    let list: Vec<Step> =
        (0..steps as u32).map(|batch| Step { mix: mix.clone(), rate: 1e-3, batch }).collect();
    let take_steps = move || {
        let start = Instant::now();
        let advance = |engine: &mut GpuEngine| engine.advance(&params, &list, &mut vec![0.0; steps]);
        std::thread::scope(|scope| {
            let threads: Vec<_> = engines.iter_mut().map(|engine| scope.spawn(|| advance(engine))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a step does not panic"))
        })?;
        Ok(start.elapsed().as_secs_f64() / (steps * models) as f64)
    };
    let work = Work::Steps(Box::new(take_steps), steps * models);
    Ok(Measurement { kernel: "step", shape: shape.to_owned(), flops, bytes, work })
}

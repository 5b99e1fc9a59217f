//! Networks on data behind the contract, fast on one core.
//!
//! One [`Cpu`] runs one job on one thread; jobs run side by side, so no bit depends on the number of threads. The
//! vector width is chosen when the program runs, from one source for all instruction sets.
//!
//! Samples lie side by side in a vector (`floats`), parameters stay as θ has them. So every product of matrices is
//! the same micro kernel (`tile`), whose scalars come from θ or from gradients with any strides:
//! `linear` puts it to work, `pass` goes through all layers, `slots` mixes control points and moves them,
//! `measure` tells the loss at many points. [`cloud`] puts it to work on distances: spanning trees of weights.

mod across;
pub mod cloud;
mod cross_entropy;
mod elementary;
mod floats;
pub mod images;
mod linear;
mod measure;
mod pass;
mod plan;
mod slots;
mod tile;
mod transpose;

use crate::data::{Dataset, Samples};
use fearless_simd::{Level, dispatch, prelude::*};
use floats::{Floats, LANES};
use measure::Group;
use pass::Pass;
use plan::Plan;
use slots::{Slots, stride};
use std::sync::Arc;
use valleys_core::error::Error;
use valleys_core::landscape::{Course, Landscape, Mix, Split, Step, Value, drawn_order, epoch_order};
use valleys_core::network::{Layer, Network, Shape};

/// Mean cross-entropy of a multilayer perceptron over labelled samples.
#[derive(Debug)]
pub struct Cpu {
    level: Level,
    data: Arc<Dataset>,
    batch: usize,
    slots: Slots,
    pass: Pass,
    /// θ(t) of a step.
    theta: Floats,
    gradient: Floats,
    group: Group,
    order: Vec<u32>,
}

impl Cpu {
    /// A landscape with `slots` control points, all 0, that takes batches of `batch` samples, the last of an epoch
    /// smaller.
    ///
    /// # Errors
    /// No training samples; no batch; lengths that do not fit; a label that is no class; layers that are not a
    /// multilayer perceptron.
    pub fn new(
        layers: &[Layer],
        input: Shape,
        data: Arc<Dataset>,
        batch: usize,
        slots: usize,
    ) -> Result<Self, Error> {
        let plan = Plan::new(&Network { input, layers })?;
        check_data(&data, input, plan.classes, batch)?;
        Ok(Self {
            level: Level::new(),
            order: vec![0; data.train.labels.len().max(data.test.labels.len())],
            data,
            batch,
            slots: Slots::new(slots, plan.dim),
            theta: Floats::new(stride(plan.dim)),
            gradient: Floats::new(stride(plan.dim)),
            group: Group::new(&plan, slots),
            pass: Pass::new(plan, batch.div_ceil(LANES)),
        })
    }

    #[inline(always)]
    fn steps<S: Simd>(&mut self, simd: S, course: &Course, steps: &[Step], losses: &mut [f32]) {
        let theta = self.theta.get_mut();
        for (step, loss) in steps.iter().zip(losses) {
            let order = &self.order[..self.data.train.labels.len()];
            let chosen = &order[step.batch as usize * self.batch..];
            let chosen = &chosen[..chosen.len().min(self.batch)];
            for (panel, chosen) in chosen.chunks(LANES).enumerate() {
                self.pass.gather(simd, panel, &self.data.train, chosen);
            }
            self.slots.arrive(simd, &step.mix);
            self.slots.mix(simd, &step.mix, 0, theta);
            *loss = self.pass.gradient(simd, chosen.len(), theta, self.gradient.get_mut()) as f32;
            let mut course = *course;
            if course.across > 0.0 {
                let gradient = &mut self.gradient.get_mut()[..theta.len()];
                across::project(simd, &self.slots, &course, &step.mix, theta, gradient);
                course.weight_decay = 0.0;
            }
            self.slots.step(simd, &course, &step.mix, step.rate, theta, self.gradient.get());
        }
    }
}

impl Landscape for Cpu {
    type Error = Error;

    fn dim(&self) -> usize {
        self.slots.dim()
    }

    fn epoch_len(&self) -> u32 {
        self.data.train.labels.len().div_ceil(self.batch) as u32
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.slots.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        dispatch!(self.level, simd => self.slots.arrive_all(simd));
        self.slots.get(slot, theta)
    }

    fn advance(&mut self, course: &Course, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        check_steps(&self.slots, self.epoch_len(), steps, losses)?;
        let train = self.data.train.labels.len();
        epoch_order(course, &mut self.order[..train]);
        dispatch!(self.level, simd => self.steps(simd, course, steps, losses));
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        check_mixes(&self.slots, points, values)?;
        let count = chosen_by(split, &self.data, &mut self.order)?;
        let test = split == Split::Test;
        dispatch!(self.level, simd => {
            self.slots.arrive_all(simd);
            self.measure(simd, test, count, points, values);
        });
        Ok(())
    }
}

/// Checks that the samples are those of a network.
fn check_data(data: &Dataset, input: Shape, classes: usize, batch: usize) -> Result<(), Error> {
    check("samples of a batch", batch)?;
    check("training samples", data.train.labels.len())?;
    for Samples { inputs, labels } in [&data.train, &data.test] {
        let needed = input.len() * labels.len();
        if needed != inputs.len() {
            return Err(Error::Length { what: "inputs of the samples", needed, given: inputs.len() });
        }
        if let Some(sample) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(Error::Label { sample, label: labels[sample], classes });
        }
    }
    Ok(())
}

/// Checks that steps can be taken.
fn check_steps(slots: &Slots, batches: u32, steps: &[Step], losses: &[f32]) -> Result<(), Error> {
    if steps.len() != losses.len() {
        let (needed, given) = (steps.len(), losses.len());
        return Err(Error::Length { what: "losses of the steps", needed, given });
    }
    let most = u64::from(batches - 1);
    for step in steps {
        if u64::from(step.batch) > most {
            let given = step.batch.into();
            return Err(Error::Range { what: "batch of the epoch", least: 0, most, given });
        }
        slots.check_mix(&step.mix)?;
    }
    Ok(())
}

/// Checks that points can be measured.
fn check_mixes(slots: &Slots, points: &[Mix], values: &[Value]) -> Result<(), Error> {
    if points.len() != values.len() {
        let (needed, given) = (points.len(), values.len());
        return Err(Error::Length { what: "values of the points", needed, given });
    }
    points.iter().try_for_each(|point| slots.check_mix(point))
}

/// Fills the order of a split's samples; the first so many belong to it.
fn chosen_by(split: Split, data: &Dataset, order: &mut [u32]) -> Result<usize, Error> {
    let samples = if split == Split::Test { &data.test } else { &data.train };
    let order = &mut order[..samples.labels.len()];
    let mut count = order.len();
    if let Split::Drawn { seed, job, epoch, len } = split {
        drawn_order(seed, job, epoch, order);
        count = count.min(len as usize);
    } else {
        order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
    }
    check("samples to measure on", count)?;
    Ok(count)
}

/// Checks that there is something.
fn check(what: &'static str, given: usize) -> Result<(), Error> {
    match given {
        0 => Err(Error::Range { what, least: 1, most: usize::MAX as u64, given: 0 }),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use valleys_core::network::{initialise, zoo};
    use valleys_core::rng::{Purpose, Stream};

    /// The instruction sets of this machine, best first.
    pub fn levels() -> Vec<Level> {
        let mut levels = vec![Level::new()];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(Level::new().as_avx2().map(Level::Avx2));
            levels.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
        }
        levels
    }

    /// A centre and losses after an epoch, and losses and errors measured there.
    fn trace(level: Level) -> (Vec<f32>, Vec<f32>, Vec<Value>) {
        let layers = zoo::mlp::<8>(&[17, 40, 21, 6]).unwrap();
        let network = Network { input: Shape::flat(17), layers: &layers };
        let mut stream = Stream::new(0, Purpose::Split, 0, 0, 0);
        let mut samples = |count: usize| Samples {
            inputs: (0..17 * count).map(|_| stream.symmetric(1.0) as f32).collect(),
            labels: (0..count).map(|_| stream.below(6) as u8).collect(),
        };
        let data = Arc::new(Dataset { train: samples(130), test: samples(50) });
        let mut cpu = Cpu { level, ..Cpu::new(&layers, network.input, data, 40, 2).unwrap() };
        let mut theta = vec![0.0; cpu.dim()];
        for slot in 0..2 {
            initialise(&network, 1, slot, &mut theta);
            cpu.put(slot, &theta).unwrap();
        }
        let point = Mix::from_iter([(0, 0.25), (1, 0.75)]);
        let steps: Vec<Step> = (0..4).map(|batch| Step { mix: point.clone(), rate: 0.1, batch }).collect();
        let course = Course {
            seed: 0,
            job: 1,
            epoch: 0,
            trainable: 1,
            momentum: 0.9,
            weight_decay: 1e-3,
            across: 0.0,
        };
        let mut losses = vec![0.0; 4];
        cpu.advance(&course, &steps, &mut losses).unwrap();
        cpu.get(1, &mut theta).unwrap();
        let mut values = vec![Value::default(); 2];
        for (split, value) in [Split::Train, Split::Test].into_iter().zip(values.chunks_mut(1)) {
            cpu.values(split, std::slice::from_ref(&point), value).unwrap();
        }
        (theta, losses, values)
    }

    /// The same bits wherever multiplication and addition are fused; near them elsewhere.
    #[test]
    fn instruction_sets_agree() {
        let (theta, losses, values) = trace(Level::new());
        for level in levels() {
            let (other_theta, other_losses, other_values) = trace(level);
            let fused = !matches!(format!("{level:?}").as_str(), l if l.starts_with("Sse"));
            if fused {
                assert_eq!((&theta, &losses, &values), (&other_theta, &other_losses, &other_values));
            }
            let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(near(&theta, &other_theta) && near(&losses, &other_losses), "{level:?}");
            assert!(values.iter().zip(other_values).all(|(a, b)| (a.loss - b.loss).abs() < 1e-5));
        }
    }
}

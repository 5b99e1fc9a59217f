//! Networks on data behind the contract, fast on one core.
//!
//! One [`Cpu`] runs one job on one thread; jobs run side by side, so no bit depends on the number of threads. The
//! vector width is chosen when the program runs, from one source for all instruction sets.
//!
//! Samples lie side by side in a vector ([`floats`]), parameters stay as θ has them. So every product of matrices is
//! the same micro kernel ([`tile`]), whose scalars come from θ or from gradients with any strides:
//! [`linear`] puts it to work, [`pass`] goes through all layers, [`slots`] mixes control points and moves them,
//! [`measure`] tells the loss at many points.

mod across;
mod cross_entropy;
mod elementary;
mod floats;
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
use valleys_core::landscape::{Course, Landscape, Mix, Split, Step, Value, epoch_order};
use valleys_core::network::{Layer, Network, Shape};
use valleys_core::rng::{Purpose, Stream};

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
        check("samples of a batch", batch)?;
        check("training samples", data.train.labels.len())?;
        for Samples { inputs, labels } in [&data.train, &data.test] {
            let needed = input.len() * labels.len();
            if needed != inputs.len() {
                return Err(Error::Length { what: "inputs of the samples", needed, given: inputs.len() });
            }
            if let Some(sample) = labels.iter().position(|&label| usize::from(label) >= plan.classes) {
                return Err(Error::Label { sample, label: labels[sample], classes: plan.classes });
            }
        }
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
            self.slots.mix(simd, &step.mix, theta);
            *loss = self.pass.gradient(simd, chosen.len(), theta, self.gradient.get_mut()) as f32;
            let mut course = *course;
            if course.across {
                let gradient = &mut self.gradient.get_mut()[..theta.len()];
                across::project(simd, &self.slots, &step.mix, course.weight_decay, theta, gradient);
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
        self.slots.get(slot, theta)
    }

    fn advance(&mut self, course: &Course, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        if steps.len() != losses.len() {
            return Err(Error::Length {
                what: "losses of the steps",
                needed: steps.len(),
                given: losses.len(),
            });
        }
        let most = u64::from(self.epoch_len() - 1);
        for step in steps {
            if u64::from(step.batch) > most {
                let given = step.batch.into();
                return Err(Error::Range { what: "batch of the epoch", least: 0, most, given });
            }
            self.slots.check_mix(&step.mix)?;
        }
        let train = self.data.train.labels.len();
        epoch_order(course, &mut self.order[..train]);
        dispatch!(self.level, simd => self.steps(simd, course, steps, losses));
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        if points.len() != values.len() {
            return Err(Error::Length {
                what: "values of the points",
                needed: points.len(),
                given: values.len(),
            });
        }
        points.iter().try_for_each(|point| self.slots.check_mix(point))?;
        let test = split == Split::Test;
        let samples = if test { &self.data.test } else { &self.data.train };
        let order = &mut self.order[..samples.labels.len()];
        order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
        let mut count = order.len();
        if let Split::Drawn { seed, job, epoch, len } = split {
            Stream::new(seed, Purpose::Measure, job, epoch, 0).shuffle(order);
            count = count.min(len as usize);
        }
        check("samples to measure on", count)?;
        dispatch!(self.level, simd => self.measure(simd, test, count, points, values));
        Ok(())
    }
}

/// Checks that there is something.
fn check(what: &'static str, given: usize) -> Result<(), Error> {
    match given {
        0 => Err(Error::Range { what, least: 1, most: usize::MAX as u64, given: 0 }),
        _ => Ok(()),
    }
}

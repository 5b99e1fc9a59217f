//! Convolutional networks behind the contract, fast on all cores.
//!
//! As in the room above, samples lie side by side in a vector (`planes`) and a number of θ meets 16 of them at once: so
//! one kernel (`correlation`) serves every convolution, of any size, number of channels and stride, forward and
//! backward to its inputs; one more (`weights`) its weights. `batch_norm`, `pool` and the linear layers of the room
//! above do the rest.
//!
//! `plan` fuses layers and orders them in *sweeps*; `panel` goes through a sweep, by itself, on any thread. What panels
//! sum is joined in their order, so no bit depends on the number of threads.

mod batch_norm;
mod correlation;
mod filter;
mod measure;
mod panel;
mod plan;
mod planes;
mod pool;
mod tiles;
mod weights;
mod winograd;

use super::sgd::{Sgd, each, stride, vectors};
use super::{check_data, check_mixes, check_steps, chosen_by, tangent};
use crate::floats::{Floats, LANES};
use batch_norm::{Channel, Moments};
use fearless_simd::{Level, dispatch, prelude::*};
use panel::{Job, Panel};
use plan::{Normalise, Op, Plan, Step as Work};
use rayon::prelude::*;
use std::sync::Arc;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Value, epoch_order};
use valleys_core::error::Error;
use valleys_core::network::LabelledData;
use valleys_core::network::{CropFlip, Network};

/// Mean cross-entropy of a convolutional network over labelled samples.
#[derive(Debug)]
pub struct Images {
    level: Level,
    data: Arc<dyn LabelledData>,
    batch: usize,
    /// How steps augment their samples.
    augment: Option<CropFlip<Vec<f32>>>,
    slots: Sgd,
    order: Vec<u32>,
    /// θ(t), and ∇L there.
    theta: Floats,
    gradient: Floats,
    pass: Pass,
}

/// A plan, and the memory to go through it.
#[derive(Debug)]
struct Pass {
    plan: Plan,
    packed: Floats,
    channels: Vec<Channel>,
    panels: Vec<Panel>,
}

impl Images {
    /// A landscape with `slots` control points, all 0, that takes batches of `batch` samples, the last of an epoch
    /// smaller; with the shape of the images and what black is, its steps see shifted and mirrored ones.
    ///
    /// # Errors
    /// No training samples; no batch; lengths that do not fit; a label that is no class; layers without fast kernels.
    pub fn new(
        network: &Network,
        data: Arc<dyn LabelledData>,
        batch: usize,
        slots: usize,
        augment: Option<CropFlip<Vec<f32>>>,
    ) -> Result<Self, Error> {
        let plan = Plan::new(network)?;
        check_data(&*data, network.input, plan.head.classes, batch)?;
        if let Some(CropFlip { shape, border, .. }) = &augment {
            for (what, needed, given) in [
                ("numbers of an image", network.input.len(), shape.len()),
                ("numbers of its border", shape.channels, border.len()),
            ] {
                if needed != given {
                    return Err(Error::Length { what, needed, given });
                }
            }
        }
        let dim = network.parameter_len();
        Ok(Self {
            level: Level::new(),
            order: vec![0; data.train().labels.len().max(data.test().labels.len())],
            data,
            batch,
            augment,
            slots: Sgd::new(slots, dim),
            theta: Floats::new(stride(dim)),
            gradient: Floats::new(stride(dim)),
            pass: Pass {
                packed: Floats::new(plan.packed_len),
                channels: vec![Channel::default(); plan.channels],
                panels: (0..batch.div_ceil(LANES)).map(|_| Panel::new(&plan, stride(dim))).collect(),
                plan,
            },
        })
    }

    /// Takes a step; gives the loss before it.
    fn step(&mut self, course: &StepParams, step: &Step) -> f64 {
        let Self { level, data, batch, augment, slots, order, theta, gradient, pass } = self;
        let order = &order[..data.train().labels.len()];
        let chosen = &order[step.batch as usize * *batch..];
        let chosen = &chosen[..chosen.len().min(*batch)];
        slots.arrive(*level, &step.mix);
        slots.mix(*level, &step.mix, theta.get_mut());
        let augment = augment.as_ref().map(|augment| (augment, course));
        pass.pack(*level, theta.get());
        pass.choose(chosen);
        let count = chosen.len();
        gradient.get_mut().fill(0.0);
        let training = std::mem::take(&mut pass.plan.training);
        for sweep in &training {
            let (theta, share) = (theta.get(), 1.0 / count as f32);
            let samples = &data.train();
            let plan = &pass.plan;
            let job = Job {
                plan,
                samples,
                augment,
                theta,
                packed: pass.packed.get(),
                channels: &pass.channels,
                share,
            };
            let used = &mut pass.panels[..count.div_ceil(LANES)];
            used.par_iter_mut().for_each(|panel| run(*level, panel, &job, sweep));
            match sweep.last() {
                Some(&Work::Moments(op)) => pass.normalise(op, theta),
                Some(&Work::Sums(op)) => pass.learn(op, count, gradient.get_mut()),
                _ => {}
            }
        }
        pass.plan.training = training;
        let mut loss = 0.0;
        for panel in &pass.panels[..count.div_ceil(LANES)] {
            loss += panel.scores.loss;
            dispatch!(*level, simd => add(simd, panel.gradient.get(), gradient.get_mut()));
        }
        let mut course = *course;
        if course.tangent_removal > 0.0 {
            let gradient = gradient.get_mut();
            dispatch!(*level, simd => tangent::project(simd, slots, &course, &step.mix, theta.get(), gradient));
            course.weight_decay = 0.0;
        }
        slots.step(*level, &course, &step.mix, step.rate, theta.get(), gradient.get());
        loss / count as f64
    }
}

/// One panel's way through a sweep: the only place where the instruction set is chosen for it.
fn run(level: Level, panel: &mut Panel, job: &Job, sweep: &[Work]) {
    dispatch!(level, simd => panel.run(simd, job, sweep));
}

#[inline(always)]
fn add<S: Simd>(simd: S, part: &[f32], sum: &mut [f32]) {
    for (part, sum) in vectors::<S>(part).zip(each::<S>(sum)) {
        (S::f32s::from_slice(simd, part) + S::f32s::from_slice(simd, sum)).store_slice(sum);
    }
}

impl Pass {
    /// Brings the weights of all convolutions into the order of their kernels.
    fn pack(&mut self, level: Level, theta: &[f32]) {
        let packed = self.packed.get_mut();
        for op in self.plan.convolutions() {
            let weight = &theta[op.weight.clone()];
            for filter in op.filters() {
                dispatch!(level, simd => filter.pack(simd, weight, packed));
            }
        }
    }

    /// Shares out the samples of a batch.
    fn choose(&mut self, chosen: &[u32]) {
        self.panels.iter_mut().zip(chosen.chunks(LANES)).for_each(|(panel, chosen)| panel.choose(chosen));
        self.panels.iter_mut().skip(chosen.len().div_ceil(LANES)).for_each(|panel| panel.choose(&[]));
    }

    /// The moments of a channel over the batch.
    fn moments(&self, channel: usize) -> Moments {
        let halves = self.panels.iter().flat_map(|panel| &panel.halves);
        halves.map(|half| half.moments[channel]).fold(Moments::default(), Moments::join)
    }

    /// Learns how a batch norm normalises the batch.
    fn normalise(&mut self, op: usize, theta: &[f32]) {
        let Op::Normalise(Normalise { channels, parameters, .. }) = &self.plan.ops[op] else { return };
        for (i, channel) in channels.clone().enumerate() {
            let (gamma, beta) = (theta[parameters + i], theta[parameters + channels.len() + i]);
            self.channels[channel] = Channel::new(self.moments(channel).biased(), gamma, beta);
        }
    }

    /// Learns how gradients go back through a batch norm, and the gradient of its parameters.
    fn learn(&mut self, op: usize, count: usize, gradient: &mut [f32]) {
        let Op::Normalise(Normalise { channels, parameters, z, .. }) = &self.plan.ops[op] else { return };
        let planes = &self.plan.buffers[*z];
        let elements = (count * planes.height * planes.width) as f64;
        for (i, channel) in channels.clone().enumerate() {
            let halves = self.panels.iter().flat_map(|panel| &panel.halves);
            let sums = halves.fold([0.0; 2], |[a, b], half| {
                let [x, y] = half.sums[channel];
                [a + x, b + y]
            });
            let [gamma, beta] = self.channels[channel].learn(sums, elements);
            (gradient[parameters + i], gradient[parameters + channels.len() + i]) = (gamma, beta);
        }
    }
}

impl Engine for Images {
    type Error = Error;

    fn dim(&self) -> usize {
        self.slots.dim()
    }

    fn batches(&self) -> u32 {
        self.data.train().labels.len().div_ceil(self.batch) as u32
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.slots.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.slots.arrive_all(self.level);
        self.slots.get(slot, theta)
    }

    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        check_steps(&self.slots, self.batches(), steps, losses)?;
        epoch_order(course.key, course.epoch, &mut self.order[..self.data.train().labels.len()]);
        for (step, loss) in steps.iter().zip(losses) {
            *loss = self.step(course, step) as f32;
        }
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        check_mixes(&self.slots, points, values)?;
        let count = chosen_by(split, &*self.data, &mut self.order)?;
        self.slots.arrive_all(self.level);
        self.measure(split == Split::Test, count, points, values)
    }

    fn state_len(&self) -> usize {
        self.slots.state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), Error> {
        self.slots.save(state)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), Error> {
        self.slots.restore(state)
    }
}

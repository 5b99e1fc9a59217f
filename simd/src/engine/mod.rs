//! Networks on data behind the contract, fast on one core.
//!
//! One [`Cpu`] runs one job; jobs run side by side, and what is large is shared between threads, in parts that do not
//! depend on their number: no bit does. The vector width is chosen when the program runs, from one source for all
//! instruction sets.
//!
//! Samples lie side by side in a vector (`floats`), parameters stay as θ has them. So every product of matrices is
//! the same micro kernel (`tile`), whose scalars come from θ or from gradients with any strides:
//! `linear` puts it to work, `pass` goes through all layers with a `panel` of samples, `slots` mixes control points and
//! moves them, `measure` tells the loss at many points. [`cloud`] puts it to work on distances: spanning trees of weights.

mod cross_entropy;
pub mod images;
mod linear;
mod measure;
mod panel;
mod pass;
mod plan;
mod sgd;
mod tangent;

use crate::floats::{Floats, LANES};
use fearless_simd::{Level, dispatch};
use panel::Panel;
use pass::weight_gradient;
use plan::Plan;
use rayon::prelude::*;
use sgd::{Sgd, stride};
use std::sync::Arc;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Value, epoch_order, subset_order};
use valleys_core::error::Error;
use valleys_core::network::{LabelledData, Samples};
use valleys_core::network::{Layer, Network, Shape};

/// Mean cross-entropy of a multilayer perceptron over labelled samples.
#[derive(Debug)]
pub struct Cpu {
    level: Level,
    plan: Plan,
    data: Arc<dyn LabelledData>,
    batch: usize,
    slots: Sgd,
    panels: Vec<Panel>,
    /// θ(t) of a step.
    theta: Floats,
    gradient: Floats,
    /// θ(t) of points that are measured together.
    thetas: Floats,
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
        data: Arc<dyn LabelledData>,
        batch: usize,
        slots: usize,
    ) -> Result<Self, Error> {
        let plan = Plan::new(&Network { input, layers })?;
        check_data(&*data, input, plan.classes, batch)?;
        Ok(Self {
            level: Level::new(),
            order: vec![0; data.train().labels.len().max(data.test().labels.len())],
            data,
            batch,
            slots: Sgd::new(slots, plan.dim),
            theta: Floats::new(stride(plan.dim)),
            gradient: Floats::new(stride(plan.dim)),
            thetas: measure::thetas(plan.dim),
            panels: (0..batch.div_ceil(LANES))
                .map(|i| Panel::new(&plan, if i < measure::PANELS { slots } else { 0 }))
                .collect(),
            plan,
        })
    }

    /// Takes a step; gives the loss before it.
    fn step(&mut self, course: &StepParams, step: &Step) -> f64 {
        let Self { level, plan, data, batch, slots, panels, theta, gradient, order, .. } = self;
        let level = *level;
        let order = &order[..data.train().labels.len()];
        let chosen = &order[step.batch as usize * *batch..];
        let chosen = &chosen[..chosen.len().min(*batch)];
        slots.arrive(level, &step.mix);
        slots.mix(level, &step.mix, theta.get_mut());
        let (count, wide) = (chosen.len(), is_wide(plan.dim, chosen.len()));
        let panels = &mut panels[..count.div_ceil(LANES)];
        let (theta, gradient) = (theta.get(), gradient.get_mut());
        each(panels, wide, |i, panel| {
            let chosen = &chosen[i * LANES..count.min((i + 1) * LANES)];
            dispatch!(level, simd => panel.learn(simd, &data.train(), chosen, 1.0 / count as f32, theta));
        });
        for block in &plan.blocks {
            let (weight, bias) = block.split(gradient);
            let rows = |(i, (weight, bias)): (usize, (&mut [f32], &mut [f32]))| {
                dispatch!(level, simd => weight_gradient(simd, panels, block, i * ROWS, weight, bias));
            };
            if wide {
                let parts = weight.par_chunks_mut(ROWS * block.inputs).zip(bias.par_chunks_mut(ROWS));
                parts.enumerate().for_each(rows);
            } else {
                rows((0, (weight, bias)));
            }
        }
        let mut course = *course;
        if course.tangent_removal > 0.0 {
            let gradient = &mut gradient[..theta.len()];
            dispatch!(level, simd => tangent::project(simd, slots, &course, &step.mix, theta, gradient));
            course.weight_decay = 0.0;
        }
        slots.step(level, &course, &step.mix, step.rate, theta, gradient);
        panels.iter().map(|panel| panel.scores.loss).sum::<f64>() / count as f64
    }
}

/// Rows of a layer's weights whose gradient a thread sums at a time: tiles of eight and of six divide it.
const ROWS: usize = 24;

/// Whether a pass of so many samples through a network of `dim` parameters takes long enough to share it between threads:
/// a tenth of a millisecond.
const fn is_wide(dim: usize, samples: usize) -> bool {
    dim * samples >= 1 << 22
}

/// Does something with each of the items, with their numbers.
fn each<T: Send>(items: &mut [T], wide: bool, work: impl Fn(usize, &mut T) + Sync) {
    if wide {
        items.par_iter_mut().enumerate().for_each(|(i, item)| work(i, item));
    } else {
        items.iter_mut().enumerate().for_each(|(i, item)| work(i, item));
    }
}

impl Engine for Cpu {
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
        let train = self.data.train().labels.len();
        epoch_order(course.key, course.epoch, &mut self.order[..train]);
        for (step, loss) in steps.iter().zip(losses) {
            *loss = self.step(course, step) as f32;
        }
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        check_mixes(&self.slots, points, values)?;
        let count = chosen_by(split, &*self.data, &mut self.order)?;
        let test = split == Split::Test;
        self.slots.arrive_all(self.level);
        self.measure(test, count, points, values);
        Ok(())
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

/// Checks that the samples are those of a network.
fn check_data(data: &dyn LabelledData, input: Shape, classes: usize, batch: usize) -> Result<(), Error> {
    check("samples of a batch", batch)?;
    check("training samples", data.train().labels.len())?;
    for Samples { inputs, labels } in [&data.train(), &data.test()] {
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
fn check_steps(slots: &Sgd, batches: u32, steps: &[Step], losses: &[f32]) -> Result<(), Error> {
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
fn check_mixes(slots: &Sgd, points: &[Mix], values: &[Value]) -> Result<(), Error> {
    if points.len() != values.len() {
        let (needed, given) = (points.len(), values.len());
        return Err(Error::Length { what: "values of the points", needed, given });
    }
    points.iter().try_for_each(|point| slots.check_mix(point))
}

/// Fills the order of a split's samples; the first so many belong to it.
fn chosen_by(split: Split, data: &dyn LabelledData, order: &mut [u32]) -> Result<usize, Error> {
    let samples = if split == Split::Test { &data.test() } else { &data.train() };
    let order = &mut order[..samples.labels.len()];
    let mut count = order.len();
    if let Split::Subset { key, epoch, len } = split {
        subset_order(key, epoch, order);
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
mod tests {
    use super::*;
    use crate::tests::levels;
    use valleys_core::network::{initialise, zoo};
    use valleys_core::rng::{Key, Purpose, Stream};

    /// Random samples.
    #[derive(Debug)]
    struct Noise([(Vec<f32>, Vec<u8>); 2]);

    impl LabelledData for Noise {
        fn train(&self) -> Samples<'_, f32> {
            Samples { inputs: &self.0[0].0, labels: &self.0[0].1 }
        }

        fn test(&self) -> Samples<'_, f32> {
            Samples { inputs: &self.0[1].0, labels: &self.0[1].1 }
        }
    }

    /// A centre and losses after an epoch, and losses and errors measured there.
    fn trace(level: Level) -> (Vec<f32>, Vec<f32>, Vec<Value>) {
        let layers = zoo::mlp::<8>(&[17, 40, 21, 6]).unwrap();
        let network = Network { input: Shape::flat(17), layers: &layers };
        let mut stream = Stream::new(Key::new(0, 0), Purpose::Split, 0, 0);
        let mut samples = |count: usize| {
            let inputs = (0..17 * count).map(|_| stream.symmetric(1.0) as f32).collect();
            (inputs, (0..count).map(|_| stream.below(6) as u8).collect())
        };
        let data = Arc::new(Noise([samples(130), samples(50)]));
        let mut cpu = Cpu { level, ..Cpu::new(&layers, network.input, data, 40, 2).unwrap() };
        let mut theta = vec![0.0; cpu.dim()];
        for slot in 0..2 {
            initialise(&network, 1, slot, &mut theta);
            cpu.put(slot, &theta).unwrap();
        }
        let point = Mix::from_iter([(0, 0.25), (1, 0.75)]);
        let steps: Vec<Step> = (0..4).map(|batch| Step { mix: point.clone(), rate: 0.1, batch }).collect();
        let course = StepParams {
            key: Key::new(0, 1),
            epoch: 0,
            first_trainable: 1,
            momentum: 0.9,
            weight_decay: 1e-3,
            tangent_removal: 0.0,
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

//! A network on data behind the contract, on a GPU.
//!
//! The host keeps the control points and momenta as they were after the last call. So a lost device loses nothing: the
//! next one is filled from them, and the call is made again.

use crate::dataset::GpuDataset;
use crate::error::{Error, Result, length, range};
use crate::kernels::{samples, tangent_removal};
use crate::model_batch::{EngineKey, ModelBatch};
use crate::network::Plan;
use crate::request::{StepRequest, ValueRequest};
use crate::scheduler::ModelHandle;
use std::sync::Arc;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Value, epoch_order, subset_order};
use valleys_core::network::{CropFlip, CropFlipDraw, Network};
use valleys_core::rng::{Purpose, Stream};

/// How often a call is made again because a device was lost.
const TRIES: usize = 3;

/// A control point as the host knows it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub centre: Vec<f32>,
    pub momentum: Vec<f32>,
}

/// What was done on devices so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Dispatches recorded.
    pub dispatches: u64,
    /// Submissions to a queue, without those that only read results.
    pub submissions: u64,
    /// Calls for steps that went in the same dispatches as those of other landscapes.
    pub batched: u64,
    /// Devices filled because the one before was lost.
    pub recoveries: u64,
}

impl Counts {
    /// Adds what was done.
    pub(crate) fn add(&mut self, more: Self) {
        self.dispatches += more.dispatches;
        self.submissions += more.submissions;
        self.batched += more.batched;
        self.recoveries += more.recoveries;
    }
}

/// Mean cross-entropy of a network over labelled samples, on a GPU.
#[derive(Debug)]
pub struct GpuEngine {
    key: EngineKey,
    dataset: Arc<GpuDataset>,
    slots: Vec<Slot>,
    handle: Option<ModelHandle>,
    order: Vec<u32>,
    counts: Counts,
}

impl GpuEngine {
    /// A landscape with `slots` control points, all 0, that takes batches of `batch` samples, the last of an epoch
    /// smaller; with `augment` its steps see shifted and mirrored images.
    ///
    /// # Errors
    /// No usable device; no room on it; layers, lengths or labels that do not fit; no training samples.
    ///
    /// # Cost
    /// The data is uploaded with the first landscape on it; pipelines are made with the first one of their shape.
    pub fn new(
        network: &Network,
        dataset: Arc<GpuDataset>,
        batch: usize,
        slots: usize,
        augment: Option<CropFlip<Vec<f32>>>,
    ) -> Result<Self> {
        let plan = Plan::new(network)?;
        let [train, test] = [dataset.data().train(), dataset.data().test()];
        range("samples of a batch", 1, u32::MAX.into(), batch as u64)?;
        range("training samples", 1, u32::MAX.into(), train.labels.len() as u64)?;
        for samples in [train, test] {
            length(
                "inputs of the samples",
                network.input.len() * samples.labels.len(),
                samples.inputs.len(),
            )?;
            if let Some(sample) = samples.labels.iter().position(|&label| usize::from(label) >= plan.classes)
            {
                let label = samples.labels[sample];
                return Err(valleys_core::error::Error::Label { sample, label, classes: plan.classes }.into());
            }
        }
        if let Some(augment) = &augment {
            length("numbers of an image", network.input.len(), augment.shape.len())?;
            length("numbers of its border", augment.shape.channels, augment.border.len())?;
            range("shift of an image", 1, 127, augment.padding as u64)?;
        }
        let slot = Slot { centre: vec![0.0; plan.dim], momentum: vec![0.0; plan.dim] };
        let (train, test) = (train.labels.len(), test.labels.len());
        let batch = batch.min(train);
        let mut engine = Self {
            key: EngineKey { plan, batch, train, test, augment },
            dataset,
            slots: vec![slot; slots],
            handle: None,
            order: vec![0; train.max(test)],
            counts: Counts::default(),
        };
        // What is wrong with the device is said here, not by the first step.
        engine.attempt(|_, _| Ok(((), Counts::default())))?;
        Ok(engine)
    }

    /// What was done on devices so far; dispatches that several landscapes share count for each.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Destroys the device before a submission so many from now, of all that share it: for tests of what happens then.
    pub fn lose_device_after(&self, submissions: u64) {
        self.tell(|engine, _| engine.submitter.fuse.set(Some(submissions)));
    }

    /// Submits every step, and every batch, on its own until the device is lost, for all that share it: for tests of what
    /// happens between them.
    pub fn one_list_a_submission(&self) {
        self.tell(|engine, _| engine.submitter.at_once.set(Some(1)));
    }

    /// A handle whose model holds the slots.
    fn sit(&self) -> Result<ModelHandle> {
        let handle = self.dataset.handle(&self.key, self.slots.len())?;
        let model = handle.model();
        handle.alone(|engine| {
            engine.reserve(self.slots.len())?;
            engine.fill_all(model, &self.slots);
            Ok(())
        })?;
        Ok(handle)
    }

    /// Does some work at a handle whose model holds the slots; on another device if one is lost.
    fn attempt<R>(&mut self, mut work: impl FnMut(&Self, &ModelHandle) -> Result<(R, Counts)>) -> Result<R> {
        let mut tries = 0;
        loop {
            let handle = self.handle.take().map_or_else(|| self.sit(), Ok);
            let done = handle.and_then(|handle| {
                let done = work(self, &handle)?;
                Ok((handle, done))
            });
            match done {
                Ok((handle, (done, counts))) => {
                    self.handle = Some(handle);
                    self.counts.add(counts);
                    return Ok(done);
                }
                Err(Error::Lost(_)) if tries < TRIES => {
                    tries += 1;
                    self.counts.recoveries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the engine something about our model. A device that is lost hears of it when another one takes its place.
    fn tell(&self, something: impl FnOnce(&mut ModelBatch, usize)) {
        if let Some(handle) = &self.handle {
            let model = handle.model();
            let told = handle.alone(|engine| {
                something(engine, model);
                Ok(())
            });
            drop(told);
        }
    }

    fn check_mix(&self, mix: &Mix) -> Result<()> {
        range("control points of a mix", 1, u64::MAX, mix.len() as u64)?;
        let last = self.slots.len().saturating_sub(1) as u64;
        mix.iter().try_for_each(|&(slot, _)| range("slot", 0, last, slot.into()))
    }
}

impl Engine for GpuEngine {
    type Error = Error;

    fn dim(&self) -> usize {
        self.key.plan.dim
    }

    fn batches(&self) -> u32 {
        self.key.train.div_ceil(self.key.batch) as u32
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<()> {
        range("slot", 0, self.slots.len().saturating_sub(1) as u64, slot.into())?;
        length("parameters", self.dim(), theta.len())?;
        let to = &mut self.slots[slot as usize];
        to.centre.copy_from_slice(theta);
        to.momentum.fill(0.0);
        let to = &self.slots[slot as usize];
        self.tell(|engine, model| engine.fill(model, slot as usize, to));
        Ok(())
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<()> {
        range("slot", 0, self.slots.len().saturating_sub(1) as u64, slot.into())?;
        length("parameters", self.dim(), theta.len())?;
        theta.copy_from_slice(&self.slots[slot as usize].centre);
        Ok(())
    }

    fn advance(&mut self, params: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<()> {
        length("losses of the steps", steps.len(), losses.len())?;
        for step in steps {
            range("batch of the epoch", 0, u64::from(self.batches()) - 1, step.batch.into())?;
            self.check_mix(&step.mix)?;
            if params.tangent_removal > 0.0 {
                range("control points of a mix", 1, tangent_removal::TERMS as u64, step.mix.len() as u64)?;
            }
        }
        let train = self.key.train;
        epoch_order(params.key, params.epoch, &mut self.order[..train]);
        let order = std::mem::take(&mut self.order);
        let entry = |sample: u32| [sample, self.key.code(params, sample)];
        let entries: Vec<Vec<[u32; 2]>> = steps
            .iter()
            .map(|step| {
                let from = step.batch as usize * self.key.batch;
                order[from..(from + self.key.batch).min(train)].iter().map(|&sample| entry(sample)).collect()
            })
            .collect();
        self.order = order;
        let entries = Arc::new(entries);
        let moved = self.attempt(|this, handle| {
            handle.advance(StepRequest {
                model: handle.model(),
                slots: this.slots.len(),
                params: *params,
                steps: steps.to_vec(),
                entries: entries.clone(),
            })
        })?;
        losses.copy_from_slice(&moved.losses);
        for (slot, moved) in self.slots.iter_mut().skip(params.first_trainable as usize).zip(moved.slots) {
            *slot = moved;
        }
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<()> {
        length("values of the points", points.len(), values.len())?;
        points.iter().try_for_each(|point| self.check_mix(point))?;
        let total = if split == Split::Test { self.key.test } else { self.key.train };
        let order = &mut self.order[..total];
        let mut count = total;
        if let Split::Subset { key, epoch, len } = split {
            subset_order(key, epoch, order);
            count = count.min(len as usize);
        } else {
            order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
        }
        range("samples to measure on", 1, u64::MAX, count as u64)?;
        let chosen = order[..count].to_vec();
        let test = split == Split::Test;
        let found = self.attempt(|_, handle| {
            let asked = ValueRequest { model: handle.model(), test, chosen: &chosen, points };
            handle.alone(|engine| engine.values(&asked))
        })?;
        for (value, [loss, wrong]) in values.iter_mut().zip(found) {
            *value = Value { loss: loss / count as f64, error: Some(wrong / count as f64) };
        }
        Ok(())
    }

    fn state_len(&self) -> usize {
        2 * self.slots.len() * self.dim()
    }

    /// Of each slot the control point, then its momentum.
    fn save(&mut self, state: &mut [f32]) -> Result<()> {
        length("saved state", self.state_len(), state.len())?;
        let parts = self.slots.iter().flat_map(|slot| [&slot.centre, &slot.momentum]);
        state.chunks_exact_mut(self.dim()).zip(parts).for_each(|(to, part)| to.copy_from_slice(part));
        Ok(())
    }

    fn restore(&mut self, state: &[f32]) -> Result<()> {
        length("saved state", self.state_len(), state.len())?;
        let dim = self.dim();
        for (slot, parts) in self.slots.iter_mut().zip(state.chunks_exact(2 * dim)) {
            slot.centre.copy_from_slice(&parts[..dim]);
            slot.momentum.copy_from_slice(&parts[dim..]);
        }
        self.tell(|engine, model| engine.fill_all(model, &self.slots));
        Ok(())
    }
}

impl EngineKey {
    /// What a step of a params does to a sample.
    fn code(&self, params: &StepParams, sample: u32) -> u32 {
        let Some(augment) = &self.augment else { return 0 };
        let mut stream = Stream::new(params.key, Purpose::Augment, params.epoch, sample);
        samples::code(CropFlipDraw::draw(&mut stream, augment.padding))
    }

    /// The code that leaves a sample as it is.
    pub(crate) fn plain(&self) -> u32 {
        let shift = self.augment.as_ref().map_or(0, |augment| augment.padding as u32);
        samples::code(CropFlipDraw { down: shift, right: shift, mirrored: false })
    }
}

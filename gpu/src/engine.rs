//! A network on data as an engine, on a GPU.

use crate::counts::Counts;
use crate::dataset::GpuDataset;
use crate::error::{Error, Result, length, range};
use crate::kernels::tangent_removal;
use crate::key::EngineKey;
use crate::pass;
use crate::recovery::{LoggedSteps, Recovery};
use crate::request::{MeasuredSplit, SlotState, StepRequest, ValueRequest};
use crate::scheduler::ModelHandle;
use std::sync::Arc;
use std::time::Instant;
use valleys_core::engine::{
    Engine, Mix, Split, Step, StepParams, Subset, Value, check_measurement, check_mix, choose_subset,
    epoch_order,
};
use valleys_core::network::graph::Graph;
use valleys_core::network::{Criterion, CropFlip, Network};
use valleys_core::rng::Key;

/// How often a call is repeated on another device because one was lost.
const MAX_RECOVERIES: usize = 3;

/// Mean cross-entropy of a network over labelled samples, trained and measured on a GPU.
///
/// The contract is that of [`Engine`]. A call repeats bit for bit on one device with the same paths; results of other
/// devices agree up to rounding. Engines of one kind on one [`GpuDataset`] can share dispatches, without any effect on
/// their bits.
///
/// A lost device (unplugged, reset by its driver) is replaced by another one, and nothing is lost: the host keeps the
/// slots of the last few seconds, and repeats the steps since. An error is returned only if there is no device, or if
/// devices are lost again and again.
///
/// The [crate's front page](crate) has an example.
#[derive(Debug)]
pub struct GpuEngine {
    key: EngineKey,
    dataset: Arc<GpuDataset>,
    handle: Option<ModelHandle>,
    recovery: Recovery,
    /// The order of the training samples in an epoch.
    order: Vec<u32>,
    epoch: Option<(Key, u32)>,
    counts: Counts,
}

impl GpuEngine {
    /// An engine with `slots` slots, all 0, and batches of `batch` samples, the last one of an epoch smaller. With
    /// `augment`, steps use shifted and mirrored images; measurements use the images themselves.
    ///
    /// # Errors
    /// No usable device, or one without enough memory; layers that do not fit together; lengths or labels that do not
    /// fit the network; no training samples.
    ///
    /// # Cost
    /// The first engine on a dataset uploads the data. The first one of a kind compiles its pipelines: some tens of
    /// milliseconds each, less if the driver has cached them.
    pub fn new(
        network: &Network,
        dataset: Arc<GpuDataset>,
        batch: usize,
        slots: usize,
        augment: Option<CropFlip<Vec<f32>>>,
    ) -> Result<Self> {
        let graph = Graph::of(network)?;
        let [train, test] = [dataset.data().train(), dataset.data().test()];
        range("samples of a batch", 1, u32::MAX.into(), batch as u64)?;
        range("training samples", 1, u32::MAX.into(), train.len() as u64)?;
        pass::check(&graph)?;
        for samples in [train, test] {
            length("inputs of the samples", network.input.len() * samples.len(), samples.inputs.len())?;
            Criterion::PLAIN.check(network, &samples.targets)?;
        }
        if let Some(augment) = &augment {
            length("elements of an image", network.input.len(), augment.shape.len())?;
            length("elements of its border", augment.shape.channels, augment.border.len())?;
            range("shift of an image", 1, 127, augment.padding as u64)?;
        }
        let (train_len, test_len) = (train.len(), test.len());
        let recovery = Recovery::new(slots, graph.parameter_len());
        let mut engine = Self {
            key: EngineKey { graph, batch: batch.min(train_len), train_len, test_len, augment },
            dataset,
            handle: None,
            recovery,
            order: vec![0; train_len],
            epoch: None,
            counts: Counts::default(),
        };
        // An unusable device is reported now, not by the first step.
        engine.attempt(|_, _| Ok(((), Counts::default())))?;
        Ok(engine)
    }

    /// What was done on devices so far. Dispatches that several engines share count for each of them.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Does some work with a handle whose model has the engine's slots; on another device if one is lost.
    fn attempt<R>(&mut self, mut work: impl FnMut(&Self, &ModelHandle) -> Result<(R, Counts)>) -> Result<R> {
        let mut recoveries = 0;
        loop {
            let connected = match self.handle.take() {
                Some(handle) => Ok((handle, Counts::default())),
                None => self.connect(),
            };
            let done = connected.and_then(|(handle, counts)| {
                self.counts.add(counts);
                let done = work(self, &handle)?;
                Ok((handle, done))
            });
            match done {
                Ok((handle, (result, counts))) => {
                    self.handle = Some(handle);
                    self.counts.add(counts);
                    return Ok(result);
                }
                Err(Error::Lost(_)) if recoveries < MAX_RECOVERIES => {
                    recoveries += 1;
                    self.counts.recoveries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A new handle, whose model gets the slots and repeats the steps since they were read back.
    fn connect(&self) -> Result<(ModelHandle, Counts)> {
        let slots = self.recovery.slots();
        let handle = self.dataset.handle(&self.key, slots.len())?;
        let model = handle.model();
        let ((), mut counts) = handle.exclusive(|batch| {
            batch.reserve(slots.len())?;
            batch.write_slots(model, 0, slots);
            Ok(())
        })?;
        let mut order = vec![0; self.key.train_len];
        for logged in self.recovery.log() {
            epoch_order(logged.params.key, logged.params.epoch, &mut order);
            let entries = self.entries(&logged.params, &logged.steps, &order);
            let (_, more) = handle.advance(self.request(model, logged, &entries))?;
            counts.add(more);
        }
        Ok((handle, counts))
    }

    /// For each step the samples of its batch and their augmentation codes.
    fn entries(&self, params: &StepParams, steps: &[Step], order: &[u32]) -> Arc<[Vec<[u32; 2]>]> {
        let batch = |step: &Step| {
            let first = step.batch as usize * self.key.batch;
            let samples = &order[first..order.len().min(first + self.key.batch)];
            samples.iter().map(|&sample| [sample, self.key.augment_code(params, sample)]).collect()
        };
        steps.iter().map(batch).collect()
    }

    fn request(&self, model: usize, logged: &LoggedSteps, entries: &Arc<[Vec<[u32; 2]>]>) -> StepRequest {
        let LoggedSteps { params, steps } = logged.clone();
        StepRequest { model, slots: self.recovery.slots().len(), params, steps, entries: entries.clone() }
    }

    /// Reads the slots that the logged steps have trained, and forgets these steps.
    fn read_back(&mut self) -> Result<()> {
        let first = self.recovery.first_stale();
        let mut states = self.recovery.slots()[first..].to_vec();
        let read_backs = u64::from(!states.is_empty());
        self.attempt(|_, handle| {
            handle.exclusive(|batch| batch.read_slots(handle.model(), first, &mut states))
        })?;
        self.counts.read_backs += read_backs;
        self.recovery.replace(first, states);
        Ok(())
    }

    /// Sets slots from `first` on, on the host and on the device. The log of steps must be empty.
    fn set_slots(&mut self, first: usize, states: Vec<SlotState>) {
        self.recovery.replace(first, states);
        if let Some(handle) = &self.handle {
            let slots = &self.recovery.slots()[first..];
            let written = handle.exclusive(|batch| {
                batch.write_slots(handle.model(), first, slots);
                Ok(())
            });
            // A lost device is noticed by the next call, which connects to another one.
            if written.is_err() {
                self.handle = None;
            }
        }
    }

    fn check_slot(&self, slot: u32) -> Result<()> {
        range("slot", 0, self.recovery.slots().len().saturating_sub(1) as u64, slot.into())
    }

    fn check_mix(&self, mix: &Mix) -> Result<()> {
        Ok(check_mix(mix, self.recovery.slots().len())?)
    }
}

impl Engine for GpuEngine {
    type Error = Error;

    fn dim(&self) -> usize {
        self.key.graph.parameter_len()
    }

    fn batches(&self) -> u32 {
        self.key.train_len.div_ceil(self.key.batch) as u32
    }

    /// Reads trained slots back first, if steps have been taken since they were last read back.
    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<()> {
        self.check_slot(slot)?;
        length("parameters", self.dim(), theta.len())?;
        if !self.recovery.log().is_empty() {
            self.read_back()?;
        }
        let state = SlotState { point: theta.to_vec(), momentum: vec![0.0; theta.len()] };
        self.set_slots(slot as usize, vec![state]);
        Ok(())
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<()> {
        self.check_slot(slot)?;
        length("parameters", self.dim(), theta.len())?;
        let slot = slot as usize;
        if slot < self.recovery.first_stale() {
            theta.copy_from_slice(&self.recovery.slots()[slot].point);
            return Ok(());
        }
        self.attempt(|_, handle| handle.exclusive(|batch| batch.read_point(handle.model(), slot, theta)))
    }

    fn advance(&mut self, params: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<()> {
        length("losses of the steps", steps.len(), losses.len())?;
        if params.max_gradient_norm < f32::INFINITY {
            return Err(valleys_core::error::Error::Unsupported {
                what: "a limit of the gradient's norm on a GPU",
            }
            .into());
        }
        if params.optimizer.needs_second_moments() {
            return Err(valleys_core::error::Error::Unsupported { what: "Adam on a GPU" }.into());
        }
        for step in steps {
            range("batch of the epoch", 0, u64::from(self.batches()) - 1, step.batch.into())?;
            self.check_mix(&step.mix)?;
            if params.tangent_removal > 0.0 {
                let max_terms = tangent_removal::MAX_TERMS as u64;
                range("control points of a mix", 1, max_terms, step.mix.len() as u64)?;
            }
        }
        if steps.is_empty() {
            return Ok(());
        }
        if self.epoch != Some((params.key, params.epoch)) {
            epoch_order(params.key, params.epoch, &mut self.order);
            self.epoch = Some((params.key, params.epoch));
        }
        let entries = self.entries(params, steps, &self.order);
        let logged = LoggedSteps { params: *params, steps: steps.into() };
        let start = Instant::now();
        let found =
            self.attempt(|engine, handle| handle.advance(engine.request(handle.model(), &logged, &entries)))?;
        losses.copy_from_slice(&found);
        self.recovery.append(logged, start.elapsed());
        if self.recovery.is_due() {
            self.read_back()?;
        }
        Ok(())
    }

    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<()> {
        check_measurement(splits, points, values)?;
        points.iter().try_for_each(|point| self.check_mix(point))?;
        let choose = |len: usize| -> Result<Vec<u32>> {
            let mut samples = vec![0; len];
            let count = choose_subset(subset, &mut samples)?;
            samples.truncate(count);
            Ok(samples)
        };
        let parts = splits.iter().map(|&split| {
            let on_test = split == Split::Test;
            let samples = choose(if on_test { self.key.test_len } else { self.key.train_len })?;
            Ok(MeasuredSplit { on_test, samples })
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let train = choose(self.key.train_len)?;
        let found = self.attempt(|_, handle| {
            let request = ValueRequest { model: handle.model(), train: &train, splits: &parts, points };
            handle.exclusive(|batch| batch.values(&request))
        })?;
        let counts = parts.iter().map(|part| part.samples.len() as f64).cycle();
        for ((value, [loss, wrong]), count) in values.iter_mut().zip(found).zip(counts) {
            *value = Value { loss: loss / count, error: Some(wrong / count) };
        }
        Ok(())
    }

    fn state_len(&self) -> usize {
        2 * self.recovery.slots().len() * self.dim()
    }

    /// Reads trained slots back.
    ///
    /// # Layout
    /// (slots, 2, dim): control point, then momentum, of each slot.
    fn save(&mut self, state: &mut [f32]) -> Result<()> {
        length("saved state", self.state_len(), state.len())?;
        if !self.recovery.log().is_empty() {
            self.read_back()?;
        }
        let parts = self.recovery.slots().iter().flat_map(|slot| [&slot.point, &slot.momentum]);
        state.chunks_exact_mut(self.dim().max(1)).zip(parts).for_each(|(to, part)| to.copy_from_slice(part));
        Ok(())
    }

    fn restore(&mut self, state: &[f32]) -> Result<()> {
        length("saved state", self.state_len(), state.len())?;
        let slot = |parts: &[f32]| {
            let (point, momentum) = parts.split_at(parts.len() / 2);
            SlotState { point: point.to_vec(), momentum: momentum.to_vec() }
        };
        self.set_slots(0, state.chunks_exact(2 * self.dim().max(1)).map(slot).collect());
        Ok(())
    }
}

/// For tests of what happens between submissions and after a loss.
#[cfg(feature = "test-hooks")]
impl GpuEngine {
    /// Changes the batch that the engine's model belongs to.
    pub(crate) fn with_batch(&self, change: impl FnOnce(&mut crate::model_batch::ModelBatch)) {
        let handle = self.handle.as_ref().expect("a working engine has a handle");
        let changed = handle.exclusive(|batch| {
            change(batch);
            Ok(())
        });
        changed.expect("the batch works");
    }

    pub(crate) fn recovery_mut(&mut self) -> &mut Recovery {
        &mut self.recovery
    }
}

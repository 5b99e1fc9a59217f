//! A network on data as an engine, on a GPU.

use crate::counts::Counts;
use crate::dataset::GpuDataset;
use crate::error::{Error, Result, length, range};
use crate::kernels::tangent_removal;
use crate::key::EngineKey;
use crate::recovery::{LoggedSteps, Recovery};
use crate::request::{MeasuredSplit, SlotState, StepBatch, StepRequest, ValueRequest};
use crate::scheduler::ModelHandle;
use std::sync::Arc;
use std::time::Instant;
use valleys_core::engine::{
    Engine, Mix, Split, Step, StepParams, Subset, Value, check_measurement, check_mix, choose_subset,
    epoch_order,
};
use valleys_core::error::Error as Wrong;
use valleys_core::network::graph::Graph;
use valleys_core::network::{CropFlip, Layer, Network, Scores};
use valleys_core::rng::Key;

/// How often a call is repeated on another device because one was lost.
const MAX_RECOVERIES: usize = 3;

/// The mean loss of a network over samples, trained and measured on a GPU: by the criterion of its [`GpuDataset`].
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
    has_second_moments: bool,
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
    /// No usable device, or one without enough memory; layers that do not fit together or [are not
    /// supported](Self::supports); lengths, targets or a criterion that do not fit the network; no training samples.
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
        Self::supports(network)?;
        for samples in [train, test] {
            length("inputs of the samples", network.input.len() * samples.len(), samples.inputs.len())?;
            dataset.criterion().check(network.outputs(), &samples.targets)?;
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
            has_second_moments: false,
            order: vec![0; train_len],
            epoch: None,
            counts: Counts::default(),
        };
        // An unusable device is reported now, not by the first step.
        engine.attempt(|_, _| Ok(((), Counts::default())))?;
        Ok(engine)
    }

    /// Checks that the engine has kernels for a network.
    ///
    /// # Errors
    /// [`Error::Unsupported`](valleys_core::error::Error::Unsupported) for a network whose last row is a branch: the output
    /// would be that of an earlier row.
    pub fn supports(network: &Network) -> Result<()> {
        match network.layers.last() {
            Some(Layer::Branch { .. }) => {
                Err(Wrong::Unsupported { what: "a network that ends in a branch, on a GPU" }.into())
            }
            _ => Ok(()),
        }
    }

    /// The same engine with memory for the second moments of all slots, which Adam needs. They are 0.
    ///
    /// # Cost
    /// Half as much memory for slots again, on the host and on the device, which gets it with the next call.
    pub fn with_second_moments(mut self) -> Self {
        self.recovery.add_second_moments();
        self.has_second_moments = true;
        self
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
        let ((), mut counts) = handle.exclusive(|batch| batch.write_slots(model, 0, slots))?;
        let mut order = vec![0; self.key.train_len];
        let mut step_counts: Vec<f32> = slots.iter().map(SlotState::count).collect();
        for logged in self.recovery.log() {
            epoch_order(logged.params.key, logged.params.epoch, &mut order);
            let batches = self.batches_of(&logged.params, &logged.steps, &order);
            let (_, more) = handle.advance(self.request(model, logged, &batches, &step_counts))?;
            logged.count(&mut step_counts);
            counts.add(more);
        }
        Ok((handle, counts))
    }

    /// The samples of each step.
    fn batches_of(&self, params: &StepParams, steps: &[Step], order: &[u32]) -> Arc<[StepBatch]> {
        let batch = |step: &Step| {
            let first = step.batch as usize * self.key.batch;
            let chosen = &order[first..order.len().min(first + self.key.batch)];
            let samples =
                chosen.iter().map(|&sample| [sample, self.key.augment_code(params, sample)]).collect();
            StepBatch { samples, weight: self.dataset.weight(Split::Train, chosen) }
        };
        steps.iter().map(batch).collect()
    }

    /// A request for steps, before which slots have taken so many steps of Adam.
    fn request(
        &self,
        model: usize,
        logged: &LoggedSteps,
        batches: &Arc<[StepBatch]>,
        counts: &[f32],
    ) -> StepRequest {
        let LoggedSteps { params, steps } = logged.clone();
        let (slots, batches) = (self.recovery.slots().len(), batches.clone());
        StepRequest { model, slots, params, steps, batches, counts: counts.to_vec() }
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
        for (state, &count) in states.iter_mut().zip(&self.recovery.counts()[first..]) {
            if let Some(second) = state.second.as_mut().and_then(|second| second.last_mut()) {
                *second = count;
            }
        }
        self.recovery.replace(first, states);
        Ok(())
    }

    /// Sets slots from `first` on, on the host and on the device. The log of steps must be empty.
    fn set_slots(&mut self, first: usize, states: Vec<SlotState>) {
        self.recovery.replace(first, states);
        if let Some(handle) = &self.handle {
            let slots = &self.recovery.slots()[first..];
            let written = handle.exclusive(|batch| batch.write_slots(handle.model(), first, slots));
            // A lost device, or a full one, is noticed by the next call, which connects again.
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
        self.set_slots(slot as usize, vec![SlotState::at(theta.to_vec(), self.has_second_moments)]);
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
        params.optimizer.check_memory(self.has_second_moments)?;
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
        let batches = self.batches_of(params, steps, &self.order);
        let counts = self.recovery.counts().to_vec();
        let logged = LoggedSteps { params: *params, steps: steps.into() };
        let start = Instant::now();
        let found = self.attempt(|engine, handle| {
            handle.advance(engine.request(handle.model(), &logged, &batches, &counts))
        })?;
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
        let measured = splits.iter().zip(&parts).map(|(&split, part)| {
            (self.dataset.targets(split), self.dataset.weight(split, &part.samples), part.samples.len())
        });
        let measured: Vec<_> = measured.collect();
        for ((value, [loss, error]), &(targets, weight, samples)) in
            values.iter_mut().zip(found).zip(measured.iter().cycle())
        {
            *value = Value::of(&Scores { loss, error, weight, samples }, &targets);
        }
        Ok(())
    }

    fn state_len(&self) -> usize {
        let second = if self.has_second_moments { self.dim() + 1 } else { 0 };
        self.recovery.slots().len() * (2 * self.dim() + second)
    }

    /// Reads trained slots back.
    ///
    /// # Layout
    /// (slots, 2, dim): control point, then momentum, of each slot; with second moments (slots, dim + 1) of them, the last
    /// element of each the number of its steps.
    fn save(&mut self, state: &mut [f32]) -> Result<()> {
        length("saved state", self.state_len(), state.len())?;
        if !self.recovery.log().is_empty() {
            self.read_back()?;
        }
        let slots = self.recovery.slots();
        let parts = slots.iter().flat_map(|slot| [&slot.point, &slot.momentum]);
        let mut rest = state;
        for part in parts.chain(slots.iter().filter_map(|slot| slot.second.as_ref())) {
            let (to, behind) = rest.split_at_mut(part.len());
            to.copy_from_slice(part);
            rest = behind;
        }
        Ok(())
    }

    fn restore(&mut self, state: &[f32]) -> Result<()> {
        length("saved state", self.state_len(), state.len())?;
        let (slots, dim) = (self.recovery.slots().len(), self.dim());
        let (points, second) = state.split_at(2 * slots * dim);
        let slot = |slot: usize| {
            let (point, momentum) = points[2 * slot * dim..][..2 * dim].split_at(dim);
            let second = self.has_second_moments.then(|| second[slot * (dim + 1)..][..dim + 1].to_vec());
            SlotState { point: point.to_vec(), momentum: momentum.to_vec(), second }
        };
        self.set_slots(0, (0..slots).map(slot).collect());
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

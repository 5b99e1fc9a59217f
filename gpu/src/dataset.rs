//! The data of engines, on whichever device is open.

use crate::device::DeviceProvider;
use crate::device_dataset::DeviceDataset;
use crate::error::Result;
use crate::key::EngineKey;
use crate::scheduler::{BatchScheduler, ModelHandle};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use valleys_core::engine::Split;
use valleys_core::network::{Criterion, LabelledData, OwnedCriterion, Targets};

/// Samples with their targets, and a criterion, that engines train on and measure on. They are uploaded once for all engines.
#[derive(Debug)]
pub struct GpuDataset {
    provider: Arc<DeviceProvider>,
    data: Arc<dyn LabelledData>,
    planes: usize,
    models: usize,
    criterion: OwnedCriterion,
    current: Mutex<Option<Arc<DeviceDataset>>>,
    schedulers: Mutex<Vec<Weak<BatchScheduler>>>,
}

impl GpuDataset {
    /// Data for engines on the devices of a provider. Nothing is uploaded before the first engine.
    ///
    /// A sample consists of `planes` planes of equal length, as an image of its channels. If no plane has more than 256
    /// different elements over all samples, the device stores one byte for each element, and a palette for each plane.
    pub fn new(provider: Arc<DeviceProvider>, data: Arc<dyn LabelledData>, planes: usize) -> Self {
        let criterion = OwnedCriterion::new(Criterion::of(&data.train().targets));
        let (current, schedulers) = Default::default();
        Self { provider, data, planes, models: 1, criterion, current, schedulers }
    }

    /// The same data with another criterion for all its engines; without it plain cross-entropy of labels, mean squared error
    /// of numbers.
    ///
    /// # Errors
    /// A criterion that does not fit the targets, or a constant of it out of its range: as [`Criterion::check`].
    pub fn with_criterion(self, criterion: Criterion) -> Result<Self> {
        for samples in [self.data.train(), self.data.test()] {
            // Before there is a network: for one with as many outputs as they need.
            let outputs = match (criterion, samples.targets) {
                (_, Targets::Values { width, .. }) => width,
                (Criterion::CrossEntropy(options), _) if !options.class_weights.is_empty() => {
                    options.class_weights.len()
                }
                _ => usize::from(u8::MAX) + 1,
            };
            criterion.check(outputs, &samples.targets)?;
        }
        let criterion = OwnedCriterion::new(criterion);
        // What is on a device already belongs to engines with the criterion before.
        Ok(Self { criterion, current: Mutex::default(), schedulers: Mutex::default(), ..self })
    }

    /// The criterion of its engines.
    pub(crate) fn criterion(&self) -> Criterion<'_> {
        self.criterion.get()
    }

    /// The targets of a split.
    pub(crate) fn targets(&self, split: Split) -> Targets<'_, f32> {
        match split {
            Split::Train => self.data.train().targets,
            Split::Test => self.data.test().targets,
        }
    }

    /// The sum of the weights of some samples of a split, by which a mean divides.
    pub(crate) fn weight(&self, split: Split, samples: &[u32]) -> f64 {
        self.criterion().weight_of(&self.targets(split), samples)
    }

    /// The same data, with up to `models` engines of one kind sharing their dispatches, where several threads ask for
    /// steps at the same time. At least 1, which is the default, and at most [`MAX_MODELS`](crate::MAX_MODELS).
    ///
    /// # Cost
    /// Memory for the activations of all of them. Fewer engines share dispatches where the device has no room for all.
    pub fn with_models(self, models: usize) -> Self {
        Self { models, ..self }
    }

    /// The data on the host.
    pub fn data(&self) -> &dyn LabelledData {
        &*self.data
    }

    /// A handle for an engine with so many slots: to a batch of its kind with a free model, or to a new batch.
    pub(crate) fn handle(&self, key: &EngineKey, slots: usize) -> Result<ModelHandle> {
        let dataset = self.on_device()?;
        let mut schedulers = self.schedulers.lock().unwrap_or_else(PoisonError::into_inner);
        schedulers.retain(|scheduler| scheduler.strong_count() > 0);
        let live = schedulers.iter().filter_map(Weak::upgrade);
        let mut suitable = live.filter(|scheduler| scheduler.serves(&dataset, key));
        if let Some(handle) = suitable.find_map(|scheduler| scheduler.handle()) {
            return Ok(handle);
        }
        let scheduler = Arc::new(BatchScheduler::new(key, dataset, self.models, slots)?);
        schedulers.push(Arc::downgrade(&scheduler));
        Ok(scheduler.handle().expect("a new batch has a free model"))
    }

    /// The data on the open device, uploaded if needed.
    fn on_device(&self) -> Result<Arc<DeviceDataset>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dataset) = current.as_ref().filter(|dataset| !dataset.device.is_lost()) {
            return Ok(dataset.clone());
        }
        let dataset = Arc::new(DeviceDataset::new(
            self.provider.device()?,
            &*self.data,
            self.planes,
            self.criterion.clone(),
        )?);
        Ok(current.insert(dataset).clone())
    }
}

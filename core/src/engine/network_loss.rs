//! A network on data behind the contract, with the reference kernels: the oracle of faster ones, and what runs
//! where nothing else does.
//!
//! Batch norms normalise with the batch's own statistics while the landscape takes steps. Where it tells losses, their
//! statistics are computed anew at every point, by a pass over the training samples in order, so that the loss is a
//! function of θ alone (Garipov et al. 2018).

use super::{Engine, Mix, Sgd, Split, Step, StepParams, Value};
use crate::error::{Error, length};
use crate::network::{CropFlip, Network, Samples, Scores, accumulate, gradient, scores, scratch_len};
use crate::rng::{Purpose, Stream};

/// The order in which an epoch visits `order.len()` samples: every implementation's, for the same bits.
pub fn epoch_order(course: &StepParams, order: &mut [u32]) {
    order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
    Stream::new(course.seed, Purpose::Shuffle, course.job, course.epoch, 0).shuffle(order);
}

/// The order whose first samples a [`Split::Subset`] holds: every implementation's, for the same bits.
pub fn subset_order(seed: u64, job: u64, epoch: u32, order: &mut [u32]) {
    order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
    Stream::new(seed, Purpose::Measure, job, epoch, 0).shuffle(order);
}

/// Mean cross-entropy of a network over labelled samples, in caller's memory.
#[derive(Debug)]
pub struct NetworkLoss<'m> {
    network: Network<'m>,
    train: Samples<'m, f32>,
    test: Samples<'m, f32>,
    batch: usize,
    augment: Option<CropFlip<'m>>,
    slots: Sgd<'m>,
    /// θ, ∇L, statistics of batch norms, the inputs of a batch, the scratch memory of a pass.
    floats: &'m mut [f32],
    order: &'m mut [u32],
    labels: &'m mut [u8],
}

impl<'m> NetworkLoss<'m> {
    /// Elements of `floats`.
    pub const fn floats_len(network: &Network, batch: usize) -> usize {
        2 * network.parameter_len()
            + network.statistics_len()
            + network.input.len() * batch
            + scratch_len(network, batch)
    }

    /// A landscape that takes batches of `batch` samples, the last of an epoch smaller.
    ///
    /// Scratch memory: `floats` of [`floats_len`](Self::floats_len), `order` as long as the training set, `labels`
    /// of `batch` elements.
    ///
    /// # Errors
    /// Layers that do not fit together; a slice of the wrong length; no training samples.
    #[expect(clippy::too_many_arguments, reason = "the caller owns every piece of memory")]
    pub fn new(
        network: Network<'m>,
        train: Samples<'m, f32>,
        test: Samples<'m, f32>,
        batch: usize,
        slots: Sgd<'m>,
        floats: &'m mut [f32],
        order: &'m mut [u32],
        labels: &'m mut [u8],
    ) -> Result<Self, Error> {
        network.check()?;
        crate::error::range("samples of a batch", 1, usize::MAX, batch)?;
        crate::error::range("training samples", 1, u32::MAX as usize, train.labels.len())?;
        length("parameters of a slot", network.parameter_len(), slots.dim())?;
        for samples in [train, test] {
            length(
                "inputs of the samples",
                network.input.len() * samples.labels.len(),
                samples.inputs.len(),
            )?;
        }
        length("scratch floats", Self::floats_len(&network, batch), floats.len())?;
        length("order of the samples", train.labels.len(), order.len())?;
        length("labels of a batch", batch, labels.len())?;
        Ok(Self { network, train, test, batch, augment: None, slots, floats, order, labels })
    }

    /// The same, but steps see changed copies of their samples; losses are still told of the samples themselves.
    ///
    /// # Errors
    /// A shape of another length than the samples.
    pub fn augmented(mut self, augment: CropFlip<'m>) -> Result<Self, Error> {
        length("numbers of an image", self.network.input.len(), augment.shape.len())?;
        length("numbers of its border", augment.shape.channels, augment.border.len())?;
        self.augment = Some(augment);
        Ok(self)
    }

    /// Copies samples of the training set, in the order drawn, to the batch memory; changed ones for a step of a `course`.
    fn gather(&mut self, from: usize, count: usize, course: Option<&StepParams>) {
        let (dim, len) = (self.slots.dim(), self.network.input.len());
        let inputs = &mut self.floats[2 * dim + self.network.statistics_len()..][..count * len];
        for (i, (&sample, to)) in
            self.order[from..from + count].iter().zip(inputs.chunks_exact_mut(len)).enumerate()
        {
            let input = &self.train.inputs[sample as usize * len..][..len];
            match (&self.augment, course) {
                (Some(augment), Some(c)) => {
                    augment.apply(
                        &mut Stream::new(c.seed, Purpose::Augment, c.job, c.epoch, sample),
                        input,
                        to,
                    );
                }
                _ => to.copy_from_slice(input),
            }
            self.labels[i] = self.train.labels[sample as usize];
        }
    }

    /// Samples `from..from + count` of a part of the data.
    fn part(all: Samples<'m, f32>, from: usize, count: usize) -> Samples<'m, f32> {
        let len = all.inputs.len() / all.labels.len();
        Samples { inputs: &all.inputs[from * len..][..count * len], labels: &all.labels[from..][..count] }
    }

    /// The statistics of the batch norms at θ.
    fn recompute(&mut self) -> Result<(), Error> {
        let (network, train, batch) = (self.network, self.train, self.batch);
        let total = train.labels.len();
        let [theta, _, statistics, _, scratch] = pieces(&network, batch, self.floats);
        statistics.fill(0.0);
        if statistics.is_empty() {
            return Ok(());
        }
        for from in (0..total).step_by(batch) {
            let count = batch.min(total - from);
            let inputs = Self::part(train, from, count).inputs;
            let scratch = &mut scratch[..network.activation_len() * count];
            let share = (count as f64 / total as f64) as f32;
            accumulate(&network, theta, inputs, count, share, scratch, statistics)?;
        }
        Ok(())
    }

    /// Sums over samples `from..from + count` of a split at θ.
    fn scores(&mut self, split: Split, from: usize, count: usize) -> Result<Scores, Error> {
        if let Split::Subset { .. } = split {
            self.gather(from, count, None);
        }
        let (network, train, test) = (self.network, self.train, self.test);
        let [theta, _, statistics, gathered, scratch] = pieces(&network, self.batch, self.floats);
        let samples = match split {
            Split::Train => Self::part(train, from, count),
            Split::Test => Self::part(test, from, count),
            Split::Subset { .. } => {
                Samples { inputs: &gathered[..count * network.input.len()], labels: &self.labels[..count] }
            }
        };
        let scratch = &mut scratch[..network.activation_len() * count];
        scores(&network, theta, statistics, samples, scratch)
    }
}

/// The pieces of the memory: θ, ∇L, statistics, inputs of a batch, scratch memory.
fn pieces<'a>(network: &Network, batch: usize, floats: &'a mut [f32]) -> [&'a mut [f32]; 5] {
    let dim = network.parameter_len();
    let (theta, rest) = floats.split_at_mut(dim);
    let (slope, rest) = rest.split_at_mut(dim);
    let (statistics, rest) = rest.split_at_mut(network.statistics_len());
    let (inputs, scratch) = rest.split_at_mut(batch * network.input.len());
    [theta, slope, statistics, inputs, scratch]
}

impl Engine for NetworkLoss<'_> {
    type Error = Error;

    fn dim(&self) -> usize {
        self.slots.dim()
    }

    fn batches(&self) -> u32 {
        self.train.labels.len().div_ceil(self.batch) as u32
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.slots.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.slots.get(slot, theta)
    }

    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        length("losses of the steps", steps.len(), losses.len())?;
        epoch_order(course, self.order);
        let dim = self.slots.dim();
        for (step, loss) in steps.iter().zip(losses) {
            let from = step.batch as usize * self.batch;
            let count = self.batch.min(self.train.labels.len() - from);
            self.gather(from, count, Some(course));
            self.slots.mix(&step.mix, &mut self.floats[..dim]);
            let network = self.network;
            let [theta, slope, _, inputs, scratch] = pieces(&network, self.batch, self.floats);
            let inputs = &inputs[..count * network.input.len()];
            let samples = Samples { inputs, labels: &self.labels[..count] };
            let scratch = &mut scratch[..scratch_len(&network, count)];
            *loss = gradient(&network, theta, samples, scratch, slope)?;
            self.slots.step(course, &step.mix, step.rate, theta, slope);
        }
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        length("values of the points", points.len(), values.len())?;
        let total = match split {
            Split::Train => self.train.labels.len(),
            Split::Test => self.test.labels.len(),
            Split::Subset { seed, job, epoch, len } => {
                subset_order(seed, job, epoch, self.order);
                self.order.len().min(len as usize)
            }
        };
        crate::error::range("samples to measure on", 1, usize::MAX, total)?;
        for (point, value) in points.iter().zip(values) {
            self.slots.mix(point, &mut self.floats[..self.slots.dim()]);
            self.recompute()?;
            let mut sum = Scores::default();
            for from in (0..total).step_by(self.batch) {
                let part = self.scores(split, from, self.batch.min(total - from))?;
                sum.loss += part.loss;
                sum.wrong += part.wrong;
            }
            *value = Value { loss: sum.loss / total as f64, error: Some(sum.wrong as f64 / total as f64) };
        }
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

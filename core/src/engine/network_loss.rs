//! A network on data as a loss, with the reference kernels: the oracle of faster engines, and what runs where there is
//! none.
//!
//! Gradients: batch norms normalise with the statistics of the batch. Measurements: their statistics are recomputed at
//! every point, by one pass over the training samples in order, so that the loss is a function of θ alone (Garipov et
//! al. 2018). Measurements on a subset take their statistics from the drawn training samples.

use super::{Batch, Loss, Split, Subset, Value, dropout_key};
use crate::error::{Error, enough, length, range};
use crate::network::{
    Criterion, CropFlip, Network, Samples, Scores, Targets, accumulate, gradient, scores, scratch_len,
};
use crate::rng::{Key, Purpose, Stream};
use core::ops::DerefMut;

/// Writes the order in which an epoch visits `order.len()` samples: the same in every engine.
pub fn epoch_order(key: Key, epoch: u32, order: &mut [u32]) {
    order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
    Stream::new(key, Purpose::Shuffle, epoch, 0).shuffle(order);
}

/// Writes the numbers of the samples of a measurement to the beginning of `order`, which is as long as the split; returns
/// how many they are. They are increasing, and the same in every engine.
///
/// # Errors
/// There are none.
pub fn choose_subset(subset: Option<Subset>, order: &mut [u32]) -> Result<usize, Error> {
    order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
    let mut count = order.len();
    if let Some(Subset { key, len }) = subset
        && (len as usize) < count
    {
        count = len as usize;
        Stream::new(key, Purpose::Subset, 0, 0).shuffle(order);
        order[..count].sort_unstable();
    }
    range("samples to measure on", 1, usize::MAX, count)?;
    Ok(count)
}

/// Mean loss of a network over samples, by a [`Criterion`]. Scratch memory is the caller's: slices on a device, vectors on
/// a host.
#[derive(Debug)]
pub struct NetworkLoss<'d, F, O, B> {
    network: Network<'d>,
    train: Samples<'d, f32>,
    test: Samples<'d, f32>,
    batch: usize,
    criterion: Criterion<'d>,
    augment: Option<CropFlip<F>>,
    /// Statistics of batch norms, the inputs of a batch, its targets where they are numbers, the scratch memory of a pass.
    floats: F,
    order: O,
    /// The epoch whose order is in `order`.
    epoch: Option<(Key, u32)>,
    labels: B,
}

impl NetworkLoss<'_, &mut [f32], &mut [u32], &mut [u8]> {
    /// Elements of `floats`.
    pub const fn floats_len(network: &Network, batch: usize) -> usize {
        network.statistics_len()
            + (network.input.len() + network.outputs()) * batch
            + scratch_len(network, batch)
    }
}

impl<'d, F, O, B> NetworkLoss<'d, F, O, B>
where
    F: DerefMut<Target = [f32]>,
    O: DerefMut<Target = [u32]>,
    B: DerefMut<Target = [u8]>,
{
    /// A loss with batches of `batch` samples, the last of an epoch smaller: plain cross-entropy of labels, mean squared
    /// error of numbers.
    ///
    /// Scratch memory: `floats` of at least [`floats_len`](NetworkLoss::floats_len) elements, `order` as long as the larger
    /// of training and test set, `labels` of `batch`.
    ///
    /// # Errors
    /// Layers that do not fit together; a slice of the wrong length; no training samples; targets that do not fit.
    pub fn new(
        network: Network<'d>,
        train: Samples<'d, f32>,
        test: Samples<'d, f32>,
        batch: usize,
        floats: F,
        order: O,
        labels: B,
    ) -> Result<Self, Error> {
        network.check()?;
        range("samples of a batch", 1, usize::MAX, batch)?;
        range("training samples", 1, u32::MAX as usize, train.len())?;
        let criterion = Criterion::of(&train.targets);
        for samples in [train, test] {
            length("inputs of the samples", network.input.len() * samples.len(), samples.inputs.len())?;
            criterion.check(network.outputs(), &samples.targets)?;
        }
        enough("scratch floats", NetworkLoss::floats_len(&network, batch), floats.len())?;
        enough("order of the samples", train.len().max(test.len()), order.len())?;
        enough("labels of a batch", batch, labels.len())?;
        Ok(Self { network, train, test, batch, criterion, augment: None, floats, order, epoch: None, labels })
    }

    /// The same loss by another criterion.
    ///
    /// # Errors
    /// A criterion that does not fit the network or the targets.
    pub fn with_criterion(mut self, criterion: Criterion<'d>) -> Result<Self, Error> {
        for samples in [self.train, self.test] {
            criterion.check(self.network.outputs(), &samples.targets)?;
        }
        self.criterion = criterion;
        Ok(self)
    }

    /// The same loss, with gradients of augmented copies of the samples. Measurements use the samples themselves.
    ///
    /// # Errors
    /// A shape of another length than the samples.
    pub fn augmented(mut self, augment: CropFlip<F>) -> Result<Self, Error> {
        length("elements of an image", self.network.input.len(), augment.shape.len())?;
        length("elements of its border", augment.shape.channels, augment.border.len())?;
        self.augment = Some(augment);
        Ok(self)
    }

    /// Copies samples, in the order at hand, to the batch memory; augmented copies where `batch` is given.
    fn gather(&mut self, split: Split, from: usize, count: usize, batch: Option<Batch>) {
        let len = self.network.input.len();
        let all = self.samples(split);
        let outputs = self.network.outputs();
        let [_, inputs, targets, _] = pieces(&self.network, self.batch, &mut self.floats);
        let chosen = &self.order[from..from + count];
        for (i, (&sample, to)) in chosen.iter().zip(inputs.chunks_exact_mut(len)).enumerate() {
            let input = &all.inputs[sample as usize * len..][..len];
            match (&self.augment, batch) {
                (Some(augment), Some(Batch { key, epoch, .. })) => {
                    augment.apply(&mut Stream::new(key, Purpose::Augment, epoch, sample), input, to);
                }
                _ => to.copy_from_slice(input),
            }
            match all.targets {
                Targets::Labels(labels) => self.labels[i] = labels[sample as usize],
                Targets::Values { values, .. } => targets[i * outputs..][..outputs]
                    .copy_from_slice(&values[sample as usize * outputs..][..outputs]),
            }
        }
    }

    fn samples(&self, split: Split) -> Samples<'d, f32> {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }

    /// Chooses the samples of a measurement.
    fn choose(&mut self, split: Split, subset: Option<Subset>) -> Result<usize, Error> {
        let len = self.samples(split).len();
        self.epoch = None;
        choose_subset(subset, &mut self.order[..len])
    }

    /// Recomputes the statistics of the batch norms at θ, from all training samples or a subset.
    fn recompute(&mut self, subset: Option<Subset>, theta: &[f32]) -> Result<(), Error> {
        let (network, batch) = (self.network, self.batch);
        if network.statistics_len() == 0 {
            return Ok(());
        }
        let total = self.choose(Split::Train, subset)?;
        self.floats[..network.statistics_len()].fill(0.0);
        for from in (0..total).step_by(batch) {
            let count = batch.min(total - from);
            self.gather(Split::Train, from, count, None);
            let [statistics, inputs, _, scratch] = pieces(&network, batch, &mut self.floats);
            let inputs = &inputs[..count * network.input.len()];
            let scratch = &mut scratch[..network.activation_len() * count];
            let share = (count as f64 / total as f64) as f32;
            accumulate(&network, theta, inputs, count, share, scratch, statistics)?;
        }
        Ok(())
    }

    /// Sums over chosen samples `from..from + count` of a split at θ.
    fn scores(&mut self, split: Split, theta: &[f32], from: usize, count: usize) -> Result<Scores, Error> {
        self.gather(split, from, count, None);
        let network = self.network;
        let all = self.samples(split).targets;
        let [statistics, inputs, values, scratch] = pieces(&network, self.batch, &mut self.floats);
        let targets = gathered(all, &self.labels[..count], &values[..count * network.outputs()]);
        let samples = Samples { inputs: &inputs[..count * network.input.len()], targets };
        let scratch = &mut scratch[..network.activation_len() * count];
        scores(&network, theta, statistics, samples, &self.criterion, scratch)
    }
}

/// The pieces of the scratch memory: statistics, inputs of a batch, its targets, scratch memory of a pass.
fn pieces<'a>(network: &Network, batch: usize, floats: &'a mut [f32]) -> [&'a mut [f32]; 4] {
    let (statistics, rest) = floats.split_at_mut(network.statistics_len());
    let (inputs, rest) = rest.split_at_mut(batch * network.input.len());
    let (targets, scratch) = rest.split_at_mut(batch * network.outputs());
    [statistics, inputs, targets, scratch]
}

/// Gathered targets of the kind of `all`.
fn gathered<'a>(all: Targets<f32>, labels: &'a [u8], values: &'a [f32]) -> Targets<'a, f32> {
    match all {
        Targets::Labels(_) => Targets::Labels(labels),
        Targets::Values { width, unit, .. } => Targets::Values { width, values, unit },
    }
}

impl<F, O, B> Loss for NetworkLoss<'_, F, O, B>
where
    F: DerefMut<Target = [f32]>,
    O: DerefMut<Target = [u32]>,
    B: DerefMut<Target = [u8]>,
{
    type Error = Error;

    fn dim(&self) -> usize {
        self.network.parameter_len()
    }

    fn batches(&self) -> u32 {
        self.train.len().div_ceil(self.batch) as u32
    }

    fn value_and_gradient(&mut self, theta: &[f32], batch: Batch, slope: &mut [f32]) -> Result<f32, Error> {
        let Batch { key, epoch, number } = batch;
        let total = self.train.len();
        if self.epoch != Some((key, epoch)) {
            epoch_order(key, epoch, &mut self.order[..total]);
            self.epoch = Some((key, epoch));
        }
        let from = number as usize * self.batch;
        range("batch of the epoch", 0, self.batches() as usize - 1, number as usize)?;
        let count = self.batch.min(total - from);
        self.gather(Split::Train, from, count, Some(batch));
        let network = self.network;
        let [_, inputs, values, scratch] = pieces(&network, self.batch, &mut self.floats);
        let targets =
            gathered(self.train.targets, &self.labels[..count], &values[..count * network.outputs()]);
        let samples = Samples { inputs: &inputs[..count * network.input.len()], targets };
        let scratch = &mut scratch[..scratch_len(&network, count)];
        gradient(&network, theta, samples, &self.criterion, dropout_key(key, epoch, number), scratch, slope)
    }

    fn values(
        &mut self,
        split: Split,
        subset: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Error> {
        for (theta, value) in thetas.iter().zip(values) {
            self.recompute(subset, theta)?;
            let total = self.choose(split, subset)?;
            let mut sum = Scores::default();
            for from in (0..total).step_by(self.batch) {
                sum += self.scores(split, theta, from, self.batch.min(total - from))?;
            }
            *value = Value::of(&sum, &self.samples(split).targets);
        }
        Ok(())
    }
}

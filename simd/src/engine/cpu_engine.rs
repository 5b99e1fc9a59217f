//! The engine.

use super::cnn::{CnnExecutor, CnnPlan, Statistics};
use super::gradient::{add_decay, limit_norm, remove_tangent};
use super::mlp::{MlpExecutor, MlpPlan, Pass};
use super::moves::stride;
use super::samples::{Augmentation, SampleReader, check_augmentation, check_data, choose, samples_of};
use super::slots::Slots;
use crate::floats::AlignedFloats;
use fearless_simd::Level;
use std::sync::Arc;
use valleys_core::engine::{
    Engine, Mix, Optimizer, Split, Step, StepParams, Subset, Value, check_measurement, dropout_key,
    epoch_order,
};
use valleys_core::error::{Error, length};
use valleys_core::network::graph::Graph;
use valleys_core::network::{
    Criterion, CropFlip, LabelledData, Layer, Network, OwnedCriterion, Scores, Targets,
};

/// The mean loss of a network over samples, trained and measured on the CPU.
///
/// Every network that [`Network::check`] accepts is supported, with every [`Criterion`] and
/// [`Optimizer`](valleys_core::engine::Optimizer), but for networks whose last layer is a [`Layer::Branch`]. Two kinds of
/// kernels:
/// - of multilayer perceptrons: linear layers, each with an activation and dropout behind it, where these are the whole
///   network, or the end of one;
/// - of images: all other layers. Convolutions of 3 × 3 taps, stride 1 and padding 1 between at least 8 channels use
///   Winograd's algorithm, those between very many channels (32768 pairs or more) for all samples of a batch at once; those
///   in groups, with dilation, or with more padding than taps are multiplied weight by weight,
///   which takes two to three times as long for a product.
///
/// In gradients, batch norms normalise with the statistics of the batch. In measurements they normalise with statistics
/// that are recomputed at every point, over the training samples in order, so that the loss is a function of θ alone.
///
/// Results do not depend on the number of threads. Instruction sets with fused multiplication and addition (AVX2, AVX-512)
/// give the same bits for multilayer perceptrons.
///
/// # Example
/// See the [front page](crate).
#[derive(Debug)]
pub struct CpuEngine {
    level: Level,
    data: Arc<dyn LabelledData>,
    batch: usize,
    augment: Option<CropFlip<Vec<f32>>>,
    statistics_len: usize,
    outputs: usize,
    criterion: OwnedCriterion,
    slots: Slots,
    /// Numbers of the samples of an epoch, in order.
    order: Vec<u32>,
    /// θ(t) of a step or of a measured point.
    theta: AlignedFloats,
    gradient: AlignedFloats,
    executor: Executor,
}

/// The kernels of a network, and their memory.
#[derive(Debug)]
enum Executor {
    Mlp(MlpExecutor),
    Cnn(CnnExecutor),
}

/// Which kernels a network has.
enum Plan {
    Mlp(MlpPlan),
    Cnn(CnnPlan),
}

impl Plan {
    fn new(network: &Network) -> Result<Self, Error> {
        let graph = Graph::of(network)?;
        // The graph has no operation for it, and may fuse away the value that it goes back to.
        if let Some(Layer::Branch { .. }) = network.layers.last() {
            return Err(Error::Unsupported { what: "a network whose last layer is a branch" });
        }
        let (head, split) = MlpPlan::of_end(&graph);
        Ok(match split {
            0 => Self::Mlp(head),
            _ => Self::Cnn(CnnPlan::new(&graph, head, split)),
        })
    }
}

impl CpuEngine {
    /// An engine with `slots` control points, all 0, and batches of `batch` samples; the last batch of an epoch may be
    /// smaller. With `augment`, gradients are those of augmented samples. The loss is the [usual](Criterion::of) one of the
    /// targets.
    ///
    /// # Errors
    /// Layers that do not fit together; [`Error::Unsupported`] for a last layer that is a branch; an empty batch; no training samples; inputs or an augmentation of another length
    /// than the input of the network; targets that do not fit the network, such as a label that is no class.
    ///
    /// # Cost
    /// Memory, in floats: 2 · `slots` · parameters; for each 32 samples of a batch the parameters once more, but for the
    /// weights of convolutions between many channels, and twice the activations of the graph; four to eight times the
    /// weights of convolutions of 3 × 3 taps, which are transformed, and four times those of the largest between many
    /// channels.
    pub fn new(
        network: &Network,
        data: Arc<dyn LabelledData>,
        batch: usize,
        slots: usize,
        augment: Option<CropFlip<Vec<f32>>>,
    ) -> Result<Self, Error> {
        let plan = Plan::new(network)?;
        let dim = network.parameter_len();
        let values = match data.train().targets {
            Targets::Labels(_) => 0,
            Targets::Values { width, .. } => width,
        };
        let executor = match plan {
            Plan::Mlp(plan) => Executor::Mlp(MlpExecutor::new(plan, dim, batch, values, slots)),
            Plan::Cnn(plan) => Executor::Cnn(CnnExecutor::new(plan, dim, batch, values)),
        };
        check_data(&*data, network, batch)?;
        if let Some(augment) = &augment {
            check_augmentation(augment, network.input)?;
        }
        Ok(Self {
            level: Level::new(),
            order: vec![0; data.train().len()],
            criterion: OwnedCriterion::new(Criterion::of(&data.train().targets)),
            outputs: network.outputs(),
            data,
            batch,
            augment,
            statistics_len: network.statistics_len(),
            slots: Slots::new(slots, dim),
            theta: AlignedFloats::new(stride(dim)),
            gradient: AlignedFloats::new(stride(dim)),
            executor,
        })
    }

    /// The same engine with another criterion, whose class weights are copied.
    ///
    /// # Errors
    /// A criterion that does not fit the network or the targets, as [`Criterion::check`] says.
    pub fn with_criterion(mut self, criterion: Criterion) -> Result<Self, Error> {
        for samples in [self.data.train(), self.data.test()] {
            criterion.check(self.outputs, &samples.targets)?;
        }
        self.criterion = OwnedCriterion::new(criterion);
        Ok(self)
    }

    /// The same engine with memory for Adam's second moments. All slots are 0.
    ///
    /// # Cost
    /// Memory of another `slots` · parameters floats.
    pub fn with_second_moments(mut self) -> Self {
        self.slots = self.slots.with_second_moments();
        self
    }

    /// Checks that the engine supports a network, without the memory of an engine.
    ///
    /// # Errors
    /// Layers that do not fit together; [`Error::Unsupported`] for a last layer that is a branch.
    pub fn supports(network: &Network) -> Result<(), Error> {
        Plan::new(network).map(drop)
    }

    /// The statistics of the batch norms at θ, by a pass over the training samples in order, in batches: for each batch
    /// norm the means, then the unbiased variances. Empty for a network without batch norm.
    ///
    /// # Errors
    /// θ of the wrong length.
    ///
    /// # Cost
    /// A forward pass over the training samples.
    pub fn statistics(&mut self, theta: &[f32]) -> Result<Vec<f32>, Error> {
        self.slots.check_dim(theta.len())?;
        let cnn = match &mut self.executor {
            Executor::Cnn(cnn) if self.statistics_len > 0 => cnn,
            _ => return Ok(Vec::new()),
        };
        cnn.pack(self.level, theta);
        let train = SampleReader::plain(self.data.train());
        let all = choose(Split::Train, None, &*self.data)?;
        let pass =
            Pass { level: self.level, criterion: self.criterion.get(), theta, share: 0.0, step: [0; 2] };
        let statistics = cnn.statistics(&pass, &train, &all, self.batch);
        let norms = cnn.batch_norms().map(|channels| &statistics[channels]);
        let rows = norms.flat_map(|norm| (0..2).map(move |i| norm.iter().map(move |x| x[i] as f32)));
        Ok(rows.flatten().collect())
    }

    /// Losses and errors at θ, summed over the samples of a split. Batch norms normalise with `statistics`, which have the
    /// layout of [`statistics`](Self::statistics).
    ///
    /// # Errors
    /// Lengths that do not fit; a split without samples.
    ///
    /// # Cost
    /// A forward pass over the samples.
    pub fn scores(&mut self, split: Split, theta: &[f32], statistics: &[f32]) -> Result<Scores, Error> {
        let (chosen, pairs) = self.measurement(split, theta, statistics)?;
        let reader = SampleReader::plain(samples_of(split, &*self.data));
        let pass =
            Pass { level: self.level, criterion: self.criterion.get(), theta, share: 0.0, step: [0; 2] };
        Ok(match &mut self.executor {
            Executor::Mlp(mlp) => mlp.scores(&pass, &reader, &chosen),
            Executor::Cnn(cnn) => {
                cnn.pack(self.level, theta);
                cnn.scores(&pass, &reader, &chosen, &pairs)
            }
        })
    }

    /// The outputs of the network at θ for the samples of a split, in their order: (N, outputs). Batch norms normalise with
    /// `statistics`, see [`scores`](Self::scores); dropout is left out.
    ///
    /// # Errors
    /// Lengths that do not fit; a split without samples.
    ///
    /// # Cost
    /// A forward pass over the samples.
    pub fn outputs(&mut self, split: Split, theta: &[f32], statistics: &[f32]) -> Result<Vec<f32>, Error> {
        let (chosen, pairs) = self.measurement(split, theta, statistics)?;
        let reader = SampleReader::plain(samples_of(split, &*self.data));
        let pass =
            Pass { level: self.level, criterion: self.criterion.get(), theta, share: 0.0, step: [0; 2] };
        let mut outputs = vec![0.0; chosen.len() * self.outputs];
        match &mut self.executor {
            Executor::Mlp(mlp) => mlp.outputs(&pass, &reader, &chosen, &mut outputs),
            Executor::Cnn(cnn) => {
                cnn.pack(self.level, theta);
                cnn.outputs(&pass, &reader, &chosen, &pairs, &mut outputs);
            }
        }
        Ok(outputs)
    }

    /// The numbers of the samples of a split, and mean and variance of each channel of all batch norms.
    fn measurement(
        &self,
        split: Split,
        theta: &[f32],
        statistics: &[f32],
    ) -> Result<(Vec<u32>, Vec<Statistics>), Error> {
        self.slots.check_dim(theta.len())?;
        length("statistics of the batch norms", self.statistics_len, statistics.len())?;
        let mut pairs = vec![[0.0; 2]; self.statistics_len / 2];
        if let Executor::Cnn(cnn) = &self.executor {
            for channels in cnn.batch_norms() {
                let (means, variances) = statistics[2 * channels.start..].split_at(channels.len());
                for (pair, (&mean, &variance)) in pairs[channels].iter_mut().zip(means.iter().zip(variances))
                {
                    *pair = [mean.into(), variance.into()];
                }
            }
        }
        Ok((choose(split, None, &*self.data)?, pairs))
    }

    /// Takes a step; returns the mean loss before it.
    fn step(&mut self, params: &StepParams, step: &Step) -> f64 {
        let Self { level, data, batch, augment, criterion, slots, order, theta, gradient, executor, .. } =
            self;
        let (level, samples, mix) = (*level, data.train(), &step.mix);
        let chosen = &order[step.batch as usize * *batch..];
        let chosen = &chosen[..chosen.len().min(*batch)];
        slots.flush(level, mix);
        slots.mix(level, mix, theta.get_mut());
        let augmentation = augment.as_ref().map(|crop_flip| Augmentation { crop_flip, params });
        let reader = SampleReader { samples, augmentation };
        let (theta, gradient) = (theta.get(), gradient.get_mut());
        let criterion = criterion.get();
        let weight = criterion.weight_of(&samples.targets, chosen);
        let key = dropout_key(params.key, params.epoch, step.batch);
        let pass = Pass { level, criterion, theta, share: 1.0 / weight as f32, step: key };
        let sum = match executor {
            Executor::Mlp(mlp) => mlp.gradient(&pass, &reader, chosen, gradient),
            Executor::Cnn(cnn) => cnn.gradient(&pass, &reader, chosen, gradient),
        };
        let mut params = *params;
        let is_limited = params.max_gradient_norm < f32::INFINITY;
        if params.tangent_removal > 0.0 || is_limited {
            // A decoupled decay is no part of the gradient.
            if !matches!(params.optimizer, Optimizer::Adam { decoupled: true, .. }) {
                add_decay(level, params.weight_decay, theta, gradient);
                params.weight_decay = 0.0;
            }
            if params.tangent_removal > 0.0 && mix.len() <= slots.dim() {
                remove_tangent(level, slots, params.tangent_removal, mix, gradient);
            }
            if is_limited {
                limit_norm(level, params.max_gradient_norm, gradient);
            }
        }
        slots.step(level, &params, mix, step.rate, theta, gradient);
        sum / weight
    }
}

impl Engine for CpuEngine {
    type Error = Error;

    fn dim(&self) -> usize {
        self.slots.dim()
    }

    fn batches(&self) -> u32 {
        self.data.train().len().div_ceil(self.batch) as u32
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.slots.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.slots.get(self.level, slot, theta)
    }

    fn advance(&mut self, params: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        length("losses of the steps", steps.len(), losses.len())?;
        self.slots.check_optimizer(params.optimizer)?;
        let most = u64::from(self.batches() - 1);
        for step in steps {
            if u64::from(step.batch) > most {
                let (what, given) = ("batch of the epoch", step.batch.into());
                return Err(Error::Range { what, least: 0, most, given });
            }
            self.slots.check_mix(&step.mix)?;
        }
        epoch_order(params.key, params.epoch, &mut self.order);
        for (step, loss) in steps.iter().zip(losses) {
            *loss = self.step(params, step) as f32;
        }
        Ok(())
    }

    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), Error> {
        check_measurement(splits, points, values)?;
        points.iter().try_for_each(|point| self.slots.check_mix(point))?;
        let Self { level, data, batch, criterion, slots, theta, executor, .. } = self;
        let criterion = criterion.get();
        let level = *level;
        let of_split = |&split: &Split| {
            Ok((SampleReader::plain(samples_of(split, &**data)), choose(split, subset, &**data)?))
        };
        let parts = splits.iter().map(of_split).collect::<Result<Vec<_>, Error>>()?;
        let train = SampleReader::plain(data.train());
        // Only batch norms have statistics, which are those of training samples.
        let has_statistics = self.statistics_len > 0;
        let of_train = if has_statistics { choose(Split::Train, subset, &**data)? } else { Vec::new() };
        let mean = |sum: Scores, reader: &SampleReader| Value::of(&sum, &reader.samples.targets);
        let mut mixed: Vec<usize> = points.iter().flatten().map(|&(slot, _)| slot as usize).collect();
        mixed.sort_unstable();
        mixed.dedup();
        slots.with_applied(level, mixed, |slots| match executor {
            Executor::Mlp(mlp) => {
                for (number, (reader, chosen)) in parts.iter().enumerate() {
                    mlp.scores_of_mixes((level, criterion), reader, chosen, slots, points, |i, sum| {
                        values[i * parts.len() + number] = mean(sum, reader);
                    });
                }
            }
            Executor::Cnn(cnn) => {
                for (point, values) in points.iter().zip(values.chunks_mut(parts.len())) {
                    slots.mix(level, point, theta.get_mut());
                    let theta = theta.get();
                    let pass = Pass { level, criterion, theta, share: 0.0, step: [0; 2] };
                    cnn.pack(level, theta);
                    let statistics = cnn.statistics(&pass, &train, &of_train, *batch);
                    for ((reader, chosen), value) in parts.iter().zip(values) {
                        *value = mean(cnn.scores(&pass, reader, chosen, &statistics), reader);
                    }
                }
            }
        });
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

#[cfg(test)]
mod tests;

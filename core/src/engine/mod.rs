//! The boundary between topology and training: a loss over parameter space, used in whole passes.
//!
//! Two traits. [`Loss`] is all that a user writes: a value and a gradient at θ. [`Engine`] is what [`fit`](crate::fit)
//! and [`evaluation`](crate::evaluation) drive: it holds control points in numbered slots and takes many steps, or
//! measures many points, in one call. [`Direct`] makes an engine of any loss. Faster engines implement [`Engine`]
//! themselves, because a whole pass as the unit lets them fuse layers, record many steps into one submission, or run
//! models side by side. An engine never hears of a simplex, and its callers never hear of a layer.
//!
//! Losses in this crate: [`FunctionLoss`] (functions with known critical values), [`NetworkLoss`] (a network on data,
//! with the reference kernels).

mod direct;
mod function;
mod function_loss;
mod loss;
mod network_loss;
mod optimizer;
mod rotation;
mod slots;
pub mod tangent;

use crate::error::{Error, length, range};
use crate::network::{Scores, Targets};
use crate::rng::{Key, Purpose, Stream};

pub use crate::simplex::Mix;
pub use direct::Direct;
pub use function::Function;
pub(crate) use function::{CUBIC, MULLER_BROWN, QUARTIC, RIPPLE, SKEW};
pub use function_loss::{BATCHES, FunctionLoss};
pub use loss::{Batch, Loss};
pub use network_loss::{NetworkLoss, choose_subset, epoch_order};
pub use optimizer::{MAX_COUNT, Optimizer, bias_corrections};
pub use rotation::{rotate, rotation};
pub use slots::{Slots, check_mix};

/// Checks the splits of a measurement, and that there is a value for each point and split: what every engine does first.
///
/// # Errors
/// No split, or more than two; another number of values.
pub fn check_measurement(splits: &[Split], points: &[Mix], values: &[Value]) -> Result<(), Error> {
    range("splits of a measurement", 1, 2, splits.len())?;
    length("values of the points", points.len() * splits.len(), values.len())
}

/// One optimiser step: at which point, with which batch, how far.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The point θ(t) = Σ weight · control point at which the gradient is taken.
    pub mix: Mix,
    /// Learning rate η.
    pub rate: f32,
    /// The number of the batch in its epoch, below [`Engine::batches`].
    pub batch: u32,
}

/// What all steps of one call of [`Engine::advance`] have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepParams {
    /// Keys every random number of the steps: order of the samples, augmentation, dropout.
    pub key: Key,
    /// Epoch, from 0. Together with the key it decides the order of the samples.
    pub epoch: u32,
    /// Slots from this one on are trained, those before it are fixed.
    pub first_trainable: u32,
    /// How control points move. Adam needs an engine with memory for second moments.
    pub optimizer: Optimizer,
    /// Weight decay λ, added to the gradient as λθ at the mixed point θ(t); see [`Optimizer`].
    pub weight_decay: f32,
    /// The share, 0 to 1, of the gradient's component along the simplex that is removed; see [`tangent`].
    /// Nothing is removed where the mix has more control points than θ has elements: all of the gradient would be.
    pub tangent_removal: f32,
    /// What the control points move along, with weight decay and without the removed component, is scaled down to this
    /// Euclidean norm where it is longer; infinity for no limit.
    pub max_gradient_norm: f32,
}

/// A part of the data, over which a loss is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The training samples.
    Train,
    /// The test samples.
    Test,
}

/// Measurements on some samples of each split: `len` of them, drawn without replacement, in their order; all where `len`
/// is not smaller. Statistics of batch norms are those of the drawn training samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subset {
    /// Keys the draw.
    pub key: Key,
    /// How many samples.
    pub len: u32,
}

/// What was measured at a point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value {
    /// Mean loss over the samples, without regulariser.
    pub loss: f64,
    /// Of classes the share of wrong arg-max; of numbers the root mean square deviation in the unit of the targets; `None`
    /// where nothing is predicted.
    pub error: Option<f64>,
}

impl Value {
    /// From sums over samples with these targets.
    pub fn of<T>(scores: &Scores, targets: &Targets<T>) -> Self {
        Self { loss: scores.mean_loss(), error: Some(scores.mean_error(targets)) }
    }
}

/// The key of the masks of dropout in the step of a batch: the same in every engine.
pub fn dropout_key(key: Key, epoch: u32, batch: u32) -> [u32; 2] {
    let mut stream = Stream::new(key, Purpose::Dropout, epoch, batch);
    [stream.bits(), stream.bits()]
}

/// Control points in numbered slots, trained and measured in whole passes.
///
/// # Contract
/// What every implementation promises; `valleys-tests` runs a conformance suite over each of them.
///
/// - Slots are numbered from 0. A slot holds a control point θ and its moments, each of [`dim`](Self::dim) elements.
///   All are 0 at first.
/// - Every step is the optimiser of its [`StepParams`]. With momentum and g = ∇L(θ(t)) + λθ(t), each trainable slot S moves
///   by v_S ← μ v_S + weight_S · g, θ_S ← θ_S − η · v_S, also where its weight is 0 (method: sections 2 and 3); see
///   [`Optimizer`] for the others. Adam needs an engine that was made with memory for second moments.
/// - Random numbers are keyed by [`StepParams::key`] and [`Subset::key`], so the result of a call is a function of the
///   state and of its arguments. It does not depend on earlier measurements, on how steps or points are divided among
///   calls, or on what other engines do at the same time.
/// - Measuring changes nothing: [`values`](Self::values) and [`save`](Self::save) leave every later bit as it would have
///   been without them.
/// - After an error of [`advance`](Self::advance) or [`values`](Self::values) the slots are unspecified, until
///   [`put`](Self::put) or [`restore`](Self::restore) sets them; the engine stays usable. Arguments are checked before
///   anything changes: a slot that does not exist, a batch that does not exist, an empty or repeated slot in a mix, and
///   lengths that do not agree are errors of the call.
/// - A loss that is not finite is a result, not an error: whoever drives the engine decides.
pub trait Engine {
    /// What can go wrong in a pass: a wrong call, a lost device.
    type Error: From<Error>;

    /// Number of parameters: the length of every θ.
    fn dim(&self) -> usize;

    /// Number of batches of an epoch, at least 1.
    fn batches(&self) -> u32;

    /// Sets the control point of a slot, and its moments to 0.
    ///
    /// # Errors
    /// No such slot; wrong length.
    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Self::Error>;

    /// Reads the control point of a slot, after all steps so far.
    ///
    /// # Errors
    /// No such slot; wrong length.
    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Self::Error>;

    /// Takes the steps in order. `losses[i]` is the mean loss of step i's batch at its θ(t), before the step.
    ///
    /// # Errors
    /// A step or a length that does not fit; what else the implementation states.
    fn advance(&mut self, params: &StepParams, steps: &[Step], losses: &mut [f32])
    -> Result<(), Self::Error>;

    /// Measures the loss at many points, over the samples of each split, all of them or a subset. `values` has the splits
    /// of the first point, then those of the second, and so on. What splits share, such as statistics of batch norms, is
    /// computed once.
    ///
    /// # Errors
    /// A point or a length that does not fit; a split without samples; no split, or more than two; what else the
    /// implementation states.
    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), Self::Error>;

    /// Elements of a saved [state](Self::save); 0 where it cannot be saved.
    fn state_len(&self) -> usize {
        0
    }

    /// Copies everything that the next step depends on: control points, moments, whatever else there is. The encoding
    /// is the implementation's own.
    ///
    /// # Errors
    /// `state` not of [`state_len`](Self::state_len) elements.
    fn save(&mut self, state: &mut [f32]) -> Result<(), Self::Error> {
        Ok(length("saved state", self.state_len(), state.len())?)
    }

    /// Returns to a state that an engine of the same kind saved. Steps and measurements from there have the same bits
    /// as those of the engine that saved it.
    ///
    /// # Errors
    /// `state` not of [`state_len`](Self::state_len) elements.
    fn restore(&mut self, state: &[f32]) -> Result<(), Self::Error> {
        Ok(length("saved state", self.state_len(), state.len())?)
    }
}

#[cfg(feature = "alloc")]
impl<E: Engine + ?Sized> Engine for alloc::boxed::Box<E> {
    type Error = E::Error;

    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn batches(&self) -> u32 {
        (**self).batches()
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), E::Error> {
        (**self).put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), E::Error> {
        (**self).get(slot, theta)
    }

    fn advance(&mut self, params: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), E::Error> {
        (**self).advance(params, steps, losses)
    }

    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), E::Error> {
        (**self).values(splits, subset, points, values)
    }

    fn state_len(&self) -> usize {
        (**self).state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), E::Error> {
        (**self).save(state)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), E::Error> {
        (**self).restore(state)
    }
}

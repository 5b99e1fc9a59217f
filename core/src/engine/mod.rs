//! The contract between topology and training: a loss over parameter space, worked with in whole passes.
//!
//! A [`Engine`] holds control points in numbered slots. It takes many steps, or tells the loss at many points,
//! in one call, so that an implementation is free to fuse layers, to record steps into one submission, to look
//! ahead, to run points side by side. It never hears of a simplex, and its callers never hear of a layer.

mod function;
mod function_loss;
mod network_loss;
pub mod normal;
mod rotation;
mod sgd;

use crate::error::length;

pub use crate::simplex::Mix;
pub use function::Function;
pub use function_loss::{BATCHES, FunctionLoss};
pub use network_loss::{NetworkLoss, epoch_order, subset_order};
pub use rotation::{rotate, rotation};
pub use sgd::Sgd;

/// One optimiser step: where, how far, with which batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The point θ(t) = Σ weight · centre at which the gradient is taken.
    pub mix: Mix,
    /// Learning rate.
    pub rate: f32,
    /// The batch's number in its epoch.
    pub batch: u32,
}

/// What all steps of an epoch have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepParams {
    /// Seed of the run.
    pub seed: u64,
    /// The mask of the simplex that is fitted.
    pub job: u64,
    /// Epoch, from 0: with seed and job it decides the order of the samples.
    pub epoch: u32,
    /// The slots from this one on are trained, those before are fixed.
    pub trainable: u32,
    /// Momentum μ.
    pub momentum: f32,
    /// Weight decay λ, added to the gradient as λθ at the mixed point θ(t).
    pub weight_decay: f32,
    /// The share, 0 to 1, of the gradient along the simplex that is removed: of its part in the span of the
    /// differences of the mix's control points, see [`normal`].
    pub tangent_removal: f32,
}

/// The samples over which a loss is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// All training samples.
    Train,
    /// All test samples.
    Test,
    /// `len` training samples drawn without replacement, by seed, job and epoch; all, where `len` is not smaller.
    Subset {
        /// Seed of the run.
        seed: u64,
        /// The mask of the simplex that is fitted.
        job: u64,
        /// The epoch before which they are drawn.
        epoch: u32,
        /// How many.
        len: u32,
    },
}

/// What was measured at a point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value {
    /// Mean loss over the samples, without regulariser.
    pub loss: f64,
    /// Share of wrong arg-max; `None` where nothing is classified.
    pub error: Option<f64>,
}

/// A loss over parameter space, with control points θ in numbered slots.
///
/// Every implementation gives the same optimiser: with g = ∇L(θ(t)) + λθ(t), each trainable centre S moves by
/// v_S ← μ v_S + weight_S · g, θ_S ← θ_S − rate · v_S, also where its weight is 0 (method: sections 2 and 3).
pub trait Engine {
    /// What can go wrong in a pass: a lost device, a slot that does not exist.
    type Error: From<crate::error::Error>;

    /// Number of parameters: the length of every θ.
    fn dim(&self) -> usize;

    /// Number of batches of an epoch.
    fn batches(&self) -> u32;

    /// Sets the control point of a slot and its momentum to 0.
    ///
    /// # Errors
    /// No such slot; wrong length.
    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Self::Error>;

    /// Reads the control point of a slot.
    ///
    /// # Errors
    /// No such slot; wrong length.
    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Self::Error>;

    /// Takes the steps in order; `losses[i]` is the mean loss of step i's batch at its θ(t) before it moves.
    ///
    /// # Errors
    /// As the implementation says; a loss that is not finite is a result, not an error.
    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32])
    -> Result<(), Self::Error>;

    /// Measures many points.
    ///
    /// # Errors
    /// As the implementation says.
    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Self::Error>;

    /// Elements of a saved [state](Self::save); 0 where it cannot be saved.
    fn state_len(&self) -> usize {
        0
    }

    /// Everything that the next step depends on: control points, momenta, whatever else there is. The bits are the
    /// implementation's own.
    ///
    /// # Errors
    /// Wrong length.
    fn save(&mut self, state: &mut [f32]) -> Result<(), Self::Error> {
        Ok(length("saved state", self.state_len(), state.len())?)
    }

    /// Goes back to a state that a landscape of the same kind saved: steps from there have the same bits.
    ///
    /// # Errors
    /// Wrong length.
    fn restore(&mut self, state: &[f32]) -> Result<(), Self::Error> {
        Ok(length("saved state", self.state_len(), state.len())?)
    }
}

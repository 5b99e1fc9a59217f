//! A loss over parameter space: what a user writes.

use super::{Split, Subset, Value};
use crate::rng::Key;

/// Which batch of samples a gradient is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Keys the random numbers of the batch: order of the samples ([`epoch_order`](super::epoch_order)), augmentation.
    /// A loss without random numbers of its own ignores it.
    pub key: Key,
    /// Epoch, from 0.
    pub epoch: u32,
    /// The number of the batch in its epoch, below [`Loss::batches`].
    pub number: u32,
}

/// A loss L(θ) with its gradient. [`Direct`](super::Direct) makes an [`Engine`](super::Engine) of it.
///
/// # Contract
/// - Every θ has [`dim`](Self::dim) elements; [`dim`](Self::dim) and [`batches`](Self::batches) never change.
/// - The result of a call is a function of its arguments: no hidden state is visible from outside (caches are fine).
/// - A value that is not finite is a result, not an error.
/// - Slices have the lengths that are stated; a caller that breaks this may be answered by a panic.
///
/// # Example
/// The quartic double well L(x, y) = (x² − 1)² + y², with minima at (±1, 0) and a saddle of height 1 between them:
/// ```
/// use valleys_core::engine::{Batch, Loss, Split, Subset, Value};
/// use valleys_core::error::Error;
///
/// struct DoubleWell;
///
/// impl Loss for DoubleWell {
///     type Error = Error;
///
///     fn dim(&self) -> usize {
///         2
///     }
///
///     fn batches(&self) -> u32 {
///         100
///     }
///
///     fn value_and_gradient(&mut self, theta: &[f32], _: Batch, gradient: &mut [f32]) -> Result<f32, Error> {
///         let (x, y) = (theta[0], theta[1]);
///         let bump = x * x - 1.0;
///         gradient.copy_from_slice(&[4.0 * bump * x, 2.0 * y]);
///         Ok(bump * bump + y * y)
///     }
///
///     fn values(
///         &mut self,
///         _: Split,
///         _: Option<Subset>,
///         thetas: &[&[f32]],
///         values: &mut [Value],
///     ) -> Result<(), Error> {
///         for (theta, value) in thetas.iter().zip(values) {
///             let (x, y) = (f64::from(theta[0]), f64::from(theta[1]));
///             *value = Value { loss: (x * x - 1.0) * (x * x - 1.0) + y * y, error: None };
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Loss {
    /// What can go wrong. A loss that cannot fail uses [`Error`](crate::error::Error) itself.
    type Error: From<crate::error::Error>;

    /// Number of parameters: the length of every θ, at least 1.
    fn dim(&self) -> usize;

    /// Number of batches of an epoch, at least 1. A loss without data chooses how many steps an epoch has.
    fn batches(&self) -> u32;

    /// Mean loss of a batch at θ; its gradient is written to `gradient`. Without the weight decay of a fit, which the
    /// optimiser adds. A term of the loss itself, such as an L2 norm, belongs here and in [`values`](Self::values).
    ///
    /// # Errors
    /// As the implementation states.
    fn value_and_gradient(
        &mut self,
        theta: &[f32],
        batch: Batch,
        gradient: &mut [f32],
    ) -> Result<f32, Self::Error>;

    /// Mean losses over the samples of a split, at each θ. A loss without data has the same values on every split. With a
    /// subset, the samples are those of [`choose_subset`](super::choose_subset); a loss may also ignore it.
    ///
    /// # Errors
    /// A split without samples; what else the implementation states.
    fn values(
        &mut self,
        split: Split,
        subset: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Self::Error>;
}

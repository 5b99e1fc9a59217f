//! An engine made of any loss.

use super::{Batch, Engine, Loss, Mix, Slots, Split, Step, StepParams, Subset, Value, check_measurement};
use crate::error::{Error, enough, length, range};
use core::ops::DerefMut;
use heapless::Vec;

/// Points whose losses are asked for in one call, at most.
const POINTS: usize = 64;

/// A [`Loss`] as an [`Engine`]: control points, moments and steps are [`Slots`]'s, values and gradients are the loss's.
///
/// The memory `M` is the caller's: `&mut [f32]` on a device, `Vec<f32>` on a host.
///
/// # Example
/// A gradient step on a function, from the point half way between two slots:
/// ```
/// use valleys_core::engine::{
///     Direct, Engine, Function, FunctionLoss, Mix, Optimizer, Slots, Step, StepParams,
/// };
/// use valleys_core::rng::Key;
///
/// let (rotation, mut vectors) = ([1.0, 0.0, 0.0, 1.0], [0.0; 4]);
/// let loss = FunctionLoss::new(Function::Quadratic, 2, &rotation, &mut vectors[..])?;
/// let (mut slots, mut scratch) = ([0.0; Slots::memory_len(2, 2)], [0.0; 4]);
/// let mut engine = Direct::new(loss, &mut slots[..], &mut scratch[..])?;
/// engine.put(0, &[2.0, 0.0])?;
///
/// let params = StepParams {
///     key: Key::new(1, 0b11), epoch: 0, first_trainable: 1,
///     optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
///     weight_decay: 0.0, tangent_removal: 0.0, max_gradient_norm: f32::INFINITY,
/// };
/// let step = Step { mix: Mix::from_iter([(0, 0.5), (1, 0.5)]), rate: 0.1, batch: 0 };
/// let mut losses = [0.0];
/// engine.advance(&params, &[step], &mut losses)?;
/// assert_eq!(losses, [0.25]); // ½ · ½ · 1² at (1, 0)
/// # Ok::<(), valleys_core::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Direct<L, M> {
    loss: L,
    slots: Slots<M>,
    /// ∇L, then θ of as many points as fit.
    scratch: M,
}

impl<L: Loss, M: DerefMut<Target = [f32]>> Direct<L, M> {
    /// An engine with as many slots as `slots` has room for ([`Slots::memory_len`]), all 0 if `slots` is.
    ///
    /// `scratch` has at least 2 · dim elements. Every dim more lets one more point, up to 64 in all, go to the loss in
    /// one call of [`Loss::values`]; no result depends on it.
    ///
    /// # Errors
    /// A dimension of 0, no batches, memory that is too short.
    pub fn new(loss: L, slots: M, scratch: M) -> Result<Self, Error> {
        let dim = loss.dim();
        range("batches of an epoch", 1, u32::MAX as usize, loss.batches() as usize)?;
        let slots = Slots::new(slots, dim)?;
        enough("scratch memory of an engine", 2 * dim, scratch.len())?;
        Ok(Self { loss, slots, scratch })
    }

    /// With memory for the second moments of [Adam](super::Optimizer::Adam), all 0; see [`Slots::second_len`].
    ///
    /// # Errors
    /// Memory that is too short.
    pub fn with_second_moments(mut self, second: M) -> Result<Self, Error> {
        self.slots = self.slots.with_second_moments(second)?;
        Ok(self)
    }

    /// The loss.
    pub fn loss(&self) -> &L {
        &self.loss
    }
}

impl<L: Loss, M: DerefMut<Target = [f32]>> Engine for Direct<L, M> {
    type Error = L::Error;

    fn dim(&self) -> usize {
        self.slots.dim()
    }

    fn batches(&self) -> u32 {
        self.loss.batches()
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), L::Error> {
        Ok(self.slots.put(slot, theta)?)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), L::Error> {
        Ok(self.slots.get(slot, theta)?)
    }

    fn advance(&mut self, params: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), L::Error> {
        length("losses of the steps", steps.len(), losses.len())?;
        let last = self.loss.batches() as usize - 1;
        self.slots.check_optimizer(params.optimizer)?;
        for step in steps {
            range("batch of the epoch", 0, last, step.batch as usize)?;
            self.slots.check(&step.mix)?;
        }
        let dim = self.slots.dim();
        let (gradient, theta) = self.scratch.split_at_mut(dim);
        let theta = &mut theta[..dim];
        for (step, loss) in steps.iter().zip(losses) {
            self.slots.mix(&step.mix, theta);
            let batch = Batch { key: params.key, epoch: params.epoch, number: step.batch };
            *loss = self.loss.value_and_gradient(theta, batch, gradient)?;
            self.slots.step(params, &step.mix, step.rate, theta, gradient);
        }
        Ok(())
    }

    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), L::Error> {
        check_measurement(splits, points, values)?;
        points.iter().try_for_each(|point| self.slots.check(point))?;
        let dim = self.slots.dim();
        let thetas = &mut self.scratch[dim..];
        let at_once = (thetas.len() / dim).min(POINTS);
        let mut of_split = [Value::default(); POINTS];
        for (points, values) in points.chunks(at_once).zip(values.chunks_mut(at_once * splits.len())) {
            let thetas = &mut thetas[..points.len() * dim];
            for (point, theta) in points.iter().zip(thetas.chunks_exact_mut(dim)) {
                self.slots.mix(point, theta);
            }
            let thetas: Vec<&[f32], POINTS> = thetas.chunks_exact(dim).collect();
            for (number, &split) in splits.iter().enumerate() {
                let of_split = &mut of_split[..points.len()];
                self.loss.values(split, subset, &thetas, of_split)?;
                let values = values.iter_mut().skip(number).step_by(splits.len());
                values.zip(of_split).for_each(|(value, own)| *value = *own);
            }
        }
        Ok(())
    }

    fn state_len(&self) -> usize {
        self.slots.state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), L::Error> {
        Ok(self.slots.save(state)?)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), L::Error> {
        Ok(self.slots.restore(state)?)
    }
}

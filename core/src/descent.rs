//! Fitting a simplex, at any rank: a minimum is a simplex of one vertex, a curve of two, a triangle of three.
//!
//! Method: section 3; Voronkova et al., Algorithm 1.

use crate::error::{Error, length, range};
use crate::landscape::{Course, Landscape, Step};
use crate::rng::{Purpose, Stream};
use crate::simplex::{Frame, Mix, Simplex, uniform};

/// Stochastic gradient descent with momentum, and the schedule of Garipov et al.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Base learning rate.
    pub learning_rate: f32,
    /// Momentum μ.
    pub momentum: f32,
    /// Weight decay λ, at the mixed point.
    pub weight_decay: f32,
}

/// The learning rate's factor in epoch `epoch` (from 0) of `epochs`, with a = (epoch + 1)/epochs: 1 up to a = 0.5,
/// falling linearly to 0.01 at a = 0.9, 0.01 after (method: section 3).
///
/// ```
/// use valleys_core::descent::schedule;
/// assert_eq!([0, 4, 8, 9].map(|e| schedule(e, 10)), [1.0, 1.0, 0.01, 0.01]);
/// ```
pub fn schedule(epoch: u32, epochs: u32) -> f64 {
    let a = f64::from(epoch + 1) / f64::from(epochs);
    if a <= 0.5 {
        1.0
    } else if a <= 0.9 {
        1.0 - 0.99 * (a - 0.5) / 0.4
    } else {
        0.01
    }
}

/// Which control points a fit moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centres {
    /// Only those inside of the simplex; lower faces keep theirs (the paper's default).
    Fixed,
    /// All but the minima; the simplex has its own copy of its faces' points.
    Trainable,
}

/// How a simplex is to be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Which simplex: its mask keys the random numbers.
    pub simplex: Simplex,
    /// Which control points move.
    pub centres: Centres,
    /// The optimiser.
    pub sgd: Sgd,
    /// Passes over the training data.
    pub epochs: u32,
    /// Seed of the run.
    pub seed: u64,
}

/// What happened in an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 0.
    pub epoch: u32,
    /// The learning rate.
    pub rate: f32,
    /// Mean over its steps of the loss of the step's batch at its point.
    pub loss: f64,
}

impl Fit {
    /// The first slot that is trained: all control points of a vertex, those after the minima otherwise.
    pub fn trainable(&self, frame: &Frame) -> u32 {
        match self.centres {
            Centres::Trainable if frame.vertices() > 1 => frame.vertices() as u32,
            _ => frame.interior() as u32,
        }
    }

    /// Takes the epochs `from..epochs`, from the control points that lie in the landscape's slots.
    ///
    /// Slot i is control point i of `frame`. `steps` and `losses` (of equal length, at least 1) are the memory of
    /// the steps that go to the landscape in one call. After each epoch `record` is told of it.
    ///
    /// # Errors
    /// The landscape's; memory of length 0; [`Error::NotFinite`] with the step's number (counted over all epochs)
    /// when a loss is not finite.
    ///
    /// # Cost
    /// `epochs` passes over the data.
    pub fn descend<L: Landscape + ?Sized>(
        &self,
        landscape: &mut L,
        frame: &Frame,
        from: u32,
        steps: &mut [Step],
        losses: &mut [f32],
        mut record: impl FnMut(Epoch),
    ) -> Result<(), L::Error> {
        range("steps of a call", 1, usize::MAX, steps.len())?;
        length("losses of a call", steps.len(), losses.len())?;
        let batches = landscape.epoch_len();
        for epoch in from..self.epochs {
            let course = Course {
                seed: self.seed,
                job: self.simplex.mask(),
                epoch,
                trainable: self.trainable(frame),
                momentum: self.sgd.momentum,
                weight_decay: self.sgd.weight_decay,
            };
            let rate = (f64::from(self.sgd.learning_rate) * schedule(epoch, self.epochs)) as f32;
            let mut sum = 0.0;
            for first in (0..batches).step_by(steps.len()) {
                let count = steps.len().min((batches - first) as usize);
                let (steps, losses) = (&mut steps[..count], &mut losses[..count]);
                for (step, batch) in steps.iter_mut().zip(first..) {
                    *step = Step { mix: self.draw(frame, epoch, batch), rate, batch };
                }
                landscape.advance(&course, steps, losses)?;
                for (loss, batch) in losses.iter().zip(first..) {
                    if !loss.is_finite() {
                        let at = u64::from(epoch) * u64::from(batches) + u64::from(batch);
                        return Err(Error::NotFinite { what: "the loss", at }.into());
                    }
                    sum += f64::from(*loss);
                }
            }
            record(Epoch { epoch, rate, loss: sum / f64::from(batches) });
        }
        Ok(())
    }

    /// The mixed point of a step.
    fn draw(&self, frame: &Frame, epoch: u32, batch: u32) -> Mix {
        let mut stream = Stream::new(self.seed, Purpose::Point, self.simplex.mask(), epoch, batch);
        frame.mix(&uniform(&mut stream, frame.vertices()))
    }
}

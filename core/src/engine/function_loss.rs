//! An analytic function behind the contract.

use super::{Engine, Function, Mix, Sgd, Split, Step, StepParams, Value};
use crate::error::{Error, length};

/// Steps of an epoch, for a function that has no data to count.
pub const BATCHES: u32 = 100;

/// L(θ) = f(Qθ) with a fixed orthogonal matrix Q, in caller's memory.
#[derive(Debug)]
pub struct FunctionLoss<'m> {
    function: Function,
    rotation: &'m [f64],
    slots: Sgd<'m>,
    vectors: &'m mut [f64],
    theta: &'m mut [f32],
}

impl<'m> FunctionLoss<'m> {
    /// A function of `slots.dim()` variables.
    ///
    /// `rotation` is Q (dim × dim, rows first), see [`rotation`](super::rotation); `vectors` is scratch memory of
    /// 2·dim, `theta` of 2·dim elements.
    ///
    /// # Errors
    /// Too few variables for the function; a slice of the wrong length.
    pub fn new(
        function: Function,
        rotation: &'m [f64],
        slots: Sgd<'m>,
        vectors: &'m mut [f64],
        theta: &'m mut [f32],
    ) -> Result<Self, Error> {
        let dim = slots.dim();
        crate::error::range("variables of the function", function.least_dim(), usize::MAX, dim)?;
        length("rotation matrix", dim * dim, rotation.len())?;
        length("scratch vectors", 2 * dim, vectors.len())?;
        length("scratch parameters", 2 * dim, theta.len())?;
        Ok(Self { function, rotation, slots, vectors, theta })
    }

    /// Value at θ; ∇L(θ) = Qᵀ∇f(Qθ) goes to the second half of `self.theta`, θ is its first.
    fn gradient(&mut self) -> f64 {
        let dim = self.slots.dim();
        let (theta, gradient) = self.theta.split_at_mut(dim);
        let (x, slope) = self.vectors.split_at_mut(dim);
        for (x, row) in x.iter_mut().zip(self.rotation.chunks_exact(dim)) {
            *x = row.iter().zip(&*theta).map(|(q, &theta)| q * f64::from(theta)).sum();
        }
        let value = self.function.gradient(x, slope);
        super::rotate(self.rotation, slope, gradient);
        value
    }

    fn mix(&mut self, mix: &Mix) {
        let dim = self.slots.dim();
        self.slots.mix(mix, &mut self.theta[..dim]);
    }
}

impl Engine for FunctionLoss<'_> {
    type Error = Error;

    fn dim(&self) -> usize {
        self.slots.dim()
    }

    fn batches(&self) -> u32 {
        BATCHES
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.slots.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        self.slots.get(slot, theta)
    }

    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        length("losses of the steps", steps.len(), losses.len())?;
        for (step, loss) in steps.iter().zip(losses) {
            self.mix(&step.mix);
            *loss = self.gradient() as f32;
            let (theta, gradient) = self.theta.split_at_mut(self.slots.dim());
            self.slots.step(course, &step.mix, step.rate, theta, gradient);
        }
        Ok(())
    }

    fn values(&mut self, _: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        length("values of the points", points.len(), values.len())?;
        for (point, value) in points.iter().zip(values) {
            self.mix(point);
            *value = Value { loss: self.gradient(), error: None };
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

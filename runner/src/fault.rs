//! What can go wrong in a landscape of any backend, and landscapes of the processor as such ones.

use std::fmt;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Value};
use valleys_core::error::Error;

/// A wrong call, or a device that fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A call that a landscape refuses, or a loss that is not finite.
    Call(Error),
    /// A GPU that is not there, is lost, has no room.
    Device(valleys_gpu::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<valleys_gpu::Error> for Fault {
    fn from(error: valleys_gpu::Error) -> Self {
        match error {
            valleys_gpu::Error::Call(error) => Self::Call(error),
            error => Self::Device(error),
        }
    }
}

/// A landscape whose failures are told as those of any.
#[derive(Debug)]
pub struct Any<'a, L: ?Sized>(pub &'a mut L);

impl<L: Engine + ?Sized> Engine for Any<'_, L>
where
    Fault: From<L::Error>,
{
    type Error = Fault;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn batches(&self) -> u32 {
        self.0.batches()
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Fault> {
        Ok(self.0.put(slot, theta)?)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Fault> {
        Ok(self.0.get(slot, theta)?)
    }

    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Fault> {
        Ok(self.0.advance(course, steps, losses)?)
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Fault> {
        Ok(self.0.values(split, points, values)?)
    }

    fn state_len(&self) -> usize {
        self.0.state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), Fault> {
        Ok(self.0.save(state)?)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), Fault> {
        Ok(self.0.restore(state)?)
    }
}

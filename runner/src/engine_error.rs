//! Errors of any engine, and engines of any backend behind one type.

use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Value};
use valleys_core::error::Error;

/// Why a pass of an engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A wrong call, or a loss that is not finite.
    #[error(transparent)]
    Call(Error),
    /// A GPU that is not there, is lost, or has no room.
    #[error(transparent)]
    Device(valleys_gpu::Error),
    /// The user's own loss failed.
    #[error("the loss failed: {0}")]
    Loss(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<valleys_gpu::Error> for EngineError {
    fn from(error: valleys_gpu::Error) -> Self {
        match error {
            valleys_gpu::Error::Call(error) => Self::Call(error),
            error => Self::Device(error),
        }
    }
}

/// An engine of any backend, with the errors of any.
pub type AnyEngine<'a> = Box<dyn Engine<Error = EngineError> + 'a>;

/// Makes an engine of one backend an engine of any.
pub fn boxed<'a, E: Engine + 'a>(engine: E) -> AnyEngine<'a>
where
    EngineError: From<E::Error>,
{
    Box::new(MapErr(engine))
}

/// An engine whose errors are converted.
struct MapErr<E>(E);

impl<E: Engine> Engine for MapErr<E>
where
    EngineError: From<E::Error>,
{
    type Error = EngineError;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn batches(&self) -> u32 {
        self.0.batches()
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), EngineError> {
        Ok(self.0.put(slot, theta)?)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), EngineError> {
        Ok(self.0.get(slot, theta)?)
    }

    fn advance(
        &mut self,
        params: &StepParams,
        steps: &[Step],
        losses: &mut [f32],
    ) -> Result<(), EngineError> {
        Ok(self.0.advance(params, steps, losses)?)
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), EngineError> {
        Ok(self.0.values(split, points, values)?)
    }

    fn state_len(&self) -> usize {
        self.0.state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), EngineError> {
        Ok(self.0.save(state)?)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), EngineError> {
        Ok(self.0.restore(state)?)
    }
}

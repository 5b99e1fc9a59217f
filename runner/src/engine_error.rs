//! One error type for the engines of all backends, and one type for the engines themselves.

use crate::clock;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Subset, Value};
use valleys_core::error::Error;

/// Why a call of an engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Invalid arguments, an unsupported network, or a loss that is not finite.
    #[error(transparent)]
    Call(Error),
    /// The GPU is missing, lost, or out of memory.
    #[error(transparent)]
    Device(valleys_gpu::Error),
    /// A user-defined loss returned an error.
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

/// An engine of any backend.
pub type AnyEngine<'a> = Box<dyn Engine<Error = EngineError> + 'a>;

/// Boxes an engine and converts its errors to [`EngineError`].
pub fn boxed<'a, E: Engine + 'a>(engine: E) -> AnyEngine<'a>
where
    EngineError: From<E::Error>,
{
    Box::new(MapErr(engine))
}

/// An engine whose errors are converted to [`EngineError`].
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

    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), EngineError> {
        Ok(clock::measuring(|| self.0.values(splits, subset, points, values))?)
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

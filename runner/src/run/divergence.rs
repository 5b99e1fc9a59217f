//! Finds the layer where a loss stops being finite: the fit is repeated step by step.

use crate::engine_error::EngineError;
use crate::problem::Problem;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Subset, Value};

/// Calls `work` with an engine that takes one step at a time. Returns the result of `work`, and the first layer whose
/// output was not finite in the first step with a loss that is not finite.
pub fn locate_divergence<R>(
    inner: &mut dyn Engine<Error = EngineError>,
    problem: &dyn Problem,
    work: impl FnOnce(&mut dyn Engine<Error = EngineError>) -> R,
) -> (R, Option<String>) {
    let mut locator = DivergenceLocator { inner, problem, layer: None };
    (work(&mut locator), locator.layer)
}

/// An engine that examines the first step whose loss is not finite.
struct DivergenceLocator<'a> {
    inner: &'a mut dyn Engine<Error = EngineError>,
    problem: &'a dyn Problem,
    layer: Option<String>,
}

impl Engine for DivergenceLocator<'_> {
    type Error = EngineError;

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn batches(&self) -> u32 {
        self.inner.batches()
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), EngineError> {
        self.inner.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), EngineError> {
        self.inner.get(slot, theta)
    }

    fn advance(
        &mut self,
        params: &StepParams,
        steps: &[Step],
        losses: &mut [f32],
    ) -> Result<(), EngineError> {
        let mut before = vec![0.0; self.inner.state_len()];
        for (step, loss) in steps.iter().zip(losses.chunks_mut(1)) {
            self.inner.save(&mut before)?;
            self.inner.advance(params, std::slice::from_ref(step), loss)?;
            if !loss[0].is_finite() && self.layer.is_none() && !before.is_empty() {
                self.inner.restore(&before)?;
                let (mut theta, mut point) = (vec![0.0; self.inner.dim()], vec![0.0; self.inner.dim()]);
                for &(slot, weight) in &step.mix {
                    self.inner.get(slot, &mut point)?;
                    theta.iter_mut().zip(&point).for_each(|(theta, x)| *theta += weight * x);
                }
                self.layer = self.problem.diverging_layer(params, step.batch, &theta);
                // The caller stops at this loss.
                loss[0] = f32::NAN;
            }
        }
        Ok(())
    }

    fn values(
        &mut self,
        splits: &[Split],
        subset: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), EngineError> {
        self.inner.values(splits, subset, points, values)
    }

    fn state_len(&self) -> usize {
        self.inner.state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), EngineError> {
        self.inner.save(state)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), EngineError> {
        self.inner.restore(state)
    }
}

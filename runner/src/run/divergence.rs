//! Where a loss stops being finite: a fit is repeated, step by step, to the step in question.

use crate::fault::Fault;
use crate::objective::Objective;
use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Value, epoch_order};
use valleys_core::network::accumulate;

/// Works on a landscape of an objective, step by step; beside what comes of it, the first layer whose output was not finite.
pub fn watched<R>(
    inner: &mut dyn Engine<Error = Fault>,
    objective: &Objective,
    work: impl FnOnce(&mut dyn Engine<Error = Fault>) -> R,
) -> (R, Option<String>) {
    let mut watched = Watched { inner, objective, layer: None };
    (work(&mut watched), watched.layer)
}

/// A landscape that looks at each step whose loss is not finite.
struct Watched<'a> {
    inner: &'a mut dyn Engine<Error = Fault>,
    objective: &'a Objective,
    layer: Option<String>,
}

impl Engine for Watched<'_> {
    type Error = Fault;

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn batches(&self) -> u32 {
        self.inner.batches()
    }

    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Fault> {
        self.inner.put(slot, theta)
    }

    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Fault> {
        self.inner.get(slot, theta)
    }

    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Fault> {
        let mut before = vec![0.0; self.inner.state_len()];
        for (step, loss) in steps.iter().zip(losses.chunks_mut(1)) {
            self.inner.save(&mut before)?;
            self.inner.advance(course, std::slice::from_ref(step), loss)?;
            if !loss[0].is_finite() && self.layer.is_none() && !before.is_empty() {
                self.inner.restore(&before)?;
                let (mut theta, mut centre) = (vec![0.0; self.inner.dim()], vec![0.0; self.inner.dim()]);
                for &(slot, weight) in &step.mix {
                    self.inner.get(slot, &mut centre)?;
                    theta.iter_mut().zip(&centre).for_each(|(theta, x)| *theta += weight * x);
                }
                self.layer = layer(self.objective, course, step.batch, &theta);
                // The caller ends here.
                loss[0] = f32::NAN;
            }
        }
        Ok(())
    }

    fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Fault> {
        self.inner.values(split, points, values)
    }

    fn state_len(&self) -> usize {
        self.inner.state_len()
    }

    fn save(&mut self, state: &mut [f32]) -> Result<(), Fault> {
        self.inner.save(state)
    }

    fn restore(&mut self, state: &[f32]) -> Result<(), Fault> {
        self.inner.restore(state)
    }
}

/// The first layer whose output at θ is not finite for some sample of a batch; none where all are, or nothing has layers.
fn layer(objective: &Objective, course: &StepParams, batch: u32, theta: &[f32]) -> Option<String> {
    let Objective::Trained { model, data, batch: size, .. } = objective else { return None };
    let network = model.network();
    let mut order = vec![0; data.train.labels.len()];
    epoch_order(course, &mut order);
    let chosen = order.chunks(*size).nth(batch as usize)?;
    let len = network.input.len();
    let inputs: Vec<f32> =
        chosen.iter().flat_map(|&i| &data.train.inputs[i as usize * len..][..len]).copied().collect();
    let mut outputs = vec![0.0; network.activation_len() * chosen.len()];
    let mut statistics = vec![0.0; network.statistics_len()];
    accumulate(&network, theta, &inputs, chosen.len(), 1.0, &mut outputs, &mut statistics).ok()?;
    let mut rows = network.rows().zip(&model.modules);
    let (row, module) =
        rows.find(|(row, _)| !outputs[row.activations(chosen.len())].iter().all(|x| x.is_finite()))?;
    Some(if module.is_empty() {
        format!("row {} ({})", row.number, row.layer.name())
    } else {
        module.clone()
    })
}

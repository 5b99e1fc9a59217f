//! An engine of sums, for the tests of fits and of evaluations.

use valleys_core::engine::{Engine, Mix, Split, Step, StepParams, Subset, Value};
use valleys_core::error::Error;
use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len};

/// An engine that records its calls, with loss Σθ at points and `heights` of steps.
pub struct Plain {
    pub centres: Vec<f64>,
    pub momenta: Vec<f64>,
    /// As `centres`; but the loss of a step is that mix of these.
    pub heights: Vec<f64>,
    pub asked: Vec<(StepParams, Step)>,
}

impl Plain {
    pub fn new(centres: &[f64], heights: &[f64]) -> Self {
        let momenta = vec![0.0; centres.len()];
        Self { centres: centres.to_vec(), momenta, heights: heights.to_vec(), asked: Vec::new() }
    }
}

pub fn mixed(mix: &Mix, centres: &[f64]) -> f64 {
    mix.iter().map(|&(s, w)| f64::from(w) * centres[s as usize]).sum()
}

impl Engine for Plain {
    type Error = Error;
    fn dim(&self) -> usize {
        1
    }
    fn batches(&self) -> u32 {
        5
    }
    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.centres[slot as usize] = f64::from(theta[0]);
        self.momenta[slot as usize] = 0.0;
        Ok(())
    }
    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        theta[0] = self.centres[slot as usize] as f32;
        Ok(())
    }
    fn advance(&mut self, course: &StepParams, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        for (step, loss) in steps.iter().zip(losses) {
            *loss = mixed(&step.mix, &self.heights) as f32;
            self.asked.push((*course, step.clone()));
        }
        Ok(())
    }
    fn values(
        &mut self,
        splits: &[Split],
        _: Option<Subset>,
        points: &[Mix],
        values: &mut [Value],
    ) -> Result<(), Error> {
        for (point, value) in points.iter().zip(values.iter_mut().step_by(splits.len())) {
            value.loss = mixed(point, &self.centres);
        }
        Ok(())
    }
}

pub fn frame(vertices: usize, depth: usize, memory: &mut Vec<ControlPointId>) -> ControlPoints<'_> {
    *memory = vec![ControlPointId::default(); control_points_len(vertices, depth)];
    ControlPoints::new(vertices, depth, memory).unwrap()
}

//! The state of a fit, and its checkpoint.

use super::job_checkpoint::JobCheckpoint;
use crate::schema::PhaseStart;
use std::path::Path;
use valleys_core::engine::Value;
use valleys_core::fit::Checkpoint;

/// How the `text` of the checkpoint of a fit starts. The table of its starts follows.
const CHECKPOINT_TEXT: &str = "fit\n";

/// The state of a fit, together with the state of its engine.
#[derive(Clone, Debug, Default)]
pub struct FitState {
    /// The current phase, from 0; see [`FitVariant::phases`](super::FitVariant::phases).
    pub phase: usize,
    /// Where the phase paused; none before its first step.
    pub checkpoint: Option<Checkpoint>,
    /// Learning rate and mean loss of each epoch so far.
    pub epochs: Vec<[f64; 2]>,
    /// The starts that were compared so far.
    pub starts: Vec<PhaseStart>,
    /// The control points at the end of the last phase, by slot.
    pub fitted: Vec<Vec<f32>>,
    /// See [`Memory::cell_losses`](valleys_core::fit::Memory::cell_losses).
    pub cell_losses: Vec<Value>,
    /// See [`Memory::cumulative`](valleys_core::fit::Memory::cumulative).
    pub cumulative: Vec<f64>,
    /// See [`Memory::lowest`](valleys_core::fit::Memory::lowest).
    pub lowest: Vec<f32>,
    /// The state of the engine.
    pub engine: Vec<f32>,
}

impl FitState {
    /// The checkpoint of a fit with these inputs.
    pub fn to_checkpoint(&self, inputs: &str) -> JobCheckpoint {
        let none = Checkpoint { epoch: 0, batch: 0, sum: 0.0, lowest: 0.0, latest: 0.0, steps: 0 };
        let at = self.checkpoint.unwrap_or(none);
        JobCheckpoint {
            inputs: inputs.to_owned(),
            text: CHECKPOINT_TEXT.to_owned() + &PhaseStart::to_csv(&self.starts),
            integers: vec![
                self.phase as u64,
                at.epoch.into(),
                at.batch.into(),
                at.steps.into(),
                self.fitted.len() as u64,
            ],
            doubles: vec![
                vec![at.sum, at.lowest, at.latest],
                self.epochs.iter().flatten().copied().collect(),
                self.cell_losses.iter().map(|v| v.loss).collect(),
                self.cumulative.clone(),
            ],
            floats: vec![self.fitted.concat(), self.lowest.clone(), self.engine.clone()],
        }
    }

    /// The state of a checkpoint. `None` if it is the checkpoint of other inputs or of another part of the job.
    pub fn from_checkpoint(checkpoint: JobCheckpoint, inputs: &str) -> Option<Self> {
        if checkpoint.inputs != inputs {
            return None;
        }
        let starts = checkpoint.text.strip_prefix(CHECKPOINT_TEXT)?;
        let starts = PhaseStart::parse(Path::new("checkpoint"), starts.as_bytes()).ok()?;
        let [phase, epoch, batch, steps, points] = checkpoint.integers[..].try_into().ok()?;
        let [numbers, epochs, cell_losses, cumulative] = checkpoint.doubles.try_into().ok()?;
        let [sum, least, latest] = numbers[..].try_into().ok()?;
        let [fitted, lowest, engine] = checkpoint.floats.try_into().ok()?;
        let dim = fitted.len().checked_div(points as usize).unwrap_or(1).max(1);
        let (epoch, batch, steps) = (epoch as u32, batch as u32, steps as u32);
        Some(Self {
            phase: phase as usize,
            checkpoint: Some(Checkpoint { epoch, batch, sum, lowest: least, latest, steps }),
            epochs: epochs.as_chunks::<2>().0.to_vec(),
            starts,
            fitted: fitted.chunks(dim).map(<[f32]>::to_vec).collect(),
            cell_losses: cell_losses.into_iter().map(|loss| Value { loss, error: None }).collect(),
            cumulative,
            lowest,
            engine,
        })
    }
}

//! The second part of a job: evaluates the losses of a simplex on its lattice, and searches larger losses between the
//! lattice points (method: section 4).

use super::Run;
use super::job::Job;
use super::job_checkpoint::JobCheckpoint;
use super::points::{folder, id_memory, new_control_points, owning_face, read_control_point};
use super::record::Divergence;
use super::stop::Stop;
use super::variant::FitVariant;
use crate::engine_error::EngineError;
use crate::error::{CliError, Result};
use crate::schema::{FoundMaxLoss, LatticeValues};
use std::time::Instant;
use valleys_core::engine::{Engine, Split, Value};
use valleys_core::evaluation::{resume_lattice, search_max_loss, search_max_loss_len};
use valleys_core::simplex::{ControlPoints, Lattice, Mix, Simplex};

/// The search halves its steps when a round changes no loss by more than this share of it.
const SEARCH_TOLERANCE: f64 = 1e-3;

/// The `text` of the checkpoint of an evaluation.
const CHECKPOINT_TEXT: &str = "measure";

/// Losses and errors on the lattice so far, one vector for each split.
type SplitValues = Vec<Vec<Value>>;

impl Run {
    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.csv", folder(&variant.name(), simplex))
    }

    /// The file of the largest loss that the search found on a simplex.
    pub(super) fn max_loss_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.peak.csv", folder(&variant.name(), simplex))
    }

    /// Evaluates a simplex on its lattice, on every split, searches its largest loss, and writes both files. Returns
    /// where the loss is not finite. `fitted` are the values of the control points by slot, if they are in memory;
    /// otherwise they are read from their files.
    pub(super) fn evaluate(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        fitted: Option<Vec<Vec<f32>>>,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<Option<Divergence>> {
        let job = Job::for_simplex(*variant, simplex);
        let inputs = self.inputs_json(job)?;
        let mut memory = id_memory(simplex, variant.depth);
        let control_points = new_control_points(simplex, variant.depth, &mut memory);
        let points = match fitted {
            Some(fitted) if fitted.len() == control_points.ids().len() => fitted,
            _ => self.read_points(variant, simplex, &control_points)?,
        };
        let splits = self.problem.splits();
        let checkpoint = self.load_checkpoint(job);
        let mut values =
            checkpoint.and_then(|c| from_checkpoint(c, &inputs, splits.len())).unwrap_or_default();
        values.resize(splits.len(), Vec::new());
        let save = |values: &SplitValues| self.write_checkpoint(job, &to_checkpoint(values, &inputs));
        let result = self.problem.engine(points.len()).and_then(|mut engine| {
            for (slot, theta) in (0..).zip(&points) {
                engine.put(slot, theta)?;
            }
            let evaluated =
                self.evaluate_lattice(&mut *engine, &control_points, splits, &mut values, stop, &save)?;
            if let Err(error) = evaluated {
                return Ok(Err(error));
            }
            if !self.config.peaks.search {
                return Ok(Ok(None));
            }
            let losses: Vec<f64> = values[0].iter().map(|v| v.loss).collect();
            let len = search_max_loss_len(control_points.vertices());
            let (mut points, mut memory) = (vec![Mix::new(); len], vec![Value::default(); len]);
            let (n, split) = (self.config.lattice.intervals(simplex.dimension()), splits[0]);
            let (points, memory) = (&mut points[..], &mut memory[..]);
            search_max_loss(
                &mut *engine,
                &control_points,
                n,
                &losses,
                split,
                SEARCH_TOLERANCE,
                points,
                memory,
            )
            .map(|found| Ok(Some(found)))
        });
        let found = match result {
            Ok(found) => found?,
            Err(error) => return self.divergence("evaluation", job, error).map(Some),
        };
        on_progress(1);
        if let Some(found) = found {
            let csv = FoundMaxLoss::from(found).to_csv();
            self.store.write(&self.max_loss_file(variant, simplex), csv.as_bytes())?;
        }
        let mut splits = values.into_iter();
        let values = LatticeValues {
            vertices: control_points.vertices(),
            n: self.config.lattice.intervals(simplex.dimension()),
            train: splits.next().unwrap_or_default(),
            test: splits.next().unwrap_or_default(),
        };
        self.store.write(&self.lattice_file(variant, simplex), values.to_csv().as_bytes())?;
        Ok(None)
    }

    /// Reads the values of all control points of a simplex from their files.
    pub(super) fn read_points(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
    ) -> Result<Vec<Vec<f32>>> {
        let read = |id| {
            let (face, id) = owning_face(simplex, id);
            read_control_point(&self.store, &self.state, &variant.name(), simplex, face, &id)
        };
        control_points.ids().iter().map(read).collect()
    }

    /// Evaluates the lattice points that `all` lacks, split by split, and writes checkpoints. The inner result is a stop
    /// or a checkpoint that cannot be written.
    fn evaluate_lattice(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        control_points: &ControlPoints,
        splits: &[Split],
        all: &mut SplitValues,
        stop: &Stop,
        save: &dyn Fn(&SplitValues) -> Result<()>,
    ) -> std::result::Result<std::result::Result<(), CliError>, EngineError> {
        let n = self.config.lattice.intervals(control_points.vertices() - 1);
        let len = Lattice::new(control_points.vertices(), n).len();
        let mut points = vec![Mix::new(); self.points_len()];
        let mut last_checkpoint = Instant::now();
        for (number, &split) in splits.iter().enumerate() {
            let mut values = std::mem::take(&mut all[number]);
            while values.len() < len {
                let done = values.len();
                values.resize(len, Value::default());
                let pause = |_: &[Value]| stop.checkpoint_due(last_checkpoint);
                let (points, memory) = (&mut points[..], &mut values[..]);
                let done = resume_lattice(engine, control_points, n, split, points, memory, done, pause)?;
                values.truncate(done);
                if stop.checkpoint_due(last_checkpoint) {
                    all[number] = values;
                    if let Err(error) = save(all).and_then(|()| stop.check()) {
                        return Ok(Err(error));
                    }
                    values = std::mem::take(&mut all[number]);
                    last_checkpoint = Instant::now();
                }
            }
            all[number] = values;
        }
        Ok(Ok(()))
    }
}

/// The checkpoint of an evaluation: the losses of each split, then the errors of each split.
fn to_checkpoint(values: &SplitValues, inputs: &str) -> JobCheckpoint {
    let losses = values.iter().map(|split| split.iter().map(|v| v.loss).collect());
    let errors = values.iter().map(|split| split.iter().filter_map(|v| v.error).collect());
    let doubles = losses.chain(errors).collect();
    JobCheckpoint {
        inputs: inputs.to_owned(),
        text: CHECKPOINT_TEXT.to_owned(),
        doubles,
        ..JobCheckpoint::default()
    }
}

/// The values of a checkpoint of an evaluation with the same inputs.
fn from_checkpoint(checkpoint: JobCheckpoint, inputs: &str, splits: usize) -> Option<SplitValues> {
    let JobCheckpoint { text, doubles, .. } = &checkpoint;
    if checkpoint.inputs != inputs || text != CHECKPOINT_TEXT || doubles.len() != 2 * splits {
        return None;
    }
    let (losses, errors) = doubles.split_at(splits);
    let value = |errors: &[f64], i: usize, loss: f64| Value { loss, error: errors.get(i).copied() };
    let split = |(losses, errors): (&Vec<f64>, &Vec<f64>)| {
        losses.iter().enumerate().map(|(i, &loss)| value(errors, i, loss)).collect()
    };
    Some(losses.iter().zip(errors).map(split).collect())
}

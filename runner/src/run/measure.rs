//! Measuring a simplex: its losses on the lattice, and the largest loss between the lattice's points.

use super::Run;
use super::job::Job;
use super::points::{new_control_points, folder, id_memory, owning_face, read_control_point};
use super::record::Divergence;
use super::job_checkpoint::JobCheckpoint;
use super::stop::Stop;
use super::variant::FitVariant;
use crate::engine_error::EngineError;
use crate::error::{CliError, Result};
use crate::schema::{FoundMaxLoss, LatticeValues};
use std::time::Instant;
use valleys_core::engine::{Engine, Split, Value};
use valleys_core::evaluation::{resume_lattice, search_max_loss, search_max_loss_len};
use valleys_core::simplex::{ControlPoints, Lattice, Mix, Simplex};

/// A search for the largest loss ends when its steps change the loss by less than this share.
const TOLERANCE: f64 = 1e-3;

/// Losses and errors on the lattice so far, of each split.
type SplitValues = Vec<Vec<Value>>;

impl Run {
    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.csv", folder(&variant.name(), simplex))
    }

    /// The file of the largest loss that a search found between the lattice's points.
    pub(super) fn max_loss_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.peak.csv", folder(&variant.name(), simplex))
    }

    /// Measures a simplex on its lattice, on every split, and searches the largest loss between its points; or says
    /// where the loss is not finite. `fitted` are the values of its control points, where they are at hand.
    pub(super) fn measure(
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
        let mut values = self.load_checkpoint(job).and_then(|s| from_checkpoint(s, &inputs, splits.len())).unwrap_or_default();
        values.resize(splits.len(), Vec::new());
        let save = |values: &SplitValues| self.write_checkpoint(job, &to_checkpoint(values, &inputs));
        let measured = self.problem.engine(points.len()).and_then(|mut engine| {
            for (slot, theta) in (0..).zip(&points) {
                engine.put(slot, theta)?;
            }
            let evaluated = self.evaluate_lattice(&mut *engine, &control_points, splits, &mut values, stop, &save)?;
            if let Err(failure) = evaluated {
                return Ok(Err(failure));
            }
            let losses: Vec<f64> = values[0].iter().map(|v| v.loss).collect();
            let len = search_max_loss_len(control_points.vertices());
            let (mut points, mut memory) = (vec![Mix::new(); len], vec![Value::default(); len]);
            let (n, split) = (self.config.lattice.n, splits[0]);
            let (points, memory) = (&mut points[..], &mut memory[..]);
            search_max_loss(&mut *engine, &control_points, n, &losses, split, TOLERANCE, points, memory)
                .map(Ok)
        });
        let found = match measured {
            Ok(found) => found?,
            Err(error) => return self.divergence("measurement", job, error).map(Some),
        };
        on_progress(1);
        let found = FoundMaxLoss::from(found);
        self.store.write(&self.max_loss_file(variant, simplex), found.to_csv().as_bytes())?;
        let mut splits = values.into_iter();
        let values = LatticeValues {
            vertices: control_points.vertices(),
            n: self.config.lattice.n,
            train: splits.next().unwrap_or_default(),
            test: splits.next().unwrap_or_default(),
        };
        self.store.write(&self.lattice_file(variant, simplex), values.to_csv().as_bytes())?;
        Ok(None)
    }

    /// The values of all control points of a simplex, from their files.
    fn read_points(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
    ) -> Result<Vec<Vec<f32>>> {
        let one = |id| {
            let (face, id) = owning_face(simplex, id);
            read_control_point(&self.store, &self.state, &variant.name(), simplex, face, &id)
        };
        control_points.ids().iter().map(one).collect()
    }

    /// Measures what of the lattice is not yet measured, split after split.
    fn evaluate_lattice(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        control_points: &ControlPoints,
        splits: &[Split],
        all: &mut SplitValues,
        stop: &Stop,
        save: &dyn Fn(&SplitValues) -> Result<()>,
    ) -> std::result::Result<std::result::Result<(), CliError>, EngineError> {
        let n = self.config.lattice.n;
        let len = Lattice::new(control_points.vertices(), n).len();
        let mut points = vec![Mix::new(); self.points_len()];
        let mut last = Instant::now();
        for (number, &split) in splits.iter().enumerate() {
            let mut values = std::mem::take(&mut all[number]);
            while values.len() < len {
                let done = values.len();
                values.resize(len, Value::default());
                let pause = |_: &[Value]| stop.checkpoint_due(last);
                let (points, memory) = (&mut points[..], &mut values[..]);
                let done = resume_lattice(engine, control_points, n, split, points, memory, done, pause)?;
                values.truncate(done);
                if stop.checkpoint_due(last) {
                    all[number] = values;
                    let stopped = if stop.is_requested() { Err(Stop::error()) } else { Ok(()) };
                    if let Err(failure) = save(all).and(stopped) {
                        return Ok(Err(failure));
                    }
                    values = std::mem::take(&mut all[number]);
                    last = Instant::now();
                }
            }
            all[number] = values;
        }
        Ok(Ok(()))
    }
}

/// Values as a checkpoint.
fn to_checkpoint(values: &SplitValues, inputs: &str) -> JobCheckpoint {
    let losses = values.iter().map(|part| part.iter().map(|v| v.loss).collect());
    let errors = values.iter().map(|part| part.iter().filter_map(|v| v.error).collect());
    let doubles = losses.chain(errors).collect();
    JobCheckpoint { inputs: inputs.to_owned(), text: "measure".to_owned(), doubles, ..JobCheckpoint::default() }
}

/// Values of a checkpoint of these inputs.
fn from_checkpoint(checkpoint: JobCheckpoint, inputs: &str, splits: usize) -> Option<SplitValues> {
    if checkpoint.inputs != inputs || checkpoint.text != "measure" || checkpoint.doubles.len() != 2 * splits {
        return None;
    }
    let (losses, errors) = checkpoint.doubles.split_at(splits);
    let value = |errors: &[f64], i: usize, loss: f64| Value { loss, error: errors.get(i).copied() };
    let part = |(losses, errors): (&Vec<f64>, &Vec<f64>)| {
        losses.iter().enumerate().map(|(i, &loss)| value(errors, i, loss)).collect()
    };
    Some(losses.iter().zip(errors).map(part).collect())
}
